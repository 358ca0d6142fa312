//! Framing of bodies: by length, in chunks, or until the connection closes.

/// How a body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// So many bytes.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// All until the peer closes (answers only).
    UntilClose,
}

/// Longest chunk-size line with its extensions, and longest trailer section, in bytes.
const MAX_LINE: usize = 4 * 1024;
const MAX_TRAILERS: usize = 16 * 1024;

/// Bytes that are no chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed chunked body")]
pub struct DecodeError;

/// The end of a chunked body without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Room for a chunk's size line as [`chunk_head`] writes it.
pub const CHUNK_HEAD: usize = 10;

/// A chunk's size line in a fixed width, so that it can be written in front of bytes that are already there. Leading
/// zeros are allowed by RFC 9112 §7.1.
pub fn chunk_head(length: usize) -> [u8; CHUNK_HEAD] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut head = *b"00000000\r\n";
    let mut rest = length;
    for digit in head.iter_mut().take(8).rev() {
        *digit = HEX.get(rest & 15).copied().unwrap_or(b'0');
        rest >>= 4;
    }
    head
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    Size {
        value: u64,
        digits: u8,
    },
    Extension,
    SizeLf,
    Data(u64),
    DataCr,
    DataLf,
    /// At the start of a trailer line, or inside one.
    Trailer {
        empty: bool,
    },
    TrailerLf {
        empty: bool,
    },
}

/// Takes a body apart as it arrives.
#[derive(Debug)]
pub struct BodyDecoder {
    framing: Framing,
    left: u64,
    chunk: Chunk,
    line: usize,
    done: bool,
}

impl BodyDecoder {
    /// A decoder at the start of a body.
    pub fn new(framing: Framing) -> Self {
        let left = if let Framing::Length(length) = framing { length } else { 0 };
        Self {
            framing,
            left,
            chunk: Chunk::Size { value: 0, digits: 0 },
            line: 0,
            done: framing == Framing::None || framing == Framing::Length(0),
        }
    }

    /// Whether the whole body has been read. A body until close is done when the peer closes, which only the
    /// connection sees.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Bytes still to come, where the framing tells.
    pub fn left(&self) -> Option<u64> {
        match self.framing {
            Framing::None => Some(0),
            Framing::Length(_) => Some(self.left),
            _ => None,
        }
    }

    /// Counts bytes of a body by length that were read without this decoder.
    pub fn skip(&mut self, count: u64) {
        self.left = self.left.saturating_sub(count);
        self.done = self.left == 0;
    }

    /// Takes bytes and hands the body's own to `sink`; returns how many bytes were taken. Fewer than given are taken
    /// only when the body is done.
    pub fn decode(&mut self, bytes: &[u8], mut sink: impl FnMut(&[u8])) -> Result<usize, DecodeError> {
        match self.framing {
            Framing::None => Ok(0),
            Framing::UntilClose => {
                sink(bytes);
                Ok(bytes.len())
            }
            Framing::Length(_) => {
                let take = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                sink(bytes.get(..take).unwrap_or_default());
                self.skip(take as u64);
                Ok(take)
            }
            Framing::Chunked => self.chunks(bytes, &mut sink),
        }
    }

    fn chunks(&mut self, bytes: &[u8], sink: &mut impl FnMut(&[u8])) -> Result<usize, DecodeError> {
        let mut at = 0;
        while !self.done {
            if let Chunk::Data(left) = self.chunk {
                let rest = bytes.get(at..).unwrap_or_default();
                if rest.is_empty() {
                    break;
                }
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                sink(rest.get(..take).unwrap_or_default());
                at += take;
                let left = left - take as u64;
                self.chunk = if left == 0 { Chunk::DataCr } else { Chunk::Data(left) };
                continue;
            }
            let Some(&byte) = bytes.get(at) else { break };
            at += 1;
            self.line += 1;
            self.chunk = self.after(byte)?;
        }
        Ok(at)
    }

    fn after(&mut self, byte: u8) -> Result<Chunk, DecodeError> {
        match self.chunk {
            Chunk::Size { value, digits } => match byte {
                b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' if digits < 15 => {
                    let digit = (byte as char).to_digit(16).ok_or(DecodeError)?;
                    Ok(Chunk::Size { value: value * 16 + u64::from(digit), digits: digits + 1 })
                }
                _ if digits == 0 => Err(DecodeError),
                b'\r' => {
                    self.left = value;
                    Ok(Chunk::SizeLf)
                }
                b';' | b' ' | b'\t' => {
                    self.left = value;
                    Ok(Chunk::Extension)
                }
                _ => Err(DecodeError),
            },
            Chunk::Extension => match byte {
                b'\r' => Ok(Chunk::SizeLf),
                b'\n' | 0 => Err(DecodeError),
                _ if self.line > MAX_LINE => Err(DecodeError),
                _ => Ok(Chunk::Extension),
            },
            Chunk::SizeLf if byte == b'\n' => {
                self.line = 0;
                Ok(if self.left == 0 { Chunk::Trailer { empty: true } } else { Chunk::Data(self.left) })
            }
            Chunk::DataCr if byte == b'\r' => Ok(Chunk::DataLf),
            Chunk::DataLf if byte == b'\n' => {
                self.line = 0;
                Ok(Chunk::Size { value: 0, digits: 0 })
            }
            Chunk::Trailer { empty } => match byte {
                b'\r' => Ok(Chunk::TrailerLf { empty }),
                b'\n' | 0 => Err(DecodeError),
                _ if self.line > MAX_TRAILERS => Err(DecodeError),
                _ => Ok(Chunk::Trailer { empty: false }),
            },
            Chunk::TrailerLf { empty } if byte == b'\n' => {
                self.done = empty;
                Ok(Chunk::Trailer { empty: true })
            }
            _ => Err(DecodeError),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test says what is wrong by it")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool, usize), DecodeError> {
        let (mut decoder, mut out, mut used) = (BodyDecoder::new(Framing::Chunked), Vec::new(), 0);
        for piece in pieces {
            used += decoder.decode(piece, |b| out.extend_from_slice(b))?;
        }
        Ok((out, decoder.is_done(), used))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_however_it_is_cut(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(&chunk_head(chunk.len()));
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(LAST_CHUNK);
            let length = wire.len();
            wire.extend_from_slice(b"next");
            let (a, b) = wire.split_at(cut.index(length));
            prop_assert_eq!(decode(&[a, b]), Ok((chunks.concat(), true, length)));
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(&[&bytes]);
        }
    }

    #[test]
    fn extensions_and_trailers_are_skipped_and_the_rest_refused() {
        assert_eq!(decode(&[b"3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n"]).unwrap(), (b"abc".to_vec(), true, 23));
        for bad in [
            "\r\n",
            "g\r\n",
            "3\nabc\r\n",
            "3\r\nabcd\r\n",
            "0x3\r\nabc\r\n",
            "-3\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "1111111111111111\r\n",
            "0\r\n\n",
        ] {
            assert!(decode(&[bad.as_bytes()]).is_err(), "{bad:?}");
        }
        assert!(decode(&[[b"1;".as_slice(), &[b'a'; 5000]].concat().as_slice()]).is_err());
    }
}
