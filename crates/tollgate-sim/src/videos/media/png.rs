//! A PNG of bars: one row of palette numbers, and all other rows a copy of it.

use super::{Picture, RGB, bits::LowBits};

/// Bars in PNG, a few kilobytes for any size.
pub(in crate::videos) fn png(picture: Picture) -> Vec<u8> {
    let palette: Vec<u8> = RGB.iter().flatten().map(|there| if *there { 191 } else { 0 }).collect();
    let head = [picture.width.to_be_bytes().as_slice(), &picture.height.to_be_bytes(), &[8, 3, 0, 0, 0]].concat();
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in [(b"IHDR", head), (b"PLTE", palette), (b"IDAT", compressed(picture)), (b"IEND", Vec::new())] {
        let named = [name.as_slice(), &data].concat();
        out.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(&named);
        out.extend_from_slice(&crc(&named).to_be_bytes());
    }
    out
}

/// The rows, each behind a byte for "not filtered", in one deflate block with the fixed codes.
fn compressed(picture: Picture) -> Vec<u8> {
    let mut row = vec![0];
    row.extend((0..picture.width).map(|column| u8::try_from(picture.bar(column, picture.width)).unwrap_or(0)));
    let mut bits = LowBits::default();
    bits.put(0b011, 3);
    let mut rest = row.as_slice();
    while let Some((first, after)) = rest.split_first() {
        literal(&mut bits, *first);
        let same = after.iter().take_while(|byte| *byte == first).count();
        copy(&mut bits, 1, same, *first);
        rest = after.get(same..).unwrap_or_default();
    }
    let others = row.len() * usize::try_from(picture.height.saturating_sub(1)).unwrap_or(0);
    copy(&mut bits, row.len(), others, 0);
    bits.code(0, 7);
    let sum = adler(&row, picture.height);
    [&[0x78, 0x01], bits.finish().as_slice(), &sum.to_be_bytes()].concat()
}

fn literal(bits: &mut LowBits, byte: u8) {
    // The palette has eight colours; those from 144 on would have nine bits.
    bits.code(0x30 + u32::from(byte), 8);
}

/// `count` bytes as they were `distance` before; `byte` is what they are, for a rest too short to be a copy.
fn copy(bits: &mut LowBits, distance: usize, mut count: usize, byte: u8) {
    const LEAST: usize = 3;
    const MOST: usize = 258;
    while count >= LEAST {
        let size = match count {
            MOST.. if count - MOST == 0 || count - MOST >= LEAST => MOST,
            MOST.. => count - LEAST,
            _ => count,
        };
        let (code, base, extra) = slot(size - LEAST, 4, 257);
        // The longest has a code of its own.
        let (code, base, extra) = if size == MOST { (285, MOST - LEAST, 0) } else { (code, base, extra) };
        if code < 280 {
            bits.code(code - 256, 7);
        } else {
            bits.code(0xC0 + code - 280, 8);
        }
        bits.put(u32::try_from(size - LEAST - base).unwrap_or(0), extra);
        let (code, base, extra) = slot(distance - 1, 2, 0);
        bits.code(code, 5);
        bits.put(u32::try_from(distance - 1 - base).unwrap_or(0), extra);
        count -= size;
    }
    for _ in 0..count {
        literal(bits, byte);
    }
}

/// The code of a number, the first number with that code, and how many bits say the rest: `step` codes for every
/// doubling, as lengths (4) and distances (2) have them.
fn slot(number: usize, step: usize, first: u32) -> (u32, usize, u32) {
    let (mut code, mut base, mut extra) = (first, 0, 0);
    let mut in_step = 0;
    while number >= base + (1 << extra) {
        base += 1 << extra;
        code += 1;
        in_step += 1;
        // The first two groups have no extra bits.
        if in_step == step {
            in_step = 0;
            extra += u32::from(code - first >= 2 * u32::try_from(step).unwrap_or(1));
        }
    }
    (code, base, extra)
}

/// Adler-32 of a row that comes `times` times.
fn adler(row: &[u8], times: u32) -> u32 {
    const BASE: u64 = 65_521;
    let (mut low, mut high) = (1_u64, 0_u64);
    for _ in 0..times {
        for byte in row {
            low += u64::from(*byte);
            high += low;
        }
        low %= BASE;
        high %= BASE;
    }
    u32::try_from(high << 16 | low).unwrap_or(0)
}

fn crc(bytes: &[u8]) -> u32 {
    let step = |sum: u32| if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 };
    let add = |sum: u32, byte: &u8| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum));
    !bytes.iter().fold(u32::MAX, add)
}
