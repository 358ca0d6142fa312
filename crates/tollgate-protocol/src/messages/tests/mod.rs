//! What other protocols do to this one: traps, each with its name.

mod answers;
mod requests;
mod thinking;

use super::Messages;
use crate::canonical::{
    Block, Capabilities, Content, Delta, Effort, EffortSet, Event, Finish, Json, Losses, Media, MediaKind,
    OutputFormat, Part, Reasoning, ReasoningAsk, Request, Role, SchemaSupport, Seal, Source, Thinking, ThinkingMode,
    Tool, ToolCall, ToolChoice, ToolKind, ToolResult, Turn,
};
use crate::chat::ChatCompletions;
use crate::codec::{AnswerHead, Codec, InPath, Protocol, Target};
use crate::fault::Fault;
use crate::sse;
use bytes::BytesMut;
use serde_json::{Value, json};

fn user(text: &str) -> Turn {
    Turn::new(Role::User, vec![Part::text(text)])
}

fn says(text: &str) -> Turn {
    Turn::new(Role::Assistant, vec![Part::text(text)])
}

fn calls(id: &str, name: &str, arguments: &str) -> Part {
    let call = ToolCall { id: id.into(), name: name.into(), arguments: arguments.into(), custom: false };
    Part::new(Content::ToolCall(call))
}

fn gives(id: &str, text: &str) -> Part {
    let content = vec![Part::text(text)];
    Part::new(Content::ToolResult(ToolResult { call: id.into(), content, ..ToolResult::default() }))
}

fn asked(turns: Vec<Turn>) -> Request {
    Request { turns, ..Request::default() }
}

fn function(name: &str) -> Tool {
    Tool::new(ToolKind::Function { name: name.into(), description: None, parameters: None, strict: None })
}

fn seal(owner: Protocol, data: &str) -> Seal {
    Seal { owner, data: data.into() }
}

/// The body for a chat caller's request, and its losses.
fn write(request: &Request, accepts: &Capabilities) -> Result<(Value, String), Fault> {
    let mut losses = Losses::default();
    let target = Target { model: "m", accepts, strict: false };
    let body = Messages.write_request(request, &target, &ChatCompletions, &mut losses)?;
    Ok((serde_json::from_slice(&body).unwrap(), losses.to_string()))
}

fn plain(request: &Request) -> (Value, String) {
    write(request, &Capabilities::default()).unwrap()
}

fn read(body: &Value) -> Request {
    let text = body.to_string();
    Messages.read_request(text.as_bytes(), &InPath::default(), &mut Losses::default()).unwrap()
}

fn head() -> AnswerHead {
    AnswerHead { id: "0123456789abcdef01234567".into(), model: "shown".into(), ..AnswerHead::default() }
}
