//! What kind of picture some bytes are, and how large it is. Reads heads, decodes nothing.

/// A picture's type and its width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Image {
    pub kind: &'static str,
    pub width: u32,
    pub height: u32,
}

/// None for anything but a PNG, JPEG or `WebP` with a whole head.
pub(super) fn image(bytes: &[u8]) -> Option<Image> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        let side = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        return Some(Image { kind: "image/png", width: side(16)?, height: side(20)? });
    }
    if bytes.starts_with(&[0xFF, 0xD8]) {
        return jpeg(bytes);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12)? == b"WEBP" {
        let (width, height) = webp(bytes)?;
        return Some(Image { kind: "image/webp", width, height });
    }
    None
}

fn jpeg(bytes: &[u8]) -> Option<Image> {
    let short = |at: usize| Some(u32::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    let mut at = 2;
    loop {
        let (mark, length) = (short(at)?, short(at + 2)?);
        match mark {
            // Frames, but not the tables and marks that lie between their numbers.
            0xFFC0..=0xFFCF if !matches!(mark, 0xFFC4 | 0xFFC8 | 0xFFCC) => {
                return Some(Image { kind: "image/jpeg", width: short(at + 7)?, height: short(at + 5)? });
            }
            0xFF01..=0xFFFE if length >= 2 => at += 2 + usize::try_from(length).ok()?,
            _ => return None,
        }
    }
}

fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    let byte = |at: usize| bytes.get(at).copied().map(u32::from);
    match bytes.get(12..16)? {
        b"VP8 " => Some(((byte(26)? | byte(27)? << 8) & 0x3FFF, (byte(28)? | byte(29)? << 8) & 0x3FFF)),
        b"VP8L" => {
            let bits = byte(21)? | byte(22)? << 8 | byte(23)? << 16 | byte(24)? << 24;
            Some(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
        }
        b"VP8X" => {
            let side = |at: usize| Some((byte(at)? | byte(at + 1)? << 8 | byte(at + 2)? << 16) + 1);
            Some((side(24)?, side(27)?))
        }
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::videos::media::{Picture, jpeg, png, webp};

    #[test]
    fn reads_what_is_made_here() {
        let picture = Picture { width: 360, height: 502, turn: 0 };
        for (kind, bytes) in [("image/png", png(picture)), ("image/jpeg", jpeg(picture)), ("image/webp", webp(picture))]
        {
            assert_eq!(image(&bytes), Some(Image { kind, width: 360, height: 502 }));
            for end in 0..40 {
                let _ = image(&bytes[..end]);
            }
        }
    }

    proptest! {
        #[test]
        fn takes_any_bytes(start in 0..4_usize, rest in proptest::collection::vec(any::<u8>(), 0..80)) {
            let starts: [&[u8]; 4] = [b"", b"\x89PNG\r\n\x1a\n", b"\xFF\xD8", b"RIFF\0\0\0\0WEBPVP8 "];
            let _ = image(&[starts[start], &rest].concat());
        }
    }
}
