//! What each chunk of a stream means.

use super::{ChatUsage, Generated, in_band};
use crate::fault::Fault;
use crate::json;
use crate::openai;
use crate::relay::{End, Verdict, Watch};
use crate::sse::Event;
use crate::usage::Usage;
use bytes::BytesMut;

/// The terminal event.
pub(super) const DONE: &[u8] = b"[DONE]";

/// Watches a stream of chunks.
#[derive(Debug)]
pub struct ChatWatch {
    /// The caller did not ask for the usage chunk, the gateway did.
    hide_usage: bool,
    usage: ChatUsage,
    generated: Generated,
    /// Bit per choice: it was seen; it has its finish reason.
    seen: u128,
    finished: u128,
}

impl ChatWatch {
    /// `hide_usage`: keep the chunk that only carries usage from the caller.
    pub fn new(hide_usage: bool) -> Self {
        Self { hide_usage, usage: ChatUsage::default(), generated: Generated::default(), seen: 0, finished: 0 }
    }

    /// Looks at one choice of a chunk; whether it carries something generated.
    fn choice(&mut self, choice: &[u8]) -> bool {
        let (mut index, mut finished) = (0, false);
        let (mut delta, mut whole) = (None, None);
        let read = json::members(choice, |member| match member.key().as_ref() {
            b"index" => index = json::whole(member.value).unwrap_or(0),
            b"finish_reason" => finished = !member.is_null() && member.value != b"\"\"",
            b"delta" | b"text" => delta = Some(member.value),
            // Perplexity writes all that has been said so far beside what is new.
            b"message" => whole = Some(member.value),
            _ => {}
        });
        if read.is_err() {
            return false;
        }
        let made = delta.or(whole).is_some_and(|said| self.generated.take(said));
        let bit = 1u128 << index.min(127);
        self.seen |= bit;
        if finished {
            self.finished |= bit;
        }
        made || finished
    }
}

impl Watch for ChatWatch {
    fn event(&mut self, event: &Event<'_>) -> Verdict {
        let Some(data) = &event.data else { return Verdict::Pass };
        let data = data.trim_ascii();
        if data == DONE {
            // An end mark after nothing is no answer.
            return if self.seen == 0 { Verdict::Broken(nothing_in_it()) } else { Verdict::Terminal };
        }
        if data.is_empty() {
            return Verdict::Pass;
        }
        let (mut choices, mut error, mut used, mut beside, mut known) = (None, None, None, None, false);
        let read = json::object(data, |member| match member.key().as_ref() {
            b"choices" => choices = Some(member.value),
            b"usage" => used = Some(member.value),
            b"error" if !member.is_null() => error = Some(member),
            // Groq reports here what was not asked for otherwise.
            b"x_groq" => {
                known = true;
                let read = json::members(member.value, |inner| {
                    if inner.key().as_ref() == b"usage" {
                        beside = Some(inner.value);
                    }
                });
                known |= read.is_ok();
            }
            b"service_tier" => self.usage.take_tier(member.value),
            b"id" | b"object" | b"model" => known = true,
            _ => {}
        });
        if read.is_err() || (choices.is_none() && used.is_none() && error.is_none() && !known) {
            return Verdict::Broken(Fault::broken(
                "upstream_invalid_stream",
                "The provider sent something that is not part of its stream.",
            ));
        }
        if let Some(member) = error {
            return Verdict::Broken(in_band(&member));
        }
        let reported = used.is_some_and(|used| self.usage.take(used));
        if let Some(beside) = beside.filter(|_| !reported) {
            self.usage.take(beside);
        }
        let (mut meaningful, mut empty) = (false, true);
        let read = json::elements(choices.unwrap_or(b"[]"), |choice| {
            empty = false;
            meaningful |= self.choice(choice);
        });
        if read.is_err() {
            return Verdict::Broken(Fault::broken(
                "upstream_invalid_stream",
                "The provider sent a chunk without choices.",
            ));
        }
        if empty && reported && self.hide_usage {
            Verdict::Drop
        } else if meaningful {
            Verdict::Meaningful
        } else {
            Verdict::Pass
        }
    }

    fn end(&mut self) -> End {
        // Several compatible servers never send [DONE]; a strict client waits for it.
        if self.seen != 0 && self.seen == self.finished { End::Complete(b"data: [DONE]\n\n") } else { End::Truncated }
    }

    fn usage(&self) -> Option<Usage> {
        self.usage.usage()
    }

    fn content_bytes(&self) -> u64 {
        self.generated.bytes()
    }

    fn tokens_seen(&self) -> u64 {
        self.generated.tokens()
    }

    fn output_sample(&self) -> &[u8] {
        self.generated.sample().bytes()
    }

    fn fault(&self, fault: &Fault, out: &mut BytesMut) {
        openai::write_error_event(fault, out);
    }
}

fn nothing_in_it() -> Fault {
    Fault::broken("upstream_invalid_stream", "The provider's stream holds no answer.")
}
