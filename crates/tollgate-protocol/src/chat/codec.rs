//! What this protocol can do, in one place.

use super::{
    ChatWatch, HEAD, answer, decode::ChatDecoder, encode::ChatEncoder, generated, read_request, write_request,
};
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

/// `OpenAI` Chat Completions.
#[derive(Debug, Clone, Copy)]
pub struct ChatCompletions;

impl Codec for ChatCompletions {
    fn name(&self, field: Field) -> &'static str {
        match field {
            Field::Instructions | Field::SystemTurn | Field::Prefill => "messages",
            Field::Temperature => "temperature",
            Field::TopP => "top_p",
            Field::TopK => "top_k",
            Field::Seed => "seed",
            Field::PresencePenalty => "presence_penalty",
            Field::FrequencyPenalty => "frequency_penalty",
            Field::LogitBias => "logit_bias",
            Field::Stop => "stop",
            Field::Candidates => "n",
            Field::Logprobs => "logprobs",
            Field::TopLogprobs => "top_logprobs",
            Field::MaxOutputTokens => "max_completion_tokens",
            Field::ReasoningMode => "thinking",
            Field::ReasoningEffort => "reasoning_effort",
            Field::ReasoningBudget => "thinking.budget_tokens",
            Field::ReasoningShow => "reasoning.exclude",
            Field::ReasoningSummary => "reasoning.summary",
            Field::ReasoningState | Field::ReasoningText => "messages[].reasoning_content",
            Field::OutputFormat => "response_format",
            Field::SchemaName => "response_format.json_schema.name",
            Field::SchemaDescription => "response_format.json_schema.description",
            Field::SchemaStrict => "response_format.json_schema.strict",
            Field::Verbosity => "verbosity",
            Field::ServiceTier => "service_tier",
            Field::User => "user",
            Field::Metadata => "metadata",
            Field::Store => "store",
            Field::CacheKey => "prompt_cache_key",
            Field::CacheMark => "cache_control",
            Field::Modalities => "modalities",
            Field::Previous => "previous_response_id",
            Field::Tools => "tools",
            Field::ToolStrict => "tools[].function.strict",
            Field::ToolFormat => "tools[].custom.format",
            Field::ToolChoice => "tool_choice",
            Field::ParallelTools => "parallel_tool_calls",
            Field::WebSearch | Field::WebSearchLimit | Field::WebSearchDomains => "web_search_options",
            Field::WebSearchContext => "web_search_options.search_context_size",
            Field::WebSearchLocation => "web_search_options.user_location",
            Field::ToolCalls => "messages[].tool_calls",
            Field::ToolResultMedia | Field::ToolResultError => "messages[].content",
            Field::Refusal => "messages[].refusal",
            Field::Citations => "messages[].annotations",
            Field::Image => "messages[].content[].image_url",
            Field::ImageDetail => "messages[].content[].image_url.detail",
            Field::Audio => "messages[].content[].input_audio",
            Field::Document => "messages[].content[].file",
            Field::DocumentName => "messages[].content[].file.filename",
            Field::Video => "messages[].content[].video_url",
            Field::Opaque => "messages[].content",
        }
    }

    fn effort_shows(&self) -> bool {
        true
    }

    fn head(&self, body: &[u8], path: &InPath<'_>) -> Result<Head, Fault> {
        head::read(body, &HEAD, path)
    }

    fn path(&self, _model: &str, _stream: bool, _array: bool) -> String {
        "/chat/completions".to_owned()
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
        super::answer(body)
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

    fn watch(&self, hide_usage: bool) -> Box<dyn Watch> {
        Box::new(ChatWatch::new(hide_usage))
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<ChatDecoder>::default()
    }

    fn encoder(&self, head: &AnswerHead, request: &Request) -> Box<dyn Encoder> {
        Box::new(ChatEncoder::new(head, request))
    }

    fn read_refusal(&self, status: u16, body: &[u8], wait: Option<Duration>) -> Refusal {
        openai::refusal(status, body, wait)
    }

    fn write_fault(&self, fault: &Fault, _request_id: &str) -> Vec<u8> {
        openai::write_error(fault)
    }
}
