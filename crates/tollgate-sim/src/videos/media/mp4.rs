//! The MP4 file around the frames: index first, so that playing can begin before the end has come.

use super::{Picture, RATE, h264::Encoder};

/// Ticks of the file's clock for one frame.
const TICK: u32 = 512;

/// A whole clip of at least one frame. `note` goes into a free box at the end.
pub(in crate::videos) fn mp4(picture: Picture, frames: u32, note: &str) -> Vec<u8> {
    let encoder = Encoder::new(picture);
    let mut samples = Vec::new();
    let mut sizes = Vec::new();
    for number in 0..frames.max(1) {
        let unit = if number == 0 { encoder.first() } else { encoder.next(number, frames) };
        sizes.push(size(unit.len()) + 4);
        samples.extend_from_slice(&size(unit.len()).to_be_bytes());
        samples.extend_from_slice(&unit);
    }
    let kind = boxed(*b"ftyp", &[b"isom\0\0\x02\0isomiso2avc1mp41"]);
    // The place of the data depends on the size of the index, which does not depend on the place.
    let before = kind.len() + index(picture, &encoder, &sizes, 0).len();
    let index = index(picture, &encoder, &sizes, size(before) + 8);
    [kind, index, boxed(*b"mdat", &[&samples]), boxed(*b"free", &[note.as_bytes()])].concat()
}

fn index(picture: Picture, encoder: &Encoder, sizes: &[u32], data: u32) -> Vec<u8> {
    let frames = size(sizes.len());
    let millis = frames * 1000 / RATE;
    let matrix = words(&[0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000]);
    let movie =
        [words(&[0, 0, 0, 1000, millis, 0x1_0000, 0x0100_0000, 0, 0]), matrix.clone(), words(&[0, 0, 0, 0, 0, 0, 2])];
    let track =
        [words(&[3, 0, 0, 1, 0, millis, 0, 0, 0, 0]), matrix, words(&[picture.width << 16, picture.height << 16])];
    let media = [words(&[0, 0, 0, RATE * TICK, frames * TICK]), vec![0x55, 0xC4, 0, 0]];
    let table = boxed(
        *b"stbl",
        &[
            &boxed(*b"stsd", &[&words(&[0, 1]), &description(picture, encoder)]),
            &boxed(*b"stts", &[&words(&[0, 1, frames, TICK])]),
            &boxed(*b"stss", &[&words(&[0, 1, 1])]),
            &boxed(*b"stsc", &[&words(&[0, 1, 1, frames, 1])]),
            &boxed(*b"stsz", &[&words(&[0, 0, frames]), &words(sizes)]),
            &boxed(*b"stco", &[&words(&[0, 1, data])]),
        ],
    );
    let place = boxed(*b"dinf", &[&boxed(*b"dref", &[&words(&[0, 1]), &boxed(*b"url ", &[&words(&[1])])])]);
    let info = boxed(*b"minf", &[&boxed(*b"vmhd", &[&words(&[1, 0, 0])]), &place, &table]);
    let handler = boxed(*b"hdlr", &[&words(&[0, 0]), b"vide", &words(&[0, 0, 0]), b"video\0"]);
    boxed(
        *b"moov",
        &[
            &boxed(*b"mvhd", &[&movie.concat()]),
            &boxed(
                *b"trak",
                &[
                    &boxed(*b"tkhd", &[&track.concat()]),
                    &boxed(*b"mdia", &[&boxed(*b"mdhd", &[&media.concat()]), &handler, &info]),
                ],
            ),
        ],
    )
}

/// How to decode the frames.
fn description(picture: Picture, encoder: &Encoder) -> Vec<u8> {
    let (sequence, parameters) = (encoder.sequence(), Encoder::parameters());
    let config = boxed(
        *b"avcC",
        &[
            &[1, 66, 0xC0, encoder.level(), 0xFF, 0xE1],
            &half(sequence.len()),
            &sequence,
            &[1],
            &half(parameters.len()),
            &parameters,
        ],
    );
    boxed(
        *b"avc1",
        &[
            &[0, 0, 0, 0, 0, 0, 0, 1],
            &[0; 16],
            &half(usize::try_from(picture.width).unwrap_or(0)),
            &half(usize::try_from(picture.height).unwrap_or(0)),
            &words(&[0x0048_0000, 0x0048_0000, 0]),
            &[0, 1],
            &[0; 32],
            &[0, 24, 0xFF, 0xFF],
            &config,
        ],
    )
}

fn boxed(name: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + 8);
    out.extend_from_slice(&(size(length) + 8).to_be_bytes());
    out.extend_from_slice(&name);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn half(value: usize) -> [u8; 2] {
    u16::try_from(value).unwrap_or(u16::MAX).to_be_bytes()
}

/// Lengths here are some hundred kilobytes.
fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
