//! What this protocol can do, in one place.

use super::decode::GeminiDecoder;
use super::encode::GeminiEncoder;
use super::path::Verb;
use super::{GeminiWatch, answer, error, generated, path, read_request, write_request};
use crate::canonical::{Answer, Field, Losses, Request};
use crate::codec::{AnswerHead, Codec, Decoder, Encoder, InPath, Refusal, Target};
use crate::fault::Fault;
use crate::head::Head;
use crate::relay::Watch;
use crate::usage::Usage;
use crate::writing::Writing;
use bytes::Bytes;
use std::time::Duration;

/// Gemini `generateContent`.
#[derive(Debug, Clone, Copy)]
pub struct GenerateContent;

impl Codec for GenerateContent {
    fn name(&self, field: Field) -> &'static str {
        match field {
            Field::Instructions => "systemInstruction",
            // Of these it has no word; what it calls `store` is whether the vendor logs.
            Field::Previous | Field::User | Field::Store | Field::CacheKey | Field::CacheMark => "contents",
            Field::SystemTurn | Field::Prefill => "contents",
            Field::Temperature => "generationConfig.temperature",
            Field::TopP => "generationConfig.topP",
            Field::TopK => "generationConfig.topK",
            Field::Seed => "generationConfig.seed",
            Field::PresencePenalty => "generationConfig.presencePenalty",
            Field::FrequencyPenalty => "generationConfig.frequencyPenalty",
            Field::LogitBias | Field::Verbosity => "generationConfig",
            Field::Stop => "generationConfig.stopSequences",
            Field::Candidates => "generationConfig.candidateCount",
            Field::Logprobs => "generationConfig.responseLogprobs",
            Field::TopLogprobs => "generationConfig.logprobs",
            Field::MaxOutputTokens => "generationConfig.maxOutputTokens",
            Field::ReasoningMode | Field::ReasoningBudget => "generationConfig.thinkingConfig.thinkingBudget",
            Field::ReasoningEffort => "generationConfig.thinkingConfig.thinkingLevel",
            Field::ReasoningShow | Field::ReasoningSummary => "generationConfig.thinkingConfig.includeThoughts",
            Field::ReasoningState => "contents[].parts[].thoughtSignature",
            Field::ReasoningText => "contents[].parts[].thought",
            Field::OutputFormat => "generationConfig.responseMimeType",
            Field::SchemaName | Field::SchemaDescription | Field::SchemaStrict => "generationConfig.responseJsonSchema",
            Field::ServiceTier => "serviceTier",
            Field::Metadata => "labels",
            Field::Modalities => "generationConfig.responseModalities",
            Field::Tools | Field::ToolFormat => "tools",
            Field::ToolChoice | Field::ParallelTools => "toolConfig.functionCallingConfig",
            Field::ToolStrict => "toolConfig.functionCallingConfig.mode",
            Field::WebSearch | Field::WebSearchLimit | Field::WebSearchContext | Field::WebSearchLocation => {
                "tools[].googleSearch"
            }
            Field::WebSearchDomains => "tools[].googleSearch.excludeDomains",
            Field::ToolCalls => "contents[].parts[].functionCall",
            Field::ToolResultMedia => "contents[].parts[].functionResponse.parts",
            Field::ToolResultError => "contents[].parts[].functionResponse.response",
            Field::Refusal | Field::Citations => "contents[].parts[].text",
            Field::Image | Field::Audio | Field::Document | Field::Video => "contents[].parts[].inlineData",
            Field::ImageDetail => "generationConfig.mediaResolution",
            Field::DocumentName => "contents[].parts[].inlineData.displayName",
            Field::Opaque => "contents[].parts[]",
        }
    }

    fn head(&self, body: &[u8], path: &InPath<'_>) -> Result<Head, Fault> {
        super::head(body, path)
    }

    fn path(&self, model: &str, stream: bool, array: bool) -> String {
        path::write(model, if stream { Verb::Stream } else { Verb::Generate }, array)
    }

    fn read_request(&self, body: &[u8], path: &InPath<'_>, losses: &mut Losses) -> Result<Request, Fault> {
        read_request::request(body, path, losses)
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
        super::check(body)
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
        Box::<GeminiWatch>::default()
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::<GeminiDecoder>::default()
    }

    fn encoder(&self, head: &AnswerHead, request: &Request) -> Box<dyn Encoder> {
        Box::new(GeminiEncoder::new(head, request))
    }

    fn read_refusal(&self, status: u16, body: &[u8], wait: Option<Duration>) -> Refusal {
        error::refusal(status, body, wait)
    }

    fn write_fault(&self, fault: &Fault, request_id: &str) -> Vec<u8> {
        error::write_error(fault, request_id)
    }
}
