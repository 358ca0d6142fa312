//! Tools, and which of them to call, as this protocol has them: flat.

use crate::canonical::{
    FREE_TEXT_SCHEMA, Json, Request, TOOL_PREFIX, Tool, ToolChoice, ToolKind, WebSearch, fitting, free_text_names,
    is_word,
};
use crate::codec::Protocol;
use crate::fields::Fields;
use crate::write::{List, Object};
use std::borrow::Cow;
use std::collections::HashSet;

/// What a schema is for a function without parameters.
const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// Longest name of a tool that the vendor takes, in bytes (its API description, 2026-08).
const MAX_NAME: usize = 128;

/// For whom tools are written.
#[derive(Clone, Copy)]
pub(super) enum For {
    /// A vendor; `custom`: it takes free text.
    Vendor { custom: bool },
    /// The caller, who reads what it wrote.
    Caller,
}

impl For {
    fn custom(self) -> bool {
        matches!(self, Self::Caller | Self::Vendor { custom: true })
    }

    fn name(self, name: &str) -> Cow<'_, str> {
        match self {
            Self::Vendor { .. } => tool_name(name).into(),
            Self::Caller => name.into(),
        }
    }
}

/// A tool's name as the vendor takes it.
pub(super) fn tool_name(name: &str) -> String {
    fitting(name, MAX_NAME, is_word, TOOL_PREFIX)
}

/// Writes one tool; `false` if it is another protocol's own.
pub(super) fn tool(list: &mut List<'_>, tool: &Tool, reader: For) -> bool {
    // Left to itself this protocol takes a schema to the letter, and makes optional parameters needed for that; no
    // other protocol does.
    let strict = matches!(reader, For::Vendor { .. }).then_some(false);
    match &tool.kind {
        ToolKind::Function { name, description, parameters, strict: asked } => {
            let mut object = list.object();
            object
                .text("type", "function")
                .text("name", &reader.name(name))
                .text_if("description", description.as_deref());
            object.raw("parameters", parameters.as_ref().map_or(NO_PARAMETERS, |schema| &schema.0));
            match asked.or(strict) {
                Some(strict) => object.flag("strict", strict),
                None => object.null("strict"),
            };
        }
        ToolKind::Custom { name, description, format } if reader.custom() => {
            let mut object = list.object();
            object
                .text("type", "custom")
                .text("name", &reader.name(name))
                .text_if("description", description.as_deref());
            if let Some(format) = format {
                grammar(&mut object.object("format"), format);
            }
        }
        ToolKind::Custom { name, description, format: _ } => {
            let mut object = list.object();
            object
                .text("type", "function")
                .text("name", &reader.name(name))
                .text_if("description", description.as_deref());
            object.raw("parameters", FREE_TEXT_SCHEMA).flag("strict", false);
        }
        ToolKind::WebSearch(search) => web_search(&mut list.object(), search),
        ToolKind::Opaque { owner: Protocol::Responses, raw, .. } => {
            list.raw(&raw.0);
        }
        ToolKind::Opaque { .. } => return false,
    }
    true
}

/// The canonical form has a grammar as chat does, one level deeper.
fn grammar(object: &mut Object<'_>, format: &Json) {
    let Ok(fields) = Fields::read(&format.0, "") else {
        object.text("type", "text");
        return;
    };
    if let Ok(Some(inner)) = fields.object("grammar") {
        object.text("type", "grammar");
        for (name, raw) in inner.others() {
            object.raw(name, raw);
        }
    }
    for (name, raw) in fields.others() {
        if name != "type" || fields.peek("grammar").is_none() {
            object.raw(name, raw);
        }
    }
}

fn web_search(object: &mut Object<'_>, search: &WebSearch) {
    let WebSearch { max_uses: _, allowed_domains, blocked_domains: _, context_size, location } = search;
    object.text("type", "web_search").text_if("search_context_size", context_size.as_deref());
    if !allowed_domains.is_empty() {
        object.object("filters").texts("allowed_domains", allowed_domains.iter().map(String::as_str));
    }
    if let Some(place) = location
        && let Ok(fields) = Fields::read(&place.0, "")
    {
        let mut object = object.object("user_location");
        object.text("type", "approximate");
        for (name, raw) in fields.others() {
            if name != "type" {
                object.raw(name, raw);
            }
        }
    }
}

/// Writes which tools are to be called.
pub(super) fn choice(object: &mut Object<'_>, choice: &ToolChoice, tools: &[Tool], reader: For) {
    let free_text = if reader.custom() { free_text_names(tools) } else { HashSet::new() };
    match choice {
        ToolChoice::Auto => {
            object.text("tool_choice", "auto");
        }
        ToolChoice::None => {
            object.text("tool_choice", "none");
        }
        ToolChoice::Required => {
            object.text("tool_choice", "required");
        }
        ToolChoice::Named(name) => named(&mut object.object("tool_choice"), name, &free_text, reader),
        ToolChoice::Allowed { required, names } => {
            let mut object = object.object("tool_choice");
            object.text("type", "allowed_tools").text("mode", if *required { "required" } else { "auto" });
            let mut list = object.list("tools");
            for name in names {
                named(&mut list.object(), name, &free_text, reader);
            }
        }
    }
}

fn named(object: &mut Object<'_>, name: &str, free_text: &HashSet<&str>, reader: For) {
    let kind = if free_text.contains(name) { "custom" } else { "function" };
    object.text("type", kind).text("name", &reader.name(name));
}

/// The argument of a call of a free-text tool, whatever way the model was asked.
pub(super) fn input_of(arguments: &str, custom: bool) -> Cow<'_, str> {
    if custom { Cow::Borrowed(arguments) } else { crate::canonical::free_text(arguments).into() }
}

/// What of a request a response repeats, as members without braces.
pub(super) fn echo(request: &Request, previous: Option<&str>) -> String {
    let mut out = bytes::BytesMut::with_capacity(512);
    let mut object = crate::write::object(&mut out);
    write_echo(&mut object, request, previous);
    drop(object);
    let text = std::str::from_utf8(&out).unwrap_or_default();
    text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or_default().to_owned()
}

fn write_echo(object: &mut Object<'_>, request: &Request, previous: Option<&str>) {
    let Request { instructions, tools, tool_choice, parallel_tools, sampling, max_output_tokens, reasoning, .. } =
        request;
    object.text_or_null("instructions", instructions.first().and_then(|part| part.as_text()));
    match max_output_tokens {
        Some(cap) => object.whole("max_output_tokens", *cap),
        None => object.null("max_output_tokens"),
    };
    object.raw("metadata", request.metadata.as_ref().map_or("{}", |labels| &labels.0));
    object.flag("parallel_tool_calls", parallel_tools.unwrap_or(true));
    object.text_or_null("previous_response_id", previous);
    {
        let mut ask = object.object("reasoning");
        ask.text_or_null("effort", reasoning.effort.map(crate::canonical::Effort::name));
        ask.text_or_null("summary", reasoning.summary.as_deref());
    }
    object.flag("store", request.store.unwrap_or(true));
    for (name, number) in [("temperature", sampling.temperature), ("top_p", sampling.top_p)] {
        match number {
            Some(number) => object.number(name, number),
            None => object.null(name),
        };
    }
    {
        let mut text = object.object("text");
        super::write_request::format(&mut text, &request.output);
        text.text_if("verbosity", request.verbosity.as_deref());
    }
    match tool_choice {
        Some(chosen) => choice(object, chosen, tools, For::Caller),
        None => {
            object.text("tool_choice", "auto");
        }
    }
    let mut list = object.list("tools");
    for one in tools {
        tool(&mut list, one, For::Caller);
    }
    drop(list);
    object.text("truncation", "disabled").text_or_null("user", request.user.as_deref());
}
