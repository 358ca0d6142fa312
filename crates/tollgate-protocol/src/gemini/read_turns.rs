//! The contents of a request into turns.

use super::fields;
use super::part;
use crate::canonical::{Content, Losses, Part, Role, Turn};
use crate::fault::Fault;
use crate::fields::{Fields, Item, wrong};
use std::collections::{HashMap, HashSet, VecDeque};

/// The conversation.
pub(super) fn turns(contents: &[Item<'_>], losses: &mut Losses) -> Result<Vec<Turn>, Fault> {
    let mut calls = Calls::default();
    let mut turns: Vec<Turn> = Vec::with_capacity(contents.len());
    for item in contents {
        let content = fields::read(item.raw, item.path.clone())?;
        let role = match content.text("role")?.as_deref() {
            // As results of functions were once told.
            None | Some("user" | "function" | "") => Role::User,
            Some("model") => Role::Assistant,
            Some(_) => return Err(wrong(&content.at("role"), "'user' or 'model'")),
        };
        let mut parts = parts(&content, losses)?;
        calls.name(role, &mut parts);
        content.rest(losses);
        match turns.last_mut() {
            Some(last) if role == Role::Assistant && last.role == role => told(&mut last.parts, parts),
            _ if role == Role::Assistant => {
                let mut said = Vec::with_capacity(parts.len());
                told(&mut said, parts);
                turns.push(Turn::new(role, said));
            }
            _ => turns.push(Turn::new(role, parts)),
        }
    }
    Ok(turns)
}

/// Adds what a model said. Callers hand a streamed answer back as the pieces it came in, one content or part for each
/// (the vendor's own libraries do): a text, or a thought with the seal at its end, is one part again.
fn told(said: &mut Vec<Part>, more: Vec<Part>) {
    for mut part in more {
        let Some(last) = said.last_mut().filter(|last| last.seal.is_none() && last.cache.is_none()) else {
            said.push(part);
            continue;
        };
        match (&mut last.content, &mut part.content) {
            (Content::Text { text, citations }, Content::Text { text: next, citations: cited }) => {
                text.push_str(next);
                citations.append(cited);
            }
            (Content::Reasoning(thought), Content::Reasoning(next)) if thought.redacted == next.redacted => {
                thought.text.push_str(&next.text);
            }
            _ => {
                said.push(part);
                continue;
            }
        }
        last.seal = part.seal;
        last.cache = part.cache;
    }
}

/// What the model is told before the conversation. Whose role it is written under says nothing.
pub(super) fn instructions(body: &Fields<'_>, losses: &mut Losses) -> Result<Vec<Part>, Fault> {
    let Some(raw) = body.raw("systemInstruction") else { return Ok(Vec::new()) };
    let content = fields::read(raw, "systemInstruction")?;
    content.raw("role");
    let mut parts = parts(&content, losses)?;
    content.rest(losses);
    parts.retain(|part| !part.is_blank());
    Ok(parts)
}

fn parts(content: &Fields<'_>, losses: &mut Losses) -> Result<Vec<Part>, Fault> {
    let mut parts = Vec::new();
    for item in fields::list(content, "parts")?.unwrap_or_default() {
        parts.extend(part::part(item.raw, &item.path, losses)?);
    }
    Ok(parts)
}

/// Gives ids to calls and results that have none. A call's comes of its place, so that the same history names it
/// alike; a result is matched with the first call of its name that has no result yet.
#[derive(Default)]
struct Calls {
    count: u32,
    /// Ids of all calls so far.
    known: HashSet<String>,
    /// Calls of the last turn that wait for a result, by the name of their tool.
    open: HashMap<String, VecDeque<String>>,
    /// The last turn was the model's.
    calling: bool,
}

impl Calls {
    fn name(&mut self, role: Role, parts: &mut [Part]) {
        let calling = role == Role::Assistant;
        if calling && !self.calling {
            self.open.clear();
        }
        self.calling = calling;
        for part in parts {
            match &mut part.content {
                Content::ToolCall(call) => {
                    self.count += 1;
                    if call.id.is_empty() {
                        call.id = format!("call_{}", self.count);
                    }
                    self.known.insert(call.id.clone());
                    self.open.entry(call.name.clone()).or_default().push_back(call.id.clone());
                }
                Content::ToolResult(result) => {
                    let queue = self.open.get_mut(result.name.as_deref().unwrap_or_default());
                    if self.known.contains(&result.call) {
                        if let Some(queue) = queue
                            && queue.front() == Some(&result.call)
                        {
                            queue.pop_front();
                        }
                    } else if let Some(id) = queue.and_then(VecDeque::pop_front) {
                        result.call = id;
                    }
                }
                _ => {}
            }
        }
    }
}
