//! A baseline JPEG of bars: every block of 8x8 pixels has one colour, which is one number in each component.

use super::{Picture, RGB, bits::Bits};

/// Bars in JPEG. Sides up to 65,535 pixels.
pub(in crate::videos) fn jpeg(picture: Picture) -> Vec<u8> {
    let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX).to_be_bytes();
    let mut out = vec![0xFF, 0xD8];
    segment(&mut out, 0xE0, &[b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"]);
    // Quantised by 8, a block's one number is its colour less 128.
    segment(&mut out, 0xDB, &[&[0], &[8; 64]]);
    let components = [1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0];
    segment(&mut out, 0xC0, &[&[8], &side(picture.height), &side(picture.width), &[3], &components]);
    // Nine sizes of difference in four bits each; the one code for "nothing more" in one bit.
    segment(&mut out, 0xC4, &[&[0], &counts(4, 9), &[0, 1, 2, 3, 4, 5, 6, 7, 8]]);
    segment(&mut out, 0xC4, &[&[0x10], &counts(1, 1), &[0]]);
    segment(&mut out, 0xDA, &[&[3, 1, 0, 2, 0, 3, 0, 0, 63, 0]]);
    for byte in scan(picture) {
        out.push(byte);
        if byte == 0xFF {
            out.push(0);
        }
    }
    out.extend_from_slice(&[0xFF, 0xD9]);
    out
}

fn scan(picture: Picture) -> Vec<u8> {
    let (columns, rows) = (picture.width.div_ceil(8), picture.height.div_ceil(8));
    let mut bits = Bits::default();
    let mut before = [0_i32; 3];
    for _ in 0..rows {
        for column in 0..columns {
            let colour = ycc(RGB.get(picture.bar(column, columns)).copied().unwrap_or_default());
            for (value, before) in colour.into_iter().zip(before.iter_mut()) {
                let difference = value - *before;
                *before = value;
                let size = 32 - difference.unsigned_abs().leading_zeros();
                bits.put(size, 4);
                let low = if difference < 0 { difference - 1 } else { difference };
                bits.put(u32::from_ne_bytes(low.to_ne_bytes()), size);
                bits.put(0, 1);
            }
        }
    }
    bits.padded(1)
}

/// Brightness and colour differences of a bar at three quarters, less 128.
fn ycc(rgb: [bool; 3]) -> [i32; 3] {
    let [red, green, blue] = rgb.map(|there| if there { 191 } else { 0 });
    let luma = (299 * red + 587 * green + 114 * blue) / 1000;
    [luma - 128, ((blue - luma) * 564 / 1000).clamp(-127, 127), ((red - luma) * 713 / 1000).clamp(-127, 127)]
}

/// `count` codes of `length` bits, as a table of codes says it.
fn counts(length: usize, count: u8) -> [u8; 16] {
    let mut counts = [0; 16];
    if let Some(place) = length.checked_sub(1).and_then(|at| counts.get_mut(at)) {
        *place = count;
    }
    counts
}

fn segment(out: &mut Vec<u8>, mark: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.extend_from_slice(&[0xFF, mark]);
    out.extend_from_slice(&u16::try_from(length + 2).unwrap_or(u16::MAX).to_be_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
}
