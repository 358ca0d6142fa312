//! What this protocol can do, in one place.

use super::{HEAD, ResponsesWatch, answer, check, decode::ResponsesDecoder, encode::ResponsesEncoder, generated};
use super::{read_request, write_request};
use crate::canonical::{Answer, Field, Losses, Request};
use crate::codec::{AnswerHead, Codec, Decoder, Encoder, InPath, Refusal, Target};
use crate::fault::Fault;
use crate::head::{self, Head};
use crate::openai;
use crate::relay::Watch;
use crate::usage::Usage;
use crate::writing::Writing;
use bytes::Bytes;
use std::time::Duration;

/// `OpenAI` Responses.
#[derive(Debug, Clone, Copy)]
pub struct Responses;

impl Codec for Responses {
    fn name(&self, field: Field) -> &'static str {
        match field {
            Field::Instructions => "instructions",
            Field::SystemTurn | Field::Prefill => "input",
            Field::Temperature => "temperature",
            Field::TopP => "top_p",
            Field::TopK => "top_k",
            Field::Seed => "seed",
            Field::PresencePenalty => "presence_penalty",
            Field::FrequencyPenalty => "frequency_penalty",
            Field::LogitBias => "logit_bias",
            Field::Stop => "stop",
            Field::Candidates => "n",
            Field::Logprobs => "include",
            Field::TopLogprobs => "top_logprobs",
            Field::MaxOutputTokens => "max_output_tokens",
            Field::ReasoningMode | Field::ReasoningEffort | Field::ReasoningBudget => "reasoning.effort",
            Field::ReasoningShow | Field::ReasoningSummary => "reasoning.summary",
            Field::ReasoningState => "input[].encrypted_content",
            Field::ReasoningText => "input[].summary",
            Field::OutputFormat => "text.format",
            Field::SchemaName => "text.format.name",
            Field::SchemaDescription => "text.format.description",
            Field::SchemaStrict => "text.format.strict",
            Field::Verbosity => "text.verbosity",
            Field::ServiceTier => "service_tier",
            Field::User => "user",
            Field::Metadata => "metadata",
            Field::Store => "store",
            Field::CacheKey => "prompt_cache_key",
            Field::CacheMark => "input[].content[].prompt_cache_breakpoint",
            Field::Modalities => "modalities",
            Field::Previous => "previous_response_id",
            Field::Tools | Field::WebSearch => "tools",
            Field::ToolStrict => "tools[].strict",
            Field::ToolFormat => "tools[].format",
            Field::ToolChoice => "tool_choice",
            Field::ParallelTools => "parallel_tool_calls",
            Field::WebSearchLimit => "max_tool_calls",
            Field::WebSearchDomains => "tools[].filters",
            Field::WebSearchContext => "tools[].search_context_size",
            Field::WebSearchLocation => "tools[].user_location",
            Field::ToolCalls => "input[].call_id",
            Field::Opaque => "input[]",
            Field::ToolResultMedia | Field::ToolResultError => "input[].output",
            Field::Refusal => "input[].content[].refusal",
            Field::Citations => "input[].content[].annotations",
            Field::Image => "input[].content[].image_url",
            Field::ImageDetail => "input[].content[].detail",
            Field::Audio => "input[].content[].input_audio",
            Field::Document => "input[].content[].file_data",
            Field::DocumentName => "input[].content[].filename",
            Field::Video => "input[].content[].type",
        }
    }

    fn head(&self, body: &[u8], path: &InPath<'_>) -> Result<Head, Fault> {
        head::read(body, &HEAD, path)
    }

    fn path(&self, _model: &str, _stream: bool, _array: bool) -> String {
        "/responses".to_owned()
    }

    fn read_request(&self, body: &[u8], _path: &InPath<'_>, losses: &mut Losses) -> Result<Request, Fault> {
        read_request::request(body, losses)
    }

    fn write_request(
        &self,
        request: &Request,
        target: &Target<'_>,
        names: &dyn Codec,
        losses: &mut Losses,
    ) -> Result<Bytes, Fault> {
        write_request::request(request, &mut Writing { target, names, losses })
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
        Box::<ResponsesWatch>::default()
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<ResponsesDecoder>::default()
    }

    fn encoder(&self, head: &AnswerHead, request: &Request) -> Box<dyn Encoder> {
        Box::new(ResponsesEncoder::new(head, request))
    }

    fn read_refusal(&self, status: u16, body: &[u8], wait: Option<Duration>) -> Refusal {
        openai::refusal(status, body, wait)
    }

    fn write_fault(&self, fault: &Fault, _request_id: &str) -> Vec<u8> {
        openai::write_error(fault)
    }
}
