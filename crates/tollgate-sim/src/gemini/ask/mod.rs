//! A generateContent request as it is understood: checked, its prompt counted, what it wants of the answer.
//!
//! Refuses what the vendor refuses of every model (its discovery documents, recorded answers and users' reports up to
//! 2026-08); what only some models refuse it takes. Turns are checked in `contents.rs`, signatures in `state.rs`, tools
//! in `tools.rs`, the vendor's schemas in `schema.rs`, `generationConfig` in `config.rs`.

mod config;
mod contents;
mod prompt;
mod schema;
mod state;
mod tools;

use super::{
    Target,
    check::{Fields, given, inner, list, object, only, text, word},
    error::Failure,
};
use crate::{call::Call, turn::Wish};
pub(super) use contents::said;
pub(super) use state::sign;

#[derive(Debug)]
pub(super) struct Ask {
    pub candidates: u64,
    /// Thoughts are shown.
    pub shows: bool,
    /// Function calls and answers carry signatures.
    pub signs: bool,
    /// Of the prompt's texts, without white space.
    pub characters: u64,
    pub wish: Wish,
}

const GEMINI: &[&str] = &[
    "model",
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "safetySettings",
    "generationConfig",
    "cachedContent",
    "store",
    "serviceTier",
];
const VERTEX: &[&str] = &[
    "model",
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "safetySettings",
    "generationConfig",
    "cachedContent",
    "labels",
    "modelArmorConfig",
    "outputConfig",
    "continuationToken",
];
const CATEGORIES: &[&str] = &[
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_CIVIC_INTEGRITY",
    "HARM_CATEGORY_JAILBREAK",
    "HARM_CATEGORY_IMAGE_HATE",
    "HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT",
    "HARM_CATEGORY_IMAGE_HARASSMENT",
    "HARM_CATEGORY_IMAGE_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_UNSPECIFIED",
];
const THRESHOLDS: &[&str] = &[
    "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
    "BLOCK_LOW_AND_ABOVE",
    "BLOCK_MEDIUM_AND_ABOVE",
    "BLOCK_ONLY_HIGH",
    "BLOCK_NONE",
    "OFF",
];

impl Ask {
    pub(super) fn read(fields: &Fields, call: &Call<'_>, target: &Target) -> Result<Self, Failure> {
        only(fields, "", if target.vertex { VERTEX } else { GEMINI })?;
        let system = inner(fields, "", "systemInstruction")?;
        let system = system.map(|system| contents::content(system, "system_instruction")).transpose()?;
        let turns = contents::read(fields)?;
        safety(fields)?;
        let config = config::Config::read(fields, target)?;
        let (tools, insists) = tools::read(fields, target)?;
        let steer = call.steer;
        let thinks = config.thinks || steer.strict_state;
        state::check(&turns, config.thinks || steer.strict_state, call)?;
        let counted = prompt::count(fields, system.as_ref(), &turns);
        Ok(Self {
            candidates: config.candidates,
            shows: config.shows,
            signs: thinks || steer.reasoning_tokens.is_some(),
            characters: counted.characters,
            wish: Wish {
                topic: contents::topic(&turns),
                prompt_tokens: counted.tokens,
                cap: config.cap,
                stop: config.stop,
                format: config.format,
                tools,
                insists,
                rounds: contents::rounds(&turns),
                reasons: config.thinks || (config.shows && steer.reasoning_tokens.is_some()),
            },
        })
    }
}

fn safety(fields: &Fields) -> Result<(), Failure> {
    list(fields, "safetySettings").iter().enumerate().try_for_each(|(at, setting)| {
        let path = format!("safety_settings[{at}]");
        let setting = object(setting, &path)?;
        only(setting, &path, &["category", "threshold", "method"])?;
        word(setting, &path, "category", CATEGORIES)?;
        word(setting, &path, "threshold", THRESHOLDS)?;
        Ok(())
    })?;
    if given(fields, "cachedContent").is_some() {
        text(fields, "", "cachedContent")?;
    }
    Ok(())
}
