//! What a video model can, as data. Read from a table that the catalogue embeds; knows no model by name.

use super::kind::{Resolution, Sound, VideoKind, VideoMode};
use crate::fault::Fault;

/// What a model takes to make a video from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Text alone.
    Text,
    /// A picture to begin with.
    First,
    /// A picture to end with.
    Last,
    /// Pictures of what is to be in it.
    Reference,
    /// Videos.
    Video,
    /// Sound.
    Audio,
}

/// What only some models can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Previews.
    Draft,
    /// Slow and cheaper.
    Flex,
    /// Length by frames.
    Frames,
    /// A camera that stands still.
    CameraFixed,
    /// How closely the text is followed.
    CfgScale,
    /// Movement of the camera.
    CameraControl,
    /// Masks.
    Masks,
    /// Several shots in one video.
    MultiShot,
    /// Elements kept at the vendor.
    Elements,
    /// Voices kept at the vendor.
    Voices,
    /// The vendor's own search.
    WebSearch,
    /// How the file is written: pictures a second, compression.
    Encoding,
    /// Pictures of what is to be in it, and more than the usual resolution, only at the longest length.
    FullLength,
}

/// Whether a model makes sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoundRule {
    /// Never.
    Never,
    /// Always.
    Always,
    /// If wanted; and what it does when nobody says.
    Optional {
        /// The default.
        on: bool,
    },
}

/// What a model can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Lengths in seconds, sorted, never empty.
    pub seconds: Vec<u32>,
    /// The length if none is given.
    pub usual_seconds: u32,
    /// Whether the model may be left to decide on the length (`-1`).
    pub open_length: bool,
    /// Resolutions, the usual one first; empty if it is not chosen.
    pub resolutions: Vec<Resolution>,
    /// Ratios such as `16:9`, the usual one first; empty if it is not chosen.
    pub ratios: Vec<&'static str>,
    /// Modes, the usual one first; empty if there are none.
    pub modes: Vec<VideoMode>,
    /// Sound.
    pub sound: SoundRule,
    /// The only modes with sound; empty for all.
    pub sound_modes: Vec<VideoMode>,
    /// What it takes.
    pub inputs: Vec<Input>,
    /// Most videos of one request.
    pub samples: u32,
    /// What else it can.
    pub features: Vec<Feature>,
}

impl Model {
    /// Reads the cells of a table's line, but for kind and name: lengths, resolutions, ratios, modes, sound, inputs,
    /// samples, features. `None` if one cannot be read.
    pub fn read(cells: [&'static str; 8]) -> Option<Self> {
        let [lengths, resolutions, ratios, modes, sound, inputs, samples, features] = cells;
        let (listed, usual) = lengths.split_once('=')?;
        let mut seconds = Vec::new();
        let mut open_length = false;
        for part in listed.split(',') {
            match (part, part.split_once('-')) {
                ("open", _) => open_length = true,
                (_, Some((from, to))) => seconds.extend(from.parse::<u32>().ok()?..=to.parse().ok()?),
                (one, None) => seconds.push(one.parse().ok()?),
            }
        }
        let usual_seconds = usual.parse().ok()?;
        let sorted = seconds.windows(2).all(|pair| pair.first() < pair.last());
        if !sorted || !seconds.contains(&usual_seconds) {
            return None;
        }
        let (sound, sound_modes) = match sound.split_once(':') {
            Some((rule, modes)) => (rule, list(modes).map(VideoMode::read).collect::<Option<_>>()?),
            None => (sound, Vec::new()),
        };
        Some(Self {
            seconds,
            usual_seconds,
            open_length,
            resolutions: list(resolutions).map(Resolution::read).collect::<Option<_>>()?,
            ratios: list(ratios).collect(),
            modes: list(modes).map(VideoMode::read).collect::<Option<_>>()?,
            sound: match sound {
                "never" => SoundRule::Never,
                "always" => SoundRule::Always,
                "on" => SoundRule::Optional { on: true },
                "off" => SoundRule::Optional { on: false },
                _ => return None,
            },
            sound_modes,
            inputs: list(inputs).map(input).collect::<Option<_>>()?,
            samples: samples.parse().ok().filter(|samples| *samples > 0)?,
            features: list(features).map(feature).collect::<Option<_>>()?,
        })
    }

    /// Whether it takes this.
    pub fn takes(&self, input: Input) -> bool {
        self.inputs.contains(&input)
    }

    /// Whether it can this.
    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// The longest video in seconds.
    pub fn longest(&self) -> u32 {
        self.seconds.last().copied().unwrap_or(self.usual_seconds)
    }

    /// The only length for a resolution, if there is one.
    pub fn only_length(&self, resolution: Resolution, references: bool) -> Option<u32> {
        let more = self.resolutions.first().is_some_and(|usual| resolution > *usual);
        (self.has(Feature::FullLength) && (more || references)).then(|| self.longest())
    }

    /// The shortest length of at least so many seconds.
    pub fn at_least(&self, seconds: u32) -> Option<u32> {
        self.seconds.iter().copied().find(|own| *own >= seconds)
    }

    /// Whether a mode may have sound.
    pub fn sounds_in(&self, mode: VideoMode) -> bool {
        self.sound_modes.is_empty() || self.sound_modes.contains(&mode)
    }

    /// Its lengths for people: `5 or 10`, `4 to 12`.
    pub fn lengths(&self) -> String {
        let unbroken = self.seconds.windows(2).all(|pair| matches!(pair, [a, b] if a + 1 == *b));
        match self.seconds.as_slice() {
            [from, .., to] if unbroken && self.seconds.len() > 2 => format!("{from} to {to}"),
            [before @ .., last] if !before.is_empty() => {
                let before: Vec<String> = before.iter().map(u32::to_string).collect();
                format!("{} or {last}", before.join(", "))
            }
            all => all.iter().map(u32::to_string).collect(),
        }
    }

    /// Its sound if `asked` for or nobody says.
    pub fn sound_of(&self, asked: Option<bool>) -> Sound {
        match self.sound {
            SoundRule::Never => Sound::Off,
            SoundRule::Always => Sound::On,
            SoundRule::Optional { on } => Sound::of(asked.unwrap_or(on)),
        }
    }
}

/// Whether what is asked for is something that the model has: a fault naming `field` and the words it has otherwise.
pub(super) fn one_of<T: PartialEq + Copy>(
    field: &str,
    asked: T,
    has: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<(), Fault> {
    if has.is_empty() || has.contains(&asked) {
        return Ok(());
    }
    let names: Vec<&str> = has.iter().map(|one| name(*one)).collect();
    let message = format!("'{field}' must be one of {} for this model.", names.join(", "));
    Err(Fault::invalid(field.to_owned(), message))
}

/// The fault for something that the model cannot.
pub(super) fn cannot(field: String) -> Fault {
    let message = format!("This model does not take '{field}'.");
    Fault::invalid(field, message)
}

/// What one kind of `samples` videos of so many seconds amounts to before it is sent.
pub(super) fn facts(seconds: u32, kind: VideoKind, samples: u32) -> super::Facts {
    super::Facts { milliseconds: u64::from(seconds) * 1000, kind, samples, ..super::Facts::default() }
}

fn list(cell: &'static str) -> impl Iterator<Item = &'static str> {
    cell.split(',').filter(|part| !part.is_empty() && *part != "-")
}

fn input(word: &str) -> Option<Input> {
    Some(match word {
        "text" => Input::Text,
        "first" => Input::First,
        "last" => Input::Last,
        "reference" => Input::Reference,
        "video" => Input::Video,
        "audio" => Input::Audio,
        _ => return None,
    })
}

fn feature(word: &str) -> Option<Feature> {
    Some(match word {
        "draft" => Feature::Draft,
        "flex" => Feature::Flex,
        "frames" => Feature::Frames,
        "camera_fixed" => Feature::CameraFixed,
        "cfg_scale" => Feature::CfgScale,
        "camera_control" => Feature::CameraControl,
        "masks" => Feature::Masks,
        "multi_shot" => Feature::MultiShot,
        "elements" => Feature::Elements,
        "voices" => Feature::Voices,
        "web_search" => Feature::WebSearch,
        "encoding" => Feature::Encoding,
        "full_length" => Feature::FullLength,
        _ => return None,
    })
}
