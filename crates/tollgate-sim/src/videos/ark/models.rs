//! What the families of models take. A model that is in none of them (an endpoint's id) takes everything.

use crate::videos::shape::Lines;

/// Limits of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Family {
    /// Part of the name of its models; the first that fits counts.
    mark: &'static str,
    /// Seconds of a clip, from and to.
    pub least: u16,
    pub most: u16,
    pub lines: &'static [Lines],
    /// `duration: -1`, the model decides.
    pub auto: bool,
    /// `frames` instead of `duration`.
    pub frames: bool,
    pub audio: bool,
    /// Videos, sounds and reference images beside frames.
    pub references: bool,
    pub flex: bool,
    pub draft: bool,
    /// `--rs 720p` and the like at the end of the prompt.
    pub flags: bool,
    /// Fetches of a clip.
    pub downloads: Option<u64>,
}

use Lines::{P480, P720, P1080, P2160};

const ANY: Family = Family {
    mark: "",
    least: 2,
    most: 30,
    lines: &[P480, P720, P1080, P2160],
    auto: true,
    frames: true,
    audio: true,
    references: true,
    flex: true,
    draft: true,
    flags: false,
    downloads: None,
};

/// From the vendor's table of models, 2026-11.
const SECOND: Family =
    Family { mark: "seedance-2", least: 4, most: 15, frames: false, flex: false, draft: false, ..ANY };
const FIRST: Family = Family {
    mark: "seedance-1",
    least: 2,
    most: 12,
    lines: &[P480, P720, P1080],
    auto: false,
    audio: false,
    references: false,
    draft: false,
    flags: true,
    ..ANY
};
const FAMILIES: &[Family] = &[
    Family { mark: "seedance-2-5", most: 30, lines: &[P480, P720, P1080], downloads: Some(100), ..SECOND },
    Family { mark: "seedance-2-0-fast", lines: &[P480, P720], ..SECOND },
    Family { mark: "seedance-2-0-mini", lines: &[P480, P720], ..SECOND },
    SECOND,
    Family { mark: "seedance-1-5", least: 4, auto: true, frames: false, audio: true, draft: true, ..FIRST },
    FIRST,
];

pub(super) fn family(model: &str) -> Family {
    FAMILIES.iter().find(|family| model.contains(family.mark)).copied().unwrap_or(ANY)
}
