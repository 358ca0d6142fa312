//! Server-sent events: where one event ends, and what its lines say.
//!
//! Takes LF, CRLF and lone CR, a BOM, comments, `data:` without a space and data over several lines. Never copies
//! unless an event has several data lines.

use std::borrow::Cow;

/// Largest event accepted, in bytes; vendors send images and long reasoning in one line.
pub const MAX_EVENT: usize = 16 * 1024 * 1024;

/// Finds the ends of events in a buffer that grows. Remembers how far it has looked, so that a long line that comes
/// in small pieces is read once.
#[derive(Debug, Default, Clone, Copy)]
pub struct Splitter {
    line: usize,
    scan: usize,
}

impl Splitter {
    /// One past the first event in `buffer`, its blank line included, or `None` if more bytes are needed. The
    /// caller then removes that many bytes, and the splitter starts anew at the rest. `ended` says that no more
    /// bytes will come, so that a last CR counts as a line end.
    pub fn event_end(&mut self, buffer: &[u8], ended: bool) -> Option<usize> {
        loop {
            let rest = buffer.get(self.scan..)?;
            let Some(found) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.scan = buffer.len();
                return None;
            };
            let at = self.scan + found;
            let next = if buffer.get(at) == Some(&b'\r') {
                match buffer.get(at + 1) {
                    Some(b'\n') => at + 2,
                    Some(_) => at + 1,
                    None if ended => at + 1,
                    None => {
                        self.scan = at;
                        return None;
                    }
                }
            } else {
                at + 1
            };
            let blank = at == self.line;
            self.line = next;
            self.scan = next;
            if blank {
                *self = Self::default();
                return Some(next);
            }
        }
    }
}

/// One event, its blank line included.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// The bytes as they came.
    pub raw: &'a [u8],
    /// Value of the `event:` line.
    pub name: Option<&'a [u8]>,
    /// Values of the `data:` lines, joined by LF; `None` where there is none (a comment, blank lines).
    pub data: Option<Cow<'a, [u8]>>,
    /// It has a line that is no part of an event stream: a proxy's page, a bare JSON error.
    pub stray: bool,
}

impl<'a> Event<'a> {
    /// Reads the lines of one event.
    pub fn read(raw: &'a [u8]) -> Self {
        let mut event = Self { raw, name: None, data: None, stray: false };
        let mut rest = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
        while !rest.is_empty() {
            let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            let (line, tail) = rest.split_at(end);
            rest = tail.get(1..).unwrap_or_default();
            if let Some(value) = field(line, b"data") {
                event.data = Some(match event.data.take() {
                    None => Cow::Borrowed(value),
                    Some(before) => {
                        let mut joined = before.into_owned();
                        joined.push(b'\n');
                        joined.extend_from_slice(value);
                        Cow::Owned(joined)
                    }
                });
            } else if let Some(value) = field(line, b"event") {
                event.name = Some(value);
            } else if !(line.is_empty() || line.starts_with(b":")) {
                event.stray |= field(line, b"id").is_none() && field(line, b"retry").is_none();
            }
        }
        event
    }

    /// Whether it only says that the vendor is at work: comments, blank lines, fields without data, or a ping.
    pub fn is_keep_alive(&self) -> bool {
        (self.data.is_none() && self.name.is_none()) || self.name == Some(b"ping")
    }
}

fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(rest);
    }
    let value = rest.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(bytes: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let (mut events, mut rest, mut splitter) = (Vec::new(), bytes, Splitter::default());
        while let Some(end) = splitter.event_end(rest, true) {
            events.push(rest[..end].to_vec());
            rest = &rest[end..];
        }
        (events, rest.to_vec())
    }

    #[test]
    fn line_ends_of_every_kind() {
        for text in [
            "data: a\n\ndata: b\n\n",
            "data: a\r\n\r\ndata: b\r\n\r\n",
            "data: a\r\rdata: b\r\r",
            "data: a\n\r\ndata: b\r\n\n",
        ] {
            let (events, rest) = split(text.as_bytes());
            assert_eq!(events.len(), 2, "{text:?}");
            assert!(rest.is_empty());
            assert_eq!(Event::read(&events[1]).data.unwrap(), b"b".as_slice());
        }
    }

    #[test]
    fn fields() {
        let event = Event::read(b"\xef\xbb\xbfevent: x\nid: 3\n: note\ndata:one\ndata:  two\ndata\n\n");
        assert_eq!(event.name, Some(&b"x"[..]));
        assert_eq!(event.data.as_deref(), Some(&b"one\n two\n"[..]));
        assert!(Event::read(b": ping\n\n").is_keep_alive());
        assert!(Event::read(b"\n").is_keep_alive());
        assert!(Event::read(b"event: ping\ndata: {}\n\n").is_keep_alive());
        assert!(!event.stray && !Event::read(b": ping\r\nretry: 3\r\nid\r\n\r\n").stray);
        for stray in ["<html>\n\n", "{\"error\":1}\n\n", "data: x\nda ta: y\n\n"] {
            assert!(Event::read(stray.as_bytes()).stray, "{stray}");
        }
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_events(
            lines in prop::collection::vec("(data: [a-z]{0,9}|: c|event: e|)(\n|\r\n|\r)", 0..20),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let bytes = lines.concat().into_bytes();
            let (whole, whole_rest) = split(&bytes);
            let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let (mut buffer, mut splitter, mut events) = (Vec::new(), Splitter::default(), Vec::new());
            for pair in cuts.windows(2) {
                buffer.extend_from_slice(&bytes[pair[0]..pair[1]]);
                while let Some(end) = splitter.event_end(&buffer, pair[1] == bytes.len()) {
                    events.push(buffer.drain(..end).collect::<Vec<u8>>());
                }
            }
            prop_assert_eq!(events, whole);
            prop_assert_eq!(buffer, whole_rest);
        }
    }
}
