//! Gemini's `generateContent` and its siblings. Field facts: Google's API reference and google-genai SDK of 2026-08.

use super::errors::Envelope;
use super::operation::{GENERATES, Operation, Tag, body, events};
use super::schema::{Schema, any_of, anything, array, boolean, choice, integer, map, number, object, refer, string};
use serde_json::{Value, json};

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    let content = || refer("GeminiContent");
    vec![
        (
            "GeminiGenerateContentRequest",
            object()
                .about("A conversation to go on with; `snake_case` names are taken too.")
                .need("contents", array(content()))
                .may("systemInstruction", content())
                .may("generationConfig", refer("GeminiGenerationConfig"))
                .may("safetySettings", array(object().need("category", string()).need("threshold", string())))
                .may("tools", array(map(anything())).about("`functionDeclarations`, `googleSearch`, `codeExecution` …"))
                .may(
                    "toolConfig",
                    object().may(
                        "functionCallingConfig",
                        object()
                            .may("mode", choice(&["AUTO", "ANY", "NONE", "VALIDATED"]))
                            .may("allowedFunctionNames", array(string())),
                    ),
                )
                .may("cachedContent", string()),
        ),
        ("GeminiContent", content_schema()),
        ("GeminiGenerationConfig", generation()),
        ("GeminiGenerateContentResponse", response()),
        (
            "GeminiTokenCount",
            object().need("totalTokens", integer()).may("promptTokensDetails", array(map(anything()))),
        ),
        (
            "GeminiEmbedContentRequest",
            object()
                .need("content", content())
                .may("model", string().about("`models/…`; needed for each request of a batch."))
                .may("taskType", string())
                .may("title", string())
                .may("outputDimensionality", integer()),
        ),
        ("GeminiEmbedContentResponse", object().need("embedding", values())),
        ("GeminiBatchEmbedContentsRequest", object().need("requests", array(refer("GeminiEmbedContentRequest")))),
        ("GeminiBatchEmbedContentsResponse", object().need("embeddings", array(values()))),
    ]
}

fn values() -> Schema {
    object().need("values", array(number()))
}

fn content_schema() -> Schema {
    let blob = object().need("mimeType", string()).need("data", string().about("Base64."));
    object().about("One turn.").may("role", string().about("`user` or `model`.")).may(
        "parts",
        array(
            object()
                .may("text", string())
                .may("inlineData", blob)
                .may("fileData", object().may("mimeType", string()).need("fileUri", string()))
                .may("functionCall", object().may("id", string()).need("name", string()).may("args", map(anything())))
                .may(
                    "functionResponse",
                    object().may("id", string()).need("name", string()).may("response", map(anything())),
                )
                .may("executableCode", map(anything()))
                .may("codeExecutionResult", map(anything()))
                .may("thought", boolean())
                .may("thoughtSignature", string().about("To be sent back as it came.")),
        ),
    )
}

fn generation() -> Schema {
    object()
        .about("How to answer.")
        .all(&["temperature", "topP", "topK", "presencePenalty", "frequencyPenalty"], &number())
        .all(&["candidateCount", "maxOutputTokens", "seed", "logprobs"], &integer())
        .may("stopSequences", array(string()).items(0, 5))
        .may("responseMimeType", string().about("`application/json` for JSON."))
        .may("responseSchema", map(anything()))
        .may("responseJsonSchema", anything())
        .may("responseModalities", array(string()))
        .may("responseLogprobs", boolean())
        .may(
            "thinkingConfig",
            object()
                .may("includeThoughts", boolean())
                .may("thinkingBudget", integer().about("0 is off, -1 leaves it to the model."))
                .may("thinkingLevel", string()),
        )
        .may("speechConfig", map(anything()))
        .may("imageConfig", object().may("aspectRatio", string()).may("imageSize", string()))
        .may("mediaResolution", string())
        .may("audioTimestamp", boolean())
}

fn response() -> Schema {
    object()
        .about("A whole answer, or one event of a streamed one. A blocked prompt has no candidates and a `promptFeedback`.")
        .may(
            "candidates",
            array(
                object()
                    .may("content", refer("GeminiContent"))
                    .may("finishReason", string().about("`STOP`, `MAX_TOKENS`, `SAFETY` and more."))
                    .may("finishMessage", string())
                    .may("index", integer())
                    .may("safetyRatings", array(map(anything())))
                    .may("citationMetadata", map(anything()))
                    .may("groundingMetadata", map(anything()))
                    .may("urlContextMetadata", map(anything()))
                    .may("avgLogprobs", number())
                    .may("logprobsResult", map(anything()))
                    .may("tokenCount", integer()),
            ),
        )
        .may("promptFeedback", object().may("blockReason", string()).may("safetyRatings", array(map(anything()))))
        .may(
            "usageMetadata",
            object()
                .about("`thoughtsTokenCount` is billed and not part of `candidatesTokenCount`.")
                .all(
                    &[
                        "promptTokenCount",
                        "candidatesTokenCount",
                        "totalTokenCount",
                        "cachedContentTokenCount",
                        "thoughtsTokenCount",
                        "toolUsePromptTokenCount",
                    ],
                    &integer(),
                )
                .all(
                    &["promptTokensDetails", "candidatesTokensDetails", "cacheTokensDetails", "toolUsePromptTokensDetails"],
                    &array(map(anything())),
                ),
        )
        .may("modelVersion", string())
        .may("responseId", string())
        .may("createTime", string())
}

fn hello() -> Value {
    json!({ "contents": [{ "role": "user", "parts": [{ "text": "Say hello in one sentence." }] }] })
}

fn answer() -> Value {
    json!({
        "candidates": [{
            "content": { "parts": [{ "text": "Hello there!" }], "role": "model" },
            "finishReason": "STOP",
            "index": 0,
        }],
        "usageMetadata": { "promptTokenCount": 7, "candidatesTokenCount": 4, "totalTokenCount": 11 },
        "modelVersion": "gemini-2.5-flash",
        "responseId": "mAitaLmkHPPlz7IPvtfUqQ4",
    })
}

const STREAM: &str = r#"data: {"candidates":[{"content":{"parts":[{"text":"Hello "}],"role":"model"},"index":0}],"modelVersion":"gemini-2.5-flash"}

data: {"candidates":[{"content":{"parts":[{"text":"there!"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":4,"totalTokenCount":11},"modelVersion":"gemini-2.5-flash"}

"#;

pub(super) fn operations() -> Vec<Operation> {
    let new = |path, id, summary| Operation::new(("POST", path), id, Tag::Gemini, Envelope::Google, summary);
    let request = || body(refer("GeminiGenerateContentRequest")).example("text", "Text", hello());
    let embed = json!({ "content": { "parts": [{ "text": "Hello" }] } });
    let whole = || body(refer("GeminiGenerateContentResponse")).example("plain", "An answer", answer());
    vec![
        new("/v1beta/models/{model}:generateContent", "generateContent", "Generate content")
            .about("Gemini's own protocol, for every chat model.")
            .takes(request())
            .generates("The answer.", [whole()]),
        new("/v1beta/models/{model}:streamGenerateContent", "streamGenerateContent", "Generate content, streamed")
            .about("With `?alt=sse` server-sent events; without it one JSON array that comes in pieces. There is no `[DONE]`.")
            .query("alt", choice(&["sse", "json"]).default("json"), "The form of the stream.")
            .takes(request())
            .generates(
                "The answer in pieces.",
                [
                    events(refer("GeminiGenerateContentResponse")).example("sse", "With `alt=sse`", STREAM),
                    body(array(refer("GeminiGenerateContentResponse"))).example("array", "Without", json!([answer()])),
                ],
            ),
        new("/v1beta/models/{model}:countTokens", "countTokens", "Count tokens")
            .about("Takes `contents`, or a whole request as `generateContentRequest`. Costs nothing.")
            .takes(
                body(any_of([
                    object().need("contents", array(refer("GeminiContent"))),
                    object().need("generateContentRequest", map(anything())),
                ]))
                .example("text", "Text", hello()),
            )
            .gives(
                200,
                "The count.",
                [body(refer("GeminiTokenCount")).example("count", "A count", json!({ "totalTokens": 7 }))],
            )
            .fails(GENERATES),
        new("/v1beta/models/{model}:embedContent", "embedContent", "Embed a text")
            .takes(body(refer("GeminiEmbedContentRequest")).example("text", "A text", embed.clone()))
            .generates(
                "Its vector.",
                [body(refer("GeminiEmbedContentResponse")).example(
                    "vector",
                    "A vector, shortened",
                    json!({ "embedding": { "values": [0.013_168_5, -0.008_711] } }),
                )],
            ),
        new("/v1beta/models/{model}:batchEmbedContents", "batchEmbedContents", "Embed several texts")
            .takes(body(refer("GeminiBatchEmbedContentsRequest")).example(
                "texts",
                "A text",
                json!({ "requests": [{ "model": "models/gemini-embedding-001", "content": embed["content"] }] }),
            ))
            .generates(
                "Their vectors.",
                [body(refer("GeminiBatchEmbedContentsResponse")).example(
                    "vectors",
                    "Vectors, shortened",
                    json!({ "embeddings": [{ "values": [0.013_168_5, -0.008_711] }] }),
                )],
            ),
    ]
}
