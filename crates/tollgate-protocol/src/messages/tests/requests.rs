//! Requests.

use super::*;

#[test]
fn turns_as_the_vendor_wants_them() {
    let system = |text: &str| Turn::new(Role::System, vec![Part::text(text)]);
    let talk = asked(vec![
        system("first"),
        says("hello"),
        user("do"),
        Turn::new(Role::Assistant, vec![calls("1", "f", ""), calls("2", "g", "{broken")]),
        system("mind"),
        Turn::new(Role::User, vec![Part::text("and"), gives("2", "two")]),
        user("then"),
    ]);
    let (body, losses) = plain(&talk);
    assert_eq!(body["system"], json!([{"type": "text", "text": "first"}]));
    let told: Vec<_> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| {
            let blocks = message["content"].as_array().unwrap().iter();
            let block = |block: &Value| match block["type"].as_str().unwrap() {
                "text" => block["text"].as_str().unwrap().to_owned(),
                "tool_use" => format!("!{}{}", block["id"].as_str().unwrap(), block["input"]),
                _ => format!("={}", block["tool_use_id"].as_str().unwrap()),
            };
            format!("{}({})", message["role"].as_str().unwrap(), blocks.map(block).collect::<Vec<_>>().join("|"))
        })
        .collect();
    assert_eq!(
        told,
        [
            "user((The conversation begins.))",
            "assistant(hello)",
            "user(do)",
            "assistant(!1{}|!2{})",
            "user(=1|=2|<system>\nmind\n</system>|and|then)",
        ]
    );
    assert_eq!(losses, "approximated=messages,messages[].tool_calls");

    let accepts = Capabilities { system_turns: true, ..Capabilities::default() };
    let (body, _) = write(&talk, &accepts).unwrap();
    let roles: Vec<_> = body["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "user", "assistant", "user", "system", "user"]);
}

#[test]
fn the_last_words_of_the_assistant() {
    let talk = asked(vec![user("x"), says("It is \n")]);
    let (body, losses) = plain(&talk);
    assert_eq!(body["messages"][1]["content"][0]["text"], "It is");
    assert_eq!(losses, "approximated=messages");
    let (body, losses) = write(&talk, &Capabilities { prefill: false, ..Capabilities::default() }).unwrap();
    assert_eq!(body["messages"][2], json!({"role": "user", "content": [{"type": "text", "text": "Continue."}]}));
    assert_eq!(losses, "approximated=messages");
    // Nobody has said anything.
    let (body, _) = plain(&Request { instructions: vec![Part::text("s")], ..Request::default() });
    assert_eq!(body["messages"][0]["role"], "user");
}

#[test]
fn only_four_marks_of_a_cache() {
    let marked =
        |text: &str| Turn::new(Role::User, vec![Part::text(text).cached(Some(crate::canonical::CacheTtl::Short))]);
    let mut request = asked(vec![
        marked("1"),
        says("a"),
        marked("2"),
        says("b"),
        marked("3"),
        says("c"),
        marked("4"),
        says("d"),
        marked("5"),
    ]);
    request.tools = vec![Tool { cache: Some(crate::canonical::CacheTtl::Long), ..function("f") }];
    let (body, lost) = plain(&request);
    assert_eq!(body.to_string().matches("cache_control").count(), 4);
    assert_eq!(body["messages"][0]["content"][0].get("cache_control"), None);
    assert_eq!(body["tools"][0]["cache_control"], json!({"type": "ephemeral", "ttl": "1h"}));
    assert_eq!(lost, "approximated=cache_control");
}

#[test]
fn strictly_or_not_at_all() {
    let request = Request { verbosity: Some("low".into()), ..asked(vec![user("x")]) };
    let accepts = Capabilities::default();
    let (strict, mut losses) = (Target { model: "m", accepts: &accepts, strict: true }, Losses::default());
    Messages.write_request(&request, &strict, &ChatCompletions, &mut losses).unwrap();
    let fault = strict.settle(&losses).unwrap_err();
    assert_eq!(
        (fault.status(), &*fault.code, fault.param.as_deref()),
        (400, "unsupported_parameter", Some("verbosity"))
    );
    assert_eq!(Target { strict: false, ..strict }.settle(&losses), Ok(()));
    assert_eq!(strict.settle(&Losses::default()), Ok(()));
}

#[test]
fn tools_of_every_kind() {
    let mut request = asked(vec![
        user("x"),
        Turn::new(
            Role::Assistant,
            vec![Part::new(Content::ToolCall(ToolCall {
                id: "1".into(),
                name: "free".into(),
                arguments: "a\"b".into(),
                custom: true,
            }))],
        ),
        Turn::new(Role::User, vec![gives("1", "r")]),
    ]);
    request.tools = vec![
        Tool::new(ToolKind::Custom { name: "free".into(), description: None, format: Some(Json("{}".into())) }),
        function("a.b"),
        Tool::new(ToolKind::Function {
            name: "s".into(),
            description: Some("d".into()),
            parameters: Some(Json(r#"{"properties":{"n":{"type":"integer","minimum":1}}}"#.into())),
            strict: Some(true),
        }),
    ];
    request.tool_choice = Some(ToolChoice::Named("a.b".into()));
    request.parallel_tools = Some(false);
    let (body, lost) = plain(&request);
    assert_eq!(body["messages"][1]["content"][0]["input"], json!({"input": "a\"b"}));
    assert_eq!(body["tools"][0]["input_schema"]["required"], json!(["input"]));
    let renamed = body["tools"][1]["name"].as_str().unwrap();
    assert_eq!(body["tool_choice"], json!({"type": "tool", "name": renamed, "disable_parallel_tool_use": true}));
    assert_eq!(
        body["tools"][2],
        json!({"name": "s", "description": "d", "input_schema": {"type": "object", "properties": {"n": {"type": "integer", "description": "(minimum: 1)"}}, "additionalProperties": false}, "strict": true})
    );
    assert_eq!(lost, "dropped=tools[].custom.format;approximated=tools[].function.strict");
    // The caller reads its own name again.
    let answer = crate::canonical::Answer {
        candidates: vec![crate::canonical::Candidate { parts: vec![calls("1", renamed, "{}")], ..Default::default() }],
        ..Default::default()
    };
    let whole = Messages.write_answer(&answer, &head(), &request, &mut Losses::default());
    assert_eq!(serde_json::from_slice::<Value>(&whole).unwrap()["content"][0]["name"], "a.b");

    request.tool_choice = Some(ToolChoice::Allowed { required: true, names: vec!["s".into()] });
    let (body, lost) = plain(&request);
    assert_eq!((body["tools"].as_array().unwrap().len(), &body["tool_choice"]["type"]), (1, &json!("any")));
    assert!(lost.contains("tool_choice"), "{lost}");

    request.tools.push(Tool::new(ToolKind::Opaque {
        owner: Protocol::Responses,
        kind: "mcp".into(),
        raw: Json("{}".into()),
    }));
    let fault = write(&request, &Capabilities::default()).unwrap_err();
    assert_eq!((&*fault.code, fault.param.as_deref()), ("unsupported_parameter", Some("tools")));
}

#[test]
fn a_form_by_grammar_or_by_words() {
    let schema = || {
        Json(
            r#"{"type":"object","properties":{"a":{"type":"string","maxLength":3}},"additionalProperties":false}"#
                .into(),
        )
    };
    let output = OutputFormat::Schema {
        name: Some("n".into()),
        description: Some("d".into()),
        schema: schema(),
        strict: Some(true),
    };
    let request = Request { output, ..asked(vec![user("x")]) };
    let (body, lost) = plain(&request);
    assert_eq!(
        body["output_config"]["format"],
        json!({"type": "json_schema", "schema": {"title": "n", "description": "d", "type": "object", "properties": {"a": {"type": "string", "description": "(maxLength: 3)"}}, "additionalProperties": false}})
    );
    assert_eq!(lost, "approximated=response_format");
    let OutputFormat::Schema { name, description, .. } = read(&body).output else { panic!() };
    assert_eq!((name.as_deref(), description.as_deref()), (Some("n"), Some("d")));

    let (body, lost) =
        write(&request, &Capabilities { schema: SchemaSupport::None, ..Capabilities::default() }).unwrap();
    assert!(body["system"][0]["text"].as_str().unwrap().contains(&schema().0) && body.get("output_config").is_none());
    assert_eq!(lost, "approximated=response_format");
    let (body, lost) = plain(&Request { output: OutputFormat::JsonObject, ..request });
    assert!(body["system"][0]["text"].as_str().unwrap().contains("JSON object"));
    assert_eq!(lost, "approximated=response_format");
}

#[test]
fn media_of_other_vendors() {
    let media = |kind, source, media_type: Option<&str>| {
        let media = Media { kind, source, media_type: media_type.map(str::to_owned), name: None, detail: None };
        asked(vec![Turn::new(Role::User, vec![Part::new(Content::Media(media))])])
    };
    let (body, _) = plain(&media(MediaKind::Document, Source::Base64("SGk=".into()), Some("text/csv")));
    assert_eq!(
        body["messages"][0]["content"][0],
        json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Hi"}})
    );
    for (request, param) in [
        (media(MediaKind::Audio, Source::Base64("QQ==".into()), None), "messages[].content[].input_audio"),
        (
            media(MediaKind::Document, Source::Base64("QQ==".into()), Some("application/zip")),
            "messages[].content[].file",
        ),
        (media(MediaKind::Document, Source::Base64("/w==".into()), Some("text/plain")), "messages[].content[].file"),
        (
            media(MediaKind::Image, Source::File { owner: Protocol::Chat, id: "f".into() }, None),
            "messages[].content[].image_url",
        ),
    ] {
        let fault = write(&request, &Capabilities::default()).unwrap_err();
        assert_eq!((&*fault.code, fault.param.as_deref()), ("unsupported_parameter", Some(param)));
    }
    let deaf = Capabilities { image_input: false, ..Capabilities::default() };
    assert!(write(&media(MediaKind::Image, Source::Url("https://a/b".into()), None), &deaf).is_err());
}

#[test]
fn what_only_the_vendor_has_is_refused_or_named() {
    let try_read = |more: Value| {
        let mut body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut losses = Losses::default();
        let read = Messages.read_request(body.to_string().as_bytes(), &InPath::default(), &mut losses);
        read.map(|_| losses.to_string()).map_err(|fault| format!("{} {}", fault.code, fault.param.unwrap()))
    };
    for (more, outcome) in [
        (json!({"container": "c"}), Err("unsupported_parameter container")),
        (json!({"mcp_servers": [{"url": "u"}]}), Err("unsupported_parameter mcp_servers")),
        (json!({"mcp_servers": [], "inference_geo": "global", "speed": "standard"}), Ok("exact")),
        (json!({"inference_geo": "us"}), Err("unsupported_parameter inference_geo")),
        (json!({"context_management": {}, "speed": "fast", "later": 1}), Ok("dropped=context_management,later,speed")),
        (json!({"max_tokens": null}), Err("invalid_request max_tokens")),
        (json!({"thinking": {"type": "enabled"}}), Err("invalid_request thinking.budget_tokens")),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]}]}),
            Err("invalid_request messages[0].content"),
        ),
        (json!({"tools": [{"type": "tool_search_tool_bm25", "name": "t"}]}), Ok("approximated=tools")),
    ] {
        assert_eq!(try_read(more.clone()), outcome.map(str::to_owned).map_err(str::to_owned), "{more}");
    }
}

#[test]
fn a_count_leaves_out_what_does_not_count() {
    let body = br#"{"model":"m","messages":[{"role":"user","content":"x"}],"system":"s"}"#;
    let request = crate::messages::read_count_request(body, &mut Losses::default()).unwrap();
    let mut asked = request;
    asked.sampling.temperature = Some(0.5);
    asked.stream = true;
    let accepts = Capabilities::default();
    let target = Target { model: "m", accepts: &accepts, strict: false };
    let written = crate::messages::write_count_request(&asked, &target, &Messages, &mut Losses::default()).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&written).unwrap(),
        json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}], "system": [{"type": "text", "text": "s"}]})
    );
}

#[test]
fn blanks_and_names_that_the_vendor_refuses() {
    let said = Turn::new(Role::Assistant, vec![Part::text(" \n"), calls("1", "f", "{}")]);
    let turns = vec![user("x"), said, Turn::new(Role::User, vec![gives("1", "\t"), Part::text(" ")]), says(" ")];
    let (body, lost) = plain(&Request { user: Some("a@b.example".into()), ..asked(turns.clone()) });
    let messages = body["messages"].as_array().unwrap();
    let blocks: Vec<_> = messages.iter().map(|message| message["content"].as_array().unwrap().len()).collect();
    assert_eq!((blocks, &messages[2]["content"][0]["content"]), (vec![1, 1, 1], &json!([])));
    assert_eq!((body.get("metadata"), &*lost), (None, "dropped=user"));
    for (name, kept) in [("+47 123 45 678", false), ("user-123456789", true), ("1234", true), ("a@b", true)] {
        let (body, _) = plain(&Request { user: Some(name.into()), ..asked(turns.clone()) });
        assert_eq!(body.get("metadata").is_some(), kept, "{name}");
    }
}

#[test]
fn pictures_in_results_where_a_model_takes_none_there() {
    let picture = Media {
        kind: MediaKind::Image,
        source: Source::Base64("QQ==".into()),
        media_type: Some("image/png".into()),
        name: None,
        detail: None,
    };
    let content = vec![Part::new(Content::Media(picture))];
    let result = Part::new(Content::ToolResult(ToolResult { call: "1".into(), content, ..ToolResult::default() }));
    let turns =
        vec![user("x"), Turn::new(Role::Assistant, vec![calls("1", "f", "{}")]), Turn::new(Role::User, vec![result])];
    let (body, lost) = plain(&asked(turns.clone()));
    assert_eq!((&body["messages"][2]["content"][0]["content"][0]["type"], &*lost), (&json!("image"), "exact"));
    let (body, lost) =
        write(&asked(turns), &Capabilities { media_in_results: false, ..Capabilities::default() }).unwrap();
    let kinds = |content: &Value| content.as_array().unwrap().iter().map(|b| b["type"].clone()).collect::<Vec<_>>();
    assert_eq!(kinds(&body["messages"][2]["content"]), ["tool_result", "image"]);
    assert_eq!(kinds(&body["messages"][2]["content"][0]["content"]), ["text"]);
    assert_eq!(lost, "approximated=messages[].content");
}
