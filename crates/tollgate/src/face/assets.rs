//! The files of `web/`, embedded, and how one is sent.
//!
//! Owns the list of them, their version and compression. The version is a digest of all files and part of their
//! addresses: a browser keeps them for ever, and the modules' relative imports stay within one version. In a debug
//! build the files are read from the source tree each time, so that a page can be worked on without compiling.

use super::{Keep, guard};
use crate::message::{Answer, Inbound};
use aws_lc_rs::digest;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderValue, StatusCode, header};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Arc, LazyLock};

/// Whose files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folder {
    /// `web/console` and `web/shared`.
    Console,
    /// `web/docs` and `web/shared`.
    Docs,
}

/// A file that can be sent.
#[derive(Debug, Clone)]
pub(super) struct Asset(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    kind: &'static str,
    plain: Bytes,
    /// Only where it is smaller.
    gzip: Option<Bytes>,
    tag: HeaderValue,
}

impl Asset {
    /// Compresses and names a file's content.
    pub(super) fn new(kind: &'static str, content: Vec<u8>) -> Self {
        let gzip = compress(&content).filter(|small| small.len() < content.len());
        let tag = format!("\"{}\"", hex(&content, 16));
        let tag = HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""));
        Self(Arc::new(Parts { kind, plain: content.into(), gzip: gzip.map(Bytes::from), tag }))
    }

    /// The file as an answer, or that the browser's own copy is still good.
    pub(super) fn answer(&self, inbound: &Inbound, keep: Keep) -> Answer {
        let parts = &self.0;
        let known = inbound.header(&header::IF_NONE_MATCH).is_some_and(|tags| same(tags, &parts.tag));
        let zipped = parts.gzip.as_ref().filter(|_| takes_gzip(inbound.header(&header::ACCEPT_ENCODING)));
        let (status, body) = match (known, zipped) {
            (true, _) => (StatusCode::NOT_MODIFIED, Bytes::new()),
            (false, Some(small)) => (StatusCode::OK, small.clone()),
            (false, None) => (StatusCode::OK, parts.plain.clone()),
        };
        let mut answer = Answer::whole(status, parts.kind, body);
        if zipped.is_some() && !known {
            answer.headers.push(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        answer.headers.push(header::VARY, HeaderValue::from_static("accept-encoding"));
        answer.headers.push(header::ETAG, parts.tag.clone());
        let keep = match keep {
            Keep::Forever => "public, max-age=31536000, immutable",
            Keep::Fresh => "no-cache",
        };
        answer.headers.push(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        guard(&mut answer);
        answer
    }
}

fn same(tags: &str, ours: &HeaderValue) -> bool {
    let ours = ours.to_str().unwrap_or_default();
    tags.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == ours || tag == "*")
}

fn takes_gzip(accepted: Option<&str>) -> bool {
    accepted.unwrap_or_default().split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        named && !parts.any(|part| matches!(part.replace(' ', "").as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn compress(content: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(content.len() / 3), Compression::best());
    encoder.write_all(content).ok()?;
    encoder.finish().ok()
}

fn hex(content: &[u8], chars: usize) -> String {
    let digest = digest::digest(&digest::SHA256, content);
    let mut text = digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    text.truncate(chars);
    text
}

/// One embedded file.
struct Embedded {
    name: &'static str,
    content: &'static [u8],
}

macro_rules! embedded {
    ($($name:literal,)*) => {
        &[$(Embedded {
            name: $name,
            content: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/", $name)),
        },)*]
    };
}

/// All of `web/`; a test sees to it that none is left out.
const FILES: &[Embedded] = embedded![
    "console/app.css",
    "console/index.html",
    "console/lib/api.js",
    "console/lib/chart.js",
    "console/lib/dom.js",
    "console/lib/form.js",
    "console/lib/format.js",
    "console/lib/icons.js",
    "console/lib/names.js",
    "console/lib/parts.js",
    "console/lib/playkey.js",
    "console/lib/protocols.js",
    "console/lib/range.js",
    "console/lib/samples.js",
    "console/lib/spent.js",
    "console/lib/sse.js",
    "console/lib/tasks.js",
    "console/main.js",
    "console/views/audit.js",
    "console/views/films.js",
    "console/views/key-form.js",
    "console/views/key.js",
    "console/views/keys.js",
    "console/views/ledger.js",
    "console/views/models.js",
    "console/views/overview.js",
    "console/views/playground.js",
    "console/views/prices.js",
    "console/views/projects.js",
    "console/views/providers.js",
    "console/views/request.js",
    "console/views/requests.js",
    "console/views/settings.js",
    "console/views/sign-in.js",
    "console/views/task.js",
    "console/views/tasks.js",
    "console/views/webhooks.js",
    "docs/docs.css",
    "docs/docs.js",
    "shared/base.css",
    "shared/icon.svg",
    "shared/theme.js",
];

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let all: Vec<u8> = FILES.iter().flat_map(|file| [file.name.as_bytes(), file.content].concat()).collect();
    hex(&all, 12)
});

static ASSETS: LazyLock<Vec<(&'static str, Asset)>> = LazyLock::new(|| {
    FILES.iter().map(|file| (file.name, Asset::new(kind(file.name), file.content.to_vec()))).collect()
});

static SHELL: LazyLock<Asset> = LazyLock::new(|| {
    let page = FILES.iter().find(|file| file.name == "console/index.html").map_or(&b""[..], |file| file.content);
    dressed(page)
});

/// The version of all files.
pub(super) fn version() -> &'static str {
    &VERSION
}

/// A file by its name below its folder or the shared one.
pub(super) fn find(folder: Folder, name: &str) -> Option<Asset> {
    let own = match folder {
        Folder::Console => "console",
        Folder::Docs => "docs",
    };
    let full = match name.strip_prefix("shared/") {
        Some(shared) => format!("shared/{shared}"),
        None => format!("{own}/{name}"),
    };
    let (name, asset) = ASSETS.iter().find(|(known, _)| *known == full)?;
    Some(from_disk(name).map_or_else(|| asset.clone(), |content| Asset::new(kind(name), content)))
}

/// The console's one page.
pub(super) fn shell() -> Asset {
    from_disk("console/index.html").map_or_else(|| SHELL.clone(), |page| dressed(&page))
}

/// Fills in where files are: `{files}`, and for each script of the console a line that fetches it early.
fn dressed(page: &[u8]) -> Asset {
    let files = format!("/console/files/{}", version());
    let scripts =
        FILES.iter().filter(|file| file.name.starts_with("console/") && kind(file.name).starts_with("text/javascript"));
    let early = scripts.fold(String::new(), |lines, script| {
        let name = script.name.trim_start_matches("console/");
        format!("{lines}<link rel=\"modulepreload\" href=\"{files}/{name}\">\n")
    });
    let page = String::from_utf8_lossy(page).replace("<!-- modules -->\n", &early).replace("{files}", &files);
    Asset::new("text/html; charset=utf-8", page.into_bytes())
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// The file as it is in the source tree now.
#[cfg(debug_assertions)]
fn from_disk(name: &str) -> Option<Vec<u8>> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web").join(name)).ok()
}

#[cfg(not(debug_assertions))]
fn from_disk(_: &str) -> Option<Vec<u8>> {
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use std::path::Path;

    fn below(folder: &Path, found: &mut Vec<String>, root: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, found, root);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }

    #[test]
    fn every_file_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
        let mut found = Vec::new();
        below(&root, &mut found, &root);
        found.sort();
        let named: Vec<&str> = FILES.iter().map(|file| file.name).collect();
        assert_eq!(found, named);
    }

    #[test]
    fn what_browsers_accept_is_read_right() {
        for good in ["gzip", "br, gzip", "deflate, GZIP;q=0.5", "gzip; q=1"] {
            assert!(takes_gzip(Some(good)), "{good}");
        }
        for bad in ["", "br", "gzip;q=0", "gzip; q=0.0", "x-gzip"] {
            assert!(!takes_gzip(Some(bad)), "{bad}");
        }
        assert!(!takes_gzip(None));
        let tag = HeaderValue::from_static("\"a\"");
        assert!(same("\"a\"", &tag) && same("\"b\", W/\"a\"", &tag) && same("*", &tag) && !same("\"b\"", &tag));
    }
}
