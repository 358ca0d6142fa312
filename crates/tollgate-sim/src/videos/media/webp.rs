//! A lossless `WebP` of bars: each of the three colours of a pixel is there or not, one bit each.

use super::{Picture, RGB, bits::LowBits};

/// Bars in `WebP`. Sides up to 16,384 pixels; three bits a pixel, so for small pictures.
pub(in crate::videos) fn webp(picture: Picture) -> Vec<u8> {
    let mut bits = LowBits::default();
    bits.put(0x2F, 8);
    bits.put(picture.width - 1, 14);
    bits.put(picture.height - 1, 14);
    bits.put(0, 1 + 3); // no transparency, version 0
    bits.put(0, 1 + 1 + 1); // no transform, no cache of colours, one group of codes
    for _ in 0..3 {
        // Green, red, blue: a code of two symbols, 0 and 191.
        bits.put(0b011, 3);
        bits.put(0, 1);
        bits.put(191, 8);
    }
    bits.put(0b101, 3); // opacity: one symbol, 255
    bits.put(255, 8);
    bits.put(0b0001, 4); // distances: one symbol, never used
    for _ in 0..picture.height {
        for column in 0..picture.width {
            let [red, green, blue] = RGB.get(picture.bar(column, picture.width)).copied().unwrap_or_default();
            for there in [green, red, blue] {
                bits.put(u32::from(there), 1);
            }
        }
    }
    let mut data = bits.finish();
    let length = size(data.len());
    if data.len() % 2 == 1 {
        data.push(0);
    }
    let file = [b"WEBPVP8L".as_slice(), &length.to_le_bytes(), &data].concat();
    [b"RIFF".as_slice(), &size(file.len()).to_le_bytes(), &file].concat()
}

fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
