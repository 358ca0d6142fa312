//! What the families of models take. A model that is in none of them takes everything.

/// Limits of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Family {
    /// How the names of its models begin; the first that fits counts.
    mark: &'static str,
    /// Seconds of a clip.
    pub seconds: &'static [u16],
    pub modes: &'static [&'static str],
    /// Modes that can have sound.
    pub sound: &'static [&'static str],
    /// Makes clips from text alone.
    pub text: bool,
    /// Several shots in a clip, elements.
    pub shots: bool,
    /// The camera can be told where to go.
    pub camera: bool,
}

const ANY: Family = Family {
    mark: "",
    seconds: &[3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    modes: &["std", "pro", "4k"],
    sound: &["std", "pro", "4k"],
    text: true,
    shots: true,
    camera: true,
};
/// From the vendor's table of models, 2026-11.
const OLD: Family = Family {
    mark: "kling-v",
    seconds: &[5, 10],
    modes: &["std", "pro"],
    sound: &[],
    shots: false,
    camera: false,
    ..ANY
};
const FAMILIES: &[Family] = &[
    Family { mark: "kling-v3", camera: false, ..ANY },
    Family { mark: "kling-v2-6", sound: &["pro"], ..OLD },
    Family { mark: "kling-v2-1-", ..OLD },
    Family { mark: "kling-v2-1", text: false, ..OLD },
    Family { mark: "kling-v1-5", text: false, ..OLD },
    Family { mark: "kling-v1-6", ..OLD },
    Family { mark: "kling-v1", camera: true, ..OLD },
    OLD,
];

pub(super) fn family(model: &str) -> Family {
    FAMILIES.iter().find(|family| model.starts_with(family.mark)).copied().unwrap_or(ANY)
}
