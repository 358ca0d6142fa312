//! What items need of each other when a conversation is handed back: calls their outputs, reasoning what it led to, and
//! state that is the simulator's own.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{
    super::super::error::Failure,
    items::{Given, not_found},
};
use crate::{
    call::Call,
    content::fnv1a,
    seal::{self, Kind},
};

fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn kind(item: &Value) -> &str {
    text(item, "type")
}

fn is_call(item: &Value) -> bool {
    matches!(kind(item), "function_call" | "custom_tool_call")
}

fn is_output(item: &Value) -> bool {
    matches!(kind(item), "function_call_output" | "custom_tool_call_output")
}

fn is_said_by_others(item: &Value) -> bool {
    kind(item) == "message" && text(item, "role") != "assistant"
}

fn input(message: String) -> Failure {
    Failure { param: Some("input".to_owned()), ..Failure::plain(message) }
}

/// Checks the conversation. What was kept is the simulator's own and trusted, except that calls need their outputs.
pub(super) fn check(conversation: &[&Value], given: &[Given], call: &Call<'_>) -> Result<(), Failure> {
    pairs(conversation)?;
    let there: HashSet<&str> = given.iter().map(|given| text(&given.value, "id")).collect();
    for (at, Given { value: item, named }) in given.iter().enumerate() {
        if kind(item) == "reasoning" {
            state(item, *named, call)?;
            let next = given.get(at + 1).map(|next| &next.value);
            let follows = next.is_some_and(|next| !is_said_by_others(next) && !is_output(next));
            if !follows {
                let id = text(item, "id");
                return Err(input(format!(
                    "Item '{id}' of type 'reasoning' was provided without its required following item."
                )));
            }
        }
        if is_call(item) {
            let needs = call.simulator.memory.needs(text(item, "id"), &call.request.credential());
            if let Some(needs) = needs.filter(|id| !there.contains(id.as_str())) {
                return Err(input(format!(
                    "Item '{}' of type '{}' was provided without its required 'reasoning' item: '{needs}'.",
                    text(item, "id"),
                    kind(item)
                )));
            }
        }
    }
    if call.steer.strict_state { strict(conversation) } else { Ok(()) }
}

fn pairs(items: &[&Value]) -> Result<(), Failure> {
    // With whether an output is waited for; calls of the vendor's own tools may get one, as recorded.
    let mut open: HashMap<&str, bool> = HashMap::new();
    for item in items {
        let id = text(item, "call_id");
        if is_output(item) {
            if open.remove(id).is_none() {
                return Err(input(format!("No tool call found for function call output with call_id {id}.")));
            }
        } else if kind(item).ends_with("_call") {
            open.insert(id, is_call(item));
        }
    }
    let mut waiting = items.iter().map(|item| text(item, "call_id"));
    match waiting.find(|id| open.get(id) == Some(&true)) {
        Some(id) => Err(input(format!("No tool output found for function call {id}."))),
        None => Ok(()),
    }
}

/// A reasoning item holds its state, or refers to one that is kept.
fn state(item: &Value, named: bool, call: &Call<'_>) -> Result<(), Failure> {
    let account = call.request.credential();
    let id = text(item, "id");
    let encrypted = text(item, "encrypted_content");
    if encrypted.is_empty() {
        let kept = !named || call.simulator.memory.item(id, &account).is_some();
        return if kept { Ok(()) } else { Err(not_found(id)) };
    }
    let (kind, world) = (Kind::Encrypted, call.stamp.world);
    let reason = if !seal::fits(kind, world, &[&account], encrypted) {
        "Encrypted content could not be decrypted or parsed."
    } else if named && encrypted != made(world, &account, id) {
        "Encrypted content item_id did not match the target item id."
    } else {
        return Ok(());
    };
    let begins: String = encrypted.chars().take(4).collect();
    let ends: String = encrypted.chars().skip(encrypted.chars().count().saturating_sub(4)).collect();
    let message = format!("The encrypted content {begins}...{ends} could not be verified. Reason: {reason}");
    Err(Failure { param: None, ..Failure::invalid(message, "", "invalid_encrypted_content") })
}

/// The state of the reasoning item of that id.
pub(in crate::openai::responses) fn made(world: u64, account: &str, id: &str) -> String {
    seal::make(Kind::Encrypted, world, &[account], fnv1a(id.as_bytes()))
}

/// In the present loop every group of calls comes after reasoning.
fn strict(items: &[&Value]) -> Result<(), Failure> {
    let start = items.iter().rposition(|item| is_said_by_others(item)).map_or(0, |at| at + 1);
    let mut reasoned = false;
    for item in items.get(start..).unwrap_or_default() {
        match kind(item) {
            "reasoning" => reasoned = true,
            _ if is_output(item) => reasoned = false,
            _ if is_call(item) && !reasoned => {
                return Err(input(format!(
                    "Item '{}' of type '{}' was provided without its required 'reasoning' item.",
                    text(item, "id"),
                    kind(item)
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Rounds of outputs at the end of the conversation, since anybody but the assistant spoke.
pub(super) fn rounds(items: &[&Value]) -> u64 {
    if !items.last().is_some_and(|item| is_output(item)) {
        return 0;
    }
    let start = items.iter().rposition(|item| is_said_by_others(item)).map_or(0, |at| at + 1);
    let looped = items.get(start..).unwrap_or_default();
    let begins =
        looped.windows(2).filter(|pair| matches!(pair, [before, after] if !is_output(before) && is_output(after)));
    begins.count().max(1) as u64
}
