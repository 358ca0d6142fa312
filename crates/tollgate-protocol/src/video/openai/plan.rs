//! What a model is asked for in its own words: the nearest to what the dialect's caller wants, and what that loses.

use super::ask::{Ask, Size};
use crate::canonical::Losses;
use crate::fault::Fault;
use crate::video::Facts;
use crate::video::kind::{Resolution, Sound, VideoKind, VideoMode};
use crate::video::model::{Input, Model, facts};

/// How far a ratio may be from the wanted one to stand for it: 5 %.
const NEAR: f64 = 0.05;

/// What is asked of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'m> {
    /// Length.
    pub seconds: u32,
    /// Resolution.
    pub resolution: Resolution,
    /// Ratio in the model's words; empty if it is not chosen.
    pub ratio: &'m str,
    /// Mode; unknown if the model has none.
    pub mode: VideoMode,
    /// Sound.
    pub sound: Sound,
    /// What it will be in pixels, as far as that can be said.
    pub size: Size,
    /// What is lost.
    pub losses: Losses,
}

impl Plan<'_> {
    /// What decides the price.
    pub fn facts(&self) -> Facts {
        let kind = VideoKind { resolution: self.resolution, mode: self.mode, sound: self.sound, from_video: false };
        facts(self.seconds, kind, 1)
    }
}

/// The fault for a caller who wants no loss, if there is one.
pub fn strict(losses: &Losses) -> Result<(), Fault> {
    let Some((field, _)) = losses.iter().next() else { return Ok(()) };
    let message =
        format!("'{field}' cannot be expressed exactly for this model, and strict translation was asked for.");
    Err(Fault::unsupported(field.to_owned(), message))
}

/// Finds the model's own words for a request.
pub fn plan<'m>(ask: &Ask, model: &'m Model) -> Result<Plan<'m>, Fault> {
    if ask.file_id {
        return Err(Fault::unsupported(
            "input_reference.file_id",
            "This gateway keeps no files. Send the picture itself.",
        ));
    }
    if ask.characters {
        return Err(Fault::unsupported("characters", "This model knows no characters."));
    }
    let needed = if ask.picture.is_some() { Input::First } else { Input::Text };
    if !model.takes(needed) {
        return Err(match needed {
            Input::First => Fault::invalid("input_reference", "This model takes no picture."),
            _ => Fault::invalid("input_reference", "This model needs a picture to begin with."),
        });
    }
    let mut losses = Losses::default();
    ask.unknown.iter().for_each(|name| losses.dropped(name.clone()));
    let follows = ask.size.is_none() && ask.picture.is_some() && model.ratios.contains(&"adaptive");
    let wanted = ask.size.unwrap_or(Size::USUAL);
    let ratio = if follows { "adaptive" } else { ratio(wanted, model)? };
    let lines = wanted.width.min(wanted.height);
    let (resolution, mode) = resolution(lines, model)?;
    let only = model.only_length(resolution, false);
    let seconds = match ask.seconds {
        None => only.unwrap_or(model.usual_seconds),
        Some(wanted) => {
            let seconds = only.filter(|only| *only >= wanted).or_else(|| model.at_least(wanted)).ok_or_else(|| {
                Fault::invalid("seconds", format!("'seconds' must be {} for this model.", model.lengths()))
            })?;
            if seconds != wanted {
                losses.approximated("seconds");
            }
            seconds
        }
    };
    let is_exact = ratio.is_empty()
        || ratio == "adaptive"
        || sides(ratio).is_some_and(|(a, b)| u64::from(wanted.width) * b == u64::from(wanted.height) * a);
    let exact = is_exact && resolution.lines() == lines;
    if ask.size.is_some() && !exact {
        losses.approximated("size");
    }
    let size = if exact { wanted } else { pixels(ratio, resolution).unwrap_or(wanted) };
    let mut sound = model.sound_of(None);
    if !model.sounds_in(mode) {
        sound = Sound::Off;
    }
    Ok(Plan { seconds, resolution, ratio, mode, sound, size, losses })
}

/// `16:9` as numbers.
fn sides(ratio: &str) -> Option<(u64, u64)> {
    let (a, b) = ratio.split_once(':')?;
    let side = |text: &str| text.parse().ok().filter(|side| (1..=100).contains(side));
    Some((side(a)?, side(b)?))
}

/// The model's ratio that is nearest.
fn ratio(wanted: Size, model: &Model) -> Result<&'static str, Fault> {
    if model.ratios.is_empty() {
        return Ok("");
    }
    let goal = f64::from(wanted.width) / f64::from(wanted.height);
    let distance = |ratio: &str| {
        let (a, b) = sides(ratio)?;
        let value = f64::from(u32::try_from(a).ok()?) / f64::from(u32::try_from(b).ok()?);
        Some((value / goal).ln().abs())
    };
    let near = model.ratios.iter().filter_map(|ratio| Some((distance(ratio)?, *ratio)));
    let nearest = near.min_by(|(a, _), (b, _)| a.total_cmp(b));
    nearest.filter(|(distance, _)| *distance <= NEAR).map(|(_, ratio)| ratio).ok_or_else(|| {
        let has: Vec<&str> = model.ratios.iter().copied().filter(|ratio| sides(ratio).is_some()).collect();
        Fault::invalid("size", format!("'size' must have one of the ratios {} for this model.", has.join(", ")))
    })
}

/// The model's resolution, or the mode that stands for one: the smallest that is not coarser than asked, by a tenth.
fn resolution(lines: u32, model: &Model) -> Result<(Resolution, VideoMode), Fault> {
    let choices: Vec<(Resolution, VideoMode)> = if model.resolutions.is_empty() {
        model.modes.iter().map(|mode| (of_mode(*mode), *mode)).collect()
    } else {
        let mode = model.modes.first().copied().unwrap_or_default();
        model.resolutions.iter().map(|resolution| (*resolution, mode)).collect()
    };
    if choices.is_empty() {
        return Ok((Resolution::of_lines(lines).unwrap_or_default(), VideoMode::Unknown));
    }
    let enough = choices.iter().filter(|(own, _)| own.lines() >= lines - lines / 10);
    enough.min_by_key(|(own, _)| own.lines()).copied().ok_or_else(|| {
        let has: Vec<&str> = choices.iter().map(|(own, _)| own.name()).collect();
        Fault::invalid("size", format!("'size' may have {} for this model.", has.join(", ")))
    })
}

/// Kling's modes are resolutions by other names: std renders 720 lines, pro 1080, 4k 2160 (its documentation, 2026-11).
pub(in crate::video) fn of_mode(mode: VideoMode) -> Resolution {
    match mode {
        VideoMode::Standard | VideoMode::Draft => Resolution::P720,
        VideoMode::Professional => Resolution::P1080,
        VideoMode::Ultra => Resolution::K4,
        VideoMode::Unknown => Resolution::Unknown,
    }
}

fn pixels(ratio: &str, resolution: Resolution) -> Option<Size> {
    let (a, b) = sides(ratio)?;
    let short = u64::from(resolution.lines());
    let long = (short * a.max(b) / a.min(b)).next_multiple_of(2);
    let (short, long) = (u32::try_from(short).ok()?, u32::try_from(long).ok()?);
    Some(if a >= b { Size { width: long, height: short } } else { Size { width: short, height: long } })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    fn model(cells: [&'static str; 8]) -> Model {
        Model::read(cells).unwrap()
    }

    fn ask(seconds: Option<u32>, size: Option<&str>) -> Ask {
        let size = size.map(|text| Size::read(text).unwrap());
        Ask { prompt: "a".into(), seconds, size, ..Ask::default() }
    }

    #[test]
    fn the_nearest_words_and_what_they_lose() {
        let kling = model(["5,10=5", "-", "16:9,9:16,1:1", "std,pro", "off", "text,first", "1", "-"]);
        let planned = plan(&ask(None, None), &kling).unwrap();
        assert_eq!((planned.seconds, planned.ratio, planned.mode), (5, "9:16", VideoMode::Standard));
        assert_eq!((planned.losses.to_string(), planned.size), ("exact".into(), Size::USUAL));
        let planned = plan(&ask(Some(8), Some("1792x1024")), &kling).unwrap();
        assert_eq!((planned.seconds, planned.ratio, planned.mode), (10, "16:9", VideoMode::Professional));
        assert_eq!(planned.losses.to_string(), "approximated=seconds,size");
        assert_eq!(strict(&planned.losses).unwrap_err().code, "unsupported_parameter");
        assert_eq!(planned.size.to_string(), "1920x1080");
        assert_eq!(plan(&ask(Some(12), None), &kling).unwrap_err().param.unwrap(), "seconds");
        let veo = model(["4,6,8=8", "720p,1080p", "16:9,9:16", "-", "on", "text", "4", "-"]);
        assert_eq!(plan(&ask(None, Some("1024x1024")), &veo).unwrap_err().param.unwrap(), "size");
        assert_eq!(plan(&ask(None, Some("3840x2160")), &veo).unwrap_err().param.unwrap(), "size");
        let planned = plan(&ask(Some(4), Some("1280x720")), &veo).unwrap();
        assert_eq!(
            (planned.resolution, planned.sound, planned.losses.to_string()),
            (Resolution::P720, Sound::On, "exact".into())
        );
        let mut picture = ask(None, None);
        picture.file_id = true;
        assert_eq!(plan(&picture, &veo).unwrap_err().code, "unsupported_parameter");
        picture.file_id = false;
        picture.picture = Some(super::super::Picture::Url("https://a".into()));
        assert_eq!(plan(&picture, &veo).unwrap_err().param.unwrap(), "input_reference");
        let mut more = ask(None, None);
        more.unknown = vec!["seed".into()];
        assert_eq!(plan(&more, &veo).unwrap().losses.to_string(), "dropped=seed");
    }
}
