//! The reference: which page is at which address, made when it is first asked for.
//!
//! Owns the navigation and the list for language models. Only the page of models and prices is live; all others are kept.

use super::assets::Asset;
use super::guides::{GUIDES, Guide, render};
use super::html::{self, Group, Link};
use super::samples::{Ask, LANGUAGES};
use super::{models, reference};
use crate::clock;
use crate::pricing::PriceBook;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

/// Gives the prices in force.
pub type Prices = Arc<dyn Fn() -> Arc<PriceBook> + Send + Sync>;

/// The pages of the reference.
pub(super) struct Site {
    document: Value,
    prices: Prices,
    groups: Vec<Group>,
    /// Pages that were made already. Only known addresses get here, so there are only so many.
    made: Mutex<HashMap<String, Asset>>,
    /// The page of models, and the prices and the day that it shows.
    models: Mutex<Option<(Arc<PriceBook>, i64, Asset)>>,
}

const DAY_MS: i64 = 86_400_000;
const PAGE: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

impl Site {
    pub(super) fn new(document: Value, prices: Prices) -> Self {
        let groups = navigation(&document);
        Self { document, prices, groups, made: Mutex::default(), models: Mutex::default() }
    }

    /// What is at an address below `/docs`; `None` if nothing is.
    pub(super) fn at(&self, path: &str) -> Option<Asset> {
        if path == "/models" {
            return Some(self.models());
        }
        if let Some(found) = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(path) {
            return Some(found.clone());
        }
        let (kind, text) = self.made(path)?;
        let asset = Asset::new(kind, text.into_bytes());
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), asset.clone());
        Some(asset)
    }

    fn made(&self, path: &str) -> Option<(&'static str, String)> {
        if path.is_empty() {
            return self.made("/overview");
        }
        if let Some(rest) = path.strip_prefix("/samples/") {
            let (id, language) = rest.split_once('/')?;
            let (method, path, operation) = self.operation(id)?;
            let (_, _, write) = LANGUAGES.into_iter().find(|(name, _, _)| *name == language)?;
            return Some((TEXT, write(&Ask::of(reference::BASE, &method, &path, operation))));
        }
        if let Some(id) = path.strip_prefix("/api/") {
            let (method, route, operation) = self.operation(id)?;
            let content = reference::operation(&self.document, &method, &route, operation);
            let title = operation["summary"].as_str().unwrap_or(id);
            return Some((PAGE, html::page(title, path, &self.groups, &content)));
        }
        if let Some(name) = path.strip_prefix("/schemas/") {
            let content = reference::schema(&self.document, name)?;
            return Some((PAGE, html::page(name, path, &self.groups, &content)));
        }
        let name = path.strip_prefix('/')?;
        if let Some(slug) = name.strip_suffix(".md") {
            return Some((TEXT, self.text(guide(slug)?)));
        }
        let guide = guide(name)?;
        let mut content = format!("<article class=\"prose\">{}", guide.html());
        if guide.slug == "overview" {
            content.push_str(&render(&self.routes()));
        }
        content.push_str("</article>");
        let at = if guide.slug == "overview" { "" } else { path };
        Some((PAGE, html::page(guide.title(), at, &self.groups, &content)))
    }

    /// A guide as Markdown; the overview has the list of routes, as its page has.
    fn text(&self, guide: &Guide) -> String {
        let routes = if guide.slug == "overview" { self.routes() } else { String::new() };
        format!("{}{routes}", guide.text)
    }

    fn operation(&self, id: &str) -> Option<(String, String, &Value)> {
        operations(&self.document).find(|(_, _, operation)| operation["operationId"] == id)
    }

    /// Every route, and whether this version answers it.
    fn routes(&self) -> String {
        let mut text = String::from("\n## Routes\n\n| | route | |\n|---|---|---|\n");
        for (method, path, operation) in operations(&self.document) {
            let state = if operation["x-tollgate-live"] == true { "" } else { "not yet" };
            let id = operation["operationId"].as_str().unwrap_or_default();
            let _ = writeln!(text, "| {method} | [`{path}`](/docs/api/{id}) | {state} |");
        }
        text
    }

    /// `/llms.txt`: the pages with their addresses, for language models.
    pub(super) fn for_models(&self) -> String {
        let mut text = String::from(
            "# tollgate\n\n> An AI gateway: one base URL and one key in front of many model providers. It speaks the protocols of OpenAI, \
             Anthropic and Gemini, books every request once, and has a sandbox for test keys.\n\n## Guides\n\n",
        );
        for guide in GUIDES {
            let _ = writeln!(text, "- [{}](/docs/{}.md)", guide.title(), guide.slug);
        }
        text.push_str(
            "\n## API\n\n- [OpenAPI 3.1 document of all routes](/openapi.json)\n- [Models and prices](/docs/models)\n",
        );
        for (method, path, operation) in operations(&self.document) {
            if operation["x-tollgate-live"] == true {
                let (id, summary) = (operation["operationId"].as_str(), operation["summary"].as_str());
                let _ = writeln!(
                    text,
                    "- [{method} {path}](/docs/api/{}): {}",
                    id.unwrap_or_default(),
                    summary.unwrap_or_default()
                );
            }
        }
        text
    }

    fn models(&self) -> Asset {
        let prices = (self.prices)();
        let now = clock::now_ms();
        // Announced prices begin with a day.
        let today = now.div_euclid(DAY_MS);
        let mut made = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, day, page)) = made.as_ref()
            && Arc::ptr_eq(of, &prices)
            && *day == today
        {
            return page.clone();
        }
        let content = models::page(&prices, now);
        let page = Asset::new(PAGE, html::page("Models and prices", "/models", &self.groups, &content).into_bytes());
        *made = Some((prices, today, page.clone()));
        page
    }
}

fn guide(slug: &str) -> Option<&'static Guide> {
    GUIDES.iter().find(|guide| guide.slug == slug)
}

fn operations(document: &Value) -> impl Iterator<Item = (String, String, &Value)> {
    document["paths"].as_object().into_iter().flatten().flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
    })
}

fn navigation(document: &Value) -> Vec<Group> {
    let plain = |to: String, text: &str| Link { to, text: text.to_owned(), method: None, dim: false };
    let guides = |operators: bool| -> Vec<Link> {
        let shown = GUIDES.iter().filter(|guide| guide.operators == operators);
        shown
            .map(|guide| match guide.slug {
                "overview" => plain(String::new(), guide.title()),
                slug => plain(format!("/{slug}"), guide.title()),
            })
            .collect()
    };
    let mut first = guides(false);
    first.insert(first.len().min(5), plain("/models".to_owned(), "Models and prices"));
    let mut groups = vec![
        Group { name: "Using it".to_owned(), links: first },
        Group { name: "Running it".to_owned(), links: guides(true) },
    ];
    for tag in document["tags"].as_array().into_iter().flatten().filter_map(|tag| tag["name"].as_str()) {
        let links = operations(document).filter(|(_, _, operation)| operation["tags"][0] == tag);
        let links = links.map(|(method, _, operation)| Link {
            to: format!("/api/{}", operation["operationId"].as_str().unwrap_or_default()),
            text: operation["summary"].as_str().unwrap_or_default().to_owned(),
            method: Some(method),
            dim: operation["x-tollgate-live"] != true,
        });
        groups.push(Group { name: tag.to_owned(), links: links.collect() });
    }
    groups
}
