//! What people see in a browser: the console's shell, the reference, the files both are made of.
//!
//! Owns pages, their files and their security headers. Shows what it is handed and asks no database: the console's
//! pages talk to the admin API as any other client does.

mod assets;
mod guides;
mod html;
mod models;
mod reference;
mod samples;
mod site;

use crate::message::{Answer, Inbound};
use crate::openapi::{self, Operation};
use assets::{Asset, Folder};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use site::Site;
use std::sync::OnceLock;

pub use site::Prices;

/// Nothing but our own files, and no script that a page could make up. Pictures may also be those that a page holds in
/// memory (`data:`, `blob:`), so that a person sees what is about to be sent or has been made.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; frame-ancestors 'none'; \
base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Headers of every page and file, besides the content's type.
const GUARDS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
];

/// Everything for people.
pub struct Face {
    live: fn(&str, &str) -> bool,
    prices: Prices,
    document: OnceLock<Asset>,
    site: OnceLock<Site>,
}

impl Face {
    /// `live` says whether a method and a path template are answered by this version.
    pub fn new(live: fn(&str, &str) -> bool, prices: Prices) -> Self {
        Self { live, prices, document: OnceLock::new(), site: OnceLock::new() }
    }

    /// A page or file that anybody may see; `None` if the path is not one of ours.
    pub fn public(&self, inbound: &Inbound) -> Option<Answer> {
        let found = match inbound.path.as_str() {
            "/openapi.json" => Found::File(self.document().clone(), Keep::Fresh),
            "/llms.txt" => {
                let text = self.site().for_models();
                Found::File(Asset::new("text/plain; charset=utf-8", text.into_bytes()), Keep::Fresh)
            }
            path => {
                let rest = path.strip_prefix("/docs").filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
                match rest.strip_prefix("/files/") {
                    Some(name) => file(Folder::Docs, name),
                    None => match self.site().at(rest.strip_suffix('/').unwrap_or(rest)) {
                        Some(page) => Found::File(page, Keep::Fresh),
                        None => Found::Nothing,
                    },
                }
            }
        };
        Some(Self::answer(inbound, found))
    }

    /// The console's shell and files; what they show comes from the admin API. `None` if the path is not one of ours.
    pub fn console(inbound: &Inbound) -> Option<Answer> {
        let rest = inbound.path.strip_prefix("/console")?;
        let found = match rest.strip_prefix("/files/") {
            Some(name) => file(Folder::Console, name),
            // Every other path is a view of the one page.
            None if rest.is_empty() || rest.starts_with('/') => Found::File(assets::shell(), Keep::Fresh),
            None => return None,
        };
        Some(Self::answer(inbound, found))
    }

    /// The `OpenAPI` document.
    fn document(&self) -> &Asset {
        self.document.get_or_init(|| Asset::new("application/json", self.described().to_string().into_bytes()))
    }

    fn described(&self) -> Value {
        openapi::document(&|operation: &Operation| (self.live)(operation.method, operation.path))
    }

    fn site(&self) -> &Site {
        self.site.get_or_init(|| Site::new(self.described(), std::sync::Arc::clone(&self.prices)))
    }

    fn answer(inbound: &Inbound, found: Found) -> Answer {
        if !matches!(inbound.method, Method::GET | Method::HEAD) {
            let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "This page takes GET.\n");
            answer.headers.push(header::ALLOW, HeaderValue::from_static("GET"));
            return answer;
        }
        match found {
            Found::File(asset, keep) => asset.answer(inbound, keep),
            Found::Nothing => plain(StatusCode::NOT_FOUND, "There is no such page.\n"),
        }
    }
}

/// What a path leads to.
enum Found {
    File(Asset, Keep),
    Nothing,
}

/// How long a browser may keep a file without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// For ever: its address changes with its content.
    Forever,
    /// It asks each time, and gets a 304 while nothing has changed.
    Fresh,
}

/// A file by `{version}/{name}`. An older version's address leads to today's file, which must not be kept there.
fn file(folder: Folder, path: &str) -> Found {
    let Some((version, name)) = path.split_once('/') else { return Found::Nothing };
    match assets::find(folder, name) {
        // A debug build's files may change without a new version.
        Some(asset) if version == assets::version() && !cfg!(debug_assertions) => Found::File(asset, Keep::Forever),
        Some(asset) => Found::File(asset, Keep::Fresh),
        None => Found::Nothing,
    }
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Answer::whole(status, "text/plain; charset=utf-8", text);
    guard(&mut answer);
    answer
}

fn guard(answer: &mut Answer) {
    for (name, value) in GUARDS {
        answer.headers.push(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}
