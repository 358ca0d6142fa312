//! Function declarations and the choice among them.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{
    super::{
        Target,
        check::{Fields, given, inner, join, list, object, only, open, text, word},
        error::Failure,
    },
    schema,
};
use crate::turn::{Insists, Tool};

const KNOWN: &[&str] = &[
    "functionDeclarations",
    "googleSearch",
    "googleSearchRetrieval",
    "codeExecution",
    "urlContext",
    "googleMaps",
    "fileSearch",
    "computerUse",
    "mcpServers",
    "retrieval",
    "enterpriseWebSearch",
    "exaAiSearch",
    "parallelAiSearch",
];
const DECLARATION: &[&str] =
    &["name", "description", "parameters", "parametersJsonSchema", "response", "responseJsonSchema", "behavior"];

pub(super) fn read(fields: &Fields, target: &Target) -> Result<(Vec<Tool>, Insists), Failure> {
    let mut tools: Vec<Tool> = Vec::new();
    let mut names: HashSet<String> = HashSet::new();
    for (at, tool) in list(fields, "tools").iter().enumerate() {
        let path = format!("tools[{at}]");
        let tool = object(tool, &path)?;
        only(tool, &path, KNOWN)?;
        for (place, declaration) in list(tool, "functionDeclarations").iter().enumerate() {
            let path = format!("{path}.function_declarations[{place}]");
            let read = declared(object(declaration, &path)?, &path, target)?;
            if !names.insert(read.name.clone()) {
                return Err(Failure::invalid(format!("Duplicate function declaration found: {}", read.name)));
            }
            tools.push(read);
        }
    }
    let insists = choice(fields, &names)?;
    Ok((tools, insists))
}

fn declared(fields: &Fields, path: &str, target: &Target) -> Result<Tool, Failure> {
    only(fields, path, DECLARATION)?;
    let name = text(fields, path, "name")?.unwrap_or_default();
    let begins = name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_');
    let goes_on = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte));
    if !begins || !goes_on || name.len() > 128 {
        return Err(Failure::field(
            &join(path, "name"),
            "Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), \
             underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128.",
        ));
    }
    let parameters = match (open(fields, path, "parameters")?, open(fields, path, "parametersJsonSchema")?) {
        (Some(_), Some(_)) => {
            return Err(Failure::field(path, "parameters and parameters_json_schema must not both be set."));
        }
        (Some(schema), None) => {
            let path = join(path, "parameters");
            schema::check(schema, &path, target)?;
            schema::plain(schema)
        }
        (None, Some(schema)) => schema.clone(),
        (None, None) => json!({"type": "object"}),
    };
    Ok(Tool { name: name.to_owned(), parameters: Some(parameters) })
}

fn choice(fields: &Fields, names: &HashSet<String>) -> Result<Insists, Failure> {
    let Some(config) = inner(fields, "", "toolConfig")? else {
        return Ok(Insists::No);
    };
    only(config, "tool_config", &["functionCallingConfig", "retrievalConfig", "includeServerSideToolInvocations"])?;
    let Some(config) = inner(config, "tool_config", "functionCallingConfig")? else {
        return Ok(Insists::No);
    };
    let path = "tool_config.function_calling_config";
    only(config, path, &["mode", "allowedFunctionNames", "streamFunctionCallArguments"])?;
    let mode = word(config, path, "mode", &["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"])?;
    let allowed: Vec<&str> = list(config, "allowedFunctionNames").iter().filter_map(Value::as_str).collect();
    if !allowed.is_empty() && !matches!(mode.as_deref(), Some("ANY" | "VALIDATED")) {
        return Err(Failure::invalid(
            "Allowed function names should be set only when function calling mode is ANY or VALIDATED.",
        ));
    }
    if let Some(strange) = allowed.iter().find(|name| !names.contains(**name)) {
        return Err(Failure::invalid(format!(
            "Allowed function name '{strange}' is not in the list of function declarations."
        )));
    }
    match mode.as_deref() {
        Some("ANY") if given(fields, "tools").is_none() => {
            Err(Failure::invalid("Function calling config is set without function_declarations."))
        }
        Some("ANY") => Ok(allowed.first().map_or(Insists::Any, |name| Insists::On((*name).to_owned()))),
        _ => Ok(Insists::No),
    }
}
