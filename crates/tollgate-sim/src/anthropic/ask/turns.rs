//! The order of a conversation: who begins, what is never empty, and that calls and results belong together.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    super::{
        check::{join, missing, needed, object, only},
        error::Failure,
    },
    blocks,
};

/// One message, checked.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pub role: &'a str,
    pub content: Content<'a>,
}

#[derive(Debug)]
pub(super) enum Content<'a> {
    Text(&'a str),
    Blocks(Vec<Block<'a>>),
}

#[derive(Debug)]
pub(super) struct Block<'a> {
    pub kind: &'a str,
    pub value: &'a Value,
}

impl Block<'_> {
    /// A field that is a text.
    pub(super) fn text(&self, name: &str) -> &str {
        self.value.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

impl Turn<'_> {
    pub(super) fn blocks(&self) -> &[Block<'_>] {
        match &self.content {
            Content::Text(_) => &[],
            Content::Blocks(blocks) => blocks,
        }
    }

    pub(super) fn has(&self, kind: &str) -> bool {
        self.blocks().iter().any(|block| block.kind == kind)
    }
}

/// Checks the messages one by one, then their order.
pub(super) fn read(messages: &[Value]) -> Result<Vec<Turn<'_>>, Failure> {
    if messages.is_empty() {
        return Err(Failure::at("messages", "at least one message is required"));
    }
    let turns: Vec<Turn<'_>> =
        messages.iter().enumerate().map(|(at, message)| turn(message, at)).collect::<Result<_, _>>()?;
    // Recordings of 2026-07 show that a conversation may begin with a call, if not with a text, of the assistant.
    let first = turns.iter().find(|turn| turn.role != "system");
    if first.is_some_and(|turn| turn.role != "user" && !turn.has("tool_use") && !turn.has("server_tool_use")) {
        return Err(Failure::invalid("messages: first message must use the \"user\" role"));
    }
    emptiness(&turns)?;
    pairs(&turns)?;
    last(&turns)?;
    Ok(turns)
}

fn turn(message: &Value, at: usize) -> Result<Turn<'_>, Failure> {
    let path = format!("messages.{at}");
    let fields = object(message, &path)?;
    only(fields, &path, &["role", "content"])?;
    let role = needed(fields, &path, "role")?;
    if !["user", "assistant", "system"].contains(&role) {
        return Err(Failure::invalid(format!(
            "messages: Unexpected role \"{role}\". Allowed roles are \"user\", \"assistant\" or \"system\"."
        )));
    }
    let path = join(&path, "content");
    let content = match fields.get("content") {
        None => return Err(missing(&path)),
        Some(Value::String(text)) => Content::Text(text),
        Some(Value::Array(list)) => {
            let blocks = list
                .iter()
                .enumerate()
                .map(|(at, value)| blocks::check(value, role, &join(&path, at)).map(|kind| Block { kind, value }));
            Content::Blocks(blocks.collect::<Result<_, _>>()?)
        }
        Some(_) => return Err(Failure::at(&path, "Input should be a valid array")),
    };
    Ok(Turn { role, content })
}

/// Only the last turn of the assistant may be empty.
fn emptiness(turns: &[Turn<'_>]) -> Result<(), Failure> {
    for (at, turn) in turns.iter().enumerate() {
        let empty = match &turn.content {
            Content::Text(text) => text.is_empty(),
            Content::Blocks(blocks) => blocks.is_empty(),
        };
        let optional = turn.role == "assistant" && at + 1 == turns.len();
        if empty && !optional {
            return Err(Failure::invalid(match turn.role {
                "user" => format!("messages.{at}: user messages must have non-empty content"),
                _ => format!(
                    "messages.{at}: all messages must have non-empty content except for the optional final assistant \
                     message"
                ),
            }));
        }
    }
    Ok(())
}

/// Every call is answered in the next message, by results that come before anything else in it.
fn pairs(turns: &[Turn<'_>]) -> Result<(), Failure> {
    let mut asked: Vec<&str> = Vec::new();
    for (at, turn) in turns.iter().enumerate() {
        let known: HashSet<&str> = asked.iter().copied().collect();
        let results = turn.blocks().iter().take_while(|block| block.kind == "tool_result");
        let leading: HashSet<&str> = results.map(|block| block.text("tool_use_id")).collect();
        let mut answered: HashSet<&str> = HashSet::new();
        for (place, block) in turn.blocks().iter().enumerate().filter(|(_, block)| block.kind == "tool_result") {
            let id = block.text("tool_use_id");
            if !known.contains(id) {
                return Err(Failure::invalid(format!(
                    "messages.{at}.content.{place}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each \
                     `tool_result` block must have a corresponding `tool_use` block in the previous message."
                )));
            }
            if !answered.insert(id) {
                return Err(Failure::invalid(format!(
                    "messages.{at}.content.{place}: each tool_use must have a single result. Found multiple \
                     `tool_result` blocks with id: {id}"
                )));
            }
        }
        let open: Vec<&str> = asked.into_iter().filter(|id| !leading.contains(id)).collect();
        if !open.is_empty() {
            return Err(unanswered(at - 1, &open));
        }
        let calls = turn.blocks().iter().filter(|block| block.kind == "tool_use");
        asked = calls.map(|block| block.text("id")).collect();
        if asked.iter().collect::<HashSet<_>>().len() < asked.len() {
            return Err(Failure::invalid(format!("messages.{at}: `tool_use` ids must be unique")));
        }
    }
    if asked.is_empty() { Ok(()) } else { Err(unanswered(turns.len() - 1, &asked)) }
}

fn unanswered(at: usize, open: &[&str]) -> Failure {
    Failure::invalid(format!(
        "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` \
         block must have a corresponding `tool_result` block in the next message.",
        open.join(", ")
    ))
}

/// What the assistant is to continue must not end in white space.
fn last(turns: &[Turn<'_>]) -> Result<(), Failure> {
    let Some(turn) = turns.last().filter(|turn| turn.role == "assistant") else {
        return Ok(());
    };
    let text = match &turn.content {
        Content::Text(text) => text,
        Content::Blocks(blocks) => {
            blocks.last().filter(|block| block.kind == "text").map_or("", |block| block.text("text"))
        }
    };
    if text.ends_with(char::is_whitespace) {
        return Err(Failure::invalid("messages: final assistant content cannot end with trailing whitespace"));
    }
    Ok(())
}

/// The last thing the user said that is not a result.
pub(super) fn topic(turns: &[Turn<'_>]) -> String {
    let said = turns.iter().rev().filter(|turn| turn.role == "user").map(|turn| match &turn.content {
        Content::Text(text) => (*text).to_owned(),
        Content::Blocks(blocks) => {
            let texts = blocks.iter().filter(|block| block.kind == "text");
            texts.map(|block| block.text("text")).collect::<Vec<_>>().join(" ")
        }
    });
    said.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
}

/// Where the present loop of calls and results begins: after the last turn in which the user said something else.
pub(super) fn loop_start(turns: &[Turn<'_>]) -> usize {
    let spoke = turns.iter().rposition(|turn| turn.role == "user" && !turn.has("tool_result"));
    spoke.map_or(0, |at| at + 1)
}

/// Rounds of results in that loop; 0 unless the conversation ends with one.
pub(super) fn rounds(turns: &[Turn<'_>]) -> u64 {
    let spoken = turns.iter().rev().find(|turn| turn.role != "system");
    if !spoken.is_some_and(|turn| turn.has("tool_result")) {
        return 0;
    }
    let looped = turns.get(loop_start(turns)..).unwrap_or_default();
    looped.iter().filter(|turn| turn.has("tool_result")).count() as u64
}
