//! Replaces ranges of a body and keeps every other byte as it was.

use bytes::Bytes;
use std::ops::Range;

/// A range of the body and what stands there instead. An empty range inserts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// Byte range of the original.
    pub range: Range<usize>,
    /// What replaces it.
    pub text: String,
}

/// `body` with `splices` carried out. They must be in order and must not overlap; one that does not fit is left out.
/// Without splices the same bytes are returned, not a copy.
pub fn apply(body: &Bytes, splices: &[Splice]) -> Bytes {
    if splices.is_empty() {
        return body.clone();
    }
    let added: usize = splices.iter().map(|s| s.text.len()).sum();
    let mut out = Vec::with_capacity(body.len() + added);
    let mut at = 0;
    for splice in splices {
        let Some(kept) = body.get(at..splice.range.start) else { continue };
        if splice.range.end > body.len() {
            continue;
        }
        out.extend_from_slice(kept);
        out.extend_from_slice(splice.text.as_bytes());
        at = splice.range.end;
    }
    out.extend_from_slice(body.get(at..).unwrap_or_default());
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_inserts_and_keeps_the_rest() {
        let body = Bytes::from_static(b"{\"model\": \"a\" }");
        let out = apply(
            &body,
            &[Splice { range: 10..13, text: "\"bcd\"".into() }, Splice { range: 14..14, text: ",\"x\":1".into() }],
        );
        assert_eq!(out, &b"{\"model\": \"bcd\" ,\"x\":1}"[..]);
        assert_eq!(apply(&body, &[]).as_ptr(), body.as_ptr());
    }
}
