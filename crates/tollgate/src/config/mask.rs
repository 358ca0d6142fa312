//! Hides secrets in the source lines that error messages show.
//!
//! Owns the rule of what may be shown. Keeps the text's length in bytes, so that positions stay true. When in
//! doubt it hides: a line that cannot be parsed loses its values, a comment only what looks like a key.

use std::ops::Range;

use super::written::{Node, Origin, Table, Value};

/// Beginnings of credentials that vendors and we hand out.
const PREFIXES: &[&str] = &["sk-", "AIza", "ya29.", "tg-admin-", "eyJ", "sk_"];

/// Settings of a provider whose values help to see.
const HARMLESS: &[&str] = &[
    "kind",
    "base_url",
    "http",
    "project",
    "location",
    "service_account",
    "protocols",
    "forward_headers",
    "connect",
    "first_byte",
    "idle",
    "total",
];

/// Which values below a table are starred out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hide {
    /// Those whose key or text says that they are secret.
    NamedSo,
    /// All but the harmless ones: a misspelt key of a provider may be `apikey` or `bearer`.
    Unknown,
    /// All but harmless keys' own.
    All,
}

/// Whether a value must not be quoted in a message, whatever key it stands at.
pub(super) fn looks_secret(text: &str) -> bool {
    PREFIXES.iter().any(|prefix| text.contains(prefix))
        || text.contains('@')
        || text.contains("key=")
        || text.contains("token=")
}

/// The source of a file that parsed, its secret values starred out.
pub(super) fn parsed(text: &str, table: &Table) -> String {
    let mut spans = Vec::new();
    in_table(table, Hide::NamedSo, &mut spans);
    let mut bytes = text.as_bytes().to_vec();
    for span in spans {
        star_string(&mut bytes, span);
    }
    star_prefixed(&mut bytes);
    String::from_utf8(bytes).unwrap_or_default()
}

/// The source of a file that did not parse: values are starred out wherever they could be secrets.
pub(super) fn broken(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let trimmed = line.trim_start();
        let hidden = if let Some(at) = line.find('=') {
            let key = line.get(..at).unwrap_or_default();
            let value = start + at + 1..end;
            if secret_key(key) {
                star(&mut bytes, value);
                None
            } else {
                Some(value)
            }
        } else if trimmed.starts_with(['[', '#']) {
            None
        } else {
            star(&mut bytes, start..end);
            None
        };
        if let Some(value) = hidden {
            star_quoted_and_long(&mut bytes, value);
        }
        start = end;
    }
    star_prefixed(&mut bytes);
    String::from_utf8(bytes).unwrap_or_default()
}

fn secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["key", "secret", "token", "password", "credential", "auth"].iter().any(|word| key.contains(word))
}

fn in_table(table: &Table, above: Hide, spans: &mut Vec<Range<usize>>) {
    for (key, entry) in table {
        let hide = match above {
            Hide::NamedSo if key == "providers" => Hide::Unknown,
            Hide::NamedSo | Hide::Unknown if secret_key(key) => Hide::All,
            other => other,
        };
        let harmless = HARMLESS.contains(&key.as_str());
        let hide = match (hide, &entry.node.value) {
            (Hide::All | Hide::Unknown, Value::Text(_) | Value::Array(_)) if harmless => Hide::NamedSo,
            (Hide::Unknown, Value::Text(_) | Value::Array(_)) => Hide::All,
            (hide, _) => hide,
        };
        in_node(&entry.node, hide, spans);
    }
}

fn in_node(node: &Node, hide: Hide, spans: &mut Vec<Range<usize>>) {
    match &node.value {
        Value::Text(text) => {
            if let Origin::File(span) = &node.origin
                && (hide != Hide::NamedSo || looks_secret(text))
            {
                spans.push(span.clone());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| in_node(item, hide, spans)),
        Value::Table(table) => in_table(table, hide, spans),
        _ => {}
    }
}

/// Stars out letters, digits and whatever else is not structure.
fn star(bytes: &mut [u8], range: Range<usize>) {
    let mut skip = 0;
    let end = range.end;
    for at in range {
        if at < skip {
            continue;
        }
        if let Some(length) = reference(bytes.get(at..end).unwrap_or_default()) {
            skip = at + length;
            continue;
        }
        if let Some(byte) = bytes.get_mut(at)
            && !b" \t\r\n\"'=[]{},".contains(byte)
        {
            *byte = b'*';
        }
    }
}

fn star_string(bytes: &mut [u8], span: Range<usize>) {
    let inside = span.start.saturating_add(1)..span.end.saturating_sub(1);
    if inside.start < inside.end {
        let mut skip = inside.start;
        for at in inside.clone() {
            if at < skip {
                continue;
            }
            if let Some(length) = reference(bytes.get(at..inside.end).unwrap_or_default()) {
                skip = at + length;
            } else if let Some(byte) = bytes.get_mut(at)
                && !b"\r\n".contains(byte)
            {
                *byte = b'*';
            }
        }
    }
}

/// Length of a `${NAME}` at the beginning: a reference shows nothing and helps much.
fn reference(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.strip_prefix(b"${")?;
    let length = rest.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')?;
    (length > 0 && rest.get(length) == Some(&b'}')).then_some(length + 3)
}

fn star_quoted_and_long(bytes: &mut [u8], range: Range<usize>) {
    let mut runs = Vec::new();
    let mut quote: Option<(u8, usize)> = None;
    let mut run = range.start;
    for at in range.clone() {
        let byte = bytes.get(at).copied().unwrap_or(b'\n');
        match quote {
            Some((mark, from)) if byte == mark => {
                runs.push(from..at);
                quote = None;
                run = at + 1;
            }
            None if byte == b'"' || byte == b'\'' => quote = Some((byte, at + 1)),
            None if b" \t\r\n=[]{},#".contains(&byte) => {
                if at - run >= 12 {
                    runs.push(run..at);
                }
                run = at + 1;
            }
            Some(_) | None => {}
        }
    }
    let rest = quote.map_or(run, |(_, from)| from);
    if quote.is_some() || range.end - rest >= 12 {
        runs.push(rest..range.end);
    }
    for run in runs {
        star(bytes, run);
    }
}

fn star_prefixed(bytes: &mut [u8]) {
    for prefix in PREFIXES {
        let mut at = 0;
        while at + prefix.len() <= bytes.len() {
            let fresh =
                at == 0 || bytes.get(at - 1).is_some_and(|before| !before.is_ascii_alphanumeric() && *before != b'-');
            if !fresh || !bytes.get(at..).is_some_and(|rest| rest.starts_with(prefix.as_bytes())) {
                at += 1;
                continue;
            }
            while let Some(byte) = bytes.get_mut(at)
                && (byte.is_ascii_alphanumeric() || b"-_.+/".contains(byte))
            {
                *byte = b'*';
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parsed_file_shows_no_secret() {
        let text = "# sk-old-one\n[providers.a]\ncredentials = [{ api_key = \"plain words ${NAME}\" }]\nbase_url = \"http://u:p@h\"\nkind = \"openai\"\n";
        let Ok(table) = super::super::written::parse(text) else { panic!("parses") };
        let shown = parsed(text, &table);
        assert_eq!(shown.len(), text.len());
        for hidden in ["old-one", "plain", "words", "u:p"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
        assert!(shown.contains("${NAME}") && shown.contains("\"openai\""));
    }

    #[test]
    fn a_broken_file_shows_no_secret() {
        for text in [
            "api_key = hunter2hunter2",
            "api_key = \"hunter2hunter2",
            "kind = \"\"\"\nhunter2hunter2\n\"\"\" x",
            "x = hunter2hunter2\n",
            "credentials = [{ api_key = 'hunter2hunter2', }}",
            "y = 'hunter2hunter2",
        ] {
            let shown = broken(text);
            assert_eq!(shown.len(), text.len());
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
