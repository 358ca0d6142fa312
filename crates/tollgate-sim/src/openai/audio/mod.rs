//! `POST /audio/transcriptions` and `/audio/translations`: reads the form, decides what was said, picks the format.
//!
//! What each format looks like is in `format.rs`. Never listens: the words come from the file's hash, their number
//! from its length.

mod format;

use serde_json::{Value, json};

use super::error::{Failure, missing, not_supported};
use crate::{
    call::{Call, EVENTS},
    content::{count_tokens, fnv1a},
    multipart::{Part, parts},
    output::{Limits, Output, Style},
    script::Answer,
};
use format::Transcript;

/// The classic limit of an upload, in bytes.
const MOST_BYTES: usize = 25 << 20;
/// Audio tokens in a second, as the vendor's own answers show.
const TOKENS_PER_SECOND: f64 = 10.0;
/// A file of unknown format is taken for 128 kbit/s.
const BYTES_PER_SECOND: f64 = 16_000.0;

/// What a kind of model can do. New names fall under the last row and may use everything.
struct Ability {
    part_of_name: &'static str,
    formats: &'static [&'static str],
    streams: bool,
    by_duration: bool,
}

const ABILITIES: &[Ability] = &[
    Ability {
        part_of_name: "whisper",
        formats: &["json", "text", "srt", "verbose_json", "vtt"],
        streams: false,
        by_duration: true,
    },
    Ability { part_of_name: "diarize", formats: &["json", "text", "diarized_json"], streams: true, by_duration: false },
    Ability { part_of_name: "gpt-", formats: &["json", "text"], streams: true, by_duration: false },
    Ability {
        part_of_name: "",
        formats: &["json", "text", "srt", "verbose_json", "vtt", "diarized_json"],
        streams: true,
        by_duration: false,
    },
];

pub(super) fn transcribe(call: &mut Call<'_>) -> Result<Answer, Failure> {
    answer(call, "transcribe")
}

pub(super) fn translate(call: &mut Call<'_>) -> Result<Answer, Failure> {
    answer(call, "translate")
}

/// The fields of an upload, `name` and `name[]` alike.
struct Form<'a>(Vec<Part<'a>>);

impl<'a> Form<'a> {
    fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |part| part.name.strip_suffix("[]").unwrap_or(part.name) == name);
        named.filter_map(|part| std::str::from_utf8(part.data).ok()).collect::<Vec<_>>().into_iter()
    }

    fn one(&self, name: &str) -> Option<&'a str> {
        self.all(name).next().map(str::trim).filter(|value| !value.is_empty())
    }
}

fn answer(call: &mut Call<'_>, task: &'static str) -> Result<Answer, Failure> {
    let content_type = call.request.header("content-type").unwrap_or_default();
    let Some(form) = parts(content_type, call.request.body).map(Form) else {
        return Err(Failure::plain("Could not parse multipart form"));
    };
    let file = form.0.iter().find(|part| part.name == "file").copied().ok_or_else(|| missing("file"))?;
    let model = form.one("model").ok_or_else(|| Failure::plain("you must provide a model parameter"))?;
    if file.data.is_empty() {
        return Err(Failure::plain("Audio file is too short. Minimum audio length is 0.1 seconds."));
    }
    if file.data.len() > MOST_BYTES {
        let message =
            format!("{}: Maximum content size limit ({MOST_BYTES}) exceeded ({} bytes read)", 413, file.data.len());
        return Err(Failure { status: 413, ..Failure::plain(message) });
    }
    if let Some(language) = form.one("language").filter(|name| name.len() > 3) {
        let message =
            format!("Invalid language '{language}'. Language parameter must be specified in ISO-639-1 format.");
        return Err(Failure::invalid(message, "language", "invalid_language_format"));
    }
    let Some(ability) = ABILITIES.iter().find(|ability| model.contains(ability.part_of_name)) else {
        return Err(Failure::plain("no such model"));
    };
    let format = form.one("response_format").unwrap_or("json");
    if !ABILITIES.iter().any(|ability| ability.formats.contains(&format)) {
        let all = ["json", "text", "srt", "verbose_json", "vtt", "diarized_json"];
        return Err(not_supported("response_format", format, &all));
    }
    if !ability.formats.contains(&format) {
        let message =
            format!("response_format '{format}' is not compatible with model '{model}'. Use 'json' or 'text' instead.");
        return Err(Failure::invalid(message, "response_format", "unsupported_value"));
    }
    let seconds = duration(file.data);
    let text = words(call, file.data, seconds);
    let transcript = Transcript { task, words: text, seconds };
    let usage = usage(&transcript, ability.by_duration, form.one("prompt"));
    let usage = (call.steer.usage != crate::steer::Usage::None).then_some(usage);
    let prompt =
        if ability.by_duration { 0 } else { audio_tokens(seconds) + form.one("prompt").map_or(0, count_tokens) };
    if form.one("stream") == Some("true") && ability.streams && task == "transcribe" {
        let frames = format::Events::new(&transcript, format == "diarized_json", usage.as_ref());
        return Ok(call.stream(EVENTS, frames, prompt));
    }
    let said = transcript.words.tokens;
    let granular = |what| form.all("timestamp_granularities").any(|value| value.trim() == what);
    let (content_type, body) = match format {
        "text" => ("text/plain; charset=utf-8", transcript.text() + "\n"),
        "srt" => ("text/plain; charset=utf-8", transcript.srt()),
        "vtt" => ("text/plain; charset=utf-8", transcript.vtt()),
        "verbose_json" => {
            ("application/json", transcript.verbose(granular("word"), granular("segment"), usage.as_ref()).to_string())
        }
        "diarized_json" => ("application/json", transcript.diarized(usage.as_ref()).to_string()),
        _ => {
            let logprobs = form.all("include").any(|value| value.trim() == "logprobs");
            ("application/json", transcript.json(logprobs, usage.as_ref()).to_string())
        }
    };
    Ok(call.plain(200, content_type, body.into_bytes(), prompt, said))
}

/// About two and a half words a second, at most as many tokens as asked for or 2,000.
fn words(call: &mut Call<'_>, file: &[u8], seconds: f64) -> Output {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds are positive and bounded here"
    )]
    let natural = (seconds.min(800.0) * 2.5).ceil() as u64;
    let want = Some(call.steer.output_tokens.or(call.steer.chunks).unwrap_or(natural.max(2)));
    let limits = Limits { want, cap: None, chunks: call.steer.chunks, stop: &[] };
    let seed = fnv1a(file) ^ call.stamp.seed;
    let style = call.steer.style;
    Output::speech(seed, if style == Style::Plain { "" } else { "🎧" }, style, &limits)
}

fn usage(transcript: &Transcript, by_duration: bool, prompt: Option<&str>) -> Value {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole positive seconds")]
    let whole = transcript.seconds.ceil() as u64;
    if by_duration {
        return json!({"type": "duration", "seconds": whole});
    }
    let (audio, text) = (audio_tokens(transcript.seconds), prompt.map_or(0, count_tokens));
    let said = transcript.words.tokens;
    json!({"type": "tokens", "total_tokens": audio + text + said, "input_tokens": audio + text,
        "input_token_details": {"text_tokens": text, "audio_tokens": audio}, "output_tokens": said})
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and at most some millions")]
fn audio_tokens(seconds: f64) -> u64 {
    (seconds * TOKENS_PER_SECOND).ceil() as u64
}

/// Seconds of sound: exact for a WAV file with its header, otherwise from the size. At least 0.1.
fn duration(file: &[u8]) -> f64 {
    wav(file).unwrap_or_else(|| as_float(file.len()) / BYTES_PER_SECOND).max(0.1)
}

fn wav(file: &[u8]) -> Option<f64> {
    let word = |at: usize| Some(u32::from_le_bytes(file.get(at..at + 4)?.try_into().ok()?));
    if file.get(..4)? != b"RIFF" || file.get(8..12)? != b"WAVE" {
        return None;
    }
    let mut rate = None;
    let mut at = 12;
    loop {
        let (name, size) = (file.get(at..at + 4)?, usize::try_from(word(at + 4)?).ok()?);
        match name {
            b"fmt " => rate = word(at + 16).filter(|rate| *rate > 0),
            // A recorder that streams writes a size that is too large.
            b"data" => return Some(as_float(size.min(file.len() - at - 8)) / f64::from(rate?)),
            _ => {}
        }
        at = at.checked_add(8)?.checked_add(size)?.checked_add(size % 2)?;
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes of uploads are far below 2^52")]
fn as_float(size: usize) -> f64 {
    size as f64
}

#[cfg(test)]
mod tests;
