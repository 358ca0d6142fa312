//! What an answer says, plain and in both forms of a stream.

use serde_json::{Value, json};
use tollgate_sim::count_tokens;

use super::{call, chunks, config, hello, parts, plain};
use crate::ask::with;

fn tools() -> Value {
    json!({"tools": [{"functionDeclarations": [
        {"name": "other"},
        {"name": "get_weather", "parameters": {"type": "OBJECT", "required": ["city", "unit"], "properties": {
            "city": {"type": "STRING"}, "unit": {"type": "STRING", "enum": ["c", "f"]},
            "days": {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": "1", "nullable": true}}}}]}]})
}

#[test]
fn a_plain_answer() {
    let answer = plain("", &hello(&json!({})));
    let candidate = &answer["candidates"][0];
    let text = candidate["content"]["parts"][0]["text"].as_str().unwrap();
    assert!(text.contains("What is Oslo?"), "{text}");
    assert_eq!((&candidate["finishReason"], &candidate["content"]["role"]), (&json!("STOP"), &json!("model")));
    let (prompt, said) = (5, count_tokens(text));
    assert_eq!(
        answer["usageMetadata"],
        json!({"promptTokenCount": prompt, "candidatesTokenCount": said,
        "totalTokenCount": prompt + said, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
        "serviceTier": "standard"}),
        "zeros are left out"
    );
    assert_eq!(answer["modelVersion"], "gemini-3.5-flash");
    assert_eq!(answer, plain("", &hello(&json!({}))), "deterministic");
    // The forms that the vendor's reader takes too.
    let loose =
        json!({"contents": {"parts": {"text": "What is Oslo?"}}, "generation_config": {"max_output_tokens": "500"}});
    assert_eq!(plain("", &loose)["candidates"], answer["candidates"]);
}

#[test]
fn streams_say_what_the_plain_answer_says() {
    for (steer, body) in [
        ("", hello(&json!({}))),
        ("text=emoji;chunks=7;output-tokens=60", config(&json!({"candidateCount": 3}))),
        ("", config(&json!({"thinkingConfig": {"includeThoughts": true}}))),
        ("tool-call=get_weather;tool-calls=3", hello(&tools())),
        (
            "tool-call=other",
            with(config(&json!({"thinkingConfig": {"includeThoughts": true, "thinkingLevel": "LOW"}})), &tools()),
        ),
        ("output-tokens=50", config(&json!({"maxOutputTokens": 9}))),
        ("cached-tokens=3;reasoning-tokens=8", hello(&json!({}))),
        ("filtered", hello(&json!({}))),
        ("output-tokens=0", hello(&json!({}))),
    ] {
        let said = plain(steer, &body);
        let streamed = chunks(steer, &body);
        for (index, candidate) in said["candidates"].as_array().unwrap().iter().enumerate() {
            let without = |parts: Vec<Value>| -> Vec<Value> {
                parts
                    .into_iter()
                    .map(|mut part| {
                        part.as_object_mut().unwrap().remove("thoughtSignature");
                        if let Some(call) = part["functionCall"].as_object_mut() {
                            call.remove("id");
                        }
                        part
                    })
                    .collect()
            };
            let whole = candidate["content"]["parts"].as_array().cloned().unwrap_or_default();
            assert_eq!(without(parts(&streamed, index as u64)), without(whole), "{steer}");
        }
        let last = streamed.last().unwrap();
        assert_eq!(last["usageMetadata"], said["usageMetadata"], "{steer}");
        assert_eq!(last["candidates"][0]["finishReason"], said["candidates"][0]["finishReason"]);
        let totals: Vec<u64> =
            streamed.iter().map(|chunk| chunk["usageMetadata"]["totalTokenCount"].as_u64().unwrap()).collect();
        assert!(totals.is_sorted(), "cumulative: {totals:?}");
        if steer.contains("chunks=7") {
            assert_eq!(streamed.len(), 7 * 3 + 3);
        }
    }
}

#[test]
fn limits_usage_and_stops() {
    let capped = plain("output-tokens=500", &config(&json!({"maxOutputTokens": 20})));
    assert_eq!(capped["candidates"][0]["finishReason"], "MAX_TOKENS");
    assert_eq!(capped["usageMetadata"]["candidatesTokenCount"], 20);
    let stopped = plain("", &config(&json!({"stopSequences": ["about"]})));
    assert_eq!(stopped["candidates"][0]["finishReason"], "STOP");
    assert_eq!(stopped["candidates"][0]["content"]["parts"][0]["text"], "You asked");
    let thought = plain("reasoning-tokens=30;output-tokens=500", &config(&json!({"maxOutputTokens": 40})));
    let usage = &thought["usageMetadata"];
    assert_eq!((&usage["thoughtsTokenCount"], &usage["candidatesTokenCount"]), (&json!(30), &json!(10)));
    assert_eq!(usage["totalTokenCount"], 45);
    assert_eq!(plain("cached-tokens=2", &hello(&json!({})))["usageMetadata"]["cachedContentTokenCount"], 2);
    // All of it thoughts: a content without parts.
    let nothing = plain("reasoning-tokens=30", &config(&json!({"maxOutputTokens": 30})));
    assert_eq!(nothing["candidates"][0]["content"], json!({"role": "model"}));
    assert!(call("generateContent", "usage=none", &hello(&json!({}))).good().get("usageMetadata").is_none());
    let wrong = call("generateContent", "usage=negative", &hello(&json!({}))).good();
    assert_eq!(wrong["usageMetadata"]["promptTokenCount"], -100);
}

#[test]
fn function_calls() {
    let answer = plain("tool-call=get_weather", &hello(&tools()));
    let candidate = &answer["candidates"][0];
    assert_eq!(candidate["finishReason"], "STOP");
    assert_eq!(candidate["finishMessage"], "Model generated function call(s).");
    let call = &candidate["content"]["parts"][0]["functionCall"];
    assert!(call["args"]["city"].is_string() && ["c", "f"].contains(&call["args"]["unit"].as_str().unwrap()));
    assert!(candidate["content"]["parts"][0].get("thoughtSignature").is_none(), "nobody asked for thinking");
    let three = plain("tool-call=get_weather;tool-calls=3", &hello(&tools()));
    assert_eq!(three["candidates"][0]["content"]["parts"].as_array().unwrap().len(), 3);
    let any =
        json!({"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_weather"]}}});
    let any = plain("", &hello(&with(tools(), &any)));
    assert_eq!(any["candidates"][0]["content"]["parts"][0]["functionCall"]["name"], "get_weather");
    // Calls come whole or not at all.
    let cut = plain("tool-call=get_weather", &with(config(&json!({"maxOutputTokens": 3})), &tools()));
    assert_eq!(cut["candidates"][0]["finishReason"], "MAX_TOKENS");
    assert!(cut["candidates"][0]["content"].get("parts").is_none());
    // The next turn is text.
    let mut body = hello(&tools());
    let contents = body["contents"].as_array_mut().unwrap();
    contents.push(candidate["content"].clone());
    contents.push(
        json!({"role": "user", "parts": [{"functionResponse": {"name": "get_weather", "response": {"output": 3}}}]}),
    );
    let next = plain("tool-call=get_weather", &body);
    assert!(next["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap().contains("Oslo"));
}

#[test]
fn structured_output() {
    let google = json!({"type": "OBJECT", "required": ["n", "kinds"], "properties": {"n": {"type": "INTEGER", "minimum": 5, "maximum": 6},
        "kinds": {"type": "ARRAY", "minItems": "2", "maxItems": "2", "items": {"type": "STRING", "enum": ["a", "b"]}}}});
    let plain_schema = json!({"type": "object", "required": ["n", "kinds"], "properties": {"n": {"type": "integer", "minimum": 5, "maximum": 6},
        "kinds": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "string", "enum": ["a", "b"]}}}});
    for field in [json!({"responseSchema": google}), json!({"responseJsonSchema": plain_schema})] {
        let body = config(&with(field, &json!({"responseMimeType": "application/json"})));
        let text = parts(&chunks("", &body), 0)[0]["text"].as_str().unwrap().to_owned();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(jsonschema::is_valid(&plain_schema, &value), "{value}");
    }
    let word = config(
        &json!({"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["Percussion", "Wind"]}}),
    );
    let word = plain("", &word)["candidates"][0]["content"]["parts"][0]["text"].clone();
    assert!(["Percussion", "Wind"].contains(&word.as_str().unwrap()));
    let json = plain("", &config(&json!({"responseMimeType": "application/json"})));
    let text = json["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap();
    assert!(serde_json::from_str::<Value>(text).unwrap().is_object());
}

#[test]
fn filters() {
    let answer = plain("filtered", &hello(&json!({})));
    assert_eq!(answer["candidates"][0]["finishReason"], "SAFETY");
    assert_eq!(answer["candidates"][0]["safetyRatings"][0]["blocked"], true);
    let prompt = plain("filtered=prompt", &hello(&json!({})));
    assert!(prompt.get("candidates").is_none() && prompt["promptFeedback"]["blockReason"] == "SAFETY");
    assert_eq!(chunks("filtered=prompt", &hello(&json!({}))).len(), 1);
}

#[test]
fn faults_in_the_protocol_s_own_way() {
    let stream = |steer: &str| call("streamGenerateContent?alt=sse", steer, &hello(&json!({})));
    let array = |steer: &str| call("streamGenerateContent", steer, &hello(&json!({})));
    // A bare error over several lines, that a reader of `data:` lines alone never sees.
    let broken = stream("chunks=9;error-after=4");
    let (events, error) = broken.text.split_once("{\r\n").unwrap();
    assert_eq!(events.matches("data: ").count(), 4);
    assert!(error.contains("\"status\": \"UNAVAILABLE\"") && !broken.text.contains("finishReason"));
    let broken = array("chunks=9;error-after=4").json();
    assert_eq!((broken.as_array().unwrap().len(), &broken[4]["error"]["code"]), (5, &json!(503)));
    assert_eq!(array("error-after=0").json()[0]["error"]["code"], 503);
    assert!(!stream("no-done").text.contains("finishReason"));
    let open = array("no-done;chunks=2").text;
    assert!(open.starts_with('[') && serde_json::from_str::<Value>(&format!("{open}]")).is_ok());
    for text in [stream("garbage-after=2;chunks=4").text, array("garbage-after=2;chunks=4").text] {
        assert!(text.contains("502 Bad Gateway") && text.contains("finishReason"));
    }
    let giant = stream("giant-line=40000;chunks=2");
    let longest = giant.text.lines().map(str::len).max().unwrap();
    assert!((39_990..=40_010).contains(&longest), "{longest}");
    assert!(array("keep-alives=3").text.starts_with("\n\n\n[{"));
    let crlf = stream("crlf");
    assert_eq!(crlf.text, stream("").text, "as it is anyway");
    assert_eq!(call("generateContent", "error-after=1", &hello(&json!({}))).good()["error"]["code"], 503);
}
