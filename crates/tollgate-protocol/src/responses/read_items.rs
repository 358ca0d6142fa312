//! Items into turns: those of a request, of a stored conversation and of an answer alike.

use super::ids;
use super::read_tools;
use crate::canonical::{
    CacheTtl, Citation, Content, Json, Losses, Media, MediaKind, Opaque, Part, Reasoning, Role, Seal, Source,
    TokenLogprob, Tool, ToolCall, ToolResult, Turn,
};
use crate::codec::Protocol;
use crate::fault::Fault;
use crate::fields::{Fields, Item, generic, items, missing, wrong};
use crate::json;
use crate::openai;
use std::borrow::Cow;

/// Before a seal that belongs to the piece before it, because that piece's item has no place for it.
pub(super) const OF_PIECE_BEFORE: &str = "before.";
/// Before a seal of thoughts that are hidden on purpose.
pub(super) const OF_HIDDEN: &str = "hidden.";

/// How closely pictures are looked at where nothing is said; it must be said.
pub(super) const USUAL_DETAIL: &str = "auto";

/// What items say.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) instructions: Vec<Part>,
    pub(super) turns: Vec<Turn>,
    pub(super) tools: Vec<Tool>,
}

/// Reads the items of a request.
pub(super) fn conversation(list: &[Item<'_>], losses: &mut Losses) -> Result<Conversation, Fault> {
    let mut all = Conversation::default();
    let mut reader = Reader { losses, asked: true, logprobs: Vec::new() };
    for item in list {
        match reader.item(item)? {
            Said::Message(Role::System, parts) if all.turns.is_empty() => all.instructions.extend(parts),
            Said::Message(Role::Assistant, parts) => join(&mut all.turns, Role::Assistant, parts),
            Said::Message(role, parts) => all.turns.push(Turn::new(role, parts)),
            Said::Result(part) => join_results(&mut all.turns, part),
            Said::SealBefore(seal) => attach(all.turns.last_mut().map(|turn| &mut turn.parts), seal),
            Said::Tools(tools) => all.tools.extend(tools),
        }
    }
    all.turns.retain(|turn| !turn.parts.is_empty());
    Ok(all)
}

/// Reads the items of an answer: its parts and log-probabilities.
pub(super) fn output(list: &[Item<'_>], losses: &mut Losses) -> Result<(Vec<Part>, Vec<TokenLogprob>), Fault> {
    let mut parts = Vec::new();
    let mut reader = Reader { losses, asked: false, logprobs: Vec::new() };
    for item in list {
        match reader.item(item)? {
            Said::Message(_, more) => parts.extend(more),
            Said::Result(part) => parts.push(part),
            Said::SealBefore(seal) => attach(Some(&mut parts), seal),
            Said::Tools(_) => {}
        }
    }
    Ok((parts, reader.logprobs))
}

/// The model's items that stand together are one turn.
fn join(turns: &mut Vec<Turn>, role: Role, parts: Vec<Part>) {
    match turns.last_mut() {
        Some(last) if last.role == role => last.parts.extend(parts),
        _ => turns.push(Turn::new(role, parts)),
    }
}

/// So are results that stand together.
fn join_results(turns: &mut Vec<Turn>, part: Part) {
    let result = |part: &Part| matches!(part.content, Content::ToolResult(_));
    match turns.last_mut() {
        Some(last) if last.role == Role::User && last.parts.iter().all(result) => last.parts.push(part),
        _ => turns.push(Turn::new(Role::User, vec![part])),
    }
}

fn attach(parts: Option<&mut Vec<Part>>, seal: Seal) {
    if let Some(last) = parts.and_then(|parts| parts.last_mut()) {
        last.seal = Some(seal);
    }
}

/// What one item says.
enum Said {
    /// Pieces of somebody's turn.
    Message(Role, Vec<Part>),
    /// A tool gave something.
    Result(Part),
    /// A seal of the piece before.
    SealBefore(Seal),
    /// More tools.
    Tools(Vec<Tool>),
}

struct Reader<'l> {
    losses: &'l mut Losses,
    /// Whether it is a request, where what is not known is the caller's mistake.
    asked: bool,
    logprobs: Vec<TokenLogprob>,
}

impl Reader<'_> {
    fn item(&mut self, item: &Item<'_>) -> Result<Said, Fault> {
        let fields = item.fields()?;
        let kind = match fields.text("type")? {
            Some(kind) => kind,
            None if fields.has("role") => "message".into(),
            None if fields.has("id") => "item_reference".into(),
            None => return Err(missing(&fields.at("type"))),
        };
        // Bookkeeping of whoever gave the item; nothing that was asked for.
        for name in ["id", "status"] {
            fields.raw(name);
        }
        let said = match &*kind {
            "message" => self.message(&fields)?,
            "function_call" => call(&fields, "arguments", false)?,
            "custom_tool_call" => call(&fields, "input", true)?,
            "function_call_output" => self.result(&fields, false)?,
            "custom_tool_call_output" => self.result(&fields, true)?,
            "reasoning" => thought(&fields)?,
            "image_generation_call" if fields.peek("result").is_some_and(|raw| raw.starts_with('"')) => {
                let media = picture(&fields)?;
                if !self.asked {
                    fields.others();
                }
                media
            }
            "additional_tools" if self.asked => {
                fields.raw("role");
                self.losses.approximated(generic(&fields.at("tools")));
                let list = fields.list("tools")?.unwrap_or_default();
                let tools: Result<_, _> = list.iter().map(|item| read_tools::tool(item, self.losses)).collect();
                Said::Tools(tools?)
            }
            // What they stand for is at the vendor that made them.
            "item_reference" | "compaction" | "compaction_summary" | "compaction_trigger" if self.asked => {
                let at = fields.at("type");
                let message = format!("'{at}': an item of type '{kind}' can only be read by the vendor that made it.");
                return Err(Fault::unsupported(at, message));
            }
            _ => {
                fields.others();
                // What the caller's side gives back; everything else the model's side made.
                let given = kind.ends_with("_output") || kind.ends_with("_response");
                let raw = Json(item.raw.to_owned());
                let part =
                    Part::new(Content::Opaque(Opaque { owner: Protocol::Responses, kind: kind.into_owned(), raw }));
                Said::Message(if given { Role::User } else { Role::Assistant }, vec![part])
            }
        };
        fields.rest(self.losses);
        Ok(said)
    }

    fn message(&mut self, fields: &Fields<'_>) -> Result<Said, Fault> {
        let role = match fields.text("role")?.as_deref() {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("system" | "developer") => Role::System,
            // An answer's message is the model's.
            None if !self.asked => Role::Assistant,
            None => return Err(missing(&fields.at("role"))),
            Some(_) => return Err(wrong(&fields.at("role"), "'user', 'assistant', 'system' or 'developer'")),
        };
        if !self.asked {
            // Which of several messages is the last; the order says so too.
            fields.raw("phase");
        }
        Ok(Said::Message(role, self.content(fields, "content")?))
    }

    fn result(&mut self, fields: &Fields<'_>, custom: bool) -> Result<Said, Fault> {
        let result = ToolResult {
            call: fields.needed_text("call_id")?.into_owned(),
            name: fields.text("name")?.map(Cow::into_owned),
            content: self.content(fields, "output")?,
            is_error: false,
            custom,
        };
        Ok(Said::Result(Part::new(Content::ToolResult(result))))
    }

    /// A string, or a list of parts.
    fn content(&mut self, fields: &Fields<'_>, name: &str) -> Result<Vec<Part>, Fault> {
        let Some(raw) = fields.raw(name) else { return Ok(Vec::new()) };
        if let Some(text) = json::string(raw.as_bytes()) {
            return Ok(if text.is_empty() { Vec::new() } else { vec![Part::text(text)] });
        }
        let mut parts = Vec::new();
        for item in items(raw, &fields.at(name))? {
            let part = item.fields()?;
            let mark = part.raw("prompt_cache_breakpoint").map(|_| CacheTtl::Short);
            if let Some(read) = self.piece(&part)? {
                parts.push(read.cached(mark));
            }
            part.rest(self.losses);
        }
        Ok(parts)
    }

    fn piece(&mut self, part: &Fields<'_>) -> Result<Option<Part>, Fault> {
        let kind = part.needed_text("type")?;
        Ok(Some(match &*kind {
            "input_text" | "output_text" | "text" => {
                let citations = self.citations(part)?;
                match part.raw("logprobs").filter(|raw| raw.trim_ascii() != "[]") {
                    // In a conversation told again, what an answer once carried beside its words.
                    Some(_) if self.asked => self.losses.dropped(generic(&part.at("logprobs"))),
                    Some(raw) => self.logprobs.extend(openai::read_logprobs(raw).unwrap_or_default()),
                    None => {}
                }
                let text = part.needed_text("text")?.into_owned();
                match part.text("refusal")? {
                    // Some servers write both.
                    Some(refusal) if text.is_empty() => Part::new(Content::Refusal(refusal.into_owned())),
                    _ => Part::new(Content::Text { text, citations }),
                }
            }
            "refusal" => Part::new(Content::Refusal(part.needed_text("refusal")?.into_owned())),
            "reasoning_text" | "summary_text" => {
                let text = part.needed_text("text")?.into_owned();
                Part::new(Content::Reasoning(Reasoning { text, ..Reasoning::default() }))
            }
            "input_image" => Part::new(Content::Media(image(part)?)),
            "input_file" => Part::new(Content::Media(file(part)?)),
            "input_audio" => {
                let inner = part.object("input_audio")?.ok_or_else(|| missing(&part.at("input_audio")))?;
                let format = inner.text("format")?.unwrap_or("wav".into());
                let source = Source::Base64(inner.needed_text("data")?.into_owned());
                inner.rest(self.losses);
                let media_type = Some(format!("audio/{format}"));
                Part::new(Content::Media(Media {
                    kind: MediaKind::Audio,
                    source,
                    media_type,
                    name: None,
                    detail: None,
                }))
            }
            _ if self.asked => {
                let at = part.at("type");
                return Err(Fault::invalid(
                    at.clone(),
                    format!("'{at}' is no kind of content that this gateway knows."),
                ));
            }
            _ => {
                part.others();
                self.losses.dropped(kind.into_owned());
                return Ok(None);
            }
        }))
    }

    /// Sources on the web. Which words rest on them is told by no two protocols alike.
    fn citations(&mut self, part: &Fields<'_>) -> Result<Vec<Citation>, Fault> {
        let mut citations = Vec::new();
        for item in part.list("annotations")?.unwrap_or_default() {
            match citation(&item.fields()?)? {
                Some(source) => citations.push(source),
                None => self.losses.dropped(generic(&part.at("annotations"))),
            }
        }
        Ok(citations)
    }
}

/// Reads an annotation that is a source on the web.
pub(super) fn citation(note: &Fields<'_>) -> Result<Option<Citation>, Fault> {
    if note.text("type")?.as_deref() != Some("url_citation") {
        return Ok(None);
    }
    let member = |name: &str| Ok(note.text(name)?.filter(|text| !text.is_empty()).map(Cow::into_owned));
    Ok(Some(Citation { url: member("url")?, title: member("title")?, quote: None }))
}

fn call(fields: &Fields<'_>, arguments: &str, custom: bool) -> Result<Said, Fault> {
    let arguments = match fields.raw(arguments) {
        None => String::new(),
        // Some clients and servers write the object itself.
        Some(raw) => json::string(raw.as_bytes()).map_or_else(|| raw.to_owned(), Cow::into_owned),
    };
    let id = fields.needed_text("call_id")?.into_owned();
    let call = ToolCall { id, name: fields.needed_text("name")?.into_owned(), arguments, custom };
    Ok(Said::Message(Role::Assistant, vec![Part::new(Content::ToolCall(call))]))
}

/// Thoughts: in their own words where the vendor shows them, else the summary. The parts of a summary are paragraphs.
fn thought(fields: &Fields<'_>) -> Result<Said, Fault> {
    let mut texts = [String::new(), String::new()];
    for (name, text) in ["content", "summary"].into_iter().zip(&mut texts) {
        for item in fields.list(name)?.unwrap_or_default() {
            let words = item.fields()?.text("text")?.unwrap_or_default();
            if !text.is_empty() && !words.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(&words);
        }
    }
    let [content, summary] = texts;
    let text = if content.is_empty() { summary } else { content };
    let state = fields.text("encrypted_content")?.filter(|state| !state.is_empty());
    if let Some(packed) = state.as_deref().and_then(|state| state.strip_prefix(OF_PIECE_BEFORE)) {
        return Ok(Said::SealBefore(Seal::unpacked(packed, Protocol::Responses)));
    }
    let hidden = state.as_deref().and_then(|state| state.strip_prefix(OF_HIDDEN));
    let seal = hidden.or(state.as_deref()).map(|packed| Seal::unpacked(packed, Protocol::Responses));
    let id =
        fields.peek("id").and_then(|raw| json::string(raw.as_bytes())).filter(|id| !id.is_empty() && !ids::is_ours(id));
    let reasoning = Reasoning { text, id: id.map(Cow::into_owned), redacted: hidden.is_some() };
    Ok(Said::Message(Role::Assistant, vec![Part::new(Content::Reasoning(reasoning)).sealed(seal)]))
}

fn picture(fields: &Fields<'_>) -> Result<Said, Fault> {
    let source = Source::Base64(fields.needed_text("result")?.into_owned());
    let media_type = Some(format!("image/{}", fields.text("output_format")?.as_deref().unwrap_or("png")));
    let media = Media { kind: MediaKind::Image, source, media_type, name: None, detail: None };
    Ok(Said::Message(Role::Assistant, vec![Part::new(Content::Media(media))]))
}

fn image(part: &Fields<'_>) -> Result<Media, Fault> {
    let detail = part.text("detail")?.filter(|detail| detail != USUAL_DETAIL).map(Cow::into_owned);
    if let Some(id) = part.text("file_id")? {
        return Ok(Media { detail, ..kept(id, MediaKind::Image) });
    }
    let url = part.needed_text("image_url")?;
    Ok(Media { detail, ..Media::located(&url, MediaKind::Image) })
}

fn file(part: &Fields<'_>) -> Result<Media, Fault> {
    let name = part.text("filename")?.map(Cow::into_owned);
    let detail = part.text("detail")?.map(Cow::into_owned);
    let media = match (part.text("file_id")?, part.text("file_data")?, part.text("file_url")?) {
        (Some(id), _, _) => kept(id, MediaKind::Document),
        (None, Some(data), _) => match Media::located(&data, MediaKind::Document) {
            // Not an address: base64 without its head.
            Media { source: Source::Url(data), .. } => {
                Media { source: Source::Base64(data), ..kept("".into(), MediaKind::Document) }
            }
            media => media,
        },
        (None, None, Some(url)) => Media::located(&url, MediaKind::Document),
        (None, None, None) => return Err(missing(&part.at("file_data"))),
    };
    Ok(Media { name, detail, ..media })
}

/// Media that the vendor keeps.
fn kept(id: Cow<'_, str>, kind: MediaKind) -> Media {
    let source = Source::File { owner: Protocol::Responses, id: id.into_owned() };
    Media { kind, source, media_type: None, name: None, detail: None }
}
