//! What a second of video is sold by: resolution, mode, sound, what it was made from.
//!
//! One value of four small words, so that it can stand beside the counters of a charge. Prices name any of the words;
//! which price counts is decided by whoever has the prices, by the words that it names.

/// The shorter side of a picture, by the names that vendors use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resolution {
    /// Not said.
    #[default]
    Unknown,
    /// 360 lines.
    P360,
    /// 480 lines.
    P480,
    /// 540 lines.
    P540,
    /// 720 lines.
    P720,
    /// 1024 lines.
    P1024,
    /// 1080 lines.
    P1080,
    /// 1440 lines.
    P1440,
    /// 2160 lines.
    K4,
}

/// The vendor's own grade of quality.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum VideoMode {
    /// Not said, or the vendor has none.
    #[default]
    Unknown,
    /// Kling's standard.
    Standard,
    /// Kling's professional.
    Professional,
    /// Kling's 4k, which is a mode there.
    Ultra,
    /// A preview at a part of the price.
    Draft,
}

/// Whether it has sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Sound {
    /// Not said.
    #[default]
    Unknown,
    /// None.
    Off,
    /// Made with the picture.
    On,
}

/// All of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct VideoKind {
    /// Resolution.
    pub resolution: Resolution,
    /// Mode.
    pub mode: VideoMode,
    /// Sound.
    pub sound: Sound,
    /// Made from another video, which some vendors sell at another rate.
    pub from_video: bool,
}

impl Resolution {
    /// All of them. Their places are kept in the ledger: add at the end, never move.
    pub const ALL: [Self; 9] = [
        Self::Unknown,
        Self::P360,
        Self::P480,
        Self::P540,
        Self::P720,
        Self::P1024,
        Self::P1080,
        Self::P1440,
        Self::K4,
    ];

    /// As prices and vendors name it; empty where it is not said.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::P360 => "360p",
            Self::P480 => "480p",
            Self::P540 => "540p",
            Self::P720 => "720p",
            Self::P1024 => "1024p",
            Self::P1080 => "1080p",
            Self::P1440 => "1440p",
            Self::K4 => "4k",
        }
    }

    /// Lines of the shorter side; 0 where it is not said.
    pub const fn lines(self) -> u32 {
        match self {
            Self::Unknown => 0,
            Self::P360 => 360,
            Self::P480 => 480,
            Self::P540 => 540,
            Self::P720 => 720,
            Self::P1024 => 1024,
            Self::P1080 => 1080,
            Self::P1440 => 1440,
            Self::K4 => 2160,
        }
    }

    /// By its name, in any case; `None` for other words.
    pub fn read(name: &str) -> Option<Self> {
        let known = |one: &Self| *one != Self::Unknown && one.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(known).or_else(|| name.eq_ignore_ascii_case("2160p").then_some(Self::K4))
    }

    /// The one with so many lines on its shorter side.
    pub fn of_lines(lines: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|one| lines > 0 && one.lines() == lines)
    }
}

impl VideoMode {
    /// All of them. Their places are kept in the ledger: add at the end, never move.
    pub const ALL: [Self; 5] = [Self::Unknown, Self::Standard, Self::Professional, Self::Ultra, Self::Draft];

    /// As prices name it, and Kling the first three; empty where it is not said.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Standard => "std",
            Self::Professional => "pro",
            Self::Ultra => "4k",
            Self::Draft => "draft",
        }
    }

    /// By its name; `None` for other words.
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| *one != Self::Unknown && one.name() == name)
    }
}

impl Sound {
    /// All of them. Their places are kept in the ledger: add at the end, never move.
    pub const ALL: [Self; 3] = [Self::Unknown, Self::Off, Self::On];

    /// As prices name it; empty where it is not said.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Off => "silent",
            Self::On => "audio",
        }
    }

    /// From a switch.
    pub const fn of(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

/// What a price calls a video made from another one.
pub const VIDEO_INPUT: &str = "video-input";

impl VideoKind {
    /// The words that a price may name, each with how much it says; words that are not said are empty.
    pub fn words(self) -> [(&'static str, u8); 4] {
        let input = if self.from_video { VIDEO_INPUT } else { "" };
        [(self.resolution.name(), 8), (self.mode.name(), 4), (self.sound.name(), 2), (input, 1)]
    }

    /// As a number below 2^12, for keeping. 0 is a kind of which nothing is said.
    pub fn code(self) -> u16 {
        let place = |at: Option<usize>| u16::try_from(at.unwrap_or(0)).unwrap_or(0);
        let resolution = place(Resolution::ALL.iter().position(|one| *one == self.resolution));
        let mode = place(VideoMode::ALL.iter().position(|one| *one == self.mode));
        let sound = place(Sound::ALL.iter().position(|one| *one == self.sound));
        resolution | mode << 5 | sound << 9 | u16::from(self.from_video) << 11
    }

    /// Undoes [`VideoKind::code`]; `None` for a number that it does not give.
    pub fn from_code(code: u16) -> Option<Self> {
        let kind = Self {
            resolution: *Resolution::ALL.get(usize::from(code & 31))?,
            mode: *VideoMode::ALL.get(usize::from(code >> 5 & 15))?,
            sound: *Sound::ALL.get(usize::from(code >> 9 & 3))?,
            from_video: code >> 11 & 1 == 1,
        };
        (code >> 12 == 0).then_some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_undone() {
        for resolution in Resolution::ALL {
            for mode in VideoMode::ALL {
                for sound in Sound::ALL {
                    for from_video in [false, true] {
                        let kind = VideoKind { resolution, mode, sound, from_video };
                        assert_eq!(VideoKind::from_code(kind.code()), Some(kind));
                    }
                }
            }
        }
        assert_eq!(VideoKind::default().code(), 0);
        assert_eq!(VideoKind::from_code(1 << 12), None);
        assert_eq!(VideoKind::from_code(31), None);
    }

    #[test]
    fn resolutions_by_their_names() {
        assert_eq!(Resolution::read("1080P"), Some(Resolution::P1080));
        assert_eq!(Resolution::read("4K"), Some(Resolution::K4));
        assert_eq!(Resolution::read("2160p"), Some(Resolution::K4));
        assert_eq!((Resolution::read(""), Resolution::read("8k")), (None, None));
        assert_eq!(Resolution::of_lines(720), Some(Resolution::P720));
        assert_eq!(Resolution::of_lines(0), None);
    }
}
