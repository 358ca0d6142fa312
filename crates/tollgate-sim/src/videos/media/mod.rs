//! Pictures and clips, made here from nothing: small, valid, and of the size and length that was asked for.
//!
//! Every clip shows eight bars of colour, turned by the request's digest, and a line below that grows from left to
//! right until the end. Knows no vendor and no HTTP.

mod bits;
mod h264;
mod jpeg;
mod mp4;
mod png;
mod webp;

pub(super) use jpeg::jpeg;
pub(super) use mp4::mp4;
pub(super) use png::png;
pub(super) use webp::webp;

/// Frames a second of every clip.
pub(super) const RATE: u32 = 24;

/// What is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Picture {
    pub width: u32,
    pub height: u32,
    /// How far the bars are turned; only its last three bits count.
    pub turn: u16,
}

impl Picture {
    /// The colour of the bar at that part (of `parts`) of the width.
    fn bar(&self, at: u32, parts: u32) -> usize {
        let bar = (at * 8).checked_div(parts).unwrap_or(0) + u32::from(self.turn);
        usize::try_from(bar % 8).unwrap_or(0)
    }

    /// The same picture at most that wide, in even numbers.
    pub(super) fn shrunk(self, width: u32) -> Self {
        if self.width <= width {
            return self;
        }
        let height = (self.height * width).checked_div(self.width).unwrap_or(2);
        Self { width, height: (height & !1).max(2), turn: self.turn }
    }
}

/// Red, green and blue of the bars: whether each is there.
const RGB: [[bool; 3]; 8] = [
    [true, true, true],
    [true, true, false],
    [false, true, true],
    [false, true, false],
    [true, false, true],
    [true, false, false],
    [false, false, true],
    [false, false, false],
];

/// Brightness and the two colour differences of the bars at three quarters, by the rules of HD television; the
/// differences even, so that a coefficient of two hits them.
const YCBCR: [[u8; 3]; 8] = [
    [180, 128, 128],
    [168, 44, 136],
    [145, 148, 44],
    [133, 64, 52],
    [63, 192, 204],
    [51, 108, 212],
    [28, 212, 120],
    [16, 128, 128],
];

#[cfg(test)]
mod tests;
