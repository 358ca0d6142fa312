//! Tools, and which of them are to be called.

use super::write_turns::function_name;
use crate::canonical::{FREE_TEXT_SCHEMA, Field, Json, Tool, ToolChoice, ToolKind, WebSearch};
use crate::codec::Protocol;
use crate::fault::Fault;
use crate::write::Object;
use crate::writing::Writing;
use std::borrow::Cow;
use std::collections::HashSet;

/// Writes `tools` and `toolConfig`.
pub(super) fn write(
    body: &mut Object<'_>,
    tools: &[Tool],
    choice: Option<&ToolChoice>,
    writing: &mut Writing<'_>,
) -> Result<(), Fault> {
    let accepts = writing.target.accepts;
    let mut functions = Vec::new();
    let mut others: Vec<Cow<'_, str>> = Vec::new();
    for tool in tools {
        if tool.cache.is_some() {
            writing.dropped(Field::CacheMark);
        }
        match &tool.kind {
            ToolKind::Function { .. } | ToolKind::Custom { .. } if !accepts.tools => {
                return Err(writing.refuse(Field::Tools, "tools"));
            }
            ToolKind::Function { .. } | ToolKind::Custom { .. } => functions.push(&tool.kind),
            ToolKind::WebSearch(_) if !accepts.web_search => {
                return Err(writing.refuse(Field::WebSearch, "a web search"));
            }
            // What must not be called is not there; the vendor's own words for that are about functions.
            ToolKind::WebSearch(_) if choice == Some(&ToolChoice::None) => {}
            ToolKind::WebSearch(search) => {
                search_options(search, writing);
                others.push(r#"{"googleSearch":{}}"#.into());
            }
            ToolKind::Opaque { owner: Protocol::GenerateContent, raw: Json(raw), .. } => others.push(raw.into()),
            ToolKind::Opaque { kind, .. } => {
                return Err(writing.refuse(Field::Tools, &format!("a tool of type '{kind}'")));
            }
        }
    }
    if functions.is_empty() {
        // Nothing to choose from; the vendor's own tools come as the model likes.
        if choice.is_some() {
            writing.dropped(Field::ToolChoice);
        }
        if others.is_empty() {
            return Ok(());
        }
    }
    let mut list = body.list("tools");
    if !functions.is_empty() {
        let mut object = list.object();
        let mut declarations = object.list("functionDeclarations");
        for kind in &functions {
            declare(&mut declarations.object(), kind, writing);
        }
    }
    for other in others {
        list.raw(&other);
    }
    drop(list);
    if !functions.is_empty() {
        choose(body, &functions, choice, writing);
    }
    Ok(())
}

fn declare(object: &mut Object<'_>, kind: &ToolKind, writing: &mut Writing<'_>) {
    match kind {
        ToolKind::Function { name, description, parameters, strict: _ } => {
            object.text("name", &function_name(name)).text_if("description", description.as_deref());
            if let Some(schema) = parameters {
                object.raw("parametersJsonSchema", &schema.0);
            }
        }
        ToolKind::Custom { name, description, format } => {
            if format.is_some() {
                writing.dropped(Field::ToolFormat);
            }
            object.text("name", &function_name(name)).text_if("description", description.as_deref());
            object.raw("parametersJsonSchema", FREE_TEXT_SCHEMA);
        }
        ToolKind::WebSearch(_) | ToolKind::Opaque { .. } => {}
    }
}

fn search_options(search: &WebSearch, writing: &mut Writing<'_>) {
    let WebSearch { max_uses, allowed_domains, blocked_domains, context_size, location } = search;
    for (given, field) in [
        (max_uses.is_some(), Field::WebSearchLimit),
        (!allowed_domains.is_empty() || !blocked_domains.is_empty(), Field::WebSearchDomains),
        (context_size.is_some(), Field::WebSearchContext),
        (location.is_some(), Field::WebSearchLocation),
    ] {
        if given {
            writing.dropped(field);
        }
    }
}

/// Which functions are to be called, and whether their schemas are kept to the letter: one mode says both.
fn choose(body: &mut Object<'_>, functions: &[&ToolKind], choice: Option<&ToolChoice>, writing: &mut Writing<'_>) {
    let strict = |kind: &&ToolKind| matches!(kind, ToolKind::Function { strict: Some(true), .. });
    let all_strict = functions.iter().all(strict);
    let mut names: &[String] = &[];
    let mode = match choice {
        None | Some(ToolChoice::Auto) if all_strict => Some("VALIDATED"),
        None => None,
        Some(ToolChoice::Auto) => Some("AUTO"),
        Some(ToolChoice::None) => Some("NONE"),
        Some(ToolChoice::Required) => Some("ANY"),
        Some(ToolChoice::Named(name)) => {
            names = std::slice::from_ref(name);
            Some("ANY")
        }
        Some(ToolChoice::Allowed { required, names: allowed }) => {
            names = allowed;
            Some(if *required { "ANY" } else { "VALIDATED" })
        }
    };
    // Calls that must come keep their schemas anyway.
    if !all_strict && functions.iter().any(strict) && !matches!(mode, Some("ANY" | "VALIDATED" | "NONE")) {
        writing.dropped(Field::ToolStrict);
    }
    let there: HashSet<&str> = functions.iter().filter_map(|kind| called(kind)).collect();
    let known = |name: &&String| there.contains(name.as_str());
    if !names.iter().all(|name| known(&name)) {
        writing.approximated(Field::ToolChoice);
    }
    let Some(mode) = mode else { return };
    let mut config = body.object("toolConfig");
    let mut calling = config.object("functionCallingConfig");
    calling.text("mode", mode);
    let mut allowed = names.iter().filter(known).peekable();
    if allowed.peek().is_some() {
        let mut list = calling.list("allowedFunctionNames");
        for name in allowed {
            list.text(&function_name(name));
        }
    }
}

fn called(kind: &ToolKind) -> Option<&str> {
    match kind {
        ToolKind::Function { name, .. } | ToolKind::Custom { name, .. } => Some(name),
        ToolKind::WebSearch(_) | ToolKind::Opaque { .. } => None,
    }
}
