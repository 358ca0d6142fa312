//! A stream that is one JSON list, cut anywhere: where one element ends.
//!
//! Looks at brackets and strings only; whether an element is proper JSON is for its reader to say. Never copies.

use std::ops::Range;

/// Finds the ends of elements in a buffer that grows. Remembers how far it has looked, so that an element that comes
/// in small pieces is read once. Elements are objects: nothing else is streamed in a list.
#[derive(Debug, Default, Clone)]
pub struct Splitter {
    scan: usize,
    /// The opening bracket of the list was taken.
    begun: bool,
    /// An element was taken.
    any: bool,
    /// A comma was taken after it.
    comma: bool,
    /// The closing bracket of the list was taken.
    closed: bool,
    /// The element being read.
    inside: Option<Inside>,
}

#[derive(Debug, Clone, Copy)]
struct Inside {
    start: usize,
    depth: u32,
    in_string: bool,
    /// It stands where no element may.
    stray: bool,
}

/// A piece of the list that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its bytes from the start of the buffer, with what separates it from the one before.
    pub length: usize,
    /// What it is.
    pub kind: PieceKind,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PieceKind {
    /// An element, and where its object stands in the buffer.
    Element(Range<usize>),
    /// The end of the list and all that came after it, which is blank.
    Close,
    /// Something that has no place in a list, and where it stands.
    Stray(Range<usize>),
}

impl Splitter {
    /// The first piece in `buffer`, or `None` if more bytes are needed. The caller then removes that many bytes, and the
    /// splitter goes on at the rest. `ended` says that no more bytes will come: only then is the end of the list told,
    /// so that whatever follows it is seen before.
    pub fn piece(&mut self, buffer: &[u8], ended: bool) -> Option<Piece> {
        loop {
            if let Some(inside) = self.inside {
                return self.rest_of(inside, buffer);
            }
            let at = self.scan;
            let Some(byte) = buffer.get(at) else {
                return (self.closed && ended).then(|| self.found(buffer.len(), PieceKind::Close));
            };
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {}
                // A mark of the byte order, before anything else.
                b'\xef' | b'\xbb' | b'\xbf' if !self.begun && at < 3 => {}
                b'[' if !self.begun => self.begun = true,
                b',' if self.any && !self.comma && !self.closed => self.comma = true,
                b']' if self.begun && !self.comma && !self.closed => self.closed = true,
                b'{' => {
                    let stray = !self.begun || self.closed || self.any != self.comma;
                    self.inside = Some(Inside { start: at, depth: 0, in_string: false, stray });
                    continue;
                }
                _ => return Some(self.found(buffer.len(), PieceKind::Stray(at..buffer.len()))),
            }
            self.scan += 1;
        }
    }

    /// Reads on in an element.
    fn rest_of(&mut self, mut inside: Inside, buffer: &[u8]) -> Option<Piece> {
        while let Some(rest) = buffer.get(self.scan..) {
            let found = if inside.in_string {
                memchr::memchr2(b'"', b'\\', rest)
            } else {
                memchr::memchr3(b'"', b'{', b'}', rest)
            };
            let Some(found) = found else {
                self.scan = buffer.len();
                break;
            };
            let at = self.scan + found;
            match buffer.get(at) {
                Some(b'\\') => {
                    if at + 1 >= buffer.len() {
                        // What is escaped has not come yet.
                        self.scan = at;
                        break;
                    }
                    self.scan = at + 2;
                    continue;
                }
                Some(b'"') => inside.in_string = !inside.in_string,
                Some(b'{') => inside.depth = inside.depth.saturating_add(1),
                _ => inside.depth = inside.depth.saturating_sub(1),
            }
            self.scan = at + 1;
            if inside.depth == 0 && !inside.in_string {
                self.inside = None;
                let place = inside.start..at + 1;
                let kind = if inside.stray { PieceKind::Stray(place) } else { PieceKind::Element(place) };
                return Some(self.found(at + 1, kind));
            }
        }
        self.inside = Some(inside);
        None
    }

    fn found(&mut self, length: usize, kind: PieceKind) -> Piece {
        self.scan = 0;
        self.any |= matches!(kind, PieceKind::Element(_));
        self.comma = false;
        Piece { length, kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pieces as `kind:bytes`, given in `cuts`.
    fn split(bytes: &[u8], cuts: &[usize]) -> Vec<String> {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let (mut splitter, mut buffer, mut out) = (Splitter::default(), Vec::new(), Vec::new());
        let mut take = |buffer: &mut Vec<u8>, ended| {
            while let Some(piece) = splitter.piece(buffer, ended) {
                let (name, range) = match piece.kind {
                    PieceKind::Element(range) => ("element", range),
                    PieceKind::Close => ("close", 0..piece.length),
                    PieceKind::Stray(range) => ("stray", range),
                };
                out.push(format!("{name}:{}", String::from_utf8_lossy(&buffer[range])));
                buffer.drain(..piece.length);
                if name != "element" {
                    return true;
                }
            }
            false
        };
        for pair in cuts.windows(2) {
            buffer.extend_from_slice(&bytes[pair[0]..pair[1]]);
            if take(&mut buffer, false) {
                return out;
            }
        }
        take(&mut buffer, true);
        out
    }

    #[test]
    fn lists_as_they_come() {
        let whole = "\u{feff}[{\"a\":\"}\\\"{\"}\r\n,\r\n{\"b\":[{}]}\n]\n ";
        let wanted = ["element:{\"a\":\"}\\\"{\"}", "element:{\"b\":[{}]}", "close:\n]\n "];
        assert_eq!(split(whole.as_bytes(), &[]), wanted);
        assert_eq!(split(b" [ ] ", &[]), ["close: [ ] "]);
        for cut in 0..whole.len() - 4 {
            assert!(!split(&whole.as_bytes()[..cut], &[]).iter().any(|piece| piece.starts_with("close")), "{cut}");
        }
    }

    #[test]
    fn what_has_no_place_in_a_list() {
        for (text, wanted) in [
            ("{\"error\":{}}", "stray:{\"error\":{}}"),
            ("[{}{\"error\":{}}", "stray:{\"error\":{}}"),
            ("[{}]{}", "stray:{}"),
            ("[{}]x", "stray:x"),
            ("[{},]", "stray:]"),
            ("[,", "stray:,"),
            ("[[", "stray:["),
            ("<html>", "stray:<html>"),
            ("[1]", "stray:1]"),
        ] {
            assert_eq!(split(text.as_bytes(), &[]).last().map(String::as_str), Some(wanted), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_pieces(
            elements in prop::collection::vec("\\{(\"a\":\"([a\\[\\]{},]|\\\\\\\\|\\\\\"){0,6}\")?\\}", 0..5),
            between in "[ \r\n]{0,3}",
            cuts in prop::collection::vec(0usize..500, 0..9),
        ) {
            let whole = format!("{between}[{}]{between}", elements.join(&format!("{between},{between}")));
            let pieces = split(whole.as_bytes(), &[]);
            prop_assert_eq!(pieces.len(), elements.len() + 1);
            prop_assert_eq!(split(whole.as_bytes(), &cuts), pieces);
        }

        #[test]
        fn anything_can_be_split(bytes in "[\\[\\]{}\",\\\\ a]{0,60}", cuts in prop::collection::vec(0usize..60, 0..5)) {
            let whole: String = split(bytes.as_bytes(), &[]).concat();
            prop_assert!(whole.len() <= bytes.len() + 9 * (bytes.len() + 2));
            split(bytes.as_bytes(), &cuts);
        }
    }
}
