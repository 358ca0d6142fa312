//! What the vendor refuses, in its words.

use serde_json::{Value, json};

use super::{PATH, call, config, hello};
use crate::ask::{send, send_to};

fn refused(body: &Value, words: &str) {
    let got = call("generateContent", "", body);
    let error = got.json()["error"].clone();
    assert_eq!(
        (got.status, &error["code"], &error["status"]),
        (400, &json!(400), &json!("INVALID_ARGUMENT")),
        "{body}\n{error}"
    );
    assert!(error["message"].as_str().unwrap().contains(words), "{words}\n{error}");
}

#[test]
fn fields() {
    for (body, words) in [
        (json!({}), "* GenerateContentRequest.contents: contents is not specified\n"),
        (
            hello(&json!({"messages": []})),
            "Invalid JSON payload received. Unknown name \"messages\": Cannot find field.",
        ),
        (config(&json!({"max_tokens": 5})), "Unknown name \"max_tokens\" at 'generation_config': Cannot find field."),
        (config(&json!({"temperature": 3})), "temperature must be in the range [0.0, 2.0]"),
        (
            config(&json!({"temperature": "hot"})),
            "Invalid value at 'generation_config.temperature' (TYPE_FLOAT), \"hot\"",
        ),
        (config(&json!({"topP": 1.5})), "top_p must be in the range [0.0, 1.0]"),
        (config(&json!({"maxOutputTokens": 0})), "max_output_tokens must be positive"),
        (config(&json!({"candidateCount": 9})), "candidate_count"),
        (config(&json!({"stopSequences": ["1", "2", "3", "4", "5", "6"]})), "stop_sequences"),
        (
            config(&json!({"thinkingConfig": {"thinkingBudget": 5, "thinkingLevel": "LOW"}})),
            "only one of thinking budget and thinking level",
        ),
        (config(&json!({"thinkingConfig": {"thinkingLevel": "EXTREME"}})), "thinking_level"),
        (config(&json!({"responseMimeType": "application/pdf"})), "allowed mimetypes"),
        (config(&json!({"responseSchema": {"type": "STRING"}})), "response_mime_type"),
        (hello(&json!({"safetySettings": [{"category": "HARM_CATEGORY_NONSENSE"}]})), "safety_settings[0].category"),
        (hello(&json!({"systemInstruction": "Be terse."})), "system_instruction"),
    ] {
        refused(&body, words);
    }
    let unknown = call("generateContent", "", &hello(&json!({"wobble": 1}))).json();
    assert_eq!(unknown["error"]["details"][0]["@type"], "type.googleapis.com/google.rpc.BadRequest");
}

#[test]
fn conversations() {
    let ask = json!({"role": "user", "parts": [{"text": "a"}]});
    let call_part = |id: &str| json!({"functionCall": {"name": "f", "args": {}, "id": id}});
    let answer = |id: &str| json!({"functionResponse": {"name": "f", "id": id, "response": {"output": 1}}});
    let says = |role: &str, parts: Value| json!({"role": role, "parts": parts});
    for (contents, words) in [
        (json!([{"role": "assistant", "parts": [{"text": "a"}]}]), "Please use a valid role: user, model."),
        (json!([{"role": "user"}]), "contents[0].parts: contents.parts must not be empty."),
        (
            json!([says("user", json!([{}]))]),
            "contents[0].parts[0].data: required oneof field 'data' must have one initialized field",
        ),
        (
            json!([says("user", json!([{"text": "a", "inlineData": {"mimeType": "image/png", "data": "AA=="}}]))]),
            "oneof field 'data' is already set",
        ),
        (
            json!([says("user", json!([{"type": "text", "text": "a"}]))]),
            "Unknown name \"type\" at 'contents[0].parts[0]'",
        ),
        (
            json!([
                ask,
                says("model", json!([call_part("1")])),
                says("user", json!([{"functionResponse": {"name": "f", "response": "1"}}]))
            ]),
            "Invalid value at 'contents[2].parts[0].function_response.response' (type.googleapis.com/google.protobuf.Struct), \"1\"",
        ),
        (json!([ask, says("model", json!([{"functionCall": {"name": "f", "args": "{}"}}]))]), "function_call.args"),
        (
            json!([ask, says("model", json!([call_part("1"), call_part("2")])), says("user", json!([answer("1")]))]),
            "the number of function response parts is equal to the number of function call parts",
        ),
        (json!([ask, says("model", json!([call_part("1")])), ask]), "the number of function response parts is equal"),
        (json!([ask, says("model", json!([call_part("1")]))]), "the number of function response parts is equal"),
        (
            json!([ask, says("user", json!([answer("1")]))]),
            "function response turn comes immediately after a function call turn",
        ),
        (
            json!([ask, says("model", json!([call_part("1")])), says("user", json!([answer("2")]))]),
            "functionResponse.id does not match functionCall.id",
        ),
        (
            json!([says("model", json!([call_part("1")])), says("user", json!([answer("1")]))]),
            "function call turn comes immediately after a user turn",
        ),
    ] {
        refused(&json!({"contents": contents}), words);
    }
}

#[test]
fn tools_and_schemas() {
    let declared = |declaration: Value| hello(&json!({"tools": [{"functionDeclarations": [declaration]}]}));
    let parameters = |schema: Value| declared(json!({"name": "f", "parameters": schema}));
    for (body, words) in [
        (declared(json!({"name": "1f"})), "Invalid function name. Must start with a letter or an underscore."),
        (
            declared(json!({"name": "f", "input_schema": {}})),
            "Unknown name \"input_schema\" at 'tools[0].function_declarations[0]'",
        ),
        (hello(&json!({"tools": [{"type": "function"}]})), "Unknown name \"type\" at 'tools[0]'"),
        (
            hello(&json!({"tools": [{"functionDeclarations": [{"name": "f"}, {"name": "f"}]}]})),
            "Duplicate function declaration found: f",
        ),
        (
            parameters(json!({"type": "OBJECT", "properties": {"a": {"type": "STRING", "const": "x"}}})),
            "Unknown name \"const\" at 'tools[0].function_declarations[0].parameters.properties[a]': Cannot find field.",
        ),
        (parameters(json!({"type": "OBJECT", "additionalProperties": false})), "Unknown name \"additionalProperties\""),
        (parameters(json!({"$schema": "x", "type": "OBJECT"})), "Unknown name \"$schema\""),
        (parameters(json!({"type": "OBJECT", "properties": {"a": {"oneOf": []}}})), "Unknown name \"oneOf\""),
        (parameters(json!({"type": "OBJECT", "properties": {"a": {"type": ["STRING", "NULL"]}}})), "TYPE_STRING"),
        (parameters(json!({"type": "OBJECT", "properties": {"a": {"type": "ARRAY"}}})), "items: missing field."),
        (
            parameters(json!({"type": "OBJECT", "properties": {"a": {"type": "INTEGER", "enum": ["1"]}}})),
            "only allowed for STRING type",
        ),
        (
            parameters(json!({"type": "OBJECT", "properties": {"a": {"type": "STRING", "enum": [1]}}})),
            "(TYPE_STRING), 1",
        ),
        (
            parameters(json!({"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["b"]})),
            "required[0]: property is not defined",
        ),
        (
            declared(
                json!({"name": "f", "parameters": {"type": "OBJECT"}, "parametersJsonSchema": {"type": "object"}}),
            ),
            "must not both be set",
        ),
        (
            hello(&json!({"tools": [{"functionDeclarations": [{"name": "f"}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["f"]}}})),
            "only when function calling mode is ANY",
        ),
        (
            hello(&json!({"tools": [{"functionDeclarations": [{"name": "f"}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["g"]}}})),
            "'g' is not in the list",
        ),
    ] {
        refused(&body, words);
    }
    // Plain JSON Schema may say what it likes.
    let free = declared(
        json!({"name": "f", "parametersJsonSchema": {"$schema": "x", "type": "object", "additionalProperties": false}}),
    );
    assert_eq!(call("generateContent", "", &free).status, 200);
}

#[test]
fn steered_errors_and_keys() {
    let body = hello(&json!({}));
    for (steer, code, status) in [
        ("error=insufficient_quota", 429, "RESOURCE_EXHAUSTED"),
        ("error=invalid_api_key", 400, "INVALID_ARGUMENT"),
        ("error=rate_limit", 429, "RESOURCE_EXHAUSTED"),
        ("error=overloaded", 503, "UNAVAILABLE"),
        ("error=context_length", 400, "INVALID_ARGUMENT"),
        ("error=model_not_found", 404, "NOT_FOUND"),
        ("status=401", 401, "UNAUTHENTICATED"),
        ("status=403", 403, "PERMISSION_DENIED"),
        ("status=499", 499, "CANCELLED"),
        ("status=500", 500, "INTERNAL"),
        ("status=504", 504, "DEADLINE_EXCEEDED"),
        ("wobble", 400, "INVALID_ARGUMENT"),
    ] {
        let got = call("generateContent", steer, &body);
        assert_eq!((u64::from(got.status), &got.json()["error"]["status"]), (code, &json!(status)), "{steer}");
        // In the form of the stream that was asked for.
        let events = call("streamGenerateContent?alt=sse", steer, &body).json();
        let array = call("streamGenerateContent", steer, &body).json();
        assert_eq!((&events["error"]["code"], &array[0]["error"]["code"]), (&json!(code), &json!(code)));
    }
    let details = |steer: &str| call("generateContent", steer, &body).json()["error"]["details"].to_string();
    assert!(details("error=rate_limit").contains("\"retryDelay\":\"1s\""));
    let daily = details("error=insufficient_quota");
    assert!(daily.contains("PerDay") && !daily.contains("retryDelay"));
    assert!(details("error=invalid_api_key").contains("Invalid API key: k"), "as the vendor does");
    let alone = tollgate_sim::Simulator::new(1).wanting_key();
    let vertex = "/v1/projects/p/locations/l/publishers/google/models/m:generateContent";
    let gemini = format!("{PATH}generateContent");
    let with_key = format!("{gemini}?key=k");
    for (path, headers, status) in [
        (gemini.as_str(), vec![], 403),
        (&gemini, vec![("x-goog-api-key", "k")], 200),
        (&gemini, vec![("authorization", "Bearer k")], 200),
        (&with_key, vec![], 200),
        (vertex, vec![], 401),
        (vertex, vec![("authorization", "Bearer k")], 200),
    ] {
        assert_eq!(send_to(&alone, "POST", path, &headers, body.to_string().as_bytes()).status, status, "{path}");
    }
    assert_eq!(send("GET", &gemini, &[], b"").status, 404);
    assert_eq!(send("POST", &gemini, &[], b"{").status, 400);
}
