//! Order and pairing that the strict protocols ask for.
//!
//! Anthropic Messages and Gemini want turns that alternate, every call of a tool answered in the very next turn of
//! the user, results before anything else in it, and no empty words. Chat and Responses let callers write all of it
//! as they like.

use super::part::{Content, Part, ToolResult};
use super::request::{Role, Turn};
use std::collections::{HashMap, HashSet};

/// Turns in order, and whether anything had to be made up.
#[derive(Debug, Default, PartialEq)]
pub struct Paired {
    /// Alternating; never empty words. May begin with any role.
    pub turns: Vec<Turn>,
    /// Calls without a result got one that says so.
    pub invented: bool,
    /// Results without a call became words of the user.
    pub orphaned: bool,
}

/// Text of a result that is missing.
const NO_RESULT: &str = "No result was given for this call.";

/// Brings turns into order: neighbours of one role become one turn, results stand first and directly after their
/// calls (of two results of one call the last counts), blank words go. Turns of the role `System` stay where they are
/// and do not part what belongs together.
pub fn paired(turns: &[Turn]) -> Paired {
    let mut out = Paired::default();
    for turn in merged(turns) {
        match turn.role {
            Role::System => out.turns.push(turn),
            Role::Assistant => {
                settle(&mut out, Vec::new());
                out.turns.push(turn);
            }
            Role::User => {
                let (results, rest): (Vec<Part>, Vec<Part>) =
                    turn.parts.into_iter().partition(|part| matches!(part.content, Content::ToolResult(_)));
                settle(&mut out, results);
                push(&mut out.turns, Role::User, rest);
            }
        }
    }
    settle(&mut out, Vec::new());
    out
}

/// Neighbours of one role as one turn, without blank words; system turns are looked past.
fn merged(turns: &[Turn]) -> Vec<Turn> {
    let mut out: Vec<Turn> = Vec::with_capacity(turns.len());
    for turn in turns {
        let parts: Vec<Part> = turn.parts.iter().filter(|part| !part.is_blank()).cloned().collect();
        if turn.role == Role::System {
            if !parts.is_empty() {
                out.push(Turn::new(Role::System, parts));
            }
            continue;
        }
        push(&mut out, turn.role, parts);
    }
    out
}

/// Adds parts to the last turn if it is of that role, else as a new one.
fn push(turns: &mut Vec<Turn>, role: Role, parts: Vec<Part>) {
    if parts.is_empty() {
        return;
    }
    match turns.last_mut() {
        Some(last) if last.role == role => last.parts.extend(parts),
        _ => turns.push(Turn::new(role, parts)),
    }
}

/// Answers the calls of the last assistant turn that are still open with `results`, in the order of the calls.
fn settle(out: &mut Paired, results: Vec<Part>) {
    let open = open_calls(&out.turns);
    if open.is_empty() && results.is_empty() {
        return;
    }
    // Of several results of one call the last counts.
    let last: HashMap<String, usize> =
        results.iter().enumerate().filter_map(|(at, part)| Some((result_of(part)?.to_owned(), at))).collect();
    let mut results: Vec<Option<Part>> = results.into_iter().map(Some).collect();
    let mut answers = Vec::with_capacity(open.len());
    for (id, name, custom) in &open {
        let found = last.get(id).and_then(|at| results.get_mut(*at)).and_then(Option::take);
        if let Some(mut part) = found {
            if let Content::ToolResult(result) = &mut part.content {
                result.name.get_or_insert_with(|| name.clone());
            }
            answers.push(part);
        } else {
            out.invented = true;
            answers.push(Part::new(Content::ToolResult(ToolResult {
                call: id.clone(),
                name: Some(name.clone()),
                content: vec![Part::text(NO_RESULT)],
                is_error: true,
                custom: *custom,
            })));
        }
    }
    let answered: HashSet<&str> = open.iter().map(|(id, ..)| &**id).collect();
    push(&mut out.turns, Role::User, answers);
    for part in results.into_iter().flatten() {
        if let Content::ToolResult(result) = part.content
            && !answered.contains(&*result.call)
        {
            out.orphaned = true;
            let content = result.content.into_iter().filter(|part| !part.is_blank()).collect();
            push(&mut out.turns, Role::User, content);
        }
    }
}

/// The calls that wait for a result: those of the last turn that is no system turn, if it is the assistant's.
fn open_calls(turns: &[Turn]) -> Vec<(String, String, bool)> {
    let last = turns.iter().rev().find(|turn| turn.role != Role::System);
    let parts = last.filter(|turn| turn.role == Role::Assistant).map_or(&[][..], |turn| &turn.parts);
    let calls = parts.iter().filter_map(|part| match &part.content {
        Content::ToolCall(call) => Some((call.id.clone(), call.name.clone(), call.custom)),
        _ => None,
    });
    calls.collect()
}

/// The call that it is a result of.
fn result_of(part: &Part) -> Option<&str> {
    match &part.content {
        Content::ToolResult(result) => Some(&result.call),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::ToolCall;

    fn call(id: &str) -> Part {
        Part::new(Content::ToolCall(ToolCall { id: id.into(), name: format!("f{id}"), ..ToolCall::default() }))
    }

    fn result(id: &str, text: &str) -> Part {
        let content = vec![Part::text(text)];
        Part::new(Content::ToolResult(ToolResult { call: id.into(), content, ..ToolResult::default() }))
    }

    fn shape(paired: &Paired) -> String {
        let part = |part: &Part| match &part.content {
            Content::Text { text, .. } => text.clone(),
            Content::ToolCall(call) => format!("!{}", call.id),
            Content::ToolResult(result) => {
                format!("={}:{}", result.call, result.content.first().and_then(Part::as_text).unwrap_or_default())
            }
            _ => "?".into(),
        };
        let turn = |turn: &Turn| {
            let parts: Vec<_> = turn.parts.iter().map(part).collect();
            format!("{:?}({})", turn.role, parts.join(" "))
        };
        paired.turns.iter().map(turn).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn results_follow_their_calls_and_stand_first() {
        let turns = [
            Turn::new(Role::User, vec![Part::text("a"), Part::text("")]),
            Turn::new(Role::User, vec![Part::text("b")]),
            Turn::new(Role::Assistant, vec![Part::text("c"), call("1")]),
            Turn::new(Role::Assistant, vec![call("2")]),
            Turn::new(Role::User, vec![Part::text("d"), result("2", "two")]),
            Turn::new(Role::User, vec![result("1", "old"), result("1", "one")]),
        ];
        let paired = paired(&turns);
        assert_eq!(shape(&paired), "User(a b) Assistant(c !1 !2) User(=1:one =2:two d)");
        assert!(!paired.invented && !paired.orphaned);
    }

    #[test]
    fn what_is_missing_is_said_and_what_is_too_much_becomes_words() {
        let turns = [
            Turn::new(Role::Assistant, vec![call("1")]),
            Turn::new(Role::System, vec![Part::text("s")]),
            Turn::new(Role::User, vec![result("9", "late"), Part::text("x")]),
            Turn::new(Role::Assistant, vec![call("2")]),
        ];
        let paired = paired(&turns);
        assert_eq!(
            shape(&paired),
            format!("Assistant(!1) System(s) User(=1:{NO_RESULT} late x) Assistant(!2) User(=2:{NO_RESULT})")
        );
        assert!(paired.invented && paired.orphaned);
    }
}
