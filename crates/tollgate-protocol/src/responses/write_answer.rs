//! Parts of an answer into items.

use super::read_items::{OF_HIDDEN, OF_PIECE_BEFORE};
use super::{ids, write_tools};
use crate::canonical::{
    Citation, Content, Losses, Media, MediaKind, Part, Reasoning, Request, Seal, Source, TokenLogprob, ToolCall,
    callers_name,
};
use crate::codec::Protocol;
use crate::openai;
use crate::write::{List, Object};

/// Writes items, each with the next place.
pub(super) struct Writer<'a> {
    /// The answer's id, without prefix.
    pub(super) answer: &'a str,
    pub(super) request: &'a Request,
    pub(super) place: usize,
    pub(super) losses: &'a mut Losses,
}

impl Writer<'_> {
    fn id(&mut self, kind: &str) -> String {
        let id = ids::item(kind, self.answer, self.place);
        self.place += 1;
        id
    }

    pub(super) fn parts(&mut self, list: &mut List<'_>, parts: &[Part], logprobs: &[TokenLogprob]) {
        let mut logprobs = logprobs;
        let mut at = 0;
        while let Some(part) = parts.get(at) {
            let said = run(parts.get(at..).unwrap_or_default());
            if said > 0 {
                let id = self.id("message");
                let parts = parts.get(at..at + said).unwrap_or_default();
                message(&mut list.object(), &id, "completed", parts, std::mem::take(&mut logprobs));
                self.seal_before(list, parts.last());
                at += said;
                continue;
            }
            at += 1;
            match &part.content {
                Content::ToolCall(call) => {
                    let name = callers_name(&self.request.tools, &call.name);
                    let custom = call.custom || self.request.takes_free_text(name);
                    let id = self.id(if custom { "custom_tool_call" } else { "function_call" });
                    let call_id = call_id(&call.id, &id);
                    let ToolCall { id: _, name: _, arguments, custom: free } = call;
                    let argument = match (custom, &**arguments) {
                        (true, arguments) => write_tools::input_of(arguments, *free),
                        (false, "") => "{}".into(),
                        (false, arguments) => arguments.into(),
                    };
                    let call = Call { id: &id, names: &call_id, name, custom, status: "completed" };
                    tool_call(&mut list.object(), &call, &argument);
                    self.seal_before(list, Some(part));
                }
                Content::Reasoning(thought) => {
                    let id = match &thought.id {
                        Some(id) => id.clone(),
                        None => self.id("reasoning"),
                    };
                    reasoning(&mut list.object(), &id, thought, part.seal.as_ref());
                }
                Content::Media(media) => self.media(list, media),
                Content::Opaque(opaque) if opaque.owner == Protocol::Responses => {
                    list.raw(&opaque.raw.0);
                }
                Content::Opaque(opaque) => self.losses.dropped(opaque.kind.clone()),
                Content::Text { .. } | Content::Refusal(_) | Content::ToolResult(_) => {}
            }
        }
    }

    /// The seal of a piece whose item has no place for one.
    fn seal_before(&mut self, list: &mut List<'_>, part: Option<&Part>) {
        if let Some(seal) = part.and_then(|part| part.seal.as_ref()) {
            let id = self.id("reasoning");
            seal_item(&mut list.object(), &id, seal);
        }
    }

    fn media(&mut self, list: &mut List<'_>, media: &Media) {
        if let Some(data) = picture(media) {
            let id = self.id("image_generation_call");
            image(&mut list.object(), &id, media, data);
        } else {
            self.losses.dropped("media");
        }
    }
}

/// How many parts from the start stand in one message: words, up to one with a seal.
fn run(parts: &[Part]) -> usize {
    let said = |part: &Part| matches!(part.content, Content::Text { .. } | Content::Refusal(_));
    let all = parts.iter().take_while(|part| said(part)).count();
    let sealed = parts.iter().take(all).position(|part| part.seal.is_some());
    sealed.map_or(all, |at| at + 1)
}

/// The id by which a result names its call; made up where the vendor's protocol has none.
pub(super) fn call_id(given: &str, item: &str) -> String {
    if given.is_empty() {
        format!("call_{}", item.split_once('_').map_or(item, |(_, rest)| rest))
    } else {
        given.to_owned()
    }
}

/// Writes a message of the model.
pub(super) fn message(object: &mut Object<'_>, id: &str, status: &str, parts: &[Part], logprobs: &[TokenLogprob]) {
    object.text("id", id).text("type", "message").text("status", status).text("role", "assistant");
    let mut content = object.list("content");
    let mut logprobs = logprobs;
    for part in parts {
        match &part.content {
            Content::Text { text, citations } => {
                output_text(&mut content.object(), text, citations, std::mem::take(&mut logprobs));
            }
            Content::Refusal(text) => {
                content.object().text("type", "refusal").text("refusal", text);
            }
            _ => {}
        }
    }
}

/// Writes a part that is words.
pub(super) fn output_text(object: &mut Object<'_>, text: &str, citations: &[Citation], logprobs: &[TokenLogprob]) {
    object.text("type", "output_text").text("text", text);
    let mut notes = object.list("annotations");
    let length = text.chars().count();
    for source in citations {
        citation(&mut notes.object(), source, length);
    }
    drop(notes);
    openai::write_logprobs(&mut object.list("logprobs"), logprobs);
}

/// Writes one source. Which words rest on it is told by no two protocols alike: it is said of all of them.
pub(super) fn citation(object: &mut Object<'_>, source: &Citation, length: usize) {
    let Citation { url, title, quote: _ } = source;
    object.text("type", "url_citation").text("url", url.as_deref().unwrap_or_default());
    object.text("title", title.as_deref().unwrap_or_default());
    object.whole("start_index", 0).whole("end_index", i64::try_from(length).unwrap_or(i64::MAX));
}

/// A call of a tool as an item.
pub(super) struct Call<'a> {
    pub(super) id: &'a str,
    /// By which its result names it.
    pub(super) names: &'a str,
    pub(super) name: &'a str,
    pub(super) custom: bool,
    pub(super) status: &'a str,
}

/// Writes it with what it is called with.
pub(super) fn tool_call(object: &mut Object<'_>, call: &Call<'_>, argument: &str) {
    let Call { id, names, name, custom, status } = *call;
    object.text("id", id).text("type", if custom { "custom_tool_call" } else { "function_call" });
    object.text("status", status).text("call_id", names).text("name", name);
    object.text(if custom { "input" } else { "arguments" }, argument);
}

/// Writes thoughts. Their text stands where clients show it, in the summary.
pub(super) fn reasoning(object: &mut Object<'_>, id: &str, thought: &Reasoning, seal: Option<&Seal>) {
    object.text("id", id).text("type", "reasoning");
    let mut summary = object.list("summary");
    if !thought.text.is_empty() {
        summary.object().text("type", "summary_text").text("text", &thought.text);
    }
    drop(summary);
    if let Some(seal) = seal {
        let hidden = if thought.redacted { OF_HIDDEN } else { "" };
        object.text("encrypted_content", &format!("{hidden}{}", seal.packed(Protocol::Responses)));
    }
}

/// Writes an item that is nothing but a seal of the piece before it.
pub(super) fn seal_item(object: &mut Object<'_>, id: &str, seal: &Seal) {
    object.text("id", id).text("type", "reasoning").list("summary");
    object.text("encrypted_content", &format!("{OF_PIECE_BEFORE}{}", seal.packed(Protocol::Responses)));
}

/// The data of a picture that is here.
pub(super) fn picture(media: &Media) -> Option<&str> {
    match (media.kind, &media.source) {
        (MediaKind::Image, Source::Base64(data)) => Some(data),
        _ => None,
    }
}

/// Writes a picture.
pub(super) fn image(object: &mut Object<'_>, id: &str, media: &Media, data: &str) {
    object.text("id", id).text("type", "image_generation_call").text("status", "completed").text("result", data);
    let format = media.media_type.as_deref().and_then(|kind| kind.strip_prefix("image/"));
    object.text_if("output_format", format.filter(|format| matches!(*format, "jpeg" | "webp" | "gif")));
}
