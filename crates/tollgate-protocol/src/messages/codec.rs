//! What this protocol can do, in one place.

use super::decode::MessagesDecoder;
use super::encode::MessagesEncoder;
use super::write_request::Writing;
use super::{HEAD, MessagesWatch, PATH, answer, check, error, generated, read_request, write_request};
use crate::canonical::{Answer, Field, Losses, Request};
use crate::codec::{AnswerHead, Codec, Decoder, Encoder, InPath, Refusal, Target};
use crate::fault::Fault;
use crate::head::{self, Head};
use crate::relay::Watch;
use crate::usage::Usage;
use bytes::Bytes;
use std::time::Duration;

/// Anthropic Messages.
#[derive(Debug, Clone, Copy)]
pub struct Messages;

impl Codec for Messages {
    fn name(&self, field: Field) -> &'static str {
        match field {
            Field::Instructions => "system",
            Field::SystemTurn | Field::Prefill | Field::ToolCalls | Field::Refusal => "messages",
            Field::Temperature => "temperature",
            Field::TopP => "top_p",
            Field::TopK => "top_k",
            Field::Seed => "seed",
            Field::PresencePenalty => "presence_penalty",
            Field::FrequencyPenalty => "frequency_penalty",
            Field::LogitBias => "logit_bias",
            Field::Stop => "stop_sequences",
            Field::Candidates => "candidates",
            Field::Logprobs | Field::TopLogprobs => "logprobs",
            Field::MaxOutputTokens => "max_tokens",
            Field::ReasoningMode => "thinking",
            Field::ReasoningEffort => "output_config.effort",
            Field::ReasoningBudget => "thinking.budget_tokens",
            Field::ReasoningShow | Field::ReasoningSummary => "thinking.display",
            Field::ReasoningState => "messages[].content[].signature",
            Field::ReasoningText => "messages[].content[].thinking",
            Field::OutputFormat | Field::SchemaStrict => "output_config.format",
            Field::SchemaName => "output_config.format.schema.title",
            Field::SchemaDescription => "output_config.format.schema.description",
            Field::Verbosity => "verbosity",
            Field::ServiceTier => "service_tier",
            Field::User => "metadata.user_id",
            Field::Metadata => "metadata",
            Field::Store => "store",
            Field::CacheKey | Field::CacheMark => "cache_control",
            Field::Modalities => "modalities",
            Field::Previous => "previous",
            Field::Tools | Field::ToolFormat => "tools",
            Field::ToolStrict => "tools[].strict",
            Field::ToolChoice => "tool_choice",
            Field::ParallelTools => "tool_choice.disable_parallel_tool_use",
            Field::WebSearch | Field::WebSearchContext => "tools[].type",
            Field::WebSearchLimit => "tools[].max_uses",
            Field::WebSearchDomains => "tools[].allowed_domains",
            Field::WebSearchLocation => "tools[].user_location",
            Field::ToolResultMedia => "messages[].content[].content",
            Field::ToolResultError => "messages[].content[].is_error",
            Field::Citations => "messages[].content[].citations",
            Field::Image | Field::ImageDetail | Field::Audio | Field::Document | Field::Video => {
                "messages[].content[].source"
            }
            Field::DocumentName => "messages[].content[].title",
            Field::Opaque => "messages[].content",
        }
    }

    fn head(&self, body: &[u8], path: &InPath<'_>) -> Result<Head, Fault> {
        head::read(body, &HEAD, path)
    }

    fn path(&self, _model: &str, _stream: bool, _array: bool) -> String {
        PATH.to_owned()
    }

    fn read_request(&self, body: &[u8], _path: &InPath<'_>, losses: &mut Losses) -> Result<Request, Fault> {
        read_request::request(body, false, losses)
    }

    fn write_request(
        &self,
        request: &Request,
        target: &Target<'_>,
        names: &dyn Codec,
        losses: &mut Losses,
    ) -> Result<Bytes, Fault> {
        write_request::request(request, false, &mut Writing { target, names, losses, marks_over: 0 })
    }

    fn check_answer(&self, body: &[u8]) -> Result<Option<Usage>, Fault> {
        check(body)
    }

    fn content_bytes(&self, body: &[u8]) -> u64 {
        generated(body).bytes()
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, Fault> {
        answer::read(body)
    }

    fn write_answer(&self, answer: &Answer, head: &AnswerHead, request: &Request, losses: &mut Losses) -> Bytes {
        answer::write(answer, head, request, losses)
    }

    fn watch(&self, _hide_usage: bool) -> Box<dyn Watch> {
        Box::<MessagesWatch>::default()
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<MessagesDecoder>::default()
    }

    fn encoder(&self, head: &AnswerHead, request: &Request) -> Box<dyn Encoder> {
        Box::new(MessagesEncoder::new(head, request))
    }

    fn read_refusal(&self, status: u16, body: &[u8], wait: Option<Duration>) -> Refusal {
        error::refusal(status, body, wait)
    }

    fn status(&self, fault: &Fault) -> u16 {
        error::status(fault)
    }

    fn write_fault(&self, fault: &Fault, request_id: &str) -> Vec<u8> {
        error::write_fault(fault, request_id)
    }
}

/// Reads a request that only asks how many tokens it has: as any other, but that it needs no cap on its output.
pub fn read_count_request(body: &[u8], losses: &mut Losses) -> Result<Request, Fault> {
    read_request::request(body, true, losses)
}

/// Writes a request that only asks how many tokens it has, without what does not count.
pub fn write_count_request(
    request: &Request,
    target: &Target<'_>,
    names: &dyn Codec,
    losses: &mut Losses,
) -> Result<Bytes, Fault> {
    write_request::request(request, true, &mut Writing { target, names, losses, marks_over: 0 })
}
