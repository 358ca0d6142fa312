//! Whether a chat request offers tools, and whether the model is to think beside them: some models take them by
//! Responses only (`Capabilities::tools_by_responses`).

use crate::json;

/// Tools and thought in one request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ToolUse {
    /// No tools are offered.
    #[default]
    None,
    /// Tools, and no thought.
    Unthinking,
    /// Tools; of thought nothing is said.
    Unsaid,
    /// Tools and thought.
    Thinking,
}

/// Reads it off a body, which is sound JSON.
pub fn tool_use(body: &[u8]) -> ToolUse {
    let (mut tools, mut effort) = (false, None);
    // What is no object offers nothing; it was judged before.
    let _ = json::members(body, |member| match member.key().as_ref() {
        b"tools" | b"functions" => {
            let _ = json::elements(member.value, |_| tools = true);
        }
        b"reasoning_effort" if !member.is_null() => effort = json::string(member.value),
        _ => {}
    });
    match effort.as_deref() {
        _ if !tools => ToolUse::None,
        None => ToolUse::Unsaid,
        Some("none") => ToolUse::Unthinking,
        Some(_) => ToolUse::Thinking,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_and_thought() {
        for (body, wanted) in [
            (r#"{"messages":[{"tools":[1]}]}"#, ToolUse::None),
            (r#"{"tools":null,"reasoning_effort":"low"}"#, ToolUse::None),
            (r#"{"tools":[],"reasoning_effort":"low"}"#, ToolUse::None),
            (r#"{"tools":[{}],"reasoning_effort":null}"#, ToolUse::Unsaid),
            (r#"{"functions":[{}]}"#, ToolUse::Unsaid),
            (r#"{"reasoning_effort":"none","tools":[{}]}"#, ToolUse::Unthinking),
            (r#"{"reasoning_effort":"high","\u0074ools":[{}]}"#, ToolUse::Thinking),
            ("[]", ToolUse::None),
        ] {
            assert_eq!(tool_use(body.as_bytes()), wanted, "{body}");
        }
    }
}
