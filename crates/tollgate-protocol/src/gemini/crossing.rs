//! Requests that cross, with the traps of this protocol.

use super::GenerateContent;
use crate::canonical::{
    Capabilities, Content, Effort, EffortSet, Losses, OutputFormat, Request, Role, SchemaSupport, Thinking, ToolChoice,
};
use crate::chat::ChatCompletions;
use crate::codec::{Codec, InPath, Target};
use crate::fault::Fault;

fn read(body: &str) -> Result<(Request, Losses), Fault> {
    let path = InPath { model: Some("m".into()), ..InPath::default() };
    let mut losses = Losses::default();
    let request = GenerateContent.read_request(body.as_bytes(), &path, &mut losses)?;
    Ok((request, losses))
}

/// A chat request for a Gemini model: the body, and what was lost.
fn from_chat(body: &str, accepts: &Capabilities) -> Result<(String, String), Fault> {
    let mut losses = Losses::default();
    let request = ChatCompletions.read_request(body.as_bytes(), &InPath::default(), &mut losses)?;
    let target = Target { model: "g", accepts, strict: false };
    let written = GenerateContent.write_request(&request, &target, &ChatCompletions, &mut losses)?;
    Ok((String::from_utf8(written.to_vec()).unwrap(), losses.to_string()))
}

/// The messages of a chat request, with the capabilities of a model that nobody knows.
fn contents(messages: &str) -> (String, String) {
    from_chat(&format!(r#"{{"model":"m","messages":[{messages}]}}"#), &Capabilities::default()).unwrap()
}

#[test]
fn a_chat_request_for_gemini() {
    let body = r#"{"model":"m","messages":[{"role":"developer","content":"s"},{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image_url","image_url":{"url":"data:image/jpg;base64,QQ==","detail":"low"}}]},
        {"role":"assistant","content":"x","tool_calls":[{"id":"c1","type":"function","function":{"name":"3d.f","arguments":"{\"n\":12345678901234567890}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":""}}]},
        {"role":"tool","tool_call_id":"c2","content":"{\"t\": 1.0}"},{"role":"tool","tool_call_id":"c1","content":"plain"},{"role":"user","content":"go"}],
        "max_completion_tokens":99,"temperature":0.5,"top_p":0.9,"stop":["x"],"seed":7,"n":2,"presence_penalty":0.1,"logprobs":true,"top_logprobs":3,"reasoning_effort":"xhigh",
        "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"},"strict":true}},"tools":[{"type":"function","function":{"name":"3d.f","description":"d","parameters":{"type":"object","x":1.0},"strict":true}},{"type":"custom","custom":{"name":"g"}}],
        "tool_choice":{"type":"function","function":{"name":"3d.f"}},"parallel_tool_calls":false,"user":"u","logit_bias":{"1":2},"service_tier":"flex"}"#;
    let (written, losses) = from_chat(body, &Capabilities::default()).unwrap();
    let name = "tool_fb27402aee79a3962e6c2e41ea8a3b86";
    let called = crate::canonical::fitting("3d.f", 0, |_| true, crate::canonical::TOOL_PREFIX);
    let wanted = format!(
        r#"{{"systemInstruction":{{"parts":[{{"text":"s"}}]}},"contents":[{{"role":"user","parts":[{{"text":"hi"}},{{"inlineData":{{"mimeType":"image/jpeg","data":"QQ=="}}}}]}},{{"role":"model","parts":[{{"text":"x"}},{{"functionCall":{{"id":"c1","name":"{name}","args":{{"n":12345678901234567890}}}},"thoughtSignature":"skip_thought_signature_validator"}},{{"functionCall":{{"id":"c2","name":"g","args":{{}}}}}}]}},{{"role":"user","parts":[{{"functionResponse":{{"id":"c1","name":"{name}","response":{{"output":"plain"}}}}}},{{"functionResponse":{{"id":"c2","name":"g","response":{{"t": 1.0}}}}}},{{"text":"go"}}]}}],"tools":[{{"functionDeclarations":[{{"name":"{name}","description":"d","parametersJsonSchema":{{"type":"object","x":1.0}}}},{{"name":"g","parametersJsonSchema":{{"type":"object","properties":{{"input":{{"type":"string"}}}},"required":["input"]}}}}]}}],"toolConfig":{{"functionCallingConfig":{{"mode":"ANY","allowedFunctionNames":["{name}"]}}}},"generationConfig":{{"temperature":0.5,"topP":0.9,"seed":7,"presencePenalty":0.1,"stopSequences":["x"],"candidateCount":2,"responseLogprobs":true,"logprobs":3,"maxOutputTokens":99,"thinkingConfig":{{"thinkingLevel":"HIGH","includeThoughts":true}},"responseMimeType":"application/json","responseJsonSchema":{{"title":"n","type":"object"}},"mediaResolution":"MEDIA_RESOLUTION_LOW"}},"serviceTier":"flex"}}"#,
    )
    .replace(name, &called);
    assert_eq!(written, wanted);
    assert_eq!(losses, "dropped=logit_bias,parallel_tool_calls,user;approximated=reasoning_effort");
}

#[test]
fn turns_in_the_order_that_the_vendor_wants() {
    let (written, losses) = contents(r#"{"role":"system","content":"only"}"#);
    assert_eq!(written, r#"{"contents":[{"role":"user","parts":[{"text":"only"}]}]}"#);
    assert_eq!(losses, "approximated=messages");
    let (written, losses) = contents(
        r#"{"role":"assistant","content":"a"},{"role":"system","content":"s"},{"role":"user","content":"b"},{"role":"user","content":"c"}"#,
    );
    assert_eq!(
        written,
        r#"{"contents":[{"role":"user","parts":[{"text":"."}]},{"role":"model","parts":[{"text":"a"}]},{"role":"user","parts":[{"text":"<system>\ns\n</system>"},{"text":"b"},{"text":"c"}]}]}"#
    );
    assert_eq!(losses, "approximated=messages");
    let call = r#"{"role":"user","content":"q"},{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{"}}]}"#;
    let (written, losses) = contents(&format!(
        r#"{call},{{"role":"system","content":"s"}},{{"role":"tool","tool_call_id":"1","content":"r"}}"#
    ));
    assert!(written.ends_with(
        r#"{"functionResponse":{"id":"1","name":"f","response":{"output":"r"}}},{"text":"<system>\ns\n</system>"}]}]}"#
    ));
    assert!(written.contains(r#""args":{}"#));
    assert_eq!(losses, "approximated=messages,messages[].tool_calls");
    let (written, _) = contents(call);
    assert!(written.ends_with(
        r#"{"functionResponse":{"id":"1","name":"f","response":{"error":"No result was given for this call."}}}]}]}"#
    ));
    let last = r#"{"model":"m","messages":[{"role":"user","content":"q"},{"role":"assistant","content":"so"}]}"#;
    let none = Capabilities { prefill: false, ..Capabilities::default() };
    let (written, losses) = from_chat(last, &none).unwrap();
    assert!(
        written.ends_with(r#"{"role":"user","parts":[{"text":"Continue."}]}]}"#) && losses == "approximated=messages"
    );
    assert_eq!(from_chat(r#"{"messages":[]}"#, &none).unwrap_err().param.as_deref(), Some("messages"));
}

#[test]
fn results_of_functions_both_ways() {
    let result = |text: &str| {
        let call = r#"{"role":"user","content":"q"},{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]}"#;
        let (written, _) =
            contents(&format!(r#"{call},{{"role":"tool","tool_call_id":"1","content":{}}}"#, crate::json::quote(text)));
        let at = written.find(r#""response":"#).unwrap();
        let said = written[at..].trim_end_matches("}}]}]}").to_owned();
        let (request, _) = read(&written).unwrap();
        let Content::ToolResult(back) = &request.turns[2].parts[0].content else { panic!() };
        assert_eq!(back.content.first().and_then(|part| part.as_text()).unwrap_or_default(), text);
        said
    };
    assert_eq!(result("words"), r#""response":{"output":"words"}"#);
    assert_eq!(result(r#"{"a":1.0}"#), r#""response":{"a":1.0}"#);
    assert_eq!(result(r#"{"output":"x"}"#), r#""response":{"output":"{\"output\":\"x\"}"}"#);
    assert_eq!(result("[1]"), r#""response":{"output":"[1]"}"#);
    assert_eq!(result(""), r#""response":{"output":""}"#);
}

#[test]
fn calls_without_ids_are_told_apart() {
    let body = r#"{"contents":[{"parts":[{"text":"q"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{"n":1}}},{"functionCall":{"name":"g"}},{"function_call":{"name":"f","args":{"n":2}}}]},
        {"role":"user","parts":[{"functionResponse":{"name":"g","response":{"error":"bad"}}},{"functionResponse":{"name":"f","response":{"output":"one"}}},{"function_response":{"name":"f","response":{"x":2}}}]},
        {"role":"model","parts":[{"functionCall":{"id":"own","name":"f"}}]},{"role":"function","parts":{"functionResponse":{"name":"f","id":"own","response":{}}}}]}"#;
    let (request, losses) = read(body).unwrap();
    assert!(losses.is_empty(), "{losses}");
    let told: Vec<String> = request
        .turns
        .iter()
        .flat_map(|turn| &turn.parts)
        .filter_map(|part| match &part.content {
            Content::ToolCall(call) => Some(format!("{}:{}{}", call.id, call.name, call.arguments)),
            Content::ToolResult(result) => {
                let text = result.content.first().and_then(|part| part.as_text()).unwrap_or_default();
                Some(format!("={}:{text}{}", result.call, if result.is_error { "!" } else { "" }))
            }
            _ => None,
        })
        .collect();
    let calls = [r#"call_1:f{"n":1}"#, "call_2:g{}", r#"call_3:f{"n":2}"#];
    assert_eq!(told[..3], calls);
    assert_eq!(told[3..], ["=call_2:bad!", "=call_1:one", r#"=call_3:{"x":2}"#, "own:f{}", "=own:{}"]);
    assert_eq!(request.turns[4].role, Role::User);
}

#[test]
fn pictures_in_results_where_the_model_takes_them() {
    use crate::canonical::{Media, MediaKind, Part, Source, ToolCall, ToolResult, Turn};
    let media = Media {
        kind: MediaKind::Image,
        source: Source::Base64("QQ==".into()),
        media_type: Some("image/png".into()),
        name: None,
        detail: None,
    };
    let call = ToolCall { id: "1".into(), name: "f".into(), arguments: "{}".into(), custom: false };
    let content = vec![Part::text("see"), Part::new(Content::Media(media))];
    let result = ToolResult { call: "1".into(), content, ..ToolResult::default() };
    let turns = vec![
        Turn::new(Role::User, vec![Part::text("q")]),
        Turn::new(Role::Assistant, vec![Part::new(Content::ToolCall(call))]),
        Turn::new(Role::User, vec![Part::new(Content::ToolResult(result)), Part::text("go")]),
    ];
    let request = Request { turns, ..Request::default() };
    for (inside, end, told) in [
        (
            true,
            r#"{"functionResponse":{"id":"1","name":"f","response":{"output":"see"},"parts":[{"inlineData":{"mimeType":"image/png","data":"QQ=="}}]}},{"text":"go"}]}]}"#,
            "exact",
        ),
        (
            false,
            r#"{"functionResponse":{"id":"1","name":"f","response":{"output":"see"}}},{"inlineData":{"mimeType":"image/png","data":"QQ=="}},{"text":"go"}]}]}"#,
            "approximated=messages[].content",
        ),
    ] {
        let accepts = Capabilities { media_in_results: inside, ..Capabilities::default() };
        let target = Target { model: "g", accepts: &accepts, strict: false };
        let mut losses = Losses::default();
        let written = GenerateContent.write_request(&request, &target, &ChatCompletions, &mut losses).unwrap();
        assert!(written.ends_with(end.as_bytes()), "{}", String::from_utf8_lossy(&written));
        assert_eq!(losses.to_string(), told);
    }
}

#[test]
fn every_way_of_thinking() {
    let old = Thinking { off: true, budget: true, adaptive: false, efforts: EffortSet::default(), by_default: true };
    let always = Thinking { off: false, ..old };
    let levels = EffortSet::default().with(Effort::Low).with(Effort::Medium).with(Effort::High);
    let new = Thinking { off: false, budget: false, adaptive: false, efforts: levels, by_default: true };
    let none = Thinking { off: true, budget: false, adaptive: false, efforts: EffortSet::default(), by_default: false };
    for (thinking, ask, wanted, told) in [
        (old, r#""reasoning_effort":"none""#, r#"{"thinkingBudget":0}"#, "exact"),
        (
            old,
            r#""reasoning_effort":"low""#,
            r#"{"thinkingBudget":1024,"includeThoughts":true}"#,
            "approximated=reasoning_effort",
        ),
        (
            old,
            r#""reasoning_effort":"max","max_tokens":500"#,
            r#"{"thinkingBudget":499,"includeThoughts":true}"#,
            "approximated=reasoning_effort",
        ),
        (
            old,
            r#""thinking":{"type":"enabled","budget_tokens":2000}"#,
            r#"{"thinkingBudget":2000,"includeThoughts":true}"#,
            "exact",
        ),
        (old, r#""thinking":{"type":"adaptive"}"#, r#"{"thinkingBudget":-1,"includeThoughts":true}"#, "exact"),
        (always, r#""thinking":{"type":"disabled"}"#, r#"{"thinkingBudget":128}"#, "approximated=thinking"),
        (new, r#""reasoning_effort":"none""#, r#"{"thinkingLevel":"LOW"}"#, "approximated=reasoning_effort"),
        (new, r#""reasoning_effort":"medium""#, r#"{"thinkingLevel":"MEDIUM","includeThoughts":true}"#, "exact"),
        (
            new,
            r#""reasoning_effort":"xhigh""#,
            r#"{"thinkingLevel":"HIGH","includeThoughts":true}"#,
            "approximated=reasoning_effort",
        ),
        (
            new,
            r#""thinking":{"type":"enabled","budget_tokens":2000}"#,
            r#"{"thinkingLevel":"MEDIUM","includeThoughts":true}"#,
            "approximated=thinking.budget_tokens",
        ),
        (new, r#""thinking":{"type":"enabled"}"#, r#"{"includeThoughts":true}"#, "exact"),
        (none, r#""reasoning_effort":"none""#, "", "exact"),
        (
            new,
            r#""reasoning":{"effort":"low","exclude":true}"#,
            r#"{"thinkingLevel":"LOW","includeThoughts":false}"#,
            "exact",
        ),
        (none, r#""reasoning_effort":"high""#, "", "dropped=reasoning_effort"),
    ] {
        let accepts = Capabilities { thinking, ..Capabilities::default() };
        let body = format!(r#"{{"messages":[{{"role":"user","content":"q"}}],{ask}}}"#);
        let (written, losses) = from_chat(&body, &accepts).unwrap();
        let found = written.split(r#""thinkingConfig":"#).nth(1).map_or("", |rest| &rest[..=rest.find('}').unwrap()]);
        assert_eq!((found, &*losses), (wanted, told), "{ask} {thinking:?}");
    }
}

#[test]
fn which_tools_are_to_be_called() {
    let tools = |strict: &str| {
        format!(
            r#"{{"messages":[{{"role":"user","content":"q"}}],"tools":[{{"type":"function","function":{{"name":"f"{strict}}}}},{{"type":"function","function":{{"name":"g"{strict}}}}}],"#
        )
    };
    for (strict, choice, wanted, told) in [
        ("", r#""auto""#, r#"{"mode":"AUTO"}"#, "exact"),
        ("", r#""none""#, r#"{"mode":"NONE"}"#, "exact"),
        ("", r#""required""#, r#"{"mode":"ANY"}"#, "exact"),
        (r#","strict":true"#, r#""auto""#, r#"{"mode":"VALIDATED"}"#, "exact"),
        ("", r#"{"type":"function","function":{"name":"x"}}"#, r#"{"mode":"ANY"}"#, "approximated=tool_choice"),
        (
            "",
            r#"{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"g"}}]}}"#,
            r#"{"mode":"VALIDATED","allowedFunctionNames":["g"]}"#,
            "exact",
        ),
    ] {
        let (written, losses) =
            from_chat(&format!("{}\"tool_choice\":{choice}}}", tools(strict)), &Capabilities::default()).unwrap();
        let end = format!(r#""toolConfig":{{"functionCallingConfig":{wanted}}}}}"#);
        assert!(written.ends_with(&end), "{choice}: {written}");
        assert_eq!(losses, told, "{choice}");
    }
    let (request, _) = read(r#"{"contents":[],"tools":[{"functionDeclarations":[{"name":"f"},{"name":"g"}],"googleSearch":{}},{"codeExecution":{}}],"tool_config":{"function_calling_config":{"mode":"any","allowed_function_names":["g"]}}}"#).unwrap();
    assert_eq!((request.tools.len(), request.tool_choice), (4, Some(ToolChoice::Named("g".into()))));
    // A search is not a function: where nothing may be called it is not there.
    let search = r#"{"messages":[{"role":"user","content":"q"}],"web_search_options":{},"tool_choice":"none"}"#;
    assert!(!from_chat(search, &Capabilities::default()).unwrap().0.contains("googleSearch"));
}

#[test]
fn schemas_where_the_model_takes_none() {
    let body = r#"{"messages":[{"role":"user","content":"q"}],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"title":"T"}}},"tools":[{"type":"function","function":{"name":"f"}}]}"#;
    let (written, losses) = from_chat(body, &Capabilities::default()).unwrap();
    assert!(written.contains(r#""responseJsonSchema":{"title":"T"}"#));
    assert_eq!(losses, "dropped=response_format.json_schema.name");
    for accepts in [
        Capabilities { schema_with_tools: false, ..Capabilities::default() },
        Capabilities { schema: SchemaSupport::None, ..Capabilities::default() },
    ] {
        let (written, losses) = from_chat(body, &accepts).unwrap();
        assert!(!written.contains("responseMimeType") && written.contains(r#"{\"title\":\"T\"}"#), "{written}");
        assert_eq!(losses, "approximated=response_format");
    }
    let only = Capabilities { schema: SchemaSupport::JsonOnly, ..Capabilities::default() };
    let (written, _) = from_chat(body, &only).unwrap();
    assert!(written.contains(r#""responseMimeType":"application/json""#) && !written.contains("responseJsonSchema"));
}

#[test]
fn what_cannot_be_carried_is_refused_by_the_callers_name() {
    let ask = |part: &str| format!(r#"{{"messages":[{{"role":"user","content":[{part}]}}]}}"#);
    let link = ask(r#"{"type":"image_url","image_url":{"url":"https://a.example/b.jpg"}}"#);
    let (written, _) = from_chat(&link, &Capabilities::default()).unwrap();
    assert!(written.contains(r#"{"fileData":{"mimeType":"image/jpeg","fileUri":"https://a.example/b.jpg"}}"#));
    for (accepts, body, param) in [
        (
            Capabilities { fetches_urls: false, ..Capabilities::default() },
            link.clone(),
            "messages[].content[].image_url",
        ),
        (Capabilities { image_input: false, ..Capabilities::default() }, link, "messages[].content[].image_url"),
        (Capabilities::default(), ask(r#"{"type":"file","file":{"file_id":"f"}}"#), "messages[].content[].file"),
        (Capabilities::default(), r#"{"messages":[{"role":"user","content":"q"}],"n":9}"#.to_owned(), "n"),
        (
            Capabilities::default(),
            r#"{"messages":[{"role":"user","content":"q"}],"n":2,"stream":true}"#.to_owned(),
            "n",
        ),
        (
            Capabilities { tools: false, ..Capabilities::default() },
            r#"{"messages":[{"role":"user","content":"q"}],"tools":[{"type":"function","function":{"name":"f"}}]}"#
                .to_owned(),
            "tools",
        ),
    ] {
        let fault = from_chat(&body, &accepts).unwrap_err();
        assert_eq!((fault.param.as_deref(), &*fault.code), (Some(param), "unsupported_parameter"), "{body}");
    }
    for (body, param, code) in [
        (r#"{"contents":[],"cachedContent":"cachedContents/x"}"#, "cachedContent", "unsupported_parameter"),
        (r#"{"contents":[{"parts":[{"newThing":{}}]}]}"#, "contents[0].parts[0].newThing", "unsupported_parameter"),
        (
            r#"{"contents":[],"generationConfig":{"responseMimeType":"text/x.enum"}}"#,
            "generationConfig.responseMimeType",
            "unsupported_parameter",
        ),
        (r#"{"contents":[{"role":"system","parts":[]}]}"#, "contents[0].role", "invalid_request"),
        (
            r#"{"contents":[],"generationConfig":{"thinkingConfig":{"thinkingBudget":1,"thinkingLevel":"LOW"}}}"#,
            "generationConfig.thinkingConfig.thinkingLevel",
            "invalid_request",
        ),
        (r"{}", "contents", "invalid_request"),
    ] {
        let fault = read(body).unwrap_err();
        assert_eq!((fault.param.as_deref(), &*fault.code), (Some(param), code), "{body}");
    }
}

#[test]
fn a_request_in_every_spelling() {
    let body = r#"{"system_instruction":{"role":"system","parts":{"text":"s"}},"contents":{"parts":[{"inline_data":{"mime_type":"text/plain; charset=utf-8","data":"aGk="}},{"file_data":{"file_uri":"https://youtu.be/x"}},{"file_data":{"file_uri":"https://generativelanguage.googleapis.com/v1beta/files/f","mime_type":"application/pdf"}}]},
        "generation_config":{"max_output_tokens":"9","top_k":40.0,"stop_sequences":"x","response_modalities":["TEXT","IMAGE"],"response_mime_type":"application/json","response_schema":{"type":"OBJECT","properties":{"a":{"type":"STRING","nullable":true}}},"thinking_config":{"thinking_budget":0},"media_resolution":"MEDIA_RESOLUTION_HIGH"},
        "tools":{"function_declarations":{"name":"f","parameters":{"type":"OBJECT"}}},"safety_settings":[{"category":"x"}],"serviceTier":"standard","labels":{"a":"b"}}"#;
    let (request, losses) = read(body).unwrap();
    assert_eq!(losses.to_string(), "dropped=safetySettings");
    let told = format!("{:?}", request.turns[0].parts);
    for word in [
        r#"Text("hi")"#,
        r#"Url("https://youtu.be/x")"#,
        "Video",
        "File { owner: GenerateContent",
        r#"detail: Some("high")"#,
    ] {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert_eq!(request.max_output_tokens, Some(9));
    assert_eq!((request.sampling.top_k, &*request.sampling.stop), (Some(40), &["x".to_owned()][..]));
    assert_eq!((request.modalities, request.service_tier.as_deref()), (vec!["image".to_owned()], Some("default")));
    let OutputFormat::Schema { schema, .. } = request.output else { panic!() };
    assert_eq!(schema.0, r#"{"type":"object","properties":{"a":{"type":["string","null"]}}}"#);
    assert_eq!(request.metadata.unwrap().0, r#"{"a":"b"}"#);
}

#[test]
fn pieces_of_a_stream_that_come_back_are_whole_again() {
    let model = |part: &str| format!(r#"{{"role":"model","parts":[{part}]}}"#);
    let pieces = [
        r#"{"text":"I wo","thought":true},{"text":"nder.","thought":true}"#,
        r#"{"text":"","thought":true,"thoughtSignature":"dGcxLm1lc3NhZ2VzLkVxUUI="}"#,
        r#"{"text":"A"}"#,
        r#"{"text":"\n\n"}"#,
        r#"{"text":"B"},{"functionCall":{"name":"f","args":{}}}"#,
    ];
    let pieces: Vec<String> = pieces.iter().map(|part| model(part)).collect();
    let whole = model(
        r#"{"text":"I wonder.","thought":true,"thoughtSignature":"dGcxLm1lc3NhZ2VzLkVxUUI="},{"text":"A\n\nB"},{"functionCall":{"name":"f","args":{}}}"#,
    );
    let conversation = |said: &str| {
        let user = r#"{"role":"user","parts":[{"text":"a"},{"text":"b"}]}"#;
        read(&format!(r#"{{"contents":[{user},{said},{user}]}}"#)).unwrap()
    };
    let (request, losses) = conversation(&pieces.join(","));
    assert_eq!((&request, losses.to_string()), (&conversation(&whole).0, "exact".to_owned()));
    assert_eq!(request.turns.iter().map(|turn| turn.parts.len()).collect::<Vec<_>>(), [2, 3, 2]);
}
