//! Tools, and which of them to call.

use crate::canonical::{Json, Losses, Tool, ToolChoice, ToolKind, WebSearch};
use crate::codec::Protocol;
use crate::fault::Fault;
use crate::fields::{Fields, Item, missing, wrong};
use crate::json;
use crate::write;
use bytes::BytesMut;
use std::borrow::Cow;

/// Reads one tool.
pub(super) fn tool(item: &Item<'_>, losses: &mut Losses) -> Result<Tool, Fault> {
    let fields = item.fields()?;
    let kind = fields.needed_text("type")?;
    let kind = match &*kind {
        "function" => ToolKind::Function {
            name: fields.needed_text("name")?.into_owned(),
            description: owned(&fields, "description")?,
            parameters: object(&fields, "parameters")?,
            strict: fields.flag("strict")?,
        },
        "custom" => ToolKind::Custom {
            name: fields.needed_text("name")?.into_owned(),
            description: owned(&fields, "description")?,
            format: fields.object("format")?.map(|format| grammar(&format)).transpose()?,
        },
        _ if is_web_search(&kind) => ToolKind::WebSearch(web_search(&fields, losses)?),
        _ => {
            fields.others();
            let raw = Json(item.raw.to_owned());
            ToolKind::Opaque { owner: Protocol::Responses, kind: kind.into_owned(), raw }
        }
    };
    fields.rest(losses);
    Ok(Tool::new(kind))
}

/// `web_search`, `web_search_preview`, and either with a date.
fn is_web_search(kind: &str) -> bool {
    kind == "web_search" || kind.starts_with("web_search_preview") || kind.starts_with("web_search_20")
}

fn web_search(fields: &Fields<'_>, losses: &mut Losses) -> Result<WebSearch, Fault> {
    let mut search = WebSearch { context_size: owned(fields, "search_context_size")?, ..WebSearch::default() };
    if let Some(filters) = fields.object("filters")? {
        search.allowed_domains = filters.texts("allowed_domains")?.unwrap_or_default();
        // xAI's.
        search.blocked_domains = filters.texts("excluded_domains")?.unwrap_or_default();
        filters.rest(losses);
    }
    if let Some(place) = fields.object("user_location")? {
        place.raw("type");
        let mut out = BytesMut::new();
        let mut object = write::object(&mut out);
        for name in ["city", "region", "country", "timezone"] {
            object.text_if(name, place.text(name)?.as_deref());
        }
        drop(object);
        place.rest(losses);
        search.location = Some(Json(String::from_utf8_lossy(&out).into_owned()));
    }
    if fields.peek("external_web_access") == Some("true") {
        fields.raw("external_web_access");
    }
    Ok(search)
}

/// A grammar as the canonical form has it, which is chat's: `{"type":"grammar","grammar":{…}}`; here it is flat.
fn grammar(format: &Fields<'_>) -> Result<Json, Fault> {
    let kind = format.needed_text("type")?;
    let mut out = BytesMut::new();
    let mut object = write::object(&mut out);
    object.text("type", &kind);
    let others = format.others();
    if &*kind == "grammar" {
        let mut inner = object.object("grammar");
        for (name, raw) in others {
            inner.raw(name, raw);
        }
    } else {
        for (name, raw) in others {
            object.raw(name, raw);
        }
    }
    drop(object);
    Ok(Json(String::from_utf8_lossy(&out).into_owned()))
}

/// Reads which of `tools` are to be called.
pub(super) fn choice(raw: &str, tools: &[Tool], losses: &mut Losses) -> Result<ToolChoice, Fault> {
    let path = "tool_choice";
    if let Some(word) = json::string(raw.as_bytes()) {
        return match &*word {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            "required" | "any" => Ok(ToolChoice::Required),
            _ => Err(wrong(path, "'auto', 'none', 'required' or an object")),
        };
    }
    let fields = Fields::read(raw, path)?;
    let choice = match &*fields.needed_text("type")? {
        "function" | "custom" => ToolChoice::Named(fields.needed_text("name")?.into_owned()),
        "allowed_tools" => {
            let required = fields.text("mode")?.as_deref() == Some("required");
            let mut names = Vec::new();
            for item in fields.list("tools")?.ok_or_else(|| missing(&fields.at("tools")))? {
                let tool = item.fields()?;
                match &*tool.needed_text("type")? {
                    "function" | "custom" => names.push(tool.needed_text("name")?.into_owned()),
                    other => return Err(hosted(&tool.at("type"), other)),
                }
                tool.rest(losses);
            }
            ToolChoice::Allowed { required, names }
        }
        // Nothing else could be called.
        other if is_web_search(other) && matches!(tools, [Tool { kind: ToolKind::WebSearch(_), .. }]) => {
            ToolChoice::Required
        }
        other => return Err(hosted(&fields.at("type"), other)),
    };
    fields.rest(losses);
    Ok(choice)
}

fn hosted(at: &str, kind: &str) -> Fault {
    Fault::unsupported(at.to_owned(), format!("'{at}': only this protocol's vendors can be told to use '{kind}'."))
}

pub(super) fn owned(fields: &Fields<'_>, name: &str) -> Result<Option<String>, Fault> {
    Ok(fields.text(name)?.map(Cow::into_owned))
}

/// An object that is kept as text.
pub(super) fn object(fields: &Fields<'_>, name: &str) -> Result<Option<Json>, Fault> {
    let Some(raw) = fields.peek(name) else { return Ok(None) };
    fields.object(name)?;
    Ok(Some(Json(raw.to_owned())))
}
