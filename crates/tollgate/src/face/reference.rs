//! The pages of routes and schemas, made from the `OpenAPI` document and nothing else.

use super::guides::render;
use super::html::{code, escape};
use super::samples::{Ask, LANGUAGES};
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Where samples ask; a page's script puts the gateway's own address in its place.
pub(super) const BASE: &str = "http://127.0.0.1:8080";
/// Levels of objects inside each other that a table shows; what is deeper has a schema of its own.
const DEPTH: usize = 4;

/// A route's page.
pub(super) fn operation(document: &Value, method: &str, path: &str, operation: &Value) -> String {
    let mut out = String::from("<div class=\"split\"><article>");
    let live = operation["x-tollgate-live"] == Value::Bool(true);
    let _ = write!(
        out,
        "<h1>{}</h1><p class=\"route\"><span class=\"method {}\">{}</span><code>{}</code></p>",
        escape(text(operation, "summary")),
        method.to_lowercase(),
        method,
        escape(path)
    );
    if !live {
        out.push_str("<p class=\"note warn\">This version does not answer this route yet.</p>");
    }
    out.push_str(&render(text(operation, "description")));
    if let Some(aliases) = operation["x-tollgate-aliases"].as_array() {
        let also: Vec<String> =
            aliases.iter().filter_map(Value::as_str).map(|alias| format!("<code>{}</code>", escape(alias))).collect();
        let _ = write!(out, "<p>Also at {}.</p>", also.join(", "));
    }
    let (key, word) = access(operation);
    let _ = write!(out, "<p class=\"hint\">{word}</p>");
    parameters(&mut out, document, operation);
    if let Some(contents) = operation["requestBody"]["content"].as_object() {
        out.push_str("<h2 id=\"request\">Request body</h2>");
        for (kind, media) in contents {
            let _ = write!(out, "<p class=\"kind\"><code>{}</code></p>", escape(kind));
            out.push_str(&fields(document, &media["schema"], 0));
        }
    }
    out.push_str("<h2 id=\"answers\">Answers</h2>");
    for (status, reply) in operation["responses"].as_object().into_iter().flatten() {
        answer(&mut out, document, status, reply);
    }
    out.push_str("</article><aside class=\"samples\">");
    samples(&mut out, method, path, operation);
    try_it(&mut out, method, path, operation, key);
    out.push_str("</aside></div>");
    out
}

/// A schema's page.
pub(super) fn schema(document: &Value, name: &str) -> Option<String> {
    let schema = document["components"]["schemas"].get(name)?;
    let mut out = format!("<h1><code>{}</code></h1>", escape(name));
    out.push_str(&render(text(schema, "description")));
    out.push_str(&fields(document, schema, 0));
    out.push_str("<h2 id=\"json-schema\">JSON Schema</h2>");
    out.push_str(&code(&format!("{schema:#}"), "json"));
    Some(out)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// Which key a route takes: for the try-out, and in words.
fn access(operation: &Value) -> (&'static str, &'static str) {
    match &operation["security"] {
        Value::Array(schemes) if schemes.is_empty() => ("", "Anybody may ask."),
        schemes if schemes[0].get("admin").is_some() => ("admin", "Takes an admin key as bearer token."),
        _ => (
            "key",
            "Takes a key as bearer token, <code>x-api-key</code>, <code>x-goog-api-key</code> or <code>?key=</code>.",
        ),
    }
}

/// What a reference leads to, or the value itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str().and_then(|target| document.pointer(target.trim_start_matches('#')));
    target.unwrap_or(value)
}

fn parameters(out: &mut String, document: &Value, operation: &Value) {
    let Some(all) = operation["parameters"].as_array().filter(|all| !all.is_empty()) else { return };
    out.push_str("<h2 id=\"parameters\">Parameters</h2><dl class=\"fields\">");
    for parameter in all.iter().map(|parameter| resolved(document, parameter)) {
        let needed = parameter["required"] == Value::Bool(true);
        let mut schema = parameter["schema"].clone();
        schema["description"] = parameter["description"].clone();
        field(out, document, text(parameter, "name"), &schema, needed, Some(text(parameter, "in")), DEPTH);
    }
    out.push_str("</dl>");
}

/// An object's fields as a list; anything else in a word.
fn fields(document: &Value, schema: &Value, depth: usize) -> String {
    if let Some(name) = reference(schema) {
        let inner = resolved(document, schema);
        let link = format!("<p class=\"kind\"><a href=\"/docs/schemas/{0}\">{0}</a></p>", escape(name));
        return format!("{link}{}", fields(document, inner, depth));
    }
    if let Some(kinds) = schema["anyOf"].as_array() {
        let each = kinds.iter().filter(|kind| kind["type"] != "null").map(|kind| fields(document, kind, depth));
        return each.collect::<Vec<_>>().join("<p class=\"or\">or</p>");
    }
    if schema["type"] == "array" {
        return format!("<p class=\"hint\">A list of</p>{}", fields(document, &schema["items"], depth));
    }
    let Some(properties) = schema["properties"].as_object().filter(|all| !all.is_empty()) else {
        return format!("<p class=\"type\">{}</p>", kind(schema));
    };
    let mut out = String::from("<dl class=\"fields\">");
    let needed = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
    // What must be there comes first.
    let (first, rest): (Vec<_>, Vec<_>) = properties.iter().partition(|(name, _)| needed(name));
    for (name, property) in first.into_iter().chain(rest) {
        field(&mut out, document, name, property, needed(name), None, depth);
    }
    out.push_str("</dl>");
    out
}

fn field(
    out: &mut String,
    document: &Value,
    name: &str,
    schema: &Value,
    needed: bool,
    place: Option<&str>,
    depth: usize,
) {
    let _ = write!(out, "<dt><code>{}</code> <span class=\"type\">{}</span>", escape(name), kind(schema));
    if needed {
        out.push_str(" <span class=\"badge accent\">required</span>");
    }
    if let Some(place) = place {
        let _ = write!(out, " <span class=\"badge\">{}</span>", escape(place));
    }
    if schema["deprecated"] == Value::Bool(true) {
        out.push_str(" <span class=\"badge warn\">deprecated</span>");
    }
    out.push_str("</dt><dd>");
    out.push_str(&render(text(schema, "description")));
    rules(out, schema);
    let inner = inside(schema);
    let has_fields = |value: &Value| value["properties"].as_object().is_some_and(|all| !all.is_empty());
    if depth + 1 < DEPTH && inner.iter().any(|one| has_fields(one)) {
        for one in inner.into_iter().filter(|one| has_fields(one)) {
            let _ = write!(
                out,
                "<details class=\"inner\"><summary>Fields</summary>{}</details>",
                fields(document, one, depth + 1)
            );
        }
    }
    out.push_str("</dd>");
}

/// The objects that a value is made of, references left out: those have pages of their own.
fn inside(schema: &Value) -> Vec<&Value> {
    if let Some(kinds) = schema["anyOf"].as_array() {
        return kinds.iter().flat_map(inside).collect();
    }
    match schema["type"].as_str() {
        Some("array") => inside(&schema["items"]),
        _ => vec![schema],
    }
}

fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/components/schemas/")
}

/// A type in words, with links to named ones.
fn kind(schema: &Value) -> String {
    if let Some(name) = reference(schema) {
        return format!("<a href=\"/docs/schemas/{0}\">{0}</a>", escape(name));
    }
    if let Some(kinds) = schema["anyOf"].as_array() {
        return kinds.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    if let Some(only) = schema["const"].as_str() {
        return format!("<code>\"{}\"</code>", escape(only));
    }
    let word = |name: &str| match name {
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" if schema.get("additionalProperties").is_some() => {
            format!("map of {}", kind(&schema["additionalProperties"]))
        }
        "string" if schema["format"] == "date-time" => "time".to_owned(),
        "string" if schema["format"] == "uri" => "address".to_owned(),
        name => name.to_owned(),
    };
    match &schema["type"] {
        Value::String(name) => word(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).map(word).collect::<Vec<_>>().join(" or "),
        _ => "anything".to_owned(),
    }
}

fn rules(out: &mut String, schema: &Value) {
    let mut said = Vec::new();
    let shown = |value: &Value| format!("<code>{}</code>", escape(&value.to_string()));
    if let Some(values) = schema["enum"].as_array() {
        said.push(format!("One of {}", values.iter().map(shown).collect::<Vec<_>>().join(", ")));
    }
    let range = |low: &str, high: &str, what: &str| {
        let (low, high) = (schema.get(low), schema.get(high));
        match (low, high) {
            (Some(low), Some(high)) => Some(format!("{what}{} to {}", shown(low), shown(high))),
            (Some(low), None) => Some(format!("{what}at least {}", shown(low))),
            (None, Some(high)) => Some(format!("{what}at most {}", shown(high))),
            (None, None) => None,
        }
    };
    said.extend(range("minimum", "maximum", ""));
    said.extend(range("minLength", "maxLength", "characters: "));
    said.extend(range("minItems", "maxItems", "items: "));
    if let Some(default) = schema.get("default") {
        said.push(format!("default {}", shown(default)));
    }
    if let Some(example) = schema["examples"].as_array().and_then(|all| all.first()) {
        said.push(format!("such as {}", shown(example)));
    }
    if !said.is_empty() {
        let _ = write!(out, "<p class=\"hint\">{}</p>", said.join("; "));
    }
}

fn answer(out: &mut String, document: &Value, status: &str, reply: &Value) {
    let error = status.starts_with(['4', '5']) && reply.get("$ref").is_some();
    let reply = resolved(document, reply);
    let tone = if status.starts_with('2') { "good" } else { "bad" };
    let _ = write!(
        out,
        "<details class=\"answer\"{}><summary><span class=\"badge {tone}\">{}</span> {}</summary>",
        if error { "" } else { " open" },
        escape(status),
        escape(text(reply, "description"))
    );
    if let Some(headers) = reply["headers"].as_object() {
        out.push_str("<dl class=\"fields\">");
        for (name, header) in headers {
            let header = resolved(document, header);
            let mut schema = header["schema"].clone();
            schema["description"] = header["description"].clone();
            field(out, document, name, &schema, false, Some("header"), DEPTH);
        }
        out.push_str("</dl>");
    }
    for (kind, media) in reply["content"].as_object().into_iter().flatten() {
        let _ = write!(out, "<p class=\"kind\"><code>{}</code></p>", escape(kind));
        let item = media.get("x-itemSchema").unwrap_or(&media["schema"]);
        match reference(item) {
            Some(name) => {
                let each = if media.get("x-itemSchema").is_some() { "Each event: " } else { "" };
                let _ = write!(out, "<p>{each}<a href=\"/docs/schemas/{0}\">{0}</a></p>", escape(name));
            }
            None => out.push_str(&fields(document, item, 1)),
        }
        let several = media["examples"].as_object().into_iter().flat_map(Map::values);
        for example in several {
            let value = &example["value"];
            let shown = value.as_str().map_or_else(|| format!("{value:#}"), str::to_owned);
            let _ = write!(out, "<p class=\"hint\">{}</p>{}", escape(text(example, "summary")), code(&shown, "json"));
        }
        if let Some(example) = media.get("example") {
            out.push_str(&code(&format!("{example:#}"), "json"));
        }
    }
    out.push_str("</details>");
}

fn samples(out: &mut String, method: &str, path: &str, operation: &Value) {
    let ask = Ask::of(BASE, method, path, operation);
    out.push_str("<section><div class=\"row\"><h2>Request</h2><label class=\"hidden-label\" for=\"language\">Language</label><select id=\"language\" class=\"input\">");
    for (name, title, _) in LANGUAGES {
        let _ = write!(out, "<option value=\"{name}\">{}</option>", escape(title));
    }
    out.push_str("</select></div>");
    for (at, (name, title, write_it)) in LANGUAGES.into_iter().enumerate() {
        let hidden = if at == 0 { "" } else { " hidden" };
        let _ = write!(out, "<div data-sample=\"{name}\"{hidden}>{}</div>", code(&write_it(&ask), title));
    }
    out.push_str("</section>");
}

/// A form that asks for real; a page's script makes it work.
fn try_it(out: &mut String, method: &str, path: &str, operation: &Value, key: &str) {
    let contents = operation["requestBody"]["content"].as_object();
    let json = contents.and_then(|all| all.get("application/json"));
    if contents.is_some() && json.is_none() {
        // A file cannot be put into a text.
        return;
    }
    let _ = write!(
        out,
        "<section><h2>Try it</h2><form class=\"try\" data-method=\"{}\" data-path=\"{}\">",
        escape(method),
        escape(path)
    );
    if !key.is_empty() {
        let (label, hint) = if key == "admin" {
            ("Admin key", "Stays in this page.")
        } else {
            ("Key", "Stays in this page. With a test key the sandbox answers and nothing is billed.")
        };
        let _ = write!(
            out,
            "<div class=\"field\"><label for=\"try-key\">{label}</label><input id=\"try-key\" class=\"input\" type=\"password\" \
             autocomplete=\"off\" spellcheck=\"false\"><div class=\"hint\">{hint}</div></div>"
        );
    }
    for name in path.split('{').skip(1).filter_map(|part| part.split('}').next()) {
        let name = escape(name);
        let _ = write!(
            out,
            "<div class=\"field\"><label for=\"in-{name}\">{name}</label><input id=\"in-{name}\" class=\"input\" data-place=\"{name}\"></div>"
        );
    }
    if let Some(media) = json {
        let examples: Vec<(&String, &Value)> = media["examples"].as_object().into_iter().flatten().collect();
        if examples.len() > 1 {
            out.push_str("<div class=\"field\"><label for=\"try-example\">Example</label><select id=\"try-example\" class=\"input\">");
            for (_, example) in &examples {
                let _ = write!(
                    out,
                    "<option value=\"{}\">{}</option>",
                    escape(&format!("{:#}", example["value"])),
                    escape(text(example, "summary"))
                );
            }
            out.push_str("</select></div>");
        }
        let first = examples.first().map_or_else(|| "{}".to_owned(), |(_, example)| format!("{:#}", example["value"]));
        let _ = write!(
            out,
            "<div class=\"field\"><label for=\"try-body\">Body</label><textarea id=\"try-body\" class=\"input mono\" rows=\"10\" \
             spellcheck=\"false\">{}</textarea></div>",
            escape(&first)
        );
    }
    out.push_str(
        "<div class=\"row\"><button class=\"button primary\" type=\"submit\">Send</button><span class=\"hint\" data-status></span></div>\
         <pre data-answer tabindex=\"0\" aria-label=\"Answer\" hidden></pre></form></section>",
    );
}
