//! A request into the canonical form.

use super::read_items;
use super::read_tools::{self, object, owned};
use crate::canonical::{
    Effort, Json, Losses, OutputFormat, Part, ReasoningAsk, Request, Role, Sampling, ToolKind, Turn,
};
use crate::fault::Fault;
use crate::fields::{Fields, items, missing, wrong};
use crate::json;

/// Fields that only the vendor can act on, and without which something else would be asked for.
const VENDORS_OWN: [(&str, &str); 3] = [
    ("conversation", "a conversation that a vendor keeps"),
    ("prompt", "a prompt that a vendor keeps"),
    ("moderation", "a vendor's moderation"),
];

/// Reads a whole request, or one that only asks for its number of tokens.
pub(super) fn request(body: &[u8], losses: &mut Losses) -> Result<Request, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| wrong("", "valid UTF-8"))?;
    let fields = Fields::read(text, "")?;
    for (name, what) in VENDORS_OWN {
        if fields.has(name) {
            return Err(Fault::unsupported(name, format!("'{name}': this model does not take {what}.")));
        }
    }
    if fields.flag("background")? == Some(true) {
        let message = "'background': this model only answers while the caller waits.";
        return Err(Fault::unsupported("background", message));
    }
    let mut request = Request {
        model: owned(&fields, "model")?.unwrap_or_default(),
        stream: fields.flag("stream")?.unwrap_or(false),
        // The last event of a stream always tells it.
        stream_usage: true,
        max_output_tokens: fields.whole("max_output_tokens")?,
        reasoning: reasoning(&fields, losses)?,
        service_tier: owned(&fields, "service_tier")?,
        user: owned(&fields, "user")?,
        metadata: object(&fields, "metadata")?,
        store: fields.flag("store")?,
        cache_key: owned(&fields, "prompt_cache_key")?,
        parallel_tools: fields.flag("parallel_tool_calls")?,
        previous: owned(&fields, "previous_response_id")?,
        sampling: sampling(&fields, losses)?,
        ..Request::default()
    };
    // The newer name of the same thing.
    request.user = owned(&fields, "safety_identifier")?.or(request.user);
    if let Some(instructions) = fields.text("instructions")?.filter(|text| !text.is_empty()) {
        request.instructions.push(Part::text(instructions));
    }
    for item in fields.list("tools")?.unwrap_or_default() {
        request.tools.push(read_tools::tool(&item, losses)?);
    }
    limit_searches(&fields, &mut request)?;
    if let Some(raw) = fields.raw("tool_choice") {
        request.tool_choice = Some(read_tools::choice(raw, &request.tools, losses)?);
    }
    input(&fields, &mut request, losses)?;
    form(&fields, &mut request, losses)?;
    if let Some(options) = fields.object("stream_options")? {
        options.rest(losses);
    }
    if fields.peek("truncation") == Some("\"disabled\"") {
        fields.raw("truncation");
    }
    fields.rest(losses);
    Ok(request)
}

/// A limit on all tools that the vendor runs is one on searches where these are the only ones.
fn limit_searches(fields: &Fields<'_>, request: &mut Request) -> Result<(), Fault> {
    if request.tools.iter().any(|tool| matches!(tool.kind, ToolKind::Opaque { .. })) {
        return Ok(());
    }
    let searches = request.tools.iter_mut().filter_map(|tool| match &mut tool.kind {
        ToolKind::WebSearch(search) => Some(search),
        _ => None,
    });
    for search in searches {
        search.max_uses = fields.whole("max_tool_calls")?;
    }
    Ok(())
}

fn input(fields: &Fields<'_>, request: &mut Request, losses: &mut Losses) -> Result<(), Fault> {
    let Some(raw) = fields.raw("input") else {
        return if request.previous.is_some() { Ok(()) } else { Err(missing("input")) };
    };
    if let Some(text) = json::string(raw.as_bytes()) {
        request.turns.push(Turn::new(Role::User, vec![Part::text(text)]));
        return Ok(());
    }
    let read = read_items::conversation(&items(raw, "input")?, losses)?;
    request.instructions.extend(read.instructions);
    request.turns = read.turns;
    request.tools.extend(read.tools);
    Ok(())
}

fn sampling(fields: &Fields<'_>, losses: &mut Losses) -> Result<Sampling, Fault> {
    let mut logprobs = None;
    for item in fields.list("include")?.unwrap_or_default() {
        match &*item.text()? {
            // Always told.
            "reasoning.encrypted_content" => {}
            "message.output_text.logprobs" => logprobs = Some(true),
            _ => losses.dropped("include"),
        }
    }
    let top = fields.whole("top_logprobs")?;
    Ok(Sampling {
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        // None is the usual number, and asks for nothing by itself.
        top_logprobs: top.filter(|count| *count > 0 || logprobs.is_some()),
        logprobs,
        ..Sampling::default()
    })
}

fn reasoning(fields: &Fields<'_>, losses: &mut Losses) -> Result<ReasoningAsk, Fault> {
    let mut ask = ReasoningAsk::default();
    let Some(reasoning) = fields.object("reasoning")? else { return Ok(ask) };
    if let Some(name) = reasoning.text("effort")? {
        ask.effort = Some(Effort::from_name(&name).ok_or_else(|| {
            let names: Vec<_> = Effort::ALL.iter().map(|effort| effort.name()).collect();
            wrong("reasoning.effort", &format!("one of {}", names.join(", ")))
        })?);
    }
    ask.summary = match owned(&reasoning, "summary")? {
        Some(summary) => Some(summary),
        // Its older name.
        None => owned(&reasoning, "generate_summary")?,
    };
    ask.show = ask.summary.as_ref().map(|_| true);
    // The usual ways, which ask for nothing.
    for (name, usual) in [("mode", "\"standard\""), ("context", "\"auto\"")] {
        if reasoning.peek(name) == Some(usual) {
            reasoning.raw(name);
        }
    }
    reasoning.rest(losses);
    Ok(ask)
}

/// What the text is to be like.
fn form(fields: &Fields<'_>, request: &mut Request, losses: &mut Losses) -> Result<(), Fault> {
    let Some(text) = fields.object("text")? else { return Ok(()) };
    request.verbosity = owned(&text, "verbosity")?;
    if let Some(format) = text.object("format")? {
        request.output = match &*format.needed_text("type")? {
            "text" => OutputFormat::Text,
            "json_object" => OutputFormat::JsonObject,
            "json_schema" => OutputFormat::Schema {
                name: owned(&format, "name")?,
                description: owned(&format, "description")?,
                schema: object(&format, "schema")?.unwrap_or_else(|| Json("{}".to_owned())),
                strict: format.flag("strict")?,
            },
            _ => return Err(wrong("text.format.type", "'text', 'json_object' or 'json_schema'")),
        };
        format.rest(losses);
    }
    text.rest(losses);
    Ok(())
}
