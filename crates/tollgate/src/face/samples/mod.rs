//! A request as a program, in fifteen languages, ready to paste.
//!
//! Owns the programs' texts; what is asked comes from the description of the routes. Each reads the key from the
//! environment and prints the answer's body as it comes. Only what a language brings along is used where it brings an
//! HTTP client at all.

mod compiled;
mod scripts;

use serde_json::Value;

/// A request to be written as a program.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// Upper-case.
    pub(super) method: String,
    /// Whole address.
    pub(super) url: String,
    /// The environment variable that holds the key; `None` where none is needed.
    pub(super) key: Option<&'static str>,
    /// What is sent.
    pub(super) body: Body,
}

/// What a request carries.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// Nothing.
    None,
    /// JSON, over several lines.
    Json(String),
    /// Fields of a form; the one named `file` is a file's name.
    Form(Vec<(String, String)>),
}

/// The language's name in addresses, its name for people, and what writes it.
type Language = (&'static str, &'static str, fn(&Ask) -> String);

/// All languages, in the order in which they are offered.
pub(super) const LANGUAGES: [Language; 15] = [
    ("shell", "Shell", scripts::shell),
    ("javascript", "JavaScript", scripts::javascript),
    ("python", "Python", scripts::python),
    ("go", "Go", compiled::go),
    ("java", "Java", compiled::java),
    ("php", "PHP", scripts::php),
    ("ruby", "Ruby", scripts::ruby),
    ("csharp", "C#", compiled::csharp),
    ("swift", "Swift", compiled::swift),
    ("c", "C", compiled::c),
    ("objc", "Objective-C", compiled::objc),
    ("dart", "Dart", compiled::dart),
    ("ocaml", "OCaml", compiled::ocaml),
    ("r", "R", scripts::r),
    ("http", "HTTP", scripts::http),
];

impl Ask {
    /// An operation of the document as a request to `base`, by its first example.
    pub(super) fn of(base: &str, method: &str, path: &str, operation: &Value) -> Self {
        let admin = operation["security"][0].get("admin").is_some();
        let public = operation["security"].as_array().is_some_and(Vec::is_empty);
        let key = match (admin, public) {
            (true, _) => Some("TOLLGATE_ADMIN_KEY"),
            (_, true) => None,
            _ => Some("TOLLGATE_KEY"),
        };
        let contents = operation["requestBody"]["content"].as_object();
        let first = contents.and_then(|all| all.iter().next());
        let body = first.map_or(Body::None, |(kind, media)| {
            let example = media["examples"].as_object().and_then(|all| all.values().next());
            let value = example.map_or(&Value::Null, |example| &example["value"]);
            match (kind.as_str(), value) {
                ("multipart/form-data", Value::Object(fields)) => Body::Form(
                    fields
                        .iter()
                        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
                        .collect(),
                ),
                (_, Value::Null) => Body::Json("{}".to_owned()),
                (_, value) => Body::Json(format!("{value:#}")),
            }
        });
        let url = format!("{base}{}", filled(path));
        Self { method: method.to_owned(), url, key, body }
    }

    /// Host, port and path of the address.
    fn parts(&self) -> (&str, &str) {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        rest.find('/').map_or((rest, "/"), |at| rest.split_at(at))
    }
}

/// A path with something sensible in each place.
fn filled(path: &str) -> String {
    let mut parts = path.split('{');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        let value = match (name, rest) {
            ("model", ":embedContent" | ":batchEmbedContents") => "gemini-embedding-001",
            ("model", ":predictLongRunning" | ":fetchPredictOperation") => "veo-3.1-generate-001",
            ("model", _) if path.starts_with("/v1beta/models/{model}") => "gemini-2.5-flash",
            ("model", _) => "gpt-5-mini",
            _ => &format!("YOUR_{}", name.to_ascii_uppercase()),
        };
        text.push_str(value);
        text.push_str(rest);
    }
    if text.ends_with(":streamGenerateContent") {
        text.push_str("?alt=sse");
    }
    text
}

/// A string literal as C, Java, C#, Dart and their kin write it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Every line with so many spaces before it.
fn indented(text: &str, spaces: usize) -> String {
    let pad = " ".repeat(spaces);
    text.lines()
        .map(|line| if line.is_empty() { String::new() } else { format!("{pad}{line}") })
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::openapi;

    #[test]
    fn every_operation_has_a_program_in_every_language() {
        let document = openapi::document(&|_| true);
        let mut seen = 0;
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let ask = Ask::of("http://127.0.0.1:8080", &method.to_uppercase(), path, operation);
                assert!(!ask.url.contains(['{', '}']), "{}", ask.url);
                for (name, _, write) in LANGUAGES {
                    let text = write(&ask);
                    let (host, rest) = ask.parts();
                    assert!(text.contains(&ask.url) || (text.contains(host) && text.contains(rest)), "{name}: {text}");
                    if let (Some(key), true) = (ask.key, name != "http") {
                        assert!(text.contains(key), "{name}: {text}");
                    }
                    assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{name}: {text:?}");
                    seen += 1;
                }
            }
        }
        assert!(seen > 900, "{seen}");
    }
}
