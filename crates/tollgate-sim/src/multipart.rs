//! `multipart/form-data` as far as an upload needs it: the fields of a form, in any order, as slices of the body.
//!
//! Takes what browsers and SDKs send; does not decode transfer encodings, which forms must not use.

use memchr::memmem;

/// One part of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    pub name: &'a str,
    /// Present on files.
    pub filename: Option<&'a str>,
    pub data: &'a [u8],
}

/// The parts of a form with more than this many are not read.
const MOST_PARTS: usize = 1_000;

/// The parts of a body; none when the content type or the body is no form.
pub(crate) fn parts<'a>(content_type: &str, body: &'a [u8]) -> Option<Vec<Part<'a>>> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty())?;
    let delimiter = format!("\r\n--{boundary}");
    let finder = memmem::Finder::new(delimiter.as_bytes());
    // The first delimiter may stand at the very beginning, without its line end.
    let opening = delimiter.get(2..)?.as_bytes();
    let mut rest = match body.strip_prefix(opening) {
        Some(rest) => rest,
        None => body.get(finder.find(body)? + delimiter.len()..)?,
    };
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        let start = memmem::find(rest, b"\r\n")? + 2;
        let end = finder.find(rest.get(start - 2..)?)? + start - 2;
        if let Some(part) = rest.get(start..end).and_then(part) {
            parts.push(part);
        }
        rest = rest.get(end + delimiter.len()..)?;
        if parts.len() > MOST_PARTS {
            return None;
        }
    }
    Some(parts)
}

fn part(bytes: &[u8]) -> Option<Part<'_>> {
    let head_end = memmem::find(bytes, b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..head_end)?).ok()?;
    let data = bytes.get(head_end + 4..)?;
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    Some(Part { name: parameter(disposition, "name")?, filename: parameter(disposition, "filename"), data })
}

/// `name=value` or `name="value"` of a header.
fn parameter<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (key, after) = rest.split_once('=')?;
        let (value, next) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(';').unwrap_or(after.len())),
        };
        if key.trim_matches([';', ' ', '\t']).eq_ignore_ascii_case(name) {
            return Some(value.trim());
        }
        rest = next;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn finds_fields_and_files() {
        let body = b"--x=y\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--x=y\r\n\
            content-type: audio/wav\r\ncontent-disposition: form-data; filename=\"a; b.wav\"; name=file\r\n\r\n\
            RIFF\r\n--x\r\n\0\r\n--x=y--\r\n";
        let parts = parts("multipart/form-data; charset=utf-8; boundary=\"x=y\"", body).unwrap();
        let [model, file] = parts.as_slice() else { unreachable!("two parts: {parts:?}") };
        assert_eq!((model.name, model.filename, model.data), ("model", None, &b"whisper-1"[..]));
        assert_eq!((file.name, file.filename, file.data), ("file", Some("a; b.wav"), &b"RIFF\r\n--x\r\n\0"[..]));
    }

    #[test]
    fn refuses_what_is_no_form() {
        assert_eq!(parts("application/json", b"{}"), None);
        assert_eq!(parts("multipart/form-data", b"--x--"), None);
        assert_eq!(parts("multipart/form-data; boundary=x", b"--x\r\nno end"), None);
        assert_eq!(parts("multipart/form-data; boundary=x", b"--x--\r\n").unwrap(), []);
    }
}
