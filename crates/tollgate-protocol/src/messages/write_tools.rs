//! Tools, and which of them are to be called.

use super::schema;
use super::write_request::{Writing, member};
use crate::canonical::{
    FREE_TEXT_SCHEMA, Field, Json, TOOL_PREFIX, Tool, ToolChoice, ToolKind, WebSearch, fitting, is_word,
};
use crate::codec::Protocol;
use crate::fault::Fault;
use crate::json;
use crate::write::{List, Object};
use std::collections::HashSet;

/// Longest name of a tool, in bytes.
const MAX_NAME: usize = 128;

/// Writes `tools` and `tool_choice`.
pub(super) fn tools(
    body: &mut Object<'_>,
    tools: &[Tool],
    choice: Option<&ToolChoice>,
    parallel: Option<bool>,
    writing: &mut Writing<'_>,
) -> Result<(), Fault> {
    if tools.is_empty() {
        return match choice {
            Some(ToolChoice::Required | ToolChoice::Named(_)) => {
                let name = writing.names.name(Field::ToolChoice);
                Err(Fault::invalid(name, format!("'{name}' asks for a tool where there is none.")))
            }
            // Nothing to choose from, and nothing to do at once.
            _ => Ok(()),
        };
    }
    // Of tools that may not be called none is given.
    let allowed: Option<HashSet<&str>> = match choice {
        Some(ToolChoice::Allowed { required: _, names }) => {
            writing.approximated(Field::ToolChoice);
            Some(names.iter().map(String::as_str).collect())
        }
        _ => None,
    };
    let mut list = body.list("tools");
    for tool in tools {
        if allowed.as_ref().is_none_or(|names| tool.name().is_none_or(|name| names.contains(name))) {
            write_tool(&mut list, tool, writing)?;
        }
    }
    drop(list);
    let alone = parallel.map(|parallel| !parallel);
    let kind = match choice {
        None if alone.is_none() => return Ok(()),
        None | Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => "auto",
        Some(ToolChoice::None) => "none",
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => "any",
        Some(ToolChoice::Named(_)) => "tool",
    };
    let mut object = body.object("tool_choice");
    object.text("type", kind);
    if let Some(ToolChoice::Named(name)) = choice {
        object.text("name", &tool_name(name));
    }
    match alone {
        Some(alone) if kind != "none" => {
            object.flag("disable_parallel_tool_use", alone);
        }
        // None at all are never several.
        Some(_) | None => {}
    }
    Ok(())
}

/// A tool's name as the vendor takes it.
pub(super) fn tool_name(name: &str) -> String {
    fitting(name, MAX_NAME, is_word, TOOL_PREFIX)
}

fn write_tool(list: &mut List<'_>, tool: &Tool, writing: &mut Writing<'_>) -> Result<(), Fault> {
    let accepts = writing.target.accepts;
    match &tool.kind {
        ToolKind::Function { .. } | ToolKind::Custom { .. } if !accepts.tools => {
            return Err(writing.refuse(Field::Tools, "tools"));
        }
        ToolKind::Function { name, description, parameters, strict } => {
            let mut schema = object_schema(parameters.as_ref());
            if *strict == Some(true) {
                let (closed, widened) = schema::closed(&schema);
                if widened {
                    writing.approximated(Field::ToolStrict);
                }
                schema = closed;
            }
            let mut object = list.object();
            object.text("name", &tool_name(name)).text_if("description", description.as_deref());
            object.raw("input_schema", &schema.0);
            if let Some(strict) = strict {
                object.flag("strict", *strict);
            }
            writing.mark(&mut object, tool.cache);
        }
        ToolKind::Custom { name, description, format } => {
            if format.is_some() {
                writing.dropped(Field::ToolFormat);
            }
            let mut object = list.object();
            object.text("name", &tool_name(name)).text_if("description", description.as_deref());
            object.raw("input_schema", FREE_TEXT_SCHEMA);
            writing.mark(&mut object, tool.cache);
        }
        ToolKind::WebSearch(_) if !accepts.web_search => return Err(writing.refuse(Field::WebSearch, "a web search")),
        ToolKind::WebSearch(options) => {
            let mut object = list.object();
            web_search(&mut object, options, writing);
            writing.mark(&mut object, tool.cache);
        }
        ToolKind::Opaque { owner: Protocol::Messages, raw, .. } => {
            list.raw(&raw.0);
        }
        ToolKind::Opaque { kind, .. } => {
            return Err(writing.refuse(Field::Tools, &format!("a tool of type '{kind}'")));
        }
    }
    Ok(())
}

/// Parameters as the schema of an object, which the vendor wants.
fn object_schema(parameters: Option<&Json>) -> Json {
    let text = parameters.map_or("", |json| json.0.trim());
    match text.strip_prefix('{').map(str::trim_start) {
        None | Some("}") => Json(r#"{"type":"object","properties":{}}"#.to_owned()),
        Some(rest) if member(text, "type").is_none() => Json(format!("{{\"type\":\"object\",{rest}")),
        Some(_) => Json(text.to_owned()),
    }
}

/// Writes a web search, in the form that all models of the vendor know.
fn web_search(object: &mut Object<'_>, options: &WebSearch, writing: &mut Writing<'_>) {
    let WebSearch { max_uses, allowed_domains, blocked_domains, context_size, location } = options;
    object.text("type", "web_search_20250305").text("name", "web_search");
    if let Some(most) = max_uses {
        object.whole("max_uses", *most);
    }
    if !allowed_domains.is_empty() {
        object.texts("allowed_domains", allowed_domains.iter().map(String::as_str));
        if !blocked_domains.is_empty() {
            // Only one of the two is taken; what is not allowed is blocked as it is.
            writing.approximated(Field::WebSearchDomains);
        }
    } else if !blocked_domains.is_empty() {
        object.texts("blocked_domains", blocked_domains.iter().map(String::as_str));
    }
    if context_size.is_some() {
        writing.dropped(Field::WebSearchContext);
    }
    if let Some(place) = location {
        let mut inner = object.object("user_location");
        inner.text("type", "approximate");
        let _ = json::members(place.0.as_bytes(), |member| {
            if let (Ok(key), Some(value)) = (std::str::from_utf8(&member.key()), place.0.get(member.range())) {
                inner.raw(key, value);
            }
        });
    }
}
