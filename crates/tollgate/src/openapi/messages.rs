//! Anthropic's Messages. Field facts: Anthropic's API reference and Python SDK of 2026-08 to 2026-11.

use super::errors::Envelope;
use super::operation::{GENERATES, Operation, Tag, body, events};
use super::schema::string;
use super::schema::{Schema, any_of, anything, array, boolean, choice, constant, integer, map, number, object, refer};
use serde_json::json;

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("ClaudeMessageRequest", request()),
        ("ClaudeMessageResponse", response()),
        (
            "ClaudeStreamEvent",
            object()
                .about(
                    "One event of a streamed message; the SSE `event:` line repeats `type`. In this order: `message_start`; for \
                     each block `content_block_start`, `content_block_delta` (many), `content_block_stop`; `message_delta` \
                     with the stop reason and the usage; `message_stop`. `ping` may come at any time, `error` ends a stream \
                     that broke. There is no `[DONE]`.",
                )
                .need("type", string())
                .may("message", map(anything()).about("Of `message_start`."))
                .may("index", integer().about("Of a block's events."))
                .may("content_block", map(anything()))
                .may(
                    "delta",
                    object()
                        .may(
                            "type",
                            string().about(
                                "`text_delta`, `input_json_delta`, `thinking_delta`, `signature_delta`, `citations_delta`.",
                            ),
                        )
                        .all(&["text", "partial_json", "thinking", "signature"], &string())
                        .all(&["stop_reason", "stop_sequence"], &string().or_null()),
                )
                .may("usage", map(anything()))
                .may("error", object().need("type", string()).need("message", string())),
        ),
        ("ClaudeTokenCount", object().need("input_tokens", integer())),
    ]
}

fn request() -> Schema {
    object()
        .about(
            "A conversation to go on with. Fields that are not listed are passed on where protocol and provider match.",
        )
        .need("model", string().about("A public model name.").example("claude-sonnet-4-6"))
        .need("max_tokens", integer().least(0).about("Cap on output tokens."))
        .need(
            "messages",
            array(
                object()
                    .need("role", string().about("`user` or `assistant`."))
                    .need("content", any_of([string(), array(block())])),
            ),
        )
        .may("stream", boolean().default(false).about("Answer as server-sent events."))
        .may("system", any_of([string(), array(block())]))
        .may("temperature", number().range(0, 1).default(1))
        .may("top_p", number().range(0, 1))
        .may("top_k", integer().least(0))
        .may("stop_sequences", array(string()))
        .may(
            "tools",
            array(
                object()
                    .need("name", string())
                    .may("description", string())
                    .may("input_schema", map(anything()).about("JSON Schema of its input."))
                    .may("type", string()),
            ),
        )
        .may(
            "tool_choice",
            object()
                .need("type", choice(&["auto", "any", "tool", "none"]))
                .may("name", string())
                .may("disable_parallel_tool_use", boolean()),
        )
        .may(
            "thinking",
            object()
                .need("type", choice(&["enabled", "adaptive", "disabled"]))
                .may("budget_tokens", integer().least(1024).about("Below `max_tokens`.")),
        )
        .may("output_config", map(anything()))
        .may("metadata", object().may("user_id", string().or_null()))
        .may("service_tier", choice(&["auto", "standard_only"]))
}

fn block() -> Schema {
    object()
        .about("A piece of content.")
        .need(
            "type",
            string().about(
                "`text`, `image`, `document`, `thinking`, `redacted_thinking`, `tool_use`, `tool_result` and more.",
            ),
        )
        .may("text", string())
        .may("source", map(anything()).about("Of an image or document: base64 data or an address."))
        .may("cache_control", map(anything()).or_null())
}

fn response() -> Schema {
    object()
        .about("A whole message.")
        .need("id", string())
        .need("type", constant("message"))
        .need("role", constant("assistant"))
        .need("model", string())
        .need("content", array(block()))
        .need(
            "stop_reason",
            string().or_null().about(
                "`end_turn`, `max_tokens`, `stop_sequence`, `tool_use`, `pause_turn`, `refusal`, \
                 `model_context_window_exceeded`.",
            ),
        )
        .may("stop_sequence", string().or_null())
        .need(
            "usage",
            object()
                .need("input_tokens", integer().about("Without what came from or went to the cache."))
                .need("output_tokens", integer())
                .may("cache_creation_input_tokens", integer().or_null())
                .may("cache_read_input_tokens", integer().or_null())
                .may("cache_creation", map(integer()).or_null())
                .may("service_tier", string().or_null()),
        )
}

const STREAM: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant","model":"claude-sonnet-4-6","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":13,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello there!"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":4}}

event: message_stop
data: {"type":"message_stop"}

"#;

pub(super) fn operations() -> Vec<Operation> {
    let new = |path, id, summary| {
        Operation::new(("POST", path), id, Tag::Messages, Envelope::Claude, summary)
            .header("anthropic-version", string().example("2023-06-01"), "Passed on where it is given; not needed.")
            .header("anthropic-beta", string(), "Passed on to Anthropic.")
    };
    let hello = json!([{ "role": "user", "content": "Say hello in one sentence." }]);
    let plain = json!({ "model": "claude-sonnet-4-6", "max_tokens": 256, "messages": hello });
    let streamed = json!({ "model": "claude-sonnet-4-6", "max_tokens": 256, "stream": true, "messages": hello });
    vec![
        new("/v1/messages", "createMessage", "Create a message")
            .about(
                "Anthropic's own protocol, for every chat model. A Claude model is passed through byte for byte; for others the \
                 request is translated, and `x-tollgate-translation` names what could not be carried over.",
            )
            .takes(
                body(refer("ClaudeMessageRequest"))
                    .example("plain", "A message", plain.clone())
                    .example("stream", "Streamed", streamed),
            )
            .generates(
                "The message; with `stream`, events.",
                [
                    body(refer("ClaudeMessageResponse")).example(
                        "plain",
                        "A message",
                        json!({
                            "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
                            "type": "message",
                            "role": "assistant",
                            "model": "claude-sonnet-4-6",
                            "content": [{ "type": "text", "text": "Hello there!" }],
                            "stop_reason": "end_turn",
                            "stop_sequence": null,
                            "usage": {
                                "input_tokens": 13, "output_tokens": 4,
                                "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                            },
                        }),
                    ),
                    events(refer("ClaudeStreamEvent")).example("stream", "A stream", STREAM),
                ],
            ),
        new("/v1/messages/count_tokens", "countMessageTokens", "Count a message's input tokens")
            .about("Takes a request as `POST /v1/messages` does, without `max_tokens`. Costs nothing.")
            .takes(
                body(
                    object()
                        .need("model", string())
                        .need("messages", array(map(anything())))
                        .may("system", any_of([string(), array(map(anything()))]))
                        .may("tools", array(map(anything()))),
                )
                .example("plain", "A message", json!({ "model": "claude-sonnet-4-6", "messages": plain["messages"] })),
            )
            .gives(
                200,
                "The count.",
                [body(refer("ClaudeTokenCount")).example("count", "A count", json!({ "input_tokens": 13 }))],
            )
            .fails(GENERATES),
    ]
}
