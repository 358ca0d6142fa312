//! Tools and the choice among them.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    super::{
        check::{Fields, given, is_name, join, list, missing, needed, object, only},
        error::Failure,
    },
    grammar,
};
use crate::turn::{Insists, Tool};

const CUSTOM: &[&str] = &[
    "type",
    "name",
    "description",
    "input_schema",
    "cache_control",
    "strict",
    "eager_input_streaming",
    "allowed_callers",
    "defer_loading",
    "input_examples",
];

/// The caller's own tools. The vendor's (those with a dated type) are taken and never called.
pub(super) fn tools(fields: &Fields) -> Result<Vec<Tool>, Failure> {
    let tools = list(fields, "", "tools")?.unwrap_or_default();
    let mut read: Vec<Tool> = Vec::new();
    let mut names: HashSet<&str> = HashSet::new();
    for (at, tool) in tools.iter().enumerate() {
        let path = format!("tools.{at}");
        let tool = object(tool, &path)?;
        let own = matches!(given(tool, "type").map(Value::as_str), None | Some(Some("custom")));
        if own {
            read.push(custom(tool, &join(&path, "custom"))?);
        }
        // Sets of tools on other servers have other names for their names.
        if tool.get("name").and_then(Value::as_str).is_some_and(|name| !names.insert(name)) {
            return Err(Failure::invalid("tools: Tool names must be unique."));
        }
    }
    Ok(read)
}

fn custom(tool: &Fields, path: &str) -> Result<Tool, Failure> {
    only(tool, path, CUSTOM)?;
    let name = needed(tool, path, "name")?;
    if !is_name(name, 128) {
        return Err(Failure::at(&join(path, "name"), "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"));
    }
    let path = join(path, "input_schema");
    let schema = tool.get("input_schema").ok_or_else(|| missing(&path))?;
    match object(schema, &path)?.get("type") {
        None => return Err(missing(&join(&path, "type"))),
        Some(kind) if kind != "object" => {
            return Err(Failure::at(&join(&path, "type"), "Input should be 'object'"));
        }
        Some(_) => {}
    }
    if tool.get("strict") == Some(&Value::Bool(true)) {
        grammar::check(schema, path.trim_end_matches(".input_schema"))?;
    }
    Ok(Tool { name: name.to_owned(), parameters: Some(schema.clone()) })
}

pub(super) fn choice(fields: &Fields, tools: &[Tool]) -> Result<Insists, Failure> {
    let Some(choice) = given(fields, "tool_choice") else {
        return Ok(Insists::No);
    };
    let choice = object(choice, "tool_choice")?;
    let kind = needed(choice, "tool_choice", "type")?;
    let path = join("tool_choice", kind);
    let known: &[&str] = match kind {
        "auto" | "any" => &["type", "disable_parallel_tool_use"],
        "tool" => &["type", "name", "disable_parallel_tool_use"],
        "none" => &["type"],
        other => {
            return Err(Failure::at(
                "tool_choice",
                &format!(
                    "Input tag '{other}' found using 'type' does not match any of the expected tags: 'any', 'auto', \
                     'none', 'tool'"
                ),
            ));
        }
    };
    only(choice, &path, known)?;
    if kind != "none" && given(fields, "tools").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        return Err(Failure::invalid("tool_choice may only be specified while providing tools"));
    }
    match kind {
        "any" => Ok(Insists::Any),
        "tool" => {
            let name = needed(choice, &path, "name")?;
            let named = |tool: &Value| tool.get("name").is_some_and(|other| other == name);
            let known = given(fields, "tools").and_then(Value::as_array).is_some_and(|tools| tools.iter().any(named));
            match tools.iter().any(|tool| tool.name == name) {
                true => Ok(Insists::On(name.to_owned())),
                // One of the vendor's.
                false if known => Ok(Insists::No),
                false => Err(Failure::invalid(format!("Tool '{name}' not found in provided tools"))),
            }
        }
        _ => Ok(Insists::No),
    }
}
