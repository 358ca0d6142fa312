//! What the vendor refuses, in its words.

use serde_json::{Value, json};

use super::{ask, hello};
use crate::{
    ask::{send, send_to},
    shared::assert_valid,
};

fn refused(body: &Value, words: &str) {
    let got = ask("", body);
    let error = got.json();
    assert_eq!((got.status, &error["error"]["type"]), (400, &json!("invalid_request_error")), "{body}\n{error}");
    assert!(error["error"]["message"].as_str().unwrap().contains(words), "{words}\n{error}");
    assert_valid("anthropic", "ErrorResponse", &error);
    assert_eq!(got.header("request-id"), error["request_id"].as_str());
    assert_eq!(got.header("x-should-retry"), Some("false"));
}

fn messages(messages: &Value) -> Value {
    hello(&json!({"messages": messages}))
}

#[test]
fn fields() {
    let marked = json!({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}});
    for (body, words) in [
        (json!({"model": "m", "messages": [{"role": "user", "content": "a"}]}), "max_tokens: Field required"),
        (json!({"max_tokens": 5, "messages": [{"role": "user", "content": "a"}]}), "model: Field required"),
        (json!({"model": "m", "max_tokens": 5}), "messages: Field required"),
        (hello(&json!({"max_tokens": -1})), "max_tokens: Input should be greater than or equal to 0"),
        (hello(&json!({"max_tokens": "9"})), "max_tokens: Input should be a valid integer"),
        (hello(&json!({"temperature": 1.5})), "temperature: Input should be less than or equal to 1"),
        (hello(&json!({"top_p": -0.1})), "top_p: Input should be greater than or equal to 0"),
        (hello(&json!({"stream": "yes"})), "stream: Input should be a valid boolean"),
        (hello(&json!({"frequency_penalty": 1})), "frequency_penalty: Extra inputs are not permitted"),
        (hello(&json!({"context_management": {}})), "context_management: Extra inputs are not permitted"),
        (hello(&json!({"metadata": {"trace": "x"}})), "metadata.trace: Extra inputs are not permitted"),
        (hello(&json!({"service_tier": "flex"})), "service_tier: Input should be 'auto' or 'standard_only'"),
        (hello(&json!({"stop_sequences": [" \n"]})), "each stop sequence must contain non-whitespace"),
        (hello(&json!({"system": [{"type": "text", "text": ""}]})), "text content blocks must be non-empty"),
        (hello(&json!({"output_config": {"effort": "minimal"}})), "output_config.effort"),
        (hello(&json!({"system": vec![marked; 5]})), "A maximum of 4 blocks with cache_control"),
    ] {
        refused(&body, words);
    }
    assert_eq!(ask("", &hello(&json!({"max_tokens": 0}))).good()["content"], json!([]));
}

#[test]
fn conversations() {
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "1"});
    let text = json!({"type": "text", "text": "x"});
    let user = |content: Value| json!({"role": "user", "content": content});
    let said = |content: Value| json!({"role": "assistant", "content": content});
    for (conversation, words) in [
        (json!([]), "at least one message is required"),
        (json!([said(json!("a"))]), "first message must use the \"user\" role"),
        (json!([{"role": "tool", "content": "a"}]), "Unexpected role \"tool\""),
        (json!([{"role": "user"}]), "messages.0.content: Field required"),
        (json!([user(json!(""))]), "messages.0: user messages must have non-empty content"),
        (json!([user(json!([]))]), "messages.0: user messages must have non-empty content"),
        (json!([user(json!("a")), said(json!("")), user(json!("b"))]), "messages.1: all messages must have non-empty"),
        (json!([user(json!([{"type": "text", "text": ""}]))]), "text content blocks must be non-empty"),
        (json!([user(json!([{"type": "text", "text": "a", "name": "b"}]))]), "messages.0.content.0.text.name: Extra"),
        (json!([{"role": "user", "content": "a", "name": "b"}]), "messages.0.name: Extra inputs"),
        (json!([user(json!([{"type": "image_url", "image_url": {}}]))]), "Input tag 'image_url' found using 'type'"),
        (json!([user(json!([call("a")]))]), "`tool_use` blocks can not be in `user` messages"),
        (
            json!([user(
                json!([{"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": "AA=="}}])
            )]),
            "messages.0.content.0.image.source.base64.media_type",
        ),
        (
            json!([user(json!("a")), said(json!([call("a b")])), user(json!([result("a b")]))]),
            "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
        ),
        (
            json!([user(json!("a")), said(json!([{"type": "tool_use", "id": "a", "name": "f", "input": "{}"}]))]),
            "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
        ),
        (
            json!([user(json!("a")), said(json!([call("a")])), user(json!("b"))]),
            "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: a.",
        ),
        (
            json!([
                user(json!("a")),
                said(json!([call("a"), call("b")])),
                user(json!([result("a")])),
                user(json!([result("b")]))
            ]),
            "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: b.",
        ),
        (
            json!([user(json!("a")), said(json!([call("a")])), user(json!([text, result("a")]))]),
            "messages.1: `tool_use` ids were found without",
        ),
        (json!([user(json!("a")), said(json!([call("a")]))]), "messages.1: `tool_use` ids were found without"),
        (
            json!([user(json!("a")), said(json!("b")), user(json!([result("a")]))]),
            "messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: a.",
        ),
        (json!([user(json!("a")), said(json!([call("a")])), user(json!([result("a"), result("a")]))]), "single result"),
        (json!([user(json!("a")), said(json!([call("a"), call("a")])), user(json!([result("a")]))]), "must be unique"),
        (json!([user(json!("a")), said(json!("b "))]), "cannot end with trailing whitespace"),
    ] {
        refused(&messages(&conversation), words);
    }
    for good in [
        json!([user(json!("a")), user(json!("b"))]),
        json!([user(json!("a")), said(json!("b"))]),
        json!([user(json!("a")), said(json!([call("a"), call("b")])), user(json!([result("b"), result("a"), text]))]),
    ] {
        assert_eq!(ask("", &messages(&good)).status, 200);
    }
}

#[test]
fn tools_and_schemas() {
    let tool = |schema: Value| hello(&json!({"tools": [{"name": "f", "input_schema": schema}]}));
    let format =
        |schema: Value| hello(&json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}}));
    let closed = |properties: Value| json!({"type": "object", "additionalProperties": false, "properties": properties});
    for (body, words) in [
        (hello(&json!({"tools": [{"name": "f"}]})), "tools.0.custom.input_schema: Field required"),
        (tool(json!({"type": "string"})), "tools.0.custom.input_schema.type: Input should be 'object'"),
        (tool(json!({})), "tools.0.custom.input_schema.type: Field required"),
        (hello(&json!({"tools": [{"name": "a.b", "input_schema": {"type": "object"}}]})), "tools.0.custom.name"),
        (hello(&json!({"tools": [{"type": "function", "function": {"name": "f"}}, {"name": "f"}]})), "tools.1.custom"),
        (
            hello(&json!({"tools": vec![json!({"name": "f", "input_schema": {"type": "object"}}); 2]})),
            "Tool names must be unique",
        ),
        (hello(&json!({"tool_choice": {"type": "auto"}})), "tool_choice may only be specified while providing tools"),
        (hello(&json!({"tool_choice": "auto"})), "tool_choice: Input should be a valid dictionary"),
        (
            hello(
                &json!({"tools": [{"name": "f", "input_schema": {"type": "object"}}], "tool_choice": {"type": "tool", "name": "g"}}),
            ),
            "Tool 'g' not found in provided tools",
        ),
        (format(json!({"type": "object", "properties": {}})), "'additionalProperties' must be explicitly set to false"),
        (
            format(closed(json!({"n": {"type": "integer", "minimum": 1, "maximum": 2}}))),
            "output_config.format.schema: For 'integer' type, properties maximum, minimum are not supported",
        ),
        (
            format(closed(json!({"n": {"type": "array", "items": {"type": "string"}, "minItems": 8}}))),
            "'minItems' values other than",
        ),
        (format(closed(json!({"n": {"type": "string", "maxLength": 8}}))), "property 'maxLength' is not supported"),
        (
            format(
                json!({"$ref": "#/$defs/Node", "$defs": {"Node": closed(json!({"next": {"$ref": "#/$defs/Node"}}))}}),
            ),
            "Circular reference detected in schema definitions: Node -> Node",
        ),
    ] {
        refused(&body, words);
    }
}

#[test]
fn headers() {
    let body = hello(&json!({})).to_string();
    let post = |headers: &[(&str, &str)]| send("POST", "/v1/messages", headers, body.as_bytes());
    assert!(post(&[]).text.contains("anthropic-version: header is required"));
    assert_eq!(post(&[("Anthropic-Version", "2026-10-21")]).status, 200);
    let beta = |beta| post(&[("anthropic-version", "x"), ("anthropic-beta", beta)]);
    assert_eq!(beta("files-api-2025-04-14, context-1m-2025-08-07").status, 200);
    assert!(beta("nonsense").text.contains("Unexpected value(s) `nonsense` for the `anthropic-beta` header"));
    let managed = hello(&json!({"context_management": {"edits": []}})).to_string();
    let headers = [("anthropic-version", "x"), ("anthropic-beta", "context-management-2025-06-27")];
    assert_eq!(send("POST", "/v1/messages", &headers, managed.as_bytes()).status, 200);
    let alone = tollgate_sim::Simulator::new(1).wanting_key();
    for (headers, status) in [
        (vec![("anthropic-version", "x")], 401),
        (vec![("anthropic-version", "x"), ("x-api-key", "k")], 200),
        (vec![("anthropic-version", "x"), ("authorization", "Bearer k")], 200),
    ] {
        let got = send_to(&alone, "POST", "/v1/messages", &headers, body.as_bytes());
        assert_eq!(got.status, status);
    }
}

#[test]
fn steered_errors() {
    for (steer, status, kind) in [
        ("error=insufficient_quota", 400, "invalid_request_error"),
        ("error=invalid_api_key", 401, "authentication_error"),
        ("error=rate_limit", 429, "rate_limit_error"),
        ("error=overloaded", 529, "overloaded_error"),
        ("error=context_length", 400, "invalid_request_error"),
        ("error=model_not_found", 404, "not_found_error"),
        ("status=402", 402, "billing_error"),
        ("status=413", 413, "request_too_large"),
        ("status=429;retry-after=2", 429, "rate_limit_error"),
        ("status=500", 500, "api_error"),
        ("status=504", 504, "timeout_error"),
        ("status=529", 529, "overloaded_error"),
        ("wobble", 400, "invalid_request_error"),
    ] {
        let got = ask(steer, &hello(&json!({})));
        assert_eq!((got.status, &got.json()["error"]["type"]), (status, &json!(kind)), "{steer}");
        // The description is behind the documentation in this one.
        if kind != "request_too_large" {
            assert_valid("anthropic", "ErrorResponse", &got.json());
        }
        let after = match steer {
            "error=rate_limit" => Some("1"),
            "status=429;retry-after=2" => Some("2"),
            _ => None,
        };
        assert_eq!(got.header("retry-after"), after, "{steer}");
    }
    let headers = [("anthropic-version", "x")];
    assert_eq!(send("GET", "/v1/messages", &headers, b"").status, 405);
    assert_eq!(send("POST", "/v1/messages", &headers, b"{").status, 400);
    assert_eq!(send("POST", "/v1/messages", &headers, &vec![b' '; (32 << 20) + 1]).status, 413);
}
