//! HTML as text: escaping, and the frame around a page of the reference.

use super::assets;
use std::fmt::Write as _;

/// Text as it may stand in an element or in a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A box of code.
pub(super) fn code(text: &str, language: &str) -> String {
    format!(
        "<div class=\"code\"><pre tabindex=\"0\" aria-label=\"{0}\"><code data-language=\"{0}\">{1}</code></pre></div>",
        escape(language),
        escape(text)
    )
}

/// One line of the navigation.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// Address below `/docs`, with its slash; empty for the first page.
    pub(super) to: String,
    /// Words.
    pub(super) text: String,
    /// Method of a route.
    pub(super) method: Option<String>,
    /// A route that this version does not answer.
    pub(super) dim: bool,
}

/// Lines of the navigation under one heading.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// Heading.
    pub(super) name: String,
    /// Its lines.
    pub(super) links: Vec<Link>,
}

/// A whole page. `at` is its address below `/docs`.
pub(super) fn page(title: &str, at: &str, groups: &[Group], content: &str) -> String {
    let files = format!("/docs/files/{}", assets::version());
    let mut nav = String::new();
    for group in groups {
        let open = group.links.iter().any(|link| link.to == at) || group.links.iter().all(|link| link.method.is_none());
        let _ =
            write!(nav, "<details{}><summary>{}</summary><ul>", if open { " open" } else { "" }, escape(&group.name));
        for link in &group.links {
            let current = if link.to == at { " aria-current=\"page\"" } else { "" };
            let dim = if link.dim { " class=\"dim\"" } else { "" };
            let method = link.method.as_deref().map_or_else(String::new, |method| {
                format!("<span class=\"method {}\">{}</span>", method.to_lowercase(), escape(method))
            });
            let _ = write!(
                nav,
                "<li><a href=\"/docs{}\"{current}{dim}>{method}<span>{}</span></a></li>",
                escape(&link.to),
                escape(&link.text)
            );
        }
        nav.push_str("</ul></details>");
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{} · tollgate</title>\n\
         <link rel=\"icon\" href=\"{files}/shared/icon.svg\">\n<link rel=\"stylesheet\" href=\"{files}/shared/base.css\">\n\
         <link rel=\"stylesheet\" href=\"{files}/docs.css\">\n<script src=\"{files}/shared/theme.js\"></script>\n\
         <script type=\"module\" src=\"{files}/docs.js\"></script>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#content\">To the content</a>\n<header class=\"head\"><a class=\"brand\" href=\"/docs\">\
         <img src=\"{files}/shared/icon.svg\" alt=\"\">tollgate</a><span class=\"place\">Reference</span><span class=\"grow\"></span>\
         <a href=\"/openapi.json\">OpenAPI</a><a href=\"/llms.txt\">llms.txt</a>\
         <button class=\"button quiet small\" type=\"button\" id=\"theme\" hidden>Dark</button>\
         <button class=\"button quiet small\" type=\"button\" id=\"menu\" aria-expanded=\"false\" aria-controls=\"nav\" hidden>Pages</button></header>\n\
         <div class=\"shell\"><nav id=\"nav\" class=\"nav\" aria-label=\"Pages\">{nav}</nav>\n\
         <main id=\"content\" tabindex=\"-1\">{content}</main></div>\n</body>\n</html>\n",
        escape(title)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape(r#"<a href="x" title='y'>&"#), "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;");
        assert!(!page("<b>", "", &[], "").contains("<b>"));
    }
}
