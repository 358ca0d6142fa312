//! Takes account data out of vendors' texts before a caller reads them.
//!
//! Vendors echo keys (masked or whole), organisation and project ids and e-mail addresses in error messages. The
//! caller of a gateway must learn nothing of the account behind it.

/// Prefixes of words that name or open an account.
const PREFIXES: [&str; 10] = ["sk-", "org-", "proj_", "user-", "AIza", "ya29.", "acct_", "key-", "ak-", "sess-"];

/// Longest text that a caller gets, in bytes.
pub const MAX_TEXT: usize = 2048;

/// Words after which an id is the account's, in lower case.
const BEFORE: [&str; 12] = [
    "account",
    "account_id",
    "accountid",
    "organization",
    "organisation",
    "org",
    "org_id",
    "project",
    "projects",
    "project_id",
    "project_number",
    "tenant",
];

/// `text` with every word that looks like a credential or an account replaced, and cut to [`MAX_TEXT`].
pub fn text(text: &str) -> String {
    let mut out = replaced(text, MAX_TEXT, false);
    if out.len() > MAX_TEXT {
        let mut cut = MAX_TEXT;
        while !out.is_char_boundary(cut) {
            cut -= 1;
        }
        out.truncate(cut);
    }
    out
}

/// A vendor's JSON body with the same words replaced, of any length. JSON stays JSON: no replaced word holds a quote
/// or a backslash.
pub fn body(body: &[u8]) -> Vec<u8> {
    replaced(&String::from_utf8_lossy(body), usize::MAX, true).into_bytes()
}

/// Replaces words until `enough` bytes are there. In JSON an escape belongs to no word.
fn replaced(text: &str, enough: usize, json: bool) -> String {
    let mut out = String::with_capacity(text.len().min(enough));
    let mut rest = text;
    let mut before = "";
    while !rest.is_empty() && out.len() < enough {
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        out.push_str(if is_account(word) || is_id_after(before, word) { "***" } else { word });
        if !word.is_empty() && !matches!(word, "id" | "ID" | "is" | "number") {
            before = word;
        }
        let gap = gap(tail, json);
        let (gap, tail) = tail.split_at(gap);
        out.push_str(gap);
        rest = tail;
    }
    out
}

/// Length of what stands between words, escapes of JSON included.
fn gap(text: &str, json: bool) -> usize {
    let mut escape = 0;
    for (at, c) in text.char_indices() {
        if escape > 0 {
            // `\n` is two characters, `\u00e9` six.
            escape = if escape == 5 && c != 'u' { 0 } else { escape - 1 };
        } else if json && c == '\\' {
            escape = 5;
        } else if is_word(c) {
            return at;
        }
    }
    text.len()
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*' | '@' | '+' | '•' | '…')
}

fn is_account(word: &str) -> bool {
    let masks = ["**", "••", "…", "..."];
    let masked = (word.contains("**") || word.contains("••")) && word.len() > 6;
    let prefixed = PREFIXES.iter().any(|p| {
        word.strip_prefix(p).is_some_and(|rest| {
            let cut = rest.trim_end_matches('.');
            let long =
                cut.len() >= 8 && (cut.contains(|c: char| c.is_ascii_digit() || c.is_ascii_uppercase() || c == '*'));
            // A key of which only the ends are shown.
            long || masks.iter().any(|mask| cut.contains(mask))
        })
    });
    let address = word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    masked || prefixed || address
}

/// A number or UUID that follows a word for an account.
fn is_id_after(before: &str, word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let plain = word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-' || b == b'.');
    digits >= 6 && plain && BEFORE.iter().any(|name| before.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_accounts_out_and_leaves_the_rest() {
        assert_eq!(
            text("Incorrect API key provided: sk-proj-abc123DEF456. See https://x.example/keys (org-AbCd1234EfGh)."),
            "Incorrect API key provided: *** See https://x.example/keys (***)."
        );
        assert_eq!(
            text("Rate limit for gpt-5-mini in organization org-1234567890abc on tokens"),
            "Rate limit for gpt-5-mini in organization *** on tokens"
        );
        assert_eq!(text("key sk-a****************bcd is off, ask bob@corp.example"), "key *** is off, ask ***");
        assert_eq!(text("the user-defined key-value pair is sk-ok"), "the user-defined key-value pair is sk-ok");
        assert_eq!(text("key sk-...aB1z or sk-pro…xyz"), "key *** or ***");
        assert_eq!(text("see projects/104512345678 and account 2100012345."), "see projects/*** and account ***");
        assert_eq!(text("about 2100012345 tokens"), "about 2100012345 tokens");
        let escaped = br#"{"message":"for\norg-AbCd1234EfGh \u00e9org-AbCd1234EfGh \"sk-a****bcd\" x\\y"}"#;
        let clean = r#"{"message":"for\n*** \u00e9*** \"***\" x\\y"}"#;
        assert_eq!(String::from_utf8(body(escaped)).unwrap(), clean);
        assert_eq!(text("žluťoučký kůň"), "žluťoučký kůň");
        assert!(text(&"é".repeat(5000)).len() <= MAX_TEXT);
    }
}
