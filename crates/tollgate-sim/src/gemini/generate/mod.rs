//! `generateContent` and `streamGenerateContent`: what each candidate says, and the plain answer. The streamed one is in
//! `stream.rs`.

mod stream;
mod usage;

use serde_json::{Value, json};

use super::{Target, ask, ask::Ask, body, error::Failure, plain, wants_array};
use crate::{
    call::{Call, EVENTS},
    content::Rng,
    output::Output,
    script::Answer,
    steer::Filter,
    turn::{Said, Turn, tool_to_call},
};
use usage::Usage;

/// What one candidate says.
struct Voice {
    /// Thoughts that are shown.
    thoughts: Option<Output>,
    text: Option<Output>,
    /// Whole parts, each with the tokens of its arguments.
    calls: Vec<(Value, u64)>,
    /// There is a call.
    called: bool,
    /// The signature of a text.
    signature: Option<String>,
    finish: &'static str,
    /// Thoughts that are not shown.
    hidden: u64,
}

/// What all chunks of an answer have in common.
struct Frame {
    model: String,
    id: String,
    usage: Usage,
    /// The question was filtered.
    blocked: bool,
}

pub(super) fn answer(call: &mut Call<'_>, target: &Target) -> Result<Answer, Failure> {
    let ask = Ask::read(&body(call)?, call, target)?;
    let tool = tool_to_call(&ask.wish, call.steer).map_err(|none| Failure::invalid(none.to_string()))?;
    let mut seeds = Rng::new(ask.wish.seed(call.stamp.world));
    let turns: Vec<Turn> =
        (0..ask.candidates).map(|_| Turn::new(&ask.wish, call.steer, tool.as_ref(), seeds.next())).collect();
    let frame = Frame {
        model: target.model.clone(),
        id: call.stamp.id("", 22),
        usage: Usage::new(&ask, &turns, call.steer, target.vertex),
        blocked: call.steer.filtered == Some(Filter::Prompt),
    };
    let voices: Vec<Voice> = turns.into_iter().map(|turn| voice(&ask, turn, call)).collect();
    let (prompt, completion) = (ask.wish.prompt_tokens, frame.usage.output());
    if target.verb == "streamGenerateContent" {
        let in_array = wants_array(call.request, Some(target));
        let content_type = if in_array { "application/json; charset=UTF-8" } else { EVENTS };
        let frames = stream::Chunks::new(frame, voices, in_array, call.steer.giant_line);
        return Ok(call.stream(content_type, frames, prompt));
    }
    let candidates: Value = voices.iter().enumerate().map(|(index, voice)| candidate(index, voice)).collect();
    let said = frame.usage.output();
    let answer = whole(&frame, &candidates, frame.usage.value(said, frame.usage.thoughts));
    Ok(plain(call, &answer, prompt, completion))
}

fn voice(ask: &Ask, turn: Turn, call: &mut Call<'_>) -> Voice {
    let finish = match (call.steer.filtered, turn.capped) {
        (Some(_), _) => "SAFETY",
        (None, true) => "MAX_TOKENS",
        // A stop sequence and a call end as everything does.
        (None, false) => "STOP",
    };
    let hidden = if ask.shows { 0 } else { turn.reasoned };
    let thoughts = turn.reasoning.filter(|_| ask.shows);
    let mut voice = Voice { thoughts, text: None, calls: Vec::new(), called: false, signature: None, finish, hidden };
    match turn.said {
        Said::Text(output) => {
            voice.text = Some(output);
            voice.signature = ask.signs.then(|| ask::sign(call, ""));
        }
        Said::Calls(calls) => {
            // A call that the cap cut off is not shown at all.
            for said in calls.into_iter().filter(|said| !said.output.capped) {
                let args: Value = serde_json::from_str(&said.output.text()).unwrap_or_default();
                let id = call.stamp.id("", 8).to_ascii_lowercase();
                let mut part = json!({"functionCall": {"name": said.name, "args": args, "id": id}});
                if let (true, true, Value::Object(fields)) = (ask.signs, voice.calls.is_empty(), &mut part) {
                    fields.insert("thoughtSignature".to_owned(), ask::sign(call, &said.name).into());
                }
                voice.calls.push((part, said.output.tokens));
                voice.called = true;
            }
        }
    }
    voice
}

/// A candidate as a whole.
fn candidate(index: usize, voice: &Voice) -> Value {
    let mut parts = Vec::new();
    if let Some(thoughts) = &voice.thoughts {
        parts.push(json!({"text": thoughts.text(), "thought": true}));
    }
    if let Some(text) = voice.text.as_ref().filter(|text| text.tokens > 0) {
        let mut part = json!({"text": text.text()});
        if let (Some(signature), Value::Object(fields)) = (&voice.signature, &mut part) {
            fields.insert("thoughtSignature".to_owned(), signature.clone().into());
        }
        parts.push(part);
    }
    parts.extend(voice.calls.iter().map(|(part, _)| part.clone()));
    // Nothing said leaves a content without parts.
    let content = if parts.is_empty() { json!({"role": "model"}) } else { json!({"parts": parts, "role": "model"}) };
    let mut candidate = json!({"content": content, "finishReason": voice.finish, "index": index});
    if let Value::Object(fields) = &mut candidate {
        ending(voice, fields);
    }
    candidate
}

/// What stands beside the reason why a candidate ended.
fn ending(voice: &Voice, fields: &mut serde_json::Map<String, Value>) {
    if voice.finish == "SAFETY" {
        let rating = json!({"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": true});
        fields.insert("safetyRatings".to_owned(), json!([rating]));
    }
    if voice.called && voice.finish == "STOP" {
        fields.insert("finishMessage".to_owned(), "Model generated function call(s).".into());
    }
}

/// An answer, or the only chunk of one whose question was filtered.
fn whole(frame: &Frame, candidates: &Value, usage: Option<Value>) -> Value {
    let mut answer = if frame.blocked {
        json!({"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": [
            {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": true}]}})
    } else {
        json!({"candidates": candidates})
    };
    if let Value::Object(fields) = &mut answer {
        if let Some(usage) = usage {
            fields.insert("usageMetadata".to_owned(), usage);
        }
        fields.insert("modelVersion".to_owned(), frame.model.clone().into());
        fields.insert("responseId".to_owned(), frame.id.clone().into());
    }
    answer
}
