//! What the vendor refuses, in its words.

use serde_json::{Value, json};

use super::{Talk, hello};
use crate::shared::assert_valid;

fn refused(body: &Value, param: &Value, words: &str) {
    let got = Talk::new().create("", body);
    let error = got.json();
    assert_eq!((got.status, &error["error"]["type"]), (400, &json!("invalid_request_error")), "{body}\n{error}");
    assert!(error["error"]["message"].as_str().unwrap().contains(words), "{words}\n{error}");
    assert_eq!(&error["error"]["param"], param, "{error}");
    assert_valid("openai", "ErrorResponse", &error);
}

#[test]
fn fields() {
    for (body, param, words) in [
        (json!({"input": "a"}), "model", "Missing required parameter: 'model'."),
        (json!({"model": "m"}), "input", "must be provided"),
        (hello(&json!({"messages": []})), "messages", "this parameter has moved to 'input'"),
        (hello(&json!({"max_tokens": 5})), "max_tokens", "this parameter has moved to 'max_output_tokens'"),
        (hello(&json!({"response_format": {}})), "response_format", "moved to 'text.format'"),
        (hello(&json!({"stop": "x"})), "stop", "Unknown parameter: 'stop'."),
        (hello(&json!({"max_output_tokens": 15})), "max_output_tokens", "Expected a value >= 16, but got 15"),
        (hello(&json!({"temperature": 2.5})), "temperature", "decimal above maximum"),
        (hello(&json!({"store": "yes"})), "store", "expected a boolean"),
        (hello(&json!({"stream_options": {}})), "stream_options", "only allowed when 'stream' is enabled"),
        (hello(&json!({"include": ["everything"]})), "include[0]", "Invalid value: 'everything'"),
        (hello(&json!({"reasoning": {"effort": "extreme"}})), "reasoning.effort", "Invalid value: 'extreme'"),
        (hello(&json!({"reasoning": {"budget": 5}})), "reasoning.budget", "Unknown parameter"),
        (hello(&json!({"metadata": {"a": 1}})), "metadata.a", "expected a string"),
        (hello(&json!({"input": 5})), "input", "expected one of a string or array of objects"),
    ] {
        refused(&body, &json!(param), words);
    }
}

#[test]
fn items() {
    let input = |items: Value| hello(&json!({"input": items}));
    let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
    let long = "c".repeat(65);
    for (body, param, words) in [
        (input(json!([{"content": "a"}])), "input[0].type", "Missing required parameter"),
        (input(json!([{"role": "tool", "content": "a"}])), "input[0].role", "Invalid value: 'tool'"),
        (input(json!([{"role": "user", "content": "a", "name": "b"}])), "input[0].name", "Unknown parameter"),
        (
            input(json!([{"role": "user", "content": [{"type": "text", "text": "a"}]}])),
            "input[0].content[0]",
            "Invalid value: 'text'",
        ),
        (
            input(json!([{"role": "assistant", "content": [{"type": "input_text", "text": "a"}]}])),
            "input[0].content[0]",
            "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.",
        ),
        (
            input(json!([{"role": "user", "content": [{"type": "input_image", "image_url": {"url": "x"}}]}])),
            "input[0].content[0].image_url",
            "expected an image URL as a string",
        ),
        (input(json!([{"type": "tool_result"}])), "input[0]", "Invalid value: 'tool_result'"),
        (
            input(json!([{"type": "function_call", "call_id": "c", "name": "f"}])),
            "input[0].arguments",
            "Missing required parameter",
        ),
        (
            input(json!([{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}])),
            "input[0].arguments",
            "expected a string",
        ),
        (
            input(json!([{"type": "function_call", "call_id": "c", "name": "a.b", "arguments": "{}"}])),
            "input[0].name",
            "does not match pattern",
        ),
        (
            input(json!([{"type": "function_call", "id": "call_1", "call_id": "c", "name": "f", "arguments": "{}"}])),
            "input[0].id",
            "Expected an ID that begins with 'fc'.",
        ),
        (
            input(json!([{"type": "message", "id": "", "role": "assistant", "content": "a"}])),
            "input[0].id",
            "Expected an ID that begins with 'msg'.",
        ),
        (
            input(json!([{"type": "function_call", "call_id": long, "name": "f", "arguments": "{}"}])),
            "input[0].call_id",
            "Expected a string with maximum length 64, but got a string with length 65 instead.",
        ),
        (
            input(json!([{"type": "function_call_output", "call_id": "c", "output": "1"}])),
            "input",
            "No tool call found for function call output with call_id c.",
        ),
        (input(json!([call])), "input", "No tool output found for function call c."),
        (
            input(json!([call, {"type": "function_call_output", "call_id": "c", "output": 5}])),
            "input[1].output",
            "expected one of a string or array",
        ),
    ] {
        refused(&body, &json!(param), words);
    }
}

#[test]
fn tools_and_formats() {
    let tool = |tool: Value| hello(&json!({"tools": [tool]}));
    let open = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let loose = json!({"type": "object", "additionalProperties": false, "properties": {"a": {"type": "string"}}, "required": []});
    for (body, param, words) in [
        (
            tool(json!({"type": "function", "function": {"name": "f"}})),
            "tools[0].name",
            "Missing required parameter: 'tools[0].name'.",
        ),
        (tool(json!({"type": "tool", "name": "f"})), "tools[0].type", "Invalid value: 'tool'"),
        (
            tool(json!({"type": "function", "name": "f", "input_schema": {}})),
            "tools[0].input_schema",
            "Unknown parameter",
        ),
        (
            tool(json!({"type": "function", "name": "f", "strict": true, "parameters": open})),
            "tools[0].parameters",
            "Invalid schema for function 'f': In context=(), 'additionalProperties' is required to be supplied and to be false.",
        ),
        (
            tool(json!({"type": "function", "name": "f", "strict": true, "parameters": loose})),
            "tools[0].parameters",
            "Missing 'a'.",
        ),
        (hello(&json!({"tool_choice": "required"})), "tool_choice", "must be specified with 'tools'"),
        (
            hello(
                &json!({"tools": [{"type": "function", "name": "f"}], "tool_choice": {"type": "function", "name": "g"}}),
            ),
            "tool_choice",
            "not found in 'tools'",
        ),
        (
            hello(
                &json!({"tools": [{"type": "function", "name": "f"}], "tool_choice": {"type": "function", "function": {"name": "f"}}}),
            ),
            "tool_choice.name",
            "Missing",
        ),
        (
            hello(&json!({"text": {"format": {"type": "json_schema", "schema": {}}}})),
            "text.format.name",
            "Missing required parameter",
        ),
        (
            hello(&json!({"text": {"format": {"type": "json_schema", "json_schema": {}}}})),
            "text.format.json_schema",
            "Unknown parameter",
        ),
        (
            hello(&json!({"text": {"format": {"type": "json_schema", "name": "x", "strict": true, "schema": open}}})),
            "text.format.schema",
            "Invalid schema for response_format 'x'",
        ),
    ] {
        refused(&body, &json!(param), words);
    }
}

#[test]
fn steered_errors() {
    for (steer, status, code) in [
        ("error=model_not_found", 400, json!("model_not_found")),
        ("error=context_length", 400, json!("context_length_exceeded")),
        ("error=rate_limit", 429, json!("rate_limit_exceeded")),
        ("error=insufficient_quota", 429, json!("insufficient_quota")),
        ("error=invalid_api_key", 401, json!("invalid_api_key")),
        ("status=500", 500, Value::Null),
        ("wobble", 400, json!("invalid_value")),
    ] {
        let got = Talk::new().create(steer, &hello(&json!({})));
        assert_eq!((got.status, &got.json()["error"]["code"]), (status, &code), "{steer}");
    }
}
