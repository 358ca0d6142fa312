//! Takes base64 files out of a JSON answer while it passes, so that neither the answer nor a file is ever held whole.
//!
//! Vertex gives videos as texts of tens of megabytes inside its answers. What is left is small: the answer with each
//! such text replaced by `@` and its number, to be read like any other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The member whose text is a file.
const NAME: &[u8] = b"bytesBase64Encoded";
/// Longest name of a member that is looked at.
const MAX_NAME: usize = 64;
/// Bytes of base64 that are decoded together; a multiple of 4.
const LOT: usize = 16 * 1024;

/// What comes out.
#[derive(Debug, PartialEq, Eq)]
pub enum Out<'a> {
    /// Bytes of the file with this number.
    File(usize, &'a [u8]),
}

/// Why an answer cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InlineError {
    /// More is left than may be.
    TooLarge,
    /// A file is not base64.
    NotBase64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Outside of texts.
    Plain,
    /// In a text that may be a member's name.
    Text,
    /// The same, after a backslash.
    Escaped,
    /// In a file.
    File,
    /// In a file, after a backslash.
    FileEscaped,
}

/// Reads an answer piece by piece.
#[derive(Debug)]
pub struct Extractor {
    limit: usize,
    state: State,
    rest: Vec<u8>,
    /// The text at hand, as far as it could be a name.
    name: Vec<u8>,
    /// A name has ended, and whether its value is a file.
    named: Option<bool>,
    /// The colon after it has come.
    colon: bool,
    lot: Vec<u8>,
    decoded: Vec<u8>,
    files: usize,
}

impl Extractor {
    /// For answers of which at most so many bytes are left without the files.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            state: State::Plain,
            rest: Vec::new(),
            name: Vec::new(),
            named: None,
            colon: false,
            lot: Vec::with_capacity(LOT),
            decoded: Vec::new(),
            files: 0,
        }
    }

    /// Takes the next bytes; `sink` gets what belongs to files.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Out<'_>)) -> Result<(), InlineError> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at).copied() {
            if self.state == State::File {
                let rest = bytes.get(at..).unwrap_or_default();
                let run = rest.iter().position(|b| matches!(b, b'"' | b'\\')).unwrap_or(rest.len());
                self.file(rest.get(..run).unwrap_or_default(), sink)?;
                at += run;
                match rest.get(run) {
                    Some(b'"') => {
                        self.decode(sink)?;
                        self.files += 1;
                        self.rest.push(b'"');
                        self.state = State::Plain;
                    }
                    Some(_) => self.state = State::FileEscaped,
                    None => break,
                }
                at += 1;
                continue;
            }
            at += 1;
            match self.state {
                State::Plain => self.plain(byte),
                State::Text => {
                    self.rest.push(byte);
                    match byte {
                        b'\\' => {
                            self.state = State::Escaped;
                            // No file's name has an escape.
                            self.name.resize(MAX_NAME, 0);
                        }
                        b'"' => {
                            self.named = Some(self.name == NAME);
                            self.colon = false;
                            self.state = State::Plain;
                        }
                        _ if self.name.len() < MAX_NAME => self.name.push(byte),
                        _ => {}
                    }
                }
                State::Escaped => {
                    self.rest.push(byte);
                    self.state = State::Text;
                }
                // Some writers escape the slash.
                State::FileEscaped if byte == b'/' => {
                    self.state = State::File;
                    self.file(b"/", sink)?;
                }
                State::FileEscaped => return Err(InlineError::NotBase64),
                State::File => {}
            }
            if self.rest.len() > self.limit {
                return Err(InlineError::TooLarge);
            }
        }
        Ok(())
    }

    fn plain(&mut self, byte: u8) {
        match byte {
            b'"' if self.named == Some(true) && self.colon => {
                self.rest.extend_from_slice(format!("\"@{}", self.files).as_bytes());
                self.state = State::File;
                self.named = None;
                return;
            }
            b'"' => {
                self.name.clear();
                self.named = None;
                self.state = State::Text;
            }
            b':' => self.colon = true,
            b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => self.named = None,
        }
        self.rest.push(byte);
    }

    fn file(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(Out<'_>)) -> Result<(), InlineError> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(LOT - self.lot.len()));
            self.lot.extend_from_slice(now);
            bytes = later;
            if self.lot.len() == LOT {
                self.decode(sink)?;
            }
        }
        Ok(())
    }

    fn decode(&mut self, sink: &mut dyn FnMut(Out<'_>)) -> Result<(), InlineError> {
        self.decoded.clear();
        STANDARD.decode_vec(&self.lot, &mut self.decoded).map_err(|_| InlineError::NotBase64)?;
        self.lot.clear();
        if !self.decoded.is_empty() {
            sink(Out::File(self.files, &self.decoded));
        }
        Ok(())
    }

    /// The answer without its files; to be asked after its end.
    pub fn finish(self) -> Vec<u8> {
        self.rest
    }

    /// Files that have ended.
    pub fn files(&self) -> usize {
        self.files
    }
}

/// The number of a file from the text that stands for it.
pub fn number(text: &str) -> Option<usize> {
    text.strip_prefix('@')?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn extract(text: &str, size: usize) -> (String, Vec<Vec<u8>>) {
        let mut extractor = Extractor::new(10_000);
        let mut files: Vec<Vec<u8>> = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            extractor
                .push(piece, &mut |Out::File(number, bytes)| {
                    files.resize(files.len().max(number + 1), Vec::new());
                    files[number].extend_from_slice(bytes);
                })
                .unwrap();
        }
        (String::from_utf8(extractor.finish()).unwrap(), files)
    }

    proptest! {
        #[test]
        fn files_come_out_however_the_answer_is_cut(
            files in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50_000), 0..3),
            size in 1usize..5000,
            escape in any::<bool>(),
        ) {
            let mut text = String::from("{\"name\":\"bytesBase64Encoded\",\"l\":[\"\\\"bytesBase64Encoded\",\"x\"],\"videos\":[");
            for (index, file) in files.iter().enumerate() {
                let mut base64 = STANDARD.encode(file);
                if escape {
                    base64 = base64.replace('/', "\\/");
                }
                let comma = if index > 0 { "," } else { "" };
                text = format!("{text}{comma}{{\"bytesBase64Encoded\" : \"{base64}\",\"mimeType\":\"video/mp4\"}}");
            }
            text.push_str("]}");
            let (rest, found) = extract(&text, size);
            prop_assert_eq!(found, files.clone());
            let read: serde_json::Value = serde_json::from_str(&rest).unwrap();
            prop_assert_eq!(&read["name"], "bytesBase64Encoded");
            for index in 0..files.len() {
                prop_assert_eq!(number(read["videos"][index]["bytesBase64Encoded"].as_str().unwrap()), Some(index));
            }
        }
    }

    #[test]
    fn limits_and_nonsense() {
        let mut extractor = Extractor::new(10);
        assert_eq!(extractor.push(b"{\"aaaaaaaaaaaa\":1}", &mut |_| {}), Err(InlineError::TooLarge));
        let mut extractor = Extractor::new(100);
        assert_eq!(extractor.push(b"{\"bytesBase64Encoded\":\"***\"", &mut |_| {}), Err(InlineError::NotBase64));
        // A value that is no text is left alone.
        let (rest, files) = extract("{\"bytesBase64Encoded\":null,\"a\":\"b\"}", 3);
        assert_eq!((rest.as_str(), files.len()), ("{\"bytesBase64Encoded\":null,\"a\":\"b\"}", 0));
    }
}
