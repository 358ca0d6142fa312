//! Finds the small fields of a form while it passes, and can change one of them on the way.
//!
//! A form is read as it comes and never held whole: the scanner keeps only a part's head, the values of the few
//! fields it was told to watch, and the last bytes that could be the start of a boundary. Forms: RFC 7578.

use bytes::{Buf, BytesMut};

/// Longest head of one part, in bytes.
const MAX_PART_HEAD: usize = 8 * 1024;
/// Longest value of a watched field, in bytes.
const MAX_VALUE: usize = 8 * 1024;
/// Most parts of one form.
const MAX_PARTS: usize = 128;

/// Why a form cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormError {
    /// The content type names no boundary, or one that is not allowed.
    Boundary,
    /// Bytes that the grammar has no place for.
    Malformed,
    /// A part's head, a watched value or the number of parts is over its limit.
    TooLarge,
    /// A watched field is there twice.
    Twice(Field),
    /// The form ends before its last boundary.
    Truncated,
}

/// The fields that the gateway watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `model`: decides the route; its value may be replaced.
    Model,
    /// `stream`.
    Stream,
    /// `response_format`.
    ResponseFormat,
}

impl Field {
    fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"model" => Some(Self::Model),
            b"stream" => Some(Self::Stream),
            b"response_format" => Some(Self::ResponseFormat),
            _ => None,
        }
    }

    /// The field's name in the form.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Stream => "stream",
            Self::ResponseFormat => "response_format",
        }
    }
}

/// The boundary that a `content-type` names, if it is a form's.
pub fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let mut named = parameters.split(';').filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    });
    let value = named.next()?;
    // Of two boundaries two readers could take different ones.
    let fits = named.next().is_none()
        && !value.is_empty()
        && value.len() <= 70
        && value.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'"');
    fits.then(|| value.to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first boundary.
    Preamble,
    /// After a boundary: CRLF for a part, `--` for the end.
    AfterBoundary,
    /// Inside a part's head.
    Head,
    /// Inside the value of a watched field.
    Watched(Field),
    /// Inside any other part's content.
    Passing,
    /// After the last boundary.
    Done,
}

/// Reads a form piece by piece.
#[derive(Debug)]
pub struct FormScanner {
    /// CRLF, two dashes and the boundary.
    delimiter: Vec<u8>,
    state: State,
    pending: BytesMut,
    parts: usize,
    values: [Option<String>; 3],
    /// Where the model's value stood, counted from the form's first byte.
    model_at: Option<(u64, u64)>,
    /// Bytes taken out of `pending` so far.
    consumed: u64,
}

impl FormScanner {
    /// A scanner for forms with this boundary (without its dashes).
    pub fn new(boundary: &str) -> Self {
        Self {
            delimiter: [b"\r\n--", boundary.as_bytes()].concat(),
            state: State::Preamble,
            // The first boundary may stand at the very start, without its CRLF.
            pending: BytesMut::from(&b"\r\n"[..]),
            parts: 0,
            values: [None, None, None],
            model_at: None,
            consumed: 0,
        }
    }

    /// Reads the next piece. The scanner copies what it must keep; the caller passes the piece on itself.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), FormError> {
        if self.state == State::Done {
            return Ok(());
        }
        self.pending.extend_from_slice(piece);
        while self.step()? {}
        Ok(())
    }

    /// The form's bytes have all been pushed.
    pub fn finish(&self) -> Result<(), FormError> {
        if self.state == State::Done { Ok(()) } else { Err(FormError::Truncated) }
    }

    /// The value of a watched field, once it has passed.
    pub fn value(&self, field: Field) -> Option<&str> {
        self.values.get(field as usize)?.as_deref()
    }

    /// Byte range of the model's value, counted from the form's first byte, once it has passed.
    pub fn model_range(&self) -> Option<std::ops::Range<u64>> {
        // The two bytes put in front by `new` are not the form's.
        self.model_at.map(|(start, end)| start.saturating_sub(2)..end.saturating_sub(2))
    }

    fn take(&mut self, count: usize) {
        let count = count.min(self.pending.len());
        self.pending.advance(count);
        self.consumed += count as u64;
    }

    /// One step; whether another may follow without more bytes.
    fn step(&mut self) -> Result<bool, FormError> {
        match self.state {
            State::AfterBoundary => {
                if self.pending.starts_with(b"--") {
                    self.state = State::Done;
                    self.pending = BytesMut::new();
                    return Ok(false);
                }
                // White space may pad the boundary's line.
                let padding = self.pending.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
                let rest = self.pending.get(padding..).unwrap_or_default();
                if rest.len() < 2 {
                    return if padding > 256 || rest.first().is_some_and(|b| *b != b'\r' && *b != b'-') {
                        Err(FormError::Malformed)
                    } else {
                        Ok(false)
                    };
                }
                if !rest.starts_with(b"\r\n") {
                    return Err(FormError::Malformed);
                }
                self.parts += 1;
                if self.parts > MAX_PARTS {
                    return Err(FormError::TooLarge);
                }
                self.take(padding + 2);
                self.state = State::Head;
                Ok(true)
            }
            State::Head => {
                let Some(end) = memchr::memmem::find(&self.pending, b"\r\n\r\n") else {
                    return if self.pending.len() > MAX_PART_HEAD { Err(FormError::TooLarge) } else { Ok(false) };
                };
                let head = self.pending.get(..end).unwrap_or_default();
                let field = part_name(head).as_deref().and_then(Field::named);
                if let Some(field) = field
                    && self.values.get(field as usize).is_some_and(Option::is_some)
                {
                    return Err(FormError::Twice(field));
                }
                // The CRLF that ends the head may also begin the delimiter, if the part is empty.
                self.take(end + 2);
                self.state = field.map_or(State::Passing, State::Watched);
                Ok(true)
            }
            State::Watched(field) => {
                let Some(end) = memchr::memmem::find(&self.pending, &self.delimiter) else {
                    return if self.pending.len() > MAX_VALUE { Err(FormError::TooLarge) } else { Ok(false) };
                };
                let value = self.pending.get(2..end).unwrap_or_default();
                if value.len() > MAX_VALUE {
                    return Err(FormError::TooLarge);
                }
                let text = std::str::from_utf8(value).map_err(|_| FormError::Malformed)?.to_owned();
                if field == Field::Model {
                    let start = self.consumed + 2;
                    self.model_at = Some((start, start + text.len() as u64));
                }
                if let Some(slot) = self.values.get_mut(field as usize) {
                    *slot = Some(text);
                }
                self.take(end + self.delimiter.len());
                self.state = State::AfterBoundary;
                Ok(true)
            }
            State::Preamble | State::Passing => Ok(self.skip_to_delimiter()),
            State::Done => Ok(false),
        }
    }

    /// Throws away bytes up to and with the next delimiter; without one, all that cannot be its start.
    fn skip_to_delimiter(&mut self) -> bool {
        if let Some(at) = memchr::memmem::find(&self.pending, &self.delimiter) {
            self.take(at + self.delimiter.len());
            self.state = State::AfterBoundary;
            return true;
        }
        let keep = self.delimiter.len() - 1;
        if self.pending.len() > keep {
            self.take(self.pending.len() - keep);
        }
        false
    }
}

/// The `name` of a part's `content-disposition`.
fn part_name(head: &[u8]) -> Option<Vec<u8>> {
    for line in head.split(|b| *b == b'\n') {
        let line = line.trim_ascii();
        let colon = memchr::memchr(b':', line)?;
        let (name, value) = line.split_at(colon);
        if !name.eq_ignore_ascii_case(b"content-disposition") {
            continue;
        }
        let mut rest = value.get(1..).unwrap_or_default();
        while let Some(semicolon) = memchr::memchr(b';', rest) {
            rest = rest.get(semicolon + 1..).unwrap_or_default().trim_ascii_start();
            let Some(tail) = strip_prefix_ignore_case(rest, b"name=") else { continue };
            return Some(match tail.strip_prefix(b"\"") {
                Some(quoted) => quoted.split(|b| *b == b'"').next().unwrap_or_default().to_vec(),
                None => tail.split(|b| *b == b';' || b.is_ascii_whitespace()).next().unwrap_or_default().to_vec(),
            });
        }
    }
    None
}

fn strip_prefix_ignore_case<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn form(file_first: bool, file: &[u8]) -> Vec<u8> {
        let file = [b"--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\nContent-Type: audio/wav\r\n\r\n", file, b"\r\n"].concat();
        let fields = b"--XX\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--XX\r\nContent-Disposition: form-data; name=stream\r\n\r\ntrue\r\n".to_vec();
        let parts = if file_first { [file, fields] } else { [fields, file] };
        [parts.concat(), b"--XX--\r\n".to_vec()].concat()
    }

    proptest! {
        #[test]
        fn finds_the_fields_however_it_is_cut(
            file_first: bool,
            file in prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'X'), any::<u8>()], 0..400),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        ) {
            prop_assume!(memchr::memmem::find(&file, b"\r\n--XX").is_none());
            prop_assume!(!file.starts_with(b"--XX"));
            let bytes = form(file_first, &file);
            let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut scanner = FormScanner::new("XX");
            for pair in cuts.windows(2) {
                scanner.push(&bytes[pair[0]..pair[1]]).unwrap();
            }
            prop_assert_eq!(scanner.finish(), Ok(()));
            prop_assert_eq!(scanner.value(Field::Model), Some("whisper-1"));
            prop_assert_eq!(scanner.value(Field::Stream), Some("true"));
            let range = scanner.model_range().unwrap();
            let at = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            prop_assert_eq!(&bytes[at], b"whisper-1");
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'X'), any::<u8>()], 0..300)) {
            let mut scanner = FormScanner::new("XX");
            let _ = scanner.push(&[b"--XX".as_slice(), &bytes].concat());
            let _ = scanner.finish();
        }
    }

    #[test]
    fn refuses() {
        let twice = [&form(false, b"")[..form(false, b"").len() - 8], &form(true, b"")].concat();
        assert_eq!(FormScanner::new("XX").push(&twice), Err(FormError::Twice(Field::Model)));
        let mut cut = FormScanner::new("XX");
        cut.push(&form(true, b"abc")[..40]).unwrap();
        assert_eq!(cut.finish(), Err(FormError::Truncated));
        assert_eq!(boundary("multipart/form-data; boundary=\"a b\""), Some("a b".into()));
        assert_eq!(boundary("multipart/form-data"), None);
        assert_eq!(boundary("application/json; boundary=x"), None);
    }
}
