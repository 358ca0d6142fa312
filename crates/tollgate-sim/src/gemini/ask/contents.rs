//! Turns and their parts: what a part may be, who speaks, and that calls and their responses belong together.

use std::collections::HashSet;

use serde_json::Value;

use super::super::{
    check::{Fields, flag, given, inner, join, list, object, only, open, text},
    error::Failure,
};

/// One turn, checked.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    /// `user` unless it says otherwise.
    pub role: &'a str,
    pub parts: Vec<Part<'a>>,
}

#[derive(Debug)]
pub(super) struct Part<'a> {
    pub fields: &'a Fields,
    /// A text that is a thought.
    pub thought: bool,
    pub signature: Option<&'a str>,
    pub data: Data<'a>,
}

/// What a part is.
#[derive(Debug)]
pub(super) enum Data<'a> {
    Text(&'a str),
    Call(Named<'a>),
    Response(Named<'a>),
    /// Bytes in the request, base64.
    Inline(&'a str),
    /// Anything else, or nothing but a signature.
    Other,
}

/// A function by its name and, where there is one, the id of its call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub name: &'a str,
    pub id: Option<&'a str>,
}

impl<'a> Turn<'a> {
    pub(super) fn calls(&self) -> Vec<Named<'a>> {
        self.parts
            .iter()
            .filter_map(|part| if let Data::Call(named) = part.data { Some(named) } else { None })
            .collect()
    }

    fn responses(&self) -> Vec<Named<'a>> {
        let responses = self.parts.iter();
        responses.filter_map(|part| if let Data::Response(named) = part.data { Some(named) } else { None }).collect()
    }

    /// The user says something beside handing in responses.
    pub(super) fn is_speech(&self) -> bool {
        self.role == "user" && self.responses().is_empty()
    }
}

pub(super) fn read(fields: &Fields) -> Result<Vec<Turn<'_>>, Failure> {
    let contents = list(fields, "contents");
    if contents.is_empty() {
        return Err(Failure::field("contents", "contents is not specified"));
    }
    let turns: Vec<Turn<'_>> = contents
        .iter()
        .enumerate()
        .map(|(at, value)| {
            let path = format!("contents[{at}]");
            content(object(value, &path)?, &path)
        })
        .collect::<Result<_, _>>()?;
    pairs(&turns)?;
    Ok(turns)
}

pub(super) fn content<'a>(fields: &'a Fields, path: &str) -> Result<Turn<'a>, Failure> {
    only(fields, path, &["role", "parts"])?;
    let role = text(fields, path, "role")?.filter(|role| !role.is_empty()).unwrap_or("user");
    // What the vendor makes of the role of system instructions is: nothing.
    if !["user", "model", "function"].contains(&role) && path.starts_with("contents") {
        return Err(Failure::invalid("Please use a valid role: user, model."));
    }
    let parts = list(fields, "parts");
    if parts.is_empty() {
        return Err(Failure::field(&format!("{path}.parts"), "contents.parts must not be empty."));
    }
    let parts = parts.iter().enumerate().map(|(at, value)| part(value, &format!("{path}.parts[{at}]")));
    Ok(Turn { role, parts: parts.collect::<Result<_, _>>()? })
}

const DATA: &[&str] = &[
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
];
const AROUND: &[&str] = &[
    "thought",
    "thoughtSignature",
    "videoMetadata",
    "mediaResolution",
    "partMetadata",
    "mediaProcessing",
    "speechMetadata",
    "audioTranscription",
];

fn part<'a>(value: &'a Value, path: &str) -> Result<Part<'a>, Failure> {
    let fields = object(value, path)?;
    only(fields, path, &[DATA, AROUND].concat())?;
    let thought = flag(fields, path, "thought")?;
    let signature = text(fields, path, "thoughtSignature")?;
    let mut held = DATA.iter().filter(|name| given(fields, name).is_some());
    let (first, second) = (held.next(), held.next());
    if let Some(second) = second {
        let description =
            format!("Invalid value at '{path}' (oneof), oneof field 'data' is already set. Cannot set '{second}'");
        return Err(Failure::payload(path, description));
    }
    let data = match first.copied() {
        Some("text") => Data::Text(text(fields, path, "text")?.unwrap_or_default()),
        Some("functionCall") => Data::Call(function(fields, path, "functionCall", "args")?),
        Some("functionResponse") => Data::Response(function(fields, path, "functionResponse", "response")?),
        Some("inlineData") => Data::Inline(blob(fields, path, "inlineData", "data")?),
        Some("fileData") => {
            blob(fields, path, "fileData", "fileUri")?;
            Data::Other
        }
        Some(_) => Data::Other,
        None if signature.is_some() => Data::Other,
        None => {
            let what = "required oneof field 'data' must have one initialized field";
            return Err(Failure::field(&format!("{path}.data"), what));
        }
    };
    Ok(Part { fields, thought, signature, data })
}

fn function<'a>(fields: &'a Fields, path: &str, name: &str, payload: &str) -> Result<Named<'a>, Failure> {
    let path = join(path, name);
    let Some(inner) = given(fields, name).and_then(Value::as_object) else {
        return Err(Failure::payload(&path, format!("Invalid value at '{path}', Root element must be a message.")));
    };
    let known: &[&str] = if payload == "args" {
        &["id", "name", "args", "partialArgs", "willContinue"]
    } else {
        &["id", "name", "response", "parts", "scheduling", "willContinue"]
    };
    only(inner, &path, known)?;
    let called = text(inner, &path, "name")?.unwrap_or_default();
    if called.is_empty() {
        return Err(Failure::field(&format!("{path}.name"), "Name cannot be empty."));
    }
    if open(inner, &path, payload)?.is_none() && payload == "response" {
        return Err(Failure::field(&format!("{path}.response"), "response is not specified"));
    }
    Ok(Named { name: called, id: text(inner, &path, "id")?.filter(|id| !id.is_empty()) })
}

fn blob<'a>(fields: &'a Fields, path: &str, name: &str, wanted: &str) -> Result<&'a str, Failure> {
    let inner = inner(fields, path, name)?;
    let path = join(path, name);
    let held = inner.map(|inner| text(inner, &path, wanted)).transpose()?.flatten();
    held.filter(|held| !held.is_empty())
        .ok_or_else(|| Failure::field(&join(&path, wanted), "required field is not set"))
}

/// The responses to a turn's calls are the next turn, as many as the calls.
fn pairs(turns: &[Turn<'_>]) -> Result<(), Failure> {
    let mut open: Vec<Named<'_>> = Vec::new();
    for (at, turn) in turns.iter().enumerate() {
        // Turns of the model that follow each other are one, as recorded in 2026-07.
        if turn.role == "model" && at > 0 && turns.get(at - 1).is_some_and(|before| before.role == "model") {
            open.extend(turn.calls());
            continue;
        }
        let responses = turn.responses();
        if responses.len() != open.len() {
            return Err(Failure::invalid(if open.is_empty() {
                "Please ensure that function response turn comes immediately after a function call turn."
            } else {
                "Please ensure that the number of function response parts is equal to the number of function call \
                 parts of the function call turn."
            }));
        }
        let answered: HashSet<&str> = responses.iter().filter_map(|response| response.id).collect();
        let nameless = responses.iter().any(|response| response.id.is_none());
        if !nameless && open.iter().filter_map(|call| call.id).any(|id| !answered.contains(id)) {
            return Err(Failure::invalid("functionResponse.id does not match functionCall.id."));
        }
        open = turn.calls();
        if !open.is_empty() && at == 0 {
            return Err(Failure::invalid(
                "Please ensure that function call turn comes immediately after a user turn or after a function \
                 response turn.",
            ));
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    Err(Failure::invalid(
        "Please ensure that the number of function response parts is equal to the number of function call parts of the \
         function call turn.",
    ))
}

/// The texts of a content that is not part of a conversation.
pub(in crate::gemini) fn said(fields: &Fields, path: &str) -> Result<String, Failure> {
    Ok(texts(&content(fields, path)?))
}

fn texts(turn: &Turn<'_>) -> String {
    let texts = turn.parts.iter().filter_map(|part| match part.data {
        Data::Text(text) if !part.thought => Some(text),
        _ => None,
    });
    texts.collect::<Vec<_>>().join(" ")
}

/// The last thing the user said that is not a response.
pub(super) fn topic(turns: &[Turn<'_>]) -> String {
    let mut said = turns.iter().rev().filter(|turn| turn.role == "user").map(texts);
    said.find(|text| !text.is_empty()).unwrap_or_default()
}

/// Where the present loop of calls and responses begins: after the last turn in which the user said something else.
pub(super) fn loop_start(turns: &[Turn<'_>]) -> usize {
    turns.iter().rposition(Turn::is_speech).map_or(0, |at| at + 1)
}

/// Rounds of responses in that loop; 0 unless the conversation ends with one.
pub(super) fn rounds(turns: &[Turn<'_>]) -> u64 {
    if turns.last().is_none_or(|last| last.responses().is_empty()) {
        return 0;
    }
    let looped = turns.get(loop_start(turns)..).unwrap_or_default();
    looped.iter().filter(|turn| !turn.responses().is_empty()).count() as u64
}
