//! `GET /models` and `GET /models/{id}`: a handful of names, and whatever name is asked for.

use serde_json::{Value, json};

use crate::{call::Call, content::decoded, script::Answer};

/// What the list shows. Any other name works as well.
const NAMES: &[(&str, u64)] = &[
    ("gpt-5.4", 1_756_000_000),
    ("gpt-5.4-mini", 1_756_000_000),
    ("gpt-4o", 1_715_367_049),
    ("gpt-4o-mini", 1_721_172_741),
    ("text-embedding-3-small", 1_705_948_997),
    ("text-embedding-3-large", 1_705_953_180),
    ("gpt-4o-transcribe", 1_742_068_463),
    ("gpt-4o-transcribe-diarize", 1_750_798_887),
    ("whisper-1", 1_677_532_384),
];

/// The list, or one model by name.
pub(super) enum Asked {
    All,
    One(String),
}

/// What a path without its trailing slashes asks for. A name may hold slashes and percent codes.
pub(super) fn asked(path: &str) -> Option<Asked> {
    if path.ends_with("/models") {
        return Some(Asked::All);
    }
    let (_, name) = path.split_once("/models/")?;
    Some(Asked::One(decoded(name)))
}

pub(super) fn answer(call: &mut Call<'_>, asked: Asked) -> Answer {
    let body = match asked {
        Asked::All => {
            let data: Vec<Value> = NAMES.iter().map(|(name, created)| model(name, *created)).collect();
            json!({"object": "list", "data": data})
        }
        Asked::One(name) => {
            let known = NAMES.iter().find(|(known, _)| *known == name).map(|(_, created)| *created);
            model(&name, known.unwrap_or(call.stamp.created))
        }
    };
    call.plain(200, "application/json", body.to_string().into_bytes(), 0, 0)
}

fn model(name: &str, created: u64) -> Value {
    json!({"id": name, "object": "model", "created": created, "owned_by": "system"})
}
