//! Operations as the vendor shows them, and as a caller is shown them. The two forms are written from what is known of
//! the task rather than edited, since either may be asked for.

use super::error::is_policy;
use crate::json;
use crate::scrub;
use crate::video::{Asset, Place, Role, Seen, State, TaskError, View, inline};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

const GEMINI: &str = "type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse";
const VERTEX: &str = "type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse";
const FILTERED: &str = "The videos could not be shown because of the provider's safety filters.";

/// Reads an operation of either form, its files taken out by [`inline::Extractor`]; `None` if it is none.
pub fn read(body: &[u8]) -> Option<Seen> {
    let operation: Value = serde_json::from_slice(body).ok()?;
    operation.get("name")?.as_str()?;
    if operation.get("done").and_then(Value::as_bool) != Some(true) {
        return Some(Seen::unfinished(State::Running));
    }
    if let Some(error) = operation.get("error").filter(|error| !error.is_null()) {
        let code = error.get("code").and_then(Value::as_i64).unwrap_or(13).to_string();
        let message = error.get("message").and_then(Value::as_str).unwrap_or("The provider did not make the video.");
        return Some(Seen::failed(&code, message, is_policy(message)));
    }
    let response = operation.get("response")?;
    let gemini = response.get("generateVideoResponse");
    let inner = gemini.unwrap_or(response);
    let mut seen = Seen::unfinished(State::Succeeded);
    let list = |name: &str| inner.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let samples = list("generatedSamples").into_iter().filter_map(|sample| sample.get("video").cloned());
    let videos = samples.chain(list("videos"));
    for (index, video) in (0_u32..).zip(videos) {
        let text = |name: &str| video.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let bytes = text("bytesBase64Encoded").or(text("encodedVideo")).and_then(inline::number).map(Place::Inline);
        let link = text("uri").or(text("gcsUri")).map(|link| Place::Link(link.to_owned()));
        if let Some(place) = bytes.or(link) {
            seen.assets.push(Asset { role: Role::Video, index, place });
        }
    }
    if seen.assets.is_empty() {
        let reasons = inner.get("raiMediaFilteredReasons").and_then(Value::as_array);
        let reason = reasons.and_then(|reasons| reasons.first()).and_then(Value::as_str);
        let filtered = inner.get("raiMediaFilteredCount").and_then(Value::as_u64).unwrap_or(0) > 0 || reason.is_some();
        let message = if filtered { FILTERED } else { "The provider finished without a video." };
        let error = TaskError { code: "3".into(), message: scrub::text(reason.unwrap_or(message)), filtered };
        return Some(Seen { error: Some(error), ..Seen::unfinished(State::Failed) });
    }
    Some(seen)
}

fn head(view: &View<'_>, name: &str) -> Map<String, Value> {
    let mut operation = Map::new();
    operation.insert("name".into(), name.into());
    if !view.state.is_final() {
        return operation;
    }
    operation.insert("done".into(), true.into());
    if view.state != State::Succeeded && view.filtered == 0 {
        let (code, message) = view.error.unwrap_or(("13", "The video was not made."));
        let code = code.parse().ok().filter(|code| (1..=16).contains(code)).unwrap_or(match view.state {
            State::Cancelled => 1,
            State::Expired => 4,
            _ => 13,
        });
        operation.insert("error".into(), json!({ "code": code, "message": message }));
    }
    operation
}

fn filtered(view: &View<'_>, response: &mut Map<String, Value>) {
    if view.filtered > 0 {
        response.insert("raiMediaFilteredCount".into(), view.filtered.into());
        let reason = view.error.map_or(FILTERED, |(_, message)| message);
        response.insert("raiMediaFilteredReasons".into(), json!([reason]));
    }
}

/// An operation in the Gemini API's form; `name` is the gateway's own.
pub fn view_gemini(view: &View<'_>, name: &str) -> Vec<u8> {
    let mut operation = head(view, name);
    if view.state.is_final() && !operation.contains_key("error") {
        let mut inner = Map::new();
        let samples: Vec<Value> = view.videos().map(|link| json!({ "video": { "uri": link.url } })).collect();
        if !samples.is_empty() {
            inner.insert("generatedSamples".into(), samples.into());
        }
        filtered(view, &mut inner);
        operation.insert("response".into(), json!({ "@type": GEMINI, "generateVideoResponse": inner }));
    }
    Value::Object(operation).to_string().into_bytes()
}

/// A part of an answer in Vertex's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// As it is.
    Text(Vec<u8>),
    /// The so-manieth video, in base64.
    Video(u32),
}

/// An operation in Vertex's form; `name` is the gateway's own. Its videos are in it, as Vertex has them where the caller
/// names no bucket.
pub fn view_vertex(view: &View<'_>, name: &str) -> Vec<Part> {
    let mut operation = head(view, name);
    if !view.state.is_final() || operation.contains_key("error") {
        return vec![Part::Text(Value::Object(operation).to_string().into_bytes())];
    }
    let mut response = Map::new();
    response.insert("@type".into(), VERTEX.into());
    response.insert("raiMediaFilteredCount".into(), 0.into());
    filtered(view, &mut response);
    operation.insert("response".into(), Value::Object(response));
    let mut text = Value::Object(operation).to_string();
    // The two last braces are put back behind the videos.
    text.truncate(text.len() - 2);
    text.push_str(",\"videos\":[");
    let mut parts = Vec::new();
    for (index, link) in view.videos().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let (uri, kind) = (json::quote(&link.url), json::quote(&link.content_type));
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{{\"mimeType\":{kind},\"gcsUri\":{uri},\"bytesBase64Encoded\":\"");
        parts.push(Part::Text(std::mem::take(&mut text).into_bytes()));
        parts.push(Part::Video(link.index));
        text.push_str("\"}");
    }
    text.push_str("]}}");
    parts.push(Part::Text(text.into_bytes()));
    parts
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::video::Link;

    fn with(state: State, filtered: u32, links: &[Link], f: impl Fn(&View<'_>) -> Value) -> Value {
        f(&View {
            id: "x",
            state,
            body: b"",
            model: "m",
            created_at: 5,
            updated_at: 6,
            finished_at: None,
            expires_at: None,
            error: Some(("3", "why")),
            request_id: "r",
            external_id: None,
            links,
            filtered,
        })
    }

    fn gemini(view: &View<'_>) -> Value {
        serde_json::from_slice(&view_gemini(view, "models/m/operations/x")).unwrap()
    }

    fn vertex(view: &View<'_>) -> Value {
        let parts = view_vertex(view, "projects/p/operations/x").into_iter().map(|part| match part {
            Part::Text(text) => text,
            Part::Video(index) => format!("VIDEO{index}").into_bytes(),
        });
        serde_json::from_slice(&parts.collect::<Vec<_>>().concat()).unwrap()
    }

    #[test]
    fn both_forms_are_read() {
        let gemini =
            br#"{"name":"models/m/operations/a","done":true,"response":{"generateVideoResponse":{"generatedSamples":[
            {"video":{"uri":"https://g/1"}},{"video":{"uri":"https://g/2"}}]}}}"#;
        assert_eq!(read(gemini).unwrap().assets.len(), 2);
        let vertex = br#"{"name":"projects/p/operations/a","done":true,"response":{"raiMediaFilteredCount":1,"videos":[
            {"bytesBase64Encoded":"@0","mimeType":"video/mp4"}]}}"#;
        assert_eq!(read(vertex).unwrap().assets[0].place, Place::Inline(0));
        let empty =
            br#"{"name":"n","done":true,"response":{"raiMediaFilteredCount":2,"raiMediaFilteredReasons":["Sorry"]}}"#;
        let seen = read(empty).unwrap();
        assert_eq!((seen.state, seen.error.unwrap().message.as_str()), (State::Failed, "Sorry"));
        assert_eq!(read(br#"{"name":"n"}"#).unwrap().state, State::Running);
        assert_eq!(
            read(br#"{"name":"n","done":true,"error":{"code":3,"message":"m"}}"#).unwrap().error.unwrap().code,
            "3"
        );
        assert!(read(b"{}").is_none());
    }

    #[test]
    fn both_forms_are_written() {
        let link = |index| Link {
            role: Role::Video,
            index,
            url: format!("http://own/{index}"),
            content_type: "video/mp4".into(),
            milliseconds: None,
        };
        assert_eq!(with(State::Running, 0, &[], gemini), json!({ "name": "models/m/operations/x" }));
        let done = with(State::Succeeded, 0, &[link(0), link(1)], gemini);
        assert_eq!(done["response"]["generateVideoResponse"]["generatedSamples"][1]["video"]["uri"], "http://own/1");
        let done = with(State::Succeeded, 1, &[link(0)], vertex);
        assert_eq!(done["response"]["videos"][0]["bytesBase64Encoded"], "VIDEO0");
        assert_eq!((&done["response"]["raiMediaFilteredCount"], &done["done"]), (&1.into(), &true.into()));
        assert_eq!(
            with(State::Succeeded, 0, &[link(0), link(1)], vertex)["response"]["videos"].as_array().unwrap().len(),
            2
        );
        let failed = with(State::Failed, 0, &[], vertex);
        assert_eq!(failed["error"], json!({ "code": 3, "message": "why" }));
        let filtered = with(State::Failed, 2, &[], gemini);
        assert_eq!(filtered["response"]["generateVideoResponse"]["raiMediaFilteredReasons"], json!(["why"]));
    }

    #[test]
    fn names_that_stand_in_paths() {
        let poll = |name: &str| super::super::poll(name).map(|send| (send.method, send.path));
        assert_eq!(poll("models/m/operations/a"), Some(("GET", "/models/m/operations/a".into())));
        assert_eq!(poll("operations/a"), Some(("GET", "/operations/a".into())));
        let vertex = "projects/p/locations/l/publishers/google/models/m/operations/u";
        assert_eq!(
            poll(vertex),
            Some(("POST", "/projects/p/locations/l/publishers/google/models/m:fetchPredictOperation".into()))
        );
        for bad in [
            "models/m",
            "models/../operations/a",
            "models/m/operations/a?x",
            "models//operations/a",
            "models/m/operations/é",
        ] {
            assert_eq!(poll(bad), None, "{bad}");
        }
    }
}
