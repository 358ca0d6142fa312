//! Replaces ranges of a body and keeps every other byte as it was.

use bytes::{BufMut, Bytes};
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
    write(body, splices, &mut out);
    Bytes::from(out)
}

/// Appends `text` to `out` with `splices` carried out, under the same conditions.
pub fn write(text: &[u8], splices: &[Splice], out: &mut impl BufMut) {
    let mut at = 0;
    for splice in splices {
        let Some(kept) = text.get(at..splice.range.start) else { continue };
        if splice.range.end > text.len() || splice.range.end < splice.range.start {
            continue;
        }
        out.put_slice(kept);
        out.put_slice(splice.text.as_bytes());
        at = splice.range.end;
    }
    out.put_slice(text.get(at..).unwrap_or_default());
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
