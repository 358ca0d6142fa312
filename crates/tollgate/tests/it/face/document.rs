//! The `OpenAPI` document: complete, sound, unchanged by accident, and true of the routes.

use crate::harness::{ADMIN, Gateway, request};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;

/// The schemas by whose names other gateways' users know them.
const SCHEMAS: [&str; 37] = [
    "ChatCompletionRequest",
    "ChatMessage",
    "Tool",
    "ToolCall",
    "ChatCompletionResponse",
    "ChatCompletionChoice",
    "ContentFilterResults",
    "UsageInfo",
    "EmbeddingRequest",
    "EmbeddingResponse",
    "TranscriptionRequest",
    "TranscriptionResponse",
    "ClaudeMessageRequest",
    "ClaudeMessageResponse",
    "VideoCreateRequest",
    "VideoResponse",
    "VideoRemixRequest",
    "GeminiGenerateContentRequest",
    "VideoListResponse",
    "GeminiContent",
    "VideoDeleteResponse",
    "GeminiGenerationConfig",
    "ResponseRequest",
    "GeminiGenerateContentResponse",
    "ResponseObject",
    "SeedanceTaskRequest",
    "SeedanceTaskCreateResponse",
    "SeedanceTaskResponse",
    "KlingText2VideoRequest",
    "KlingImage2VideoRequest",
    "KlingTaskResponse",
    "KlingTaskDetailResponse",
    "KlingTaskListResponse",
    "VeoGenerateRequest",
    "VeoOperationResponse",
    "VeoFetchOperationRequest",
    "VeoFetchOperationResponse",
];

fn document() -> Value {
    let done = Command::new(env!("CARGO_BIN_EXE_tollgate")).arg("openapi").output().unwrap();
    assert!(done.status.success());
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Method, path and description of every operation.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, methods)| {
            methods
                .as_object()
                .unwrap()
                .iter()
                .map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
        })
        .collect()
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, inner)| match inner {
            Value::String(target) if name == "$ref" => drop(found.insert(target.clone())),
            _ => references(inner, found),
        }),
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn it_has_the_schemas_and_nothing_dangles() {
    let document = document();
    for name in SCHEMAS {
        assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
    }
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    for target in &used {
        assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
    }
    for part in ["schemas", "responses", "parameters", "headers"] {
        for name in document["components"][part].as_object().unwrap().keys() {
            assert!(used.contains(&format!("#/components/{part}/{name}")), "nothing refers to {part}/{name}");
        }
    }
    let ids: Vec<&Value> = operations(&document).iter().map(|(_, _, operation)| &operation["operationId"]).collect();
    assert_eq!(ids.iter().map(|id| id.as_str().unwrap()).collect::<BTreeSet<_>>().len(), ids.len());
}

/// A schema with all the others beside it, so that references lead somewhere.
fn validator(document: &Value, schema: &Value) -> jsonschema::Validator {
    let whole = json!({ "allOf": [schema], "components": { "schemas": document["components"]["schemas"] } });
    jsonschema::draft202012::new(&whole).unwrap()
}

#[test]
fn every_example_fits_its_schema() {
    let document = document();
    let mut seen = 0;
    let mut check = |place: &str, media: &Value| {
        let examples = media["examples"].as_object().map(|all| all.values().map(|one| &one["value"]).collect());
        let examples: Vec<&Value> = examples.unwrap_or_else(|| media.get("example").into_iter().collect());
        for example in examples {
            let validator = validator(&document, &media["schema"]);
            let errors: Vec<String> = validator.iter_errors(example).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{place}: {errors:?}");
            seen += 1;
            // Each event of a stream fits as well.
            let Some(item) = media.get("x-itemSchema") else { continue };
            let item = self::validator(&document, item);
            for line in example.as_str().unwrap().lines().filter_map(|line| line.strip_prefix("data: ")) {
                if line != "[DONE]" {
                    let event: Value = serde_json::from_str(line).unwrap();
                    assert!(item.is_valid(&event), "{place}: {line}");
                }
            }
        }
    };
    for (method, path, operation) in operations(&document) {
        let bodies = operation["requestBody"]["content"].as_object().into_iter().flatten();
        bodies.for_each(|(_, media)| check(&format!("{method} {path}"), media));
        for (status, reply) in operation["responses"].as_object().unwrap() {
            let contents = reply["content"].as_object().into_iter().flatten();
            contents.for_each(|(_, media)| check(&format!("{method} {path} {status}"), media));
        }
    }
    for (name, reply) in document["components"]["responses"].as_object().unwrap() {
        reply["content"].as_object().unwrap().values().for_each(|media| check(name, media));
    }
    assert!(seen > 80, "{seen}");
}

/// The document as it was when somebody last looked at it. `UPDATE=1` writes it anew.
#[test]
fn nothing_changes_by_accident() {
    let mut document = document();
    for methods in document["paths"].as_object_mut().unwrap().values_mut() {
        for operation in methods.as_object_mut().unwrap().values_mut() {
            // What is live is told by the routes, not by the document.
            operation.as_object_mut().unwrap().remove("x-tollgate-live");
        }
    }
    let now = format!("{document:#}\n");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/face/openapi.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file, &now).unwrap();
    }
    let kept = std::fs::read_to_string(file).unwrap();
    let first = kept.lines().zip(now.lines()).position(|(a, b)| a != b);
    let at = first.map(|at| format!("line {}: {:?}", at + 1, now.lines().nth(at).unwrap()));
    assert!(kept == now, "the document has changed ({at:?}); if that is meant, run this test with UPDATE=1");
}

/// A route that is said to be live answers; one that is not, does not.
#[test]
fn what_is_said_to_be_live_is() {
    let gateway = Gateway::start("");
    let served = gateway.get("/openapi.json", &[]).json();
    assert_eq!(served, document());
    let admin = format!("Bearer {ADMIN}");
    let mut live = 0;
    for (method, path, operation) in operations(&served) {
        let aliases = operation["x-tollgate-aliases"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let is_live = operation["x-tollgate-live"].as_bool().unwrap();
        live += usize::from(is_live);
        for template in std::iter::once(path.as_str()).chain(aliases) {
            let filled = template.split('{').fold(String::new(), |filled, part| match part.split_once('}') {
                Some((_, rest)) if !filled.is_empty() => format!("{filled}x{rest}"),
                _ => filled + part,
            });
            // No route takes this method: a path that is known says so, another one that it leads nowhere.
            let answer = request(gateway.address, "TRACE", &filled, &[("authorization", admin.as_str())], b"");
            let known = answer.status == 405;
            assert!(known || answer.status == 404, "{method} {template}: {}", answer.status);
            if is_live {
                assert!(known, "{method} {template} is said to be live");
                let allowed = answer.header("allow").unwrap_or(&method);
                assert!(allowed.split(',').any(|one| one.trim() == method), "{method} {template}: {allowed}");
            } else if known && !template.contains("/models/") {
                // (A model's name may have slashes: whatever is below such a path is one.)
                let allowed = answer.header("allow").unwrap_or(&method);
                assert!(!allowed.split(',').any(|one| one.trim() == method), "{method} {template} is live after all");
            }
        }
    }
    assert!(live > 30, "{live}");
}

/// The document names states and events without asking the room that has them.
#[test]
fn states_and_events_of_tasks_are_those_that_there_are() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    let states: Vec<&str> = tollgate::tasks::TaskState::ALL.iter().map(|state| state.name()).collect();
    assert_eq!(schemas["Task"]["properties"]["state"]["enum"], json!(states));
    assert_eq!(schemas["WebhookMessage"]["properties"]["event"]["enum"], json!(tollgate::tasks::EVENTS));
}
