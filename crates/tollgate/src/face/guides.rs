//! The pages in words: the project's own `docs/`, embedded and rendered.
//!
//! Owns which of them are shown and in what order. The same files are read on a forge and run by the tests; nothing is
//! written twice.

use super::html::{code, escape};
use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// One page.
pub(super) struct Guide {
    /// Its name in addresses.
    pub(super) slug: &'static str,
    /// As it stands in the repository.
    pub(super) text: &'static str,
    /// For those who run a gateway rather than call one.
    pub(super) operators: bool,
}

macro_rules! guides {
    ($($slug:literal $operators:literal,)*) => {
        &[$(Guide {
            slug: $slug,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/", $slug, ".md")),
            operators: $operators,
        },)*]
    };
}

/// All pages, in the order of reading.
pub(super) const GUIDES: &[Guide] = guides![
    "overview" false,
    "authentication" false,
    "sdks" false,
    "streaming" false,
    "errors" false,
    "videos" false,
    "sandbox" false,
    "idempotency" false,
    "limits" false,
    "usage" false,
    "console" true,
    "keys" true,
    "configuration" true,
    "prices" true,
    "ledger" true,
    "explain" true,
    "operations" true,
];

impl Guide {
    /// Its first heading.
    pub(super) fn title(&self) -> &'static str {
        self.text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(self.slug)
    }

    /// The page as HTML.
    pub(super) fn html(&self) -> String {
        render(self.text)
    }
}

/// Where a link of one page to another leads here; `None` for what is not shown.
fn target(link: &str) -> Option<String> {
    if link.starts_with("http://") || link.starts_with("https://") || link.starts_with(['#', '/']) {
        return Some(link.to_owned());
    }
    let (file, place) = link.split_once('#').map_or((link, ""), |(file, place)| (file, place));
    let slug = file.strip_suffix(".md")?;
    let known = GUIDES.iter().any(|guide| guide.slug == slug);
    let place = if place.is_empty() { String::new() } else { format!("#{place}") };
    known.then(|| format!("/docs/{slug}{place}"))
}

/// A heading's name in addresses, as forges make it.
fn anchor(text: &str) -> String {
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Markdown as HTML. What is HTML in it is shown as text.
pub(super) fn render(text: &str) -> String {
    let events: Vec<Event<'_>> = Parser::new_ext(text, Options::ENABLE_TABLES).collect();
    let mut out = Vec::with_capacity(events.len());
    let mut links = Vec::new();
    let mut at = 0;
    while let Some(event) = events.get(at) {
        at += 1;
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info.split_whitespace().next().unwrap_or_default().to_owned(),
                    CodeBlockKind::Indented => String::new(),
                };
                let mut content = String::new();
                while let Some(Event::Text(piece)) = events.get(at) {
                    content.push_str(piece);
                    at += 1;
                }
                // Its end.
                at += 1;
                out.push(Event::Html(code(&content, if language.is_empty() { "text" } else { &language }).into()));
            }
            Event::Start(Tag::Heading { level, .. }) => {
                let inside = events.get(at..).unwrap_or_default().iter();
                let words: String = inside
                    .take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))))
                    .filter_map(|event| match event {
                        Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
                        _ => None,
                    })
                    .collect();
                out.push(Event::Html(format!("<{level} id=\"{}\">", escape(&anchor(&words))).into()));
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                let to = target(dest_url);
                links.push(to.is_some());
                if let Some(to) = to {
                    out.push(Event::Html(format!("<a href=\"{}\">", escape(&to)).into()));
                }
            }
            Event::End(TagEnd::Link) => {
                if links.pop() == Some(true) {
                    out.push(Event::Html(CowStr::Borrowed("</a>")));
                }
            }
            Event::Start(Tag::Table(_)) => {
                out.push(Event::Html(CowStr::Borrowed(
                    "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table\">",
                )));
                out.push(event.clone());
            }
            Event::End(TagEnd::Table) => {
                out.push(event.clone());
                out.push(Event::Html(CowStr::Borrowed("</div>")));
            }
            Event::Html(markup) | Event::InlineHtml(markup) => out.push(Event::Text(markup.clone())),
            other => out.push(other.clone()),
        }
    }
    let mut page = String::with_capacity(text.len() * 2);
    html::push_html(&mut page, out.into_iter());
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_pages_is_text_and_links_stay_inside() {
        let page = render(
            "# A `b` c\n\nSee [keys](keys.md#admin-api), [code](../crates/x.rs), <b onclick=x>\n\n```sh not run: x\necho \"<\"\n```\n",
        );
        assert!(page.contains("<h1 id=\"a-b-c\">"), "{page}");
        assert!(page.contains("<a href=\"/docs/keys#admin-api\">keys</a>, code, &lt;b"), "{page}");
        assert!(page.contains("data-language=\"sh\">echo &quot;&lt;&quot;"), "{page}");
        assert!(!page.contains("<b "), "{page}");
        assert_eq!(target("nothing.md"), None);
    }

    #[test]
    fn every_guide_has_a_title_of_its_own() {
        let titles: std::collections::BTreeSet<&str> = GUIDES.iter().map(Guide::title).collect();
        assert_eq!(titles.len(), GUIDES.len());
    }
}
