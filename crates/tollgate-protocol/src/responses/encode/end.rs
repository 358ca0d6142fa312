//! The ends of blocks and items of a stream.

use super::{How, Open, ResponsesEncoder, Said, emit_of};
use crate::canonical::{Content, Part, Reasoning};
use crate::openai;
use crate::responses::write_answer::{self, Call};
use crate::responses::write_tools;
use bytes::BytesMut;

impl ResponsesEncoder {
    pub(super) fn close(&mut self, block: u32, out: &mut BytesMut) {
        match self.blocks.remove(&block) {
            Some(Open::Said(said)) => self.close_said(said, out),
            Some(Open::Thought { id, place, text, redacted, seal }) => {
                if !text.is_empty() {
                    let of = (&*id, place);
                    emit_of(&mut self.sequence, out, "response.reasoning_summary_text.done", of, |data| {
                        data.whole("summary_index", 0).text("text", &text);
                    });
                    emit_of(&mut self.sequence, out, "response.reasoning_summary_part.done", of, |data| {
                        data.whole("summary_index", 0);
                        data.object("part").text("type", "summary_text").text("text", &text);
                    });
                }
                let thought = Reasoning { text, id: None, redacted };
                self.item_done(place, out, |item| write_answer::reasoning(item, &id, &thought, seal.as_ref()));
            }
            Some(Open::Call { id, call_id, place, name, text, how, seal }) => {
                let free = how != How::Arguments;
                let argument = match how {
                    How::Arguments if text.is_empty() => "{}".into(),
                    How::Arguments | How::Input => std::borrow::Cow::Borrowed(&*text),
                    How::Wrapped => write_tools::input_of(&text, false),
                };
                let sequence = &mut self.sequence;
                let (delta, done, member) = if free {
                    ("response.custom_tool_call_input.delta", "response.custom_tool_call_input.done", "input")
                } else {
                    ("response.function_call_arguments.delta", "response.function_call_arguments.done", "arguments")
                };
                if how == How::Wrapped || text.is_empty() && !free {
                    emit_of(sequence, out, delta, (&id, place), |data| {
                        data.text("delta", &argument);
                    });
                }
                emit_of(sequence, out, done, (&id, place), |data| {
                    if !free {
                        data.text("name", &name);
                    }
                    data.text(member, &argument);
                });
                let call = Call { id: &id, names: &call_id, name: &name, custom: free, status: "completed" };
                self.item_done(place, out, |item| write_answer::tool_call(item, &call, &argument));
                self.seal_before(place, seal.as_ref(), out);
            }
            Some(Open::Unsaid) | None => {}
        }
    }

    fn close_said(&mut self, said: Said, out: &mut BytesMut) {
        let Said { text, length: _, refusal, citations, logprobs, seal } = said;
        let name = if refusal { "response.refusal.done" } else { "response.output_text.done" };
        self.of_part(name, out, |data| {
            data.text(if refusal { "refusal" } else { "text" }, &text);
            if !refusal {
                openai::write_logprobs(&mut data.list("logprobs"), &logprobs);
            }
        });
        self.of_part("response.content_part.done", out, |data| {
            let mut part = data.object("part");
            if refusal {
                part.text("type", "refusal").text("refusal", &text);
            } else {
                write_answer::output_text(&mut part, &text, &citations, &logprobs);
            }
        });
        let Some(message) = &mut self.message else { return };
        let content = if refusal { Content::Refusal(text) } else { Content::Text { text, citations } };
        message.parts.push(Part::new(content));
        message.logprobs.extend(logprobs);
        if seal.is_some() {
            let place = message.place;
            self.end_message(out);
            self.seal_before(place, seal.as_ref(), out);
        }
    }
}
