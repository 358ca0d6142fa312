//! Takes account data out of vendors' texts before a caller reads them.
//!
//! Vendors echo keys (masked or whole), organisation and project ids and e-mail addresses in error messages. The
//! caller of a gateway must learn nothing of the account behind it.

/// Prefixes of words that name or open an account.
const PREFIXES: [&str; 10] = ["sk-", "org-", "proj_", "user-", "AIza", "ya29.", "acct_", "key-", "ak-", "sess-"];

/// Longest text that a caller gets, in bytes.
pub const MAX_TEXT: usize = 2048;

/// `text` with every word that looks like a credential or an account replaced, and cut to [`MAX_TEXT`].
pub fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_TEXT));
    let mut rest = text;
    while !rest.is_empty() && out.len() < MAX_TEXT {
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        out.push_str(if is_account(word) { "***" } else { word });
        let next = tail.find(is_word).unwrap_or(tail.len());
        let (gap, tail) = tail.split_at(next);
        out.push_str(gap);
        rest = tail;
    }
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
    let mut out = Vec::with_capacity(body.len());
    let text = String::from_utf8_lossy(body);
    let mut rest = text.as_ref();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        out.extend_from_slice(if is_account(word) { b"***" } else { word.as_bytes() });
        let next = tail.find(is_word).unwrap_or(tail.len());
        out.extend_from_slice(tail.get(..next).unwrap_or_default().as_bytes());
        rest = tail.get(next..).unwrap_or_default();
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*' | '@' | '+')
}

fn is_account(word: &str) -> bool {
    let masked = word.contains("**") && word.len() > 6;
    let prefixed = PREFIXES.iter().any(|p| {
        word.strip_prefix(p).is_some_and(|rest| {
            let rest = rest.trim_end_matches('.');
            rest.len() >= 8 && (rest.contains(|c: char| c.is_ascii_digit() || c.is_ascii_uppercase() || c == '*'))
        })
    });
    let address = word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    masked || prefixed || address
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
        assert_eq!(text("žluťoučký kůň"), "žluťoučký kůň");
        assert!(text(&"é".repeat(5000)).len() <= MAX_TEXT);
    }
}
