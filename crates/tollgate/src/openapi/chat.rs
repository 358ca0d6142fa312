//! `OpenAI`'s Chat Completions, which Claude, `DeepSeek` and Gemini models answer too.
//!
//! Field facts: `OpenAI`'s API description of 2026-08, `DeepSeek`'s and Azure's additions as of 2026-11.

use super::errors::Envelope;
use super::operation::{Operation, Tag, body, events};
use super::schema::string;
use super::schema::{Schema, any_of, anything, array, boolean, choice, constant, integer, map, number, object, refer};
use serde_json::json;

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("ChatCompletionRequest", request()),
        ("ChatMessage", message()),
        ("Tool", tool()),
        ("ToolCall", tool_call()),
        ("ChatCompletionResponse", response()),
        ("ChatCompletionChoice", choice_of()),
        ("ContentFilterResults", filters()),
        ("UsageInfo", usage()),
        ("ChatCompletionChunk", chunk()),
    ]
}

fn request() -> Schema {
    object()
        .about(
            "A conversation to go on with. Fields that are not listed are passed on where protocol and provider match.",
        )
        .need("model", string().about("A public model name.").example("gpt-5-mini"))
        .need("messages", array(refer("ChatMessage")).items(1, 100_000).about("The conversation so far."))
        .may("stream", boolean().default(false).about("Answer as server-sent events."))
        .may(
            "stream_options",
            object()
                .may("include_usage", boolean().about("End the stream with a chunk that has the usage."))
                .may("include_obfuscation", boolean())
                .or_null()
                .about("Only with `stream`."),
        )
        .may("max_completion_tokens", integer().least(1).or_null().about("Cap on output tokens, reasoning included."))
        .may("max_tokens", integer().least(1).or_null().about("The older name of `max_completion_tokens`."))
        .may("temperature", number().range(0, 2).or_null().default(1))
        .may("top_p", number().range(0, 1).or_null().default(1))
        .may("n", integer().range(1, 128).or_null().default(1).about("How many alternatives."))
        .may("stop", any_of([string(), array(string()).items(0, 4)]).or_null().about("Up to four texts that end it."))
        .may("presence_penalty", number().range(-2, 2).or_null().default(0))
        .may("frequency_penalty", number().range(-2, 2).or_null().default(0))
        .may("logprobs", boolean().or_null().default(false))
        .may("top_logprobs", integer().range(0, 20).or_null())
        .may("logit_bias", map(number().range(-100, 100)).or_null())
        .may("seed", integer().or_null().about("Asks for the same answer again, where the model can."))
        .may("tools", array(refer("Tool")).items(0, 128))
        .may(
            "tool_choice",
            any_of([
                choice(&["none", "auto", "required"]),
                object().need("type", string()).may("function", object().need("name", string())),
            ])
            .about("Whether and which tool is to be called."),
        )
        .may("parallel_tool_calls", boolean().default(true))
        .may(
            "response_format",
            object()
                .need("type", choice(&["text", "json_object", "json_schema"]))
                .may(
                    "json_schema",
                    object()
                        .need("name", string())
                        .may("description", string())
                        .may("schema", map(anything()))
                        .may("strict", boolean().or_null()),
                )
                .about("Asks for JSON, or for JSON of a schema."),
        )
        .may(
            "reasoning_effort",
            choice(&["none", "minimal", "low", "medium", "high", "xhigh", "max"]).or_null().about("How much to think."),
        )
        .may("thinking", object().need("type", string()).about("DeepSeek's switch: `enabled` or `disabled`."))
        .may("verbosity", choice(&["low", "medium", "high"]).or_null())
        .may("modalities", array(string()).or_null().about("`text`, `audio`."))
        .may("audio", map(anything()).or_null())
        .may("prediction", map(anything()).or_null())
        .may("service_tier", string().or_null().about("Such as `auto`, `default`, `flex`, `priority`."))
        .may("store", boolean().or_null().default(false))
        .may("metadata", map(string()).or_null())
        .may("user", string().deprecated())
}

fn message() -> Schema {
    object()
        .about("One turn of a conversation.")
        .need("role", choice(&["developer", "system", "user", "assistant", "tool", "function"]))
        .may("content", any_of([string(), array(part())]).or_null().about("Text, or parts. Null beside tool calls."))
        .may("name", string())
        .may("tool_calls", array(refer("ToolCall")))
        .may("tool_call_id", string().about("Of a `tool` message: which call it answers."))
        .may("refusal", string().or_null())
        .may("annotations", array(map(anything())))
        .may("audio", map(anything()).or_null())
        .may(
            "reasoning_content",
            string().or_null().about("What the model thought, from models that show it (DeepSeek, Claude, Gemini)."),
        )
}

fn part() -> Schema {
    object()
        .need("type", string().about("`text`, `image_url`, `input_audio`, `file` or `refusal`."))
        .may("text", string())
        .may(
            "image_url",
            object()
                .need("url", string().about("An address, or `data:image/…;base64,…`."))
                .may("detail", choice(&["auto", "low", "high"])),
        )
        .may("input_audio", object().need("data", string()).need("format", choice(&["wav", "mp3"])))
        .may("file", map(anything()))
}

fn tool() -> Schema {
    object()
        .about("A function that the model may ask to be called.")
        .need("type", string().about("`function`; some models take `custom`."))
        .may(
            "function",
            object()
                .need("name", string().length(1, 64).about("Letters, digits, `_` and `-`."))
                .may("description", string())
                .may("parameters", map(anything()).about("JSON Schema of its arguments."))
                .may("strict", boolean().or_null()),
        )
}

fn tool_call() -> Schema {
    object()
        .about("A call that the model asks for.")
        .may("index", integer().about("In a stream: to which call this piece belongs."))
        .may("id", string())
        .may("type", string().about("`function`."))
        .may(
            "function",
            object().may("name", string()).may("arguments", string().about("JSON as text; in a stream a piece of it.")),
        )
}

fn response() -> Schema {
    object()
        .about("A whole answer.")
        .need("id", string())
        .need("object", constant("chat.completion"))
        .need("created", integer().about("Unix seconds."))
        .need("model", string().about("As the provider names it."))
        .need("choices", array(refer("ChatCompletionChoice")))
        .may("usage", refer("UsageInfo"))
        .may("system_fingerprint", string().or_null())
        .may("service_tier", string().or_null())
        .may("prompt_filter_results", array(map(anything())).about("From models on Azure."))
}

fn choice_of() -> Schema {
    object()
        .about("One alternative.")
        .need("index", integer())
        .need("message", refer("ChatMessage"))
        .need(
            "finish_reason",
            string().or_null().about("`stop`, `length`, `tool_calls`, `content_filter`, `function_call`."),
        )
        .may("logprobs", map(anything()).or_null())
        .may("content_filter_results", refer("ContentFilterResults"))
}

fn filters() -> Schema {
    let graded = object().need("filtered", boolean()).need("severity", choice(&["safe", "low", "medium", "high"]));
    let found = object().need("filtered", boolean()).need("detected", boolean());
    object()
        .about("What the content filter of a model on Azure found.")
        .all(&["hate", "self_harm", "sexual", "violence"], &graded)
        .all(&["jailbreak", "profanity", "protected_material_text", "protected_material_code"], &found)
}

fn usage() -> Schema {
    object()
        .about("Tokens as OpenAI counts them: the details are parts of the numbers above them.")
        .need("prompt_tokens", integer())
        .need("completion_tokens", integer())
        .need("total_tokens", integer())
        .may(
            "prompt_tokens_details",
            object().all(&["cached_tokens", "audio_tokens", "cache_write_tokens"], &integer()).or_null(),
        )
        .may(
            "completion_tokens_details",
            object()
                .all(
                    &["reasoning_tokens", "audio_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens"],
                    &integer(),
                )
                .or_null(),
        )
        .may("prompt_cache_hit_tokens", integer().about("DeepSeek."))
        .may("prompt_cache_miss_tokens", integer().about("DeepSeek."))
}

fn chunk() -> Schema {
    object()
        .about("One event of a streamed answer. The stream ends with `data: [DONE]`, or with an error event and without it.")
        .need("id", string())
        .need("object", constant("chat.completion.chunk"))
        .need("created", integer())
        .need("model", string())
        .need(
            "choices",
            array(
                object()
                    .need("index", integer())
                    .need("delta", object()
                        .may("role", string())
                        .may("content", string().or_null())
                        .may("reasoning_content", string().or_null())
                        .may("refusal", string().or_null())
                        .may("tool_calls", array(refer("ToolCall"))))
                    .may("finish_reason", string().or_null())
                    .may("logprobs", map(anything()).or_null()),
            )
            .about("Empty in the chunk that carries the usage."),
        )
        .may("usage", any_of([refer("UsageInfo")]).or_null())
        .may("system_fingerprint", string().or_null())
        .may("service_tier", string().or_null())
}

const STREAM: &str = r#"data: {"id":"chatcmpl-vF9RseDwWColIpoUtYpC1Tz9EMOOY","object":"chat.completion.chunk","created":1760862667,"model":"gpt-5-mini","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]}

data: {"id":"chatcmpl-vF9RseDwWColIpoUtYpC1Tz9EMOOY","object":"chat.completion.chunk","created":1760862667,"model":"gpt-5-mini","choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":null,"finish_reason":null}]}

data: {"id":"chatcmpl-vF9RseDwWColIpoUtYpC1Tz9EMOOY","object":"chat.completion.chunk","created":1760862667,"model":"gpt-5-mini","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}

data: [DONE]

"#;

pub(super) fn operations() -> Vec<Operation> {
    let hello = json!([{ "role": "user", "content": "Say hello in one sentence." }]);
    vec![
        Operation::new(
            ("POST", "/v1/chat/completions"),
            "createChatCompletion",
            Tag::Chat,
            Envelope::OpenAi,
            "Create a chat completion",
        )
        .about(
            "One route for every chat model: OpenAI, Claude, DeepSeek and Gemini. The name in `model` decides who answers; \
             all other parameters stay the same. Where the model's provider speaks another protocol the request is \
             translated, and `x-tollgate-translation` names what could not be carried over.",
        )
        .takes(
            body(refer("ChatCompletionRequest"))
                .example("openai", "OpenAI", json!({ "model": "gpt-5-mini", "messages": hello }))
                .example("claude", "Claude", json!({ "model": "claude-sonnet-4-6", "max_tokens": 256, "messages": hello }))
                .example("deepseek", "DeepSeek", json!({ "model": "deepseek-flash", "messages": hello }))
                .example("stream", "Streamed", json!({ "model": "gpt-5-mini", "stream": true, "messages": hello }))
                .example(
                    "tools",
                    "With a tool",
                    json!({
                        "model": "gpt-5-mini",
                        "messages": [{ "role": "user", "content": "What is the weather in Paris?" }],
                        "tools": [{ "type": "function", "function": {
                            "name": "get_weather",
                            "description": "The weather of a city.",
                            "parameters": {
                                "type": "object",
                                "properties": { "city": { "type": "string" } },
                                "required": ["city"],
                            },
                        } }],
                    }),
                )
                .example(
                    "schema",
                    "JSON of a schema",
                    json!({
                        "model": "gpt-5-mini",
                        "messages": [{ "role": "user", "content": "Name a city and its country." }],
                        "response_format": { "type": "json_schema", "json_schema": {
                            "name": "city",
                            "strict": true,
                            "schema": {
                                "type": "object",
                                "properties": { "city": { "type": "string" }, "country": { "type": "string" } },
                                "required": ["city", "country"],
                                "additionalProperties": false,
                            },
                        } },
                    }),
                ),
        )
        .generates(
            "The answer; with `stream`, events.",
            [
                body(refer("ChatCompletionResponse")).example(
                    "plain",
                    "An answer",
                    json!({
                        "id": "chatcmpl-K13kww8NhDVcjFynzzMlw74tcqvxN",
                        "object": "chat.completion",
                        "created": 1_760_397_186,
                        "model": "gpt-5-mini",
                        "choices": [{
                            "index": 0,
                            "message": {
                                "role": "assistant", "content": "Hello there!", "refusal": null, "annotations": [],
                            },
                            "logprobs": null,
                            "finish_reason": "stop",
                        }],
                        "usage": { "prompt_tokens": 13, "completion_tokens": 4, "total_tokens": 17 },
                    }),
                ),
                events(refer("ChatCompletionChunk")).example("stream", "A stream", STREAM),
            ],
        ),
    ]
}
