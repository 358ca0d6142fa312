//! As much of an H.264 encoder (constrained baseline) as bars and a growing line need.
//!
//! The first frame predicts every block from its neighbour and writes a difference only where a bar begins; every later
//! frame skips all blocks but those where the line grows. Codes as in ITU-T H.264 (08/2021), 7.3, 7.4 and 9.2.

use super::{Picture, YCBCR, bits::Bits};

/// At this quantiser a coefficient of 1 is one step of brightness, and two of colour, over the whole block.
const QP: i32 = 28;
const WHITE: [u8; 3] = [235, 128, 128];
const BLOCK: u32 = 16;
/// Rows of blocks that the line is high.
const LINE: u32 = 2;

/// Prediction of a 16x16 block.
#[derive(Clone, Copy)]
enum From {
    Above,
    Left,
    /// No neighbour: middle grey.
    Nothing,
}

pub(super) struct Encoder {
    picture: Picture,
    columns: u32,
    rows: u32,
}

impl Encoder {
    pub(super) fn new(picture: Picture) -> Self {
        Self { picture, columns: picture.width.div_ceil(BLOCK).max(1), rows: picture.height.div_ceil(BLOCK).max(1) }
    }

    /// The lowest level that allows the size, as `level_idc` has it.
    pub(super) fn level(&self) -> u8 {
        match self.columns * self.rows {
            0..=3600 => 31,
            3601..=8192 => 40,
            _ => 51,
        }
    }

    /// The sequence parameter set.
    pub(super) fn sequence(&self) -> Vec<u8> {
        let mut bits = Bits::default();
        for byte in [66, 0xC0, self.level()] {
            bits.put(u32::from(byte), 8);
        }
        bits.unsigned(0);
        bits.unsigned(0); // frame numbers of four bits
        bits.unsigned(2); // shown in the order of decoding
        bits.unsigned(1); // one reference frame
        bits.flag(false);
        bits.unsigned(self.columns - 1);
        bits.unsigned(self.rows - 1);
        bits.flag(true); // frames only
        bits.flag(true);
        let (right, bottom) =
            ((self.columns * BLOCK - self.picture.width) / 2, (self.rows * BLOCK - self.picture.height) / 2);
        bits.flag(right + bottom > 0);
        if right + bottom > 0 {
            for crop in [0, right, 0, bottom] {
                bits.unsigned(crop);
            }
        }
        bits.flag(true); // usability information: only the colours
        bits.put(0, 2);
        bits.flag(true);
        bits.put(5, 3);
        bits.flag(false);
        bits.flag(true);
        for _ in 0..3 {
            bits.put(1, 8); // BT.709
        }
        bits.put(0, 6);
        unit(0x67, bits.stop())
    }

    /// The picture parameter set.
    pub(super) fn parameters() -> Vec<u8> {
        let mut bits = Bits::default();
        bits.unsigned(0);
        bits.unsigned(0);
        bits.put(0, 2);
        for _ in 0..3 {
            bits.unsigned(0);
        }
        bits.put(0, 3);
        for _ in 0..3 {
            bits.signed(0);
        }
        bits.flag(true); // a slice says whether it is deblocked
        bits.put(0, 2);
        unit(0x68, bits.stop())
    }

    /// The first frame: bars from top to bottom.
    pub(super) fn first(&self) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.unsigned(0);
        bits.unsigned(7); // all I
        bits.unsigned(0);
        bits.put(0, 4);
        bits.unsigned(0);
        bits.put(0, 2);
        bits.signed(QP - 26);
        bits.unsigned(1);
        let mut left = [128; 3];
        for column in 0..self.columns {
            let colour = YCBCR.get(self.picture.bar(column, self.columns)).copied().unwrap_or(WHITE);
            block(&mut bits, 0, if column == 0 { From::Nothing } else { From::Left }, left, colour);
            left = colour;
        }
        for _ in self.columns..self.columns * self.rows {
            block(&mut bits, 0, From::Above, left, left);
        }
        unit(0x65, bits.stop())
    }

    /// The frame of that number (from 1) of `frames`: the line grows.
    pub(super) fn next(&self, number: u32, frames: u32) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.unsigned(0);
        bits.unsigned(5); // all P
        bits.unsigned(0);
        bits.put(number % 16, 4);
        bits.put(0, 2);
        bits.flag(false);
        bits.signed(QP - 26);
        bits.unsigned(1);
        let upto = |frame: u32| (self.columns * (frame + 1)).checked_div(frames).unwrap_or(0).min(self.columns);
        let (from, to) = (if number == 1 { 0 } else { upto(number - 1) }, upto(number));
        let mut skipped = 0;
        for row in 0..self.rows {
            if row + LINE < self.rows {
                skipped += self.columns;
                continue;
            }
            let first = row == self.rows.saturating_sub(LINE);
            for column in 0..self.columns {
                if column < from || column >= to {
                    skipped += 1;
                    continue;
                }
                bits.unsigned(skipped);
                skipped = 0;
                let bar = YCBCR.get(self.picture.bar(0, self.columns)).copied().unwrap_or(WHITE);
                match (column, first && self.rows > 1) {
                    (0, true) => block(&mut bits, 5, From::Above, bar, WHITE),
                    (0, false) => block(&mut bits, 5, From::Above, WHITE, WHITE),
                    _ => block(&mut bits, 5, From::Left, WHITE, WHITE),
                }
            }
        }
        if skipped > 0 {
            bits.unsigned(skipped);
        }
        unit(0x41, bits.stop())
    }
}

/// One block of flat colour: predicted as `had`, meant to be `wanted`. `offset` is where I blocks begin among the types
/// of the slice.
fn block(bits: &mut Bits, offset: u32, from: From, had: [u8; 3], wanted: [u8; 3]) {
    let [luma, blue, red] = [0, 1, 2].map(|at: usize| {
        let of = |colour: [u8; 3]| colour.get(at).copied().map_or(0, i32::from);
        of(wanted) - of(had)
    });
    let (luma_mode, chroma_mode) = match from {
        From::Above => (0, 2),
        From::Left => (1, 1),
        From::Nothing => (2, 0),
    };
    let coloured = blue != 0 || red != 0;
    bits.unsigned(offset + 1 + luma_mode + if coloured { 4 } else { 0 });
    bits.unsigned(chroma_mode);
    bits.signed(0);
    let luma_codes = Codes { none: (1, 1), one: (1, 2), large: (5, 6) };
    luma_codes.coefficient(bits, luma);
    if coloured {
        let chroma_codes = Codes { none: (1, 2), one: (1, 1), large: (7, 6) };
        chroma_codes.coefficient(bits, blue / 2);
        chroma_codes.coefficient(bits, red / 2);
    }
}

/// The codes for how many coefficients there are: none, one of ±1, one that is larger. Value and bits.
struct Codes {
    none: (u32, u32),
    one: (u32, u32),
    large: (u32, u32),
}

impl Codes {
    /// At most one coefficient, the first.
    fn coefficient(&self, bits: &mut Bits, level: i32) {
        let (value, count) = match level.unsigned_abs() {
            0 => self.none,
            1 => self.one,
            _ => self.large,
        };
        bits.put(value, count);
        match level.unsigned_abs() {
            0 => return,
            1 => bits.flag(level < 0),
            size => {
                // Two less: a level of ±1 would have been told by the code before.
                let code = size * 2 - 4 + u32::from(level < 0);
                match code {
                    0..=13 => bits.put(1, code + 1),
                    14..=29 => {
                        bits.put(1, 15);
                        bits.put(code - 14, 4);
                    }
                    _ => {
                        bits.put(1, 16);
                        bits.put(code - 30, 12);
                    }
                }
            }
        }
        bits.flag(true); // no zeros before it
    }
}

/// A unit with its head; no three bytes in it look like the start of another.
fn unit(head: u8, payload: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 8);
    out.push(head);
    let mut zeros = 0;
    for byte in payload {
        if zeros >= 2 && byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}
