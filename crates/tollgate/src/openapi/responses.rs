//! `OpenAI`'s Responses. Field facts: `OpenAI`'s API description of 2026-08.

use super::errors::Envelope;
use super::operation::{Operation, Tag, body, events};
use super::schema::string;
use super::schema::{Schema, any_of, anything, array, boolean, choice, constant, integer, map, number, object, refer};
use serde_json::{Value, json};

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("ResponseRequest", request()),
        ("ResponseObject", response()),
        (
            "ResponseStreamEvent",
            object()
                .about(
                    "One event of a streamed response. The SSE `event:` line repeats `type`. For plain text they come in this \
                     order: `response.created`, `response.in_progress`, `response.output_item.added`, \
                     `response.content_part.added`, `response.output_text.delta` (many), `response.output_text.done`, \
                     `response.content_part.done`, `response.output_item.done`, `response.completed`. Other ends are \
                     `response.incomplete`, `response.failed` and `error`. There is no `[DONE]`.",
                )
                .need("type", string())
                .may("sequence_number", integer())
                .may("response", refer("ResponseObject"))
                .may("output_index", integer())
                .may("content_index", integer())
                .may("item_id", string())
                .may("item", map(anything()))
                .may("part", map(anything()))
                .may("delta", string())
                .may("text", string())
                .may("code", string().or_null().about("Of `error`."))
                .may("message", string().about("Of `error`."))
                .may("param", string().or_null().about("Of `error`.")),
        ),
        (
            "ResponseItemList",
            object()
                .about("The input of a stored response.")
                .need("object", constant("list"))
                .need("data", array(map(anything())))
                .may("first_id", string().or_null())
                .may("last_id", string().or_null())
                .need("has_more", boolean()),
        ),
        (
            "ResponseDeleted",
            object().need("id", string()).need("object", string()).need("deleted", boolean()),
        ),
        (
            "ResponseInputTokens",
            object().need("object", constant("response.input_tokens")).need("input_tokens", integer()),
        ),
    ]
}

fn request() -> Schema {
    object()
        .about("What to answer. Fields that are not listed are passed on where protocol and provider match.")
        .need("model", string().about("A public model name.").example("gpt-5-mini"))
        .need(
            "input",
            any_of([string(), array(map(anything()))])
                .about("Text, or items: messages, tool calls and their outputs, reasoning, references to items."),
        )
        .may("stream", boolean().or_null().default(false).about("Answer as server-sent events."))
        .may("instructions", string().or_null().about("What a system message is elsewhere."))
        .may("max_output_tokens", integer().least(16).or_null())
        .may("max_tool_calls", integer().or_null())
        .may("temperature", number().range(0, 2).or_null().default(1))
        .may("top_p", number().range(0, 1).or_null().default(1))
        .may("top_logprobs", integer().range(0, 20).or_null())
        .may("tools", array(map(anything())))
        .may("tool_choice", any_of([string(), map(anything())]))
        .may("parallel_tool_calls", boolean().or_null().default(true))
        .may(
            "reasoning",
            object()
                .may("effort", choice(&["none", "minimal", "low", "medium", "high", "xhigh", "max"]).or_null())
                .may("summary", choice(&["auto", "concise", "detailed"]).or_null())
                .or_null(),
        )
        .may(
            "text",
            object().may("format", map(anything())).may("verbosity", choice(&["low", "medium", "high"]).or_null()),
        )
        .may("previous_response_id", string().or_null().about("Goes on from a stored response of this project."))
        .may("conversation", any_of([string(), map(anything())]).or_null())
        .may("store", boolean().or_null().default(true).about("Keep it, so that it can be read and gone on from."))
        .may("background", boolean().or_null().default(false))
        .may("include", array(string()).or_null())
        .may("service_tier", string().or_null().default("auto"))
        .may("metadata", map(string()).or_null())
        .may("prompt", map(anything()).or_null())
        .may("truncation", string().or_null().deprecated())
        .may("user", string().deprecated())
}

fn response() -> Schema {
    object()
        .about("A response, whole or under way.")
        .need("id", string().about("The gateway's own; no other project can read it."))
        .need("object", constant("response"))
        .need("created_at", number().about("Unix seconds."))
        .may("completed_at", number().or_null())
        .need("status", choice(&["completed", "failed", "in_progress", "cancelled", "queued", "incomplete"]))
        .need("model", string())
        .need(
            "output",
            array(
                object()
                    .need("type", string().about("`message`, `function_call`, `reasoning` and more."))
                    .may("id", string())
                    .may("status", string())
                    .may("role", string())
                    .may(
                        "content",
                        array(
                            object()
                                .need("type", string())
                                .may("text", string())
                                .may("annotations", array(map(anything()))),
                        ),
                    ),
            ),
        )
        .may(
            "usage",
            object()
                .need("input_tokens", integer())
                .need("output_tokens", integer())
                .need("total_tokens", integer())
                .may("input_tokens_details", object().may("cached_tokens", integer()))
                .may("output_tokens_details", object().may("reasoning_tokens", integer()))
                .or_null(),
        )
        .may("error", object().need("code", string()).need("message", string()).or_null())
        .may("incomplete_details", map(anything()).or_null())
        .may("instructions", any_of([string(), array(map(anything()))]).or_null())
        .may("metadata", map(string()).or_null())
        .may("tools", array(map(anything())))
        .may("tool_choice", any_of([string(), map(anything())]))
        .may("parallel_tool_calls", boolean())
        .all(&["temperature", "top_p"], &number().or_null())
        .may("max_output_tokens", integer().or_null())
        .may("previous_response_id", string().or_null())
        .may("reasoning", map(anything()).or_null())
        .may("text", map(anything()))
        .may("store", boolean())
        .may("truncation", string().or_null())
        .may("service_tier", string().or_null())
}

fn example() -> Value {
    json!({
        "id": "resp_01m86ve7z2cwqw6skk6cf7a94f",
        "object": "response",
        "created_at": 1_760_397_186,
        "status": "completed",
        "completed_at": 1_760_397_187,
        "model": "gpt-5-mini",
        "output": [{
            "type": "message",
            "id": "msg_67ccd2bf17f0819081ff3bb2cf6508e60bb6a6b452d3795b",
            "status": "completed",
            "role": "assistant",
            "content": [{ "type": "output_text", "text": "Hello there!", "annotations": [] }],
        }],
        "usage": { "input_tokens": 13, "output_tokens": 4, "total_tokens": 17 },
    })
}

const STREAM: &str = r#"event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_01m86ve7z2cwqw6skk6cf7a94f","object":"response","created_at":1760397186,"status":"in_progress","model":"gpt-5-mini","output":[]}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hello"}

event: response.completed
data: {"type":"response.completed","sequence_number":9,"response":{"id":"resp_01m86ve7z2cwqw6skk6cf7a94f","object":"response","created_at":1760397186,"status":"completed","model":"gpt-5-mini","output":[],"usage":{"input_tokens":13,"output_tokens":4,"total_tokens":17}}}

"#;

pub(super) fn operations() -> Vec<Operation> {
    let new = |method, path, id, summary| Operation::new((method, path), id, Tag::Responses, Envelope::OpenAi, summary);
    let stored = || body(refer("ResponseObject")).example("stored", "A response", example());
    vec![
        new("POST", "/v1/responses", "createResponse", "Create a response")
            .about(
                "OpenAI's newer form of a conversation. It works with every chat model; state is kept by the gateway where the \
                 model's provider keeps none, so that `previous_response_id` and the stored routes work for all.",
            )
            .takes(
                body(refer("ResponseRequest"))
                    .example("text", "Text", json!({ "model": "gpt-5-mini", "input": "Say hello in one sentence." }))
                    .example(
                        "stream",
                        "Streamed",
                        json!({ "model": "gpt-5-mini", "input": "Say hello in one sentence.", "stream": true }),
                    ),
            )
            .generates(
                "The response; with `stream`, events.",
                [stored(), events(refer("ResponseStreamEvent")).example("stream", "A stream, shortened", STREAM)],
            ),
        new("GET", "/v1/responses/{response_id}", "getResponse", "Get a stored response")
            .gives(200, "The response.", [stored()]),
        new("DELETE", "/v1/responses/{response_id}", "deleteResponse", "Delete a stored response").gives(
            200,
            "It is gone.",
            [body(refer("ResponseDeleted")).example(
                "deleted",
                "Gone",
                json!({ "id": "resp_01m86ve7z2cwqw6skk6cf7a94f", "object": "response", "deleted": true }),
            )],
        ),
        new("POST", "/v1/responses/{response_id}/cancel", "cancelResponse", "Cancel a background response")
            .gives(200, "The response as it is now.", [stored()])
            .fails(&[400, 401, 403, 404, 429, 500]),
        new("GET", "/v1/responses/{response_id}/input_items", "listResponseInputItems", "List a response's input")
            .query("limit", integer().range(1, 100).default(20), "Items on a page.")
            .query("order", choice(&["asc", "desc"]).default("desc"), "Oldest or newest first.")
            .query("after", string(), "The last item of the page before.")
            .gives(200, "Its input, item by item.", [body(refer("ResponseItemList"))]),
        new("POST", "/v1/responses/input_tokens", "countResponseInputTokens", "Count a request's input tokens")
            .about("Takes a request as `POST /v1/responses` does and answers nothing but its length. Costs nothing.")
            .takes(body(refer("ResponseRequest")).example(
                "text",
                "Text",
                json!({ "model": "gpt-5-mini", "input": "Say hello in one sentence." }),
            ))
            .gives(
                200,
                "The count.",
                [body(refer("ResponseInputTokens")).example(
                    "count",
                    "A count",
                    json!({ "object": "response.input_tokens", "input_tokens": 13 }),
                )],
            )
            .fails(super::operation::GENERATES),
    ]
}
