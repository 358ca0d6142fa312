//! Sizes of pictures: the vendors' words for them, pixels, and a number of a few bits for an id.

/// Lines of a picture, as all vendors name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    P480,
    P720,
    P1080,
    P2160,
}

impl Lines {
    /// `4k` is Ark's, Kling's and Veo's word.
    pub(super) fn named(word: &str) -> Option<Self> {
        LINES.iter().find(|(_, name)| *name == word).map(|(lines, _)| *lines)
    }

    pub(super) fn name(self) -> &'static str {
        LINES.iter().find(|(lines, _)| *lines == self).map_or("", |(_, name)| name)
    }
}

const LINES: &[(Lines, &str)] =
    &[(Lines::P480, "480p"), (Lines::P720, "720p"), (Lines::P1080, "1080p"), (Lines::P2160, "4k")];

/// A size: its resolution by name, its ratio, its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub lines: Lines,
    pub ratio: &'static str,
    pub width: u32,
    pub height: u32,
}

const fn shape(lines: Lines, ratio: &'static str, width: u32, height: u32) -> Shape {
    Shape { lines, ratio, width, height }
}

/// Every size there is. A place in this list is part of ids, so new ones go to the end; 32 at most.
///
/// Those of 480p and 720p are the frames that Ark renders (its model card and measured clips, 2026); above that only
/// 16:9, 9:16 and 1:1 are documented, and the others have about as many pixels. The last two are `OpenAI`'s, whose
/// ratio has no name elsewhere.
const SHAPES: &[Shape] = &[
    shape(Lines::P480, "16:9", 864, 496),
    shape(Lines::P480, "9:16", 496, 864),
    shape(Lines::P480, "1:1", 640, 640),
    shape(Lines::P480, "4:3", 752, 560),
    shape(Lines::P480, "3:4", 560, 752),
    shape(Lines::P480, "21:9", 992, 432),
    shape(Lines::P720, "16:9", 1280, 720),
    shape(Lines::P720, "9:16", 720, 1280),
    shape(Lines::P720, "1:1", 960, 960),
    shape(Lines::P720, "4:3", 1112, 834),
    shape(Lines::P720, "3:4", 834, 1112),
    shape(Lines::P720, "21:9", 1470, 630),
    shape(Lines::P1080, "16:9", 1920, 1080),
    shape(Lines::P1080, "9:16", 1080, 1920),
    shape(Lines::P1080, "1:1", 1440, 1440),
    shape(Lines::P1080, "4:3", 1664, 1248),
    shape(Lines::P1080, "3:4", 1248, 1664),
    shape(Lines::P1080, "21:9", 2176, 928),
    shape(Lines::P2160, "16:9", 3840, 2160),
    shape(Lines::P2160, "9:16", 2160, 3840),
    shape(Lines::P2160, "1:1", 2880, 2880),
    shape(Lines::P2160, "4:3", 3328, 2496),
    shape(Lines::P2160, "3:4", 2496, 3328),
    shape(Lines::P2160, "21:9", 4352, 1856),
    shape(Lines::P1080, "7:4", 1792, 1024),
    shape(Lines::P1080, "4:7", 1024, 1792),
];

impl Shape {
    pub(super) fn of(lines: Lines, ratio: &str) -> Option<Self> {
        SHAPES.iter().find(|shape| shape.lines == lines && shape.ratio == ratio).copied()
    }

    /// `1280x720`.
    pub(super) fn sized(size: &str) -> Option<Self> {
        SHAPES.iter().find(|shape| shape.size() == size).copied()
    }

    pub(super) fn size(self) -> String {
        format!("{}x{}", self.width, self.height)
    }

    /// The place in the list.
    pub(super) fn index(self) -> u8 {
        let at = SHAPES.iter().position(|shape| *shape == self).unwrap_or(0);
        u8::try_from(at).unwrap_or(0)
    }

    pub(super) fn at(index: u8) -> Option<Self> {
        SHAPES.get(usize::from(index)).copied()
    }
}
