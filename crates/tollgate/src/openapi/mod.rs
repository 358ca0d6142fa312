//! The description of every route: the `OpenAPI` 3.1 document behind `/openapi.json`, `/docs` and `tollgate openapi`.
//!
//! Owns what the outside may rely on, in words and schemas: one file for each family of routes, each with its schemas
//! and its operations. Pure: nothing here answers a request, and whether a route is answered by this version is told
//! by whoever asks for the document.

mod admin;
mod chat;
mod errors;
mod explain;
mod following;
mod gemini;
mod media;
mod messages;
mod operation;
mod own;
mod responses;
mod schema;
mod tasks;
mod videos;

use operation::Tag;
use schema::{Schema, integer, string};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

pub use operation::{Access, Operation};

/// Every route, in the order of the reference.
pub fn operations() -> Vec<Operation> {
    [
        chat::operations(),
        responses::operations(),
        messages::operations(),
        gemini::operations(),
        media::operations(),
        videos::operations(),
        tasks::operations(),
        own::operations(),
        admin::operations(),
        following::operations(),
    ]
    .concat()
}

/// The document. `live` says whether this version answers a route.
pub fn document(live: &dyn Fn(&Operation) -> bool) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations() {
        let live = live(&operation);
        let method = operation.method.to_ascii_lowercase();
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[method] = operation.done(live);
    }
    let tags = Tag::ALL.map(|tag| json!({ "name": tag.name(), "description": tag.about() }));
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "tollgate",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "One base URL and one key in front of many model providers.",
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The gateway that serves this document." }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "responses": errors::responses(),
            "parameters": parameters(),
            "headers": headers(),
            "securitySchemes": security(),
        },
    });
    prune(&mut document);
    document
}

const ABOUT: &str = "Every route takes the gateway's own key, as bearer token, `x-api-key`, `x-goog-api-key` or `?key=`; any of the four \
on any route. Request bodies are the vendors' own: fields that are not listed here are passed on. \
`x-tollgate-live` on an operation says whether this version answers it.";

fn schemas() -> Map<String, Value> {
    let all: [Vec<(&str, Schema)>; 11] = [
        chat::schemas(),
        responses::schemas(),
        messages::schemas(),
        gemini::schemas(),
        media::schemas(),
        videos::schemas(),
        tasks::schemas(),
        own::schemas(),
        admin::schemas(),
        following::schemas(),
        errors::schemas(),
    ];
    all.into_iter().flatten().map(|(name, schema)| (name.to_owned(), schema.done())).collect()
}

fn parameters() -> Value {
    let header = |name: &str, schema: Schema, about: &str| json!({ "name": name, "in": "header", "description": about, "schema": schema.done() });
    let query = |name: &str, schema: Schema, about: &str| json!({ "name": name, "in": "query", "description": about, "schema": schema.done() });
    json!({
        "Idempotency-Key": header(
            "Idempotency-Key",
            string().length(1, 255),
            "Same key and same body: the first result again, for a day; others join while it runs. Another body: 422.",
        ),
        "x-tollgate-translation": header(
            "x-tollgate-translation",
            schema::choice(&["strict"]),
            "`strict` refuses (400 `unsupported_parameter`) what a translation would otherwise drop.",
        ),
        "x-tollgate-sim": header(
            "x-tollgate-sim",
            string().example("status=429;retry-after=2"),
            "With a test key: steers the sandbox. With a live key it means nothing.",
        ),
        "limit": query("limit", integer().range(1, 1000).default(50), "Rows on a page."),
        "after": query("after", string(), "The `next` of the page before."),
    })
}

fn headers() -> Value {
    let header = |about: &str, schema: Schema| json!({ "description": about, "schema": schema.done() });
    json!({
        "x-request-id": header("The request's id, for receipts and support.", string()),
        "x-tollgate-provider": header("The configured provider that answered.", string()),
        "x-tollgate-model": header("The provider's name of the model.", string()),
        "x-tollgate-attempts": header("Calls made to providers.", integer()),
        "x-tollgate-translation": header(
            "On translated answers: `exact`, or what the request lost, such as `dropped=seed;approximated=reasoning_effort`.",
            string(),
        ),
        "x-tollgate-cost-usd": header("What it cost. Not on streams; those have a receipt.", schema::usd()),
        "Retry-After": header("Seconds to wait.", integer()),
    })
}

fn security() -> Value {
    json!({
        "bearer": { "type": "http", "scheme": "bearer", "description": "`Authorization: Bearer sk-tg-…`" },
        "x-api-key": { "type": "apiKey", "in": "header", "name": "x-api-key", "description": "As Anthropic's clients send it." },
        "x-goog-api-key": {
            "type": "apiKey", "in": "header", "name": "x-goog-api-key", "description": "As Google's clients send it.",
        },
        "key": { "type": "apiKey", "in": "query", "name": "key", "description": "In the address; never logged." },
        "admin": { "type": "http", "scheme": "bearer", "description": "`Authorization: Bearer tg-admin-…`" },
    })
}

/// Takes out the named answers that nothing refers to.
fn prune(document: &mut Value) {
    let mut used = BTreeSet::new();
    references(&document["paths"], &mut used);
    if let Value::Object(responses) = &mut document["components"]["responses"] {
        responses.retain(|name, _| used.contains(&format!("#/components/responses/{name}")));
    }
}

/// Every reference below a value.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                match inner {
                    Value::String(target) if name == "$ref" => drop(found.insert(target.clone())),
                    _ => references(inner, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
