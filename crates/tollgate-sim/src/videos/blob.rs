//! Large bodies that are never whole in memory: a clip with as much padding as was asked for, plain or in base64.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use crate::{
    faults,
    script::{Answer, Script, Step, Steps},
    steer::Steer,
};

/// Bytes that are handed out at once; a multiple of three, so that base64 needs no padding in between.
const PIECE: u64 = 48 << 10;

/// A file: its beginning, and zeros behind it.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    head: Bytes,
    zeros: u64,
}

impl Blob {
    pub(super) fn new(head: impl Into<Bytes>) -> Self {
        Self { head: head.into(), zeros: 0 }
    }

    /// An MP4 file that is at least `least` bytes long: what is missing is in a free box at the end.
    pub(super) fn padded(mut file: Vec<u8>, least: u64) -> Self {
        const HEAD: u64 = 8;
        let missing = least.saturating_sub(file.len() as u64);
        if missing == 0 {
            return Self::new(file);
        }
        let zeros = missing.saturating_sub(HEAD);
        let size = u32::try_from(zeros + HEAD).unwrap_or(u32::MAX);
        file.extend_from_slice(&size.to_be_bytes());
        file.extend_from_slice(b"free");
        Self { head: file.into(), zeros: u64::from(size) - HEAD }
    }

    pub(super) fn len(&self) -> u64 {
        self.head.len() as u64 + self.zeros
    }

    /// At most one piece from there on, not beyond `end`.
    fn piece(&self, from: u64, end: u64) -> Bytes {
        let size = end.min(self.len()).saturating_sub(from).min(PIECE);
        let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(self.head.len());
        let real = self.head.slice(at(from)..at(from + size).max(at(from)));
        let rest = usize::try_from(size).unwrap_or(0).saturating_sub(real.len());
        if rest == 0 {
            return real;
        }
        let mut piece = real.to_vec();
        piece.resize(piece.len() + rest, 0);
        piece.into()
    }
}

/// A part of a body.
#[derive(Debug, Clone)]
pub(super) enum Segment {
    Text(Bytes),
    /// From there to there.
    Raw(Blob, u64, u64),
    /// The whole, in base64.
    Base64(Blob),
}

impl Segment {
    fn len(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Raw(_, from, to) => to.saturating_sub(*from),
            Self::Base64(blob) => blob.len().div_ceil(3) * 4,
        }
    }
}

/// An answer whose body is these parts one after the other, with the faults that a body of bytes can have: cut, or
/// stalled, half way.
pub(super) fn answer(
    steer: &Steer,
    status: u16,
    headers: Vec<(&'static str, String)>,
    segments: Vec<Segment>,
) -> Answer {
    let length: u64 = segments.iter().map(Segment::len).sum();
    let mut answer = Answer::whole(status, headers, "");
    answer.length = Some(length);
    if steer.garbage_after.is_some() || steer.error_after.is_some() {
        // Instead of the body, which may be too large to be made for that.
        return faults::body(steer, answer, Vec::new(), faults::HTML, 0);
    }
    let end = if steer.cut_after.is_some() || steer.cut_chunk {
        Some((length / 2, Step::Cut(Bytes::new())))
    } else {
        steer.stall_after.map(|_| (length / 2, Step::Stall))
    };
    answer.steps = Steps::new(Pieces { segments: segments.into_iter(), current: None, said: 0, end });
    answer
}

struct Pieces {
    segments: std::vec::IntoIter<Segment>,
    /// The part being handed out, and from where.
    current: Option<(Segment, u64)>,
    said: u64,
    /// Where it breaks off, and how.
    end: Option<(u64, Step)>,
}

impl Pieces {
    fn piece(&mut self) -> Option<Bytes> {
        loop {
            let (segment, from) = match self.current.take() {
                Some(current) => current,
                None => match self.segments.next()? {
                    Segment::Raw(blob, from, to) => (Segment::Raw(blob, from, to), from),
                    other => (other, 0),
                },
            };
            let (bytes, next) = match &segment {
                Segment::Text(text) => return Some(text.clone()),
                Segment::Raw(blob, _, to) => {
                    let bytes = blob.piece(from, *to);
                    let next = from + bytes.len() as u64;
                    (bytes, next)
                }
                Segment::Base64(blob) => {
                    let bytes = blob.piece(from, blob.len());
                    let next = from + bytes.len() as u64;
                    (Bytes::from(STANDARD.encode(bytes)), next)
                }
            };
            if !bytes.is_empty() {
                self.current = Some((segment, next));
                return Some(bytes);
            }
        }
    }
}

impl Script for Pieces {
    fn step(&mut self) -> Option<Step> {
        let room = self.end.as_ref().map(|(place, _)| place.saturating_sub(self.said));
        if room == Some(0) {
            return self.end.take().map(|(_, step)| {
                // Nothing follows.
                self.segments = Vec::new().into_iter();
                self.current = None;
                step
            });
        }
        let mut bytes = self.piece()?;
        if let Some(room) = room {
            bytes.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        }
        self.said += bytes.len() as u64;
        Some(Step::Bytes(bytes))
    }

    fn tokens(&self) -> u64 {
        0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn collected(answer: Answer) -> Vec<u8> {
        let bytes = answer.steps.filter_map(|step| if let Step::Bytes(bytes) = step { Some(bytes) } else { None });
        bytes.flatten().collect()
    }

    #[test]
    fn any_part_of_a_padded_file() {
        let file: Vec<u8> = (0..70_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
        for least in [0, 70_000, 70_001, 70_008, 150_000, 200_003] {
            let blob = Blob::padded(file.clone(), least);
            let whole =
                collected(answer(&Steer::default(), 200, vec![], vec![Segment::Raw(blob.clone(), 0, blob.len())]));
            assert!(whole.len() as u64 == blob.len() && blob.len() >= least && blob.len() <= least.max(70_000) + 8);
            assert!(whole.starts_with(&file));
            for (from, to) in [(0, 1), (69_990, 70_010), (1, 60_000), (69_999, blob.len()), (5, 5)] {
                let to = to.min(blob.len());
                let part =
                    collected(answer(&Steer::default(), 200, vec![], vec![Segment::Raw(blob.clone(), from, to)]));
                assert_eq!(part, whole[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()]);
            }
            let text = answer(
                &Steer::default(),
                200,
                vec![],
                vec![
                    Segment::Text(Bytes::from_static(b"<")),
                    Segment::Base64(blob),
                    Segment::Text(Bytes::from_static(b">")),
                ],
            );
            let length = text.length.unwrap();
            let text = collected(text);
            assert_eq!(text.len() as u64, length);
            assert_eq!(STANDARD.decode(&text[1..text.len() - 1]).unwrap(), whole);
        }
    }

    #[test]
    fn breaks_half_way() {
        let steer = Steer::parse("cut-after=1").unwrap();
        let blob = Blob::padded(vec![1; 100], 300_000);
        let steps: Vec<Step> =
            answer(&steer, 200, vec![], vec![Segment::Raw(blob.clone(), 0, blob.len())]).steps.collect();
        assert_eq!(steps.last(), Some(&Step::Cut(Bytes::new())));
        let sent: usize = steps.iter().map(|step| if let Step::Bytes(bytes) = step { bytes.len() } else { 0 }).sum();
        assert_eq!(sent, 150_000);
    }
}
