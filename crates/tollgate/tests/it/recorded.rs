//! Recorded traffic of real vendors through the gateway: answers byte for byte, usage as they reported it.

mod usage;

use crate::harness::{Answer, Gateway, Upstream};
use crate::wire::{chunks, provider, records};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const ROUTES: [(&str, &str); 7] = [
    ("openai-chat", "/v1/chat/completions"),
    ("openai-embeddings", "/v1/embeddings"),
    ("openai-transcription", "/v1/audio/transcriptions"),
    ("openai-translation", "/v1/audio/translations"),
    ("openai-responses", RESPONSES),
    ("anthropic-messages", MESSAGES),
    ("gemini-generate", GENERATE),
];
const RESPONSES: &str = "/v1/responses";
const MESSAGES: &str = "/v1/messages";
/// The model and the verb follow.
const GENERATE: &str = "/v1beta/models/";

struct Case {
    id: String,
    path: &'static str,
    /// What was asked of Gemini, with the form of a stream.
    verb: String,
    model: String,
    request: Value,
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    sse: bool,
    tags: Vec<String>,
}

impl Case {
    fn read(root: &Path, line: &Value) -> Option<Self> {
        // Lists of stored answers share the protocol's name.
        line["endpoint"].as_str()?.strip_prefix("POST ")?;
        let path = ROUTES.iter().find(|(protocol, _)| line["protocol"] == *protocol)?.1;
        let text = std::fs::read_to_string(root.join(line["file"].as_str()?)).unwrap();
        let case: Value = serde_json::from_str(&text).unwrap();
        let response = &case["response"];
        let sse = response["sse"].is_string();
        let body = match (&response["sse"], &response["text"], &response["body"]) {
            (Value::String(text), ..) | (_, Value::String(text), _) => text.clone().into_bytes(),
            (_, _, body) => serde_json::to_vec(body).unwrap(),
        };
        let mut headers: Vec<(String, String)> = response["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            // Framing is the replay's own; a rest would hide the next case.
            .filter(|(name, _)| {
                ![
                    "content-length",
                    "transfer-encoding",
                    "content-encoding",
                    "connection",
                    "retry-after",
                    "retry-after-ms",
                ]
                .contains(&name.as_str())
            })
            .collect();
        if !headers.iter().any(|(name, _)| name == "content-type") {
            let kind = if sse {
                "text/event-stream"
            } else if response["text"].is_string() {
                "text/plain"
            } else {
                "application/json"
            };
            headers.push(("content-type".into(), kind.into()));
        }
        let mut request = case["request"]["body"].clone();
        if request.is_null() {
            request = match path {
                "/v1/embeddings" => serde_json::json!({"input": "x"}),
                "/v1/chat/completions" => serde_json::json!({"messages": [], "stream": sse}),
                RESPONSES => serde_json::json!({"input": "x", "stream": sse}),
                MESSAGES => serde_json::json!({"messages": [], "stream": sse, "max_tokens": 9}),
                GENERATE => serde_json::json!({"contents": []}),
                _ => serde_json::json!({"multipart": []}),
            };
        }
        if path == RESPONSES {
            // A response that is kept gets a name of the gateway's; that has tests of its own. Here every byte counts.
            let fields = request.as_object_mut()?;
            fields.insert("store".into(), false.into());
            for name in ["previous_response_id", "conversation", "background"] {
                fields.remove(name);
            }
        }
        let verb = line["endpoint"].as_str()?.rsplit_once(':').map_or("", |(_, verb)| verb).replace("%24", "$");
        Some(Self {
            id: case["id"].as_str()?.to_owned(),
            path,
            verb,
            model: request["model"].as_str().or(case["model"].as_str()).unwrap_or("some-model").to_owned(),
            request,
            status: u16::try_from(response["status"].as_u64()?).unwrap(),
            headers,
            body,
            sse,
            tags: case["tags"].as_array()?.iter().map(|t| t.as_str().unwrap().to_owned()).collect(),
        })
    }

    fn has(&self, tag: &str) -> bool {
        self.tags.iter().any(|t| t == tag)
    }

    /// As the vendor would send it, in HTTP chunks of `size`, or with a length.
    fn replay(&self, size: Option<usize>) -> Vec<u8> {
        let mut out = format!("HTTP/1.1 {} Recorded\r\n", self.status);
        for (name, value) in &self.headers {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        match size {
            Some(size) => {
                out.push_str("transfer-encoding: chunked\r\n\r\n");
                [out.as_bytes(), &chunks(&self.body, size), b"0\r\n\r\n"].concat()
            }
            None => [format!("{out}content-length: {}\r\n\r\n", self.body.len()).as_bytes(), &self.body].concat(),
        }
    }

    fn model(&self) -> String {
        let provider = match self.path {
            MESSAGES => "replay-anthropic",
            GENERATE => "replay-gemini",
            _ => "replay",
        };
        format!("{provider}/{}", self.model)
    }

    fn target(&self) -> String {
        match self.path {
            GENERATE => format!("{GENERATE}{}:{}", self.model(), self.verb),
            path => path.to_owned(),
        }
    }

    /// The request for the gateway: content type and body.
    fn ask(&self) -> (String, Vec<u8>) {
        let model = self.model();
        let Some(parts) = self.request["multipart"].as_array() else {
            let mut request = self.request.clone();
            if self.path != GENERATE {
                request["model"] = model.into();
            }
            return ("application/json".into(), serde_json::to_vec(&request).unwrap());
        };
        let mut out = Vec::new();
        let mut named = false;
        for part in parts {
            let name = part["name"].as_str().unwrap();
            out.extend_from_slice(format!("--XX\r\ncontent-disposition: form-data; name=\"{name}\"").as_bytes());
            if let Some(file) = part["filename"].as_str() {
                let length = usize::try_from(part["bytes"].as_u64().unwrap_or(9)).unwrap().min(100_000);
                out.extend_from_slice(format!("; filename=\"{file}\"\r\n\r\n").as_bytes());
                out.resize(out.len() + length, b'a');
            } else {
                named |= name == "model";
                let value = if name == "model" { &model } else { part["value"].as_str().unwrap_or("x") };
                out.extend_from_slice(format!("\r\n\r\n{value}").as_bytes());
            }
            out.extend_from_slice(b"\r\n");
        }
        if !named {
            out.extend_from_slice(
                format!("--XX\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n").as_bytes(),
            );
        }
        out.extend_from_slice(b"--XX--\r\n");
        ("multipart/form-data; boundary=XX".into(), out)
    }

    fn finished(&self) -> bool {
        self.sse && String::from_utf8_lossy(&self.body).replace(' ', "").contains("\"finish_reason\":\"stop\"")
    }

    fn asked_usage(&self) -> bool {
        self.request["stream_options"]["include_usage"] == true
    }

    /// What the client is to get, for a stream that is whole.
    fn expected(&self) -> Vec<u8> {
        if !self.sse {
            return self.body.clone();
        }
        let text = String::from_utf8(self.body.clone()).unwrap();
        let mut out = String::new();
        for event in events(&text) {
            let data = data(event);
            let usage_only = serde_json::from_str::<Value>(&data)
                .is_ok_and(|v| v["choices"].as_array().is_some_and(Vec::is_empty) && v["usage"].is_object());
            if self.path == "/v1/chat/completions" && usage_only && !self.asked_usage() {
                continue;
            }
            out.push_str(event);
            let ends = match self.path {
                MESSAGES => serde_json::from_str::<Value>(&data).is_ok_and(|v| v["type"] == "message_stop"),
                _ => data == "[DONE]",
            };
            if ends {
                return closed(&out);
            }
        }
        if self.path == "/v1/chat/completions" {
            return [closed(&out), b"data: [DONE]\n\n".to_vec()].concat();
        }
        closed(&out)
    }
}

/// An event stream whose last event has its blank line, without which clients would not see it.
fn closed(text: &str) -> Vec<u8> {
    let rest = if text.ends_with("\n\n") || text.ends_with("\r\n\r\n") {
        ""
    } else if text.ends_with('\n') {
        "\n"
    } else {
        "\n\n"
    };
    format!("{text}{rest}").into_bytes()
}

fn events(text: &str) -> Vec<&str> {
    let mut events = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let lf = rest.find("\n\n").map(|at| at + 2);
        let crlf = rest.find("\r\n\r\n").map(|at| at + 4);
        let end = [lf, crlf].into_iter().flatten().min().unwrap_or(rest.len());
        events.push(&rest[..end]);
        rest = &rest[end..];
    }
    events
}

fn data(event: &str) -> String {
    let lines = event.lines().filter_map(|l| l.strip_prefix("data:"));
    lines.map(|l| l.strip_prefix(' ').unwrap_or(l)).collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn logged_usage(record: &Value) -> Option<(u64, u64, u64)> {
    let usage = record.get("usage")?;
    let sum = |names: &[&str]| names.iter().map(|n| usage[format!("{n}_tokens")].as_u64().unwrap_or(0)).sum();
    Some((
        sum(&["input", "cache_read", "cache_write_5m", "cache_write_1h", "audio_input", "image_input"]),
        sum(&["output", "reasoning", "audio_output", "image_output"]),
        usage["audio_milliseconds"].as_u64().unwrap_or(0),
    ))
}

/// What is wrong with the answer, if anything.
fn judge(case: &Case, answer: &Answer, record: &Value) -> Result<(), String> {
    let text = answer.text();
    let start: String = text.chars().take(300).collect();
    if !answer.complete {
        return Err(format!("incomplete: {start}"));
    }
    if case.status == 200 {
        // Perplexity's last event is `chat.completion.done` and no `[DONE]` follows: that is whole.
        let done = String::from_utf8_lossy(&case.body).contains("chat.completion.done") || case.finished();
        let broken = !done && ["stream_incomplete", "stream_error", "error_in_200"].iter().any(|tag| case.has(tag));
        if broken {
            let last = events(&text).last().map(|event| data(event)).unwrap_or_default();
            let last: Value = serde_json::from_str(&last).unwrap_or_default();
            let told = last["error"].is_object() || last["type"] == "error" || last["type"] == "response.failed";
            let told = told || answer.status >= 400 && answer.json()["error"]["message"].is_string();
            return if told && !text.contains("[DONE]") && !text.contains("\"message_stop\"") {
                Ok(())
            } else {
                Err(format!("not told as broken: {start}"))
            };
        }
        // One recording is of an answer that is none, made to try the vendor's own library.
        if case.id == "vertex.gemini-generate.23ed6fa9fc" {
            let told = answer.status == 502 && text.contains("upstream_invalid_answer");
            return if told { Ok(()) } else { Err(format!("taken: {start}")) };
        }
        if answer.status != 200 {
            return Err(format!("refused: {} {start}", answer.status));
        }
        if answer.body != case.expected() {
            return Err(format!("changed: {start}"));
        }
        let (logged, reported) = (logged_usage(record), case.usage());
        if logged != reported {
            return Err(format!("usage {logged:?}, reported {reported:?}"));
        }
        // One recording holds numbers that somebody made up (reasoning and audio beyond the whole), and xAI reports
        // more tokens from the cache than there were in the prompt.
        let made_up = case.id == "openai.openai-chat.516411bee9"
            || case.id.starts_with("azure.") && text.contains("num_sources_used");
        if record["usage"]["suspect"] == true && !made_up {
            return Err(format!("usage marked: {}", record["usage"]));
        }
        return Ok(());
    }
    let quota = text.contains("upstream_account_error");
    let expected: &[u16] = match case.status {
        // A key that is none, and a place that is not served, are the account's matter though Google says 400.
        400 | 429 if quota => &[502],
        status @ (400 | 404 | 413 | 422 | 429) => &[status],
        503 => &[503],
        // Anthropic's is told as a time-out, Google's as a failure.
        504 => &[502, 504],
        529 if case.path == MESSAGES => &[529],
        _ => &[502],
    };
    if !expected.contains(&answer.status) {
        return Err(format!("status {} for {}: {start}", answer.status, case.status));
    }
    if !answer.json().is_object() && answer.json()["error"]["message"].is_null() {
        return Err(format!("no message: {start}"));
    }
    let theirs = String::from_utf8_lossy(&case.body).into_owned();
    for word in theirs.split(|c: char| !(c.is_ascii_alphanumeric() || "-_*.@".contains(c))) {
        let account = ["sk-", "org-", "proj_"].iter().any(|p| word.starts_with(p) && word.len() > 12)
            || word.contains("***")
            || word.contains('@') && word != "@type";
        if account && text.contains(word) {
            return Err(format!("`{word}` of the account is told: {start}"));
        }
    }
    Ok(())
}

#[test]
fn recorded_traffic_passes() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let Ok(index) = std::fs::read_to_string(root.join("index.jsonl")) else {
        println!("recorded: no fixtures at {}, skipped", root.display());
        return;
    };
    let mut cases: Vec<Case> =
        index.lines().filter_map(|line| Case::read(&root, &serde_json::from_str(line).unwrap())).collect();
    // Some vendors say in the body how long to wait, which rests the account for all that come after.
    cases.sort_by_key(|case| case.status == 429);
    let cases = Arc::new(cases);
    let played = Arc::clone(&cases);
    let upstream = Upstream::start(move |request, stream| {
        let head = String::from_utf8_lossy(&request[..request.len().min(4000)]).into_owned();
        let (_, tail) = head.split_once("x-case: ").unwrap();
        let (case, size) = tail.split_once("\r\n").unwrap().0.split_once('/').unwrap();
        let case = &played[case.parse::<usize>().unwrap()];
        if case.path == "/v1/chat/completions" && case.request["messages"].is_array() {
            assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"));
        }
        stream.write_all(&case.replay(size.parse().ok())).is_ok()
    });
    let table = provider("replay", upstream.address, "forward_headers = [\"x-case\"]");
    let of_kind = |kind: &str| {
        let named = table.replace("[providers.replay]", &format!("[providers.replay-{kind}]"));
        named.replace("kind = \"openai\"", &format!("kind = \"{kind}\"")).replace("/v1\"", "\"")
    };
    let gateway = Gateway::start(&[table.clone(), of_kind("anthropic"), of_kind("gemini")].concat());
    let bearer = format!("Bearer {}", gateway.live_key());
    let (mut requests, mut bad, mut answers) = (0, Vec::new(), Vec::new());
    let mut passed: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, case) in cases.iter().enumerate() {
        let (content_type, body) = case.ask();
        let small = case.body.len() < 20_000;
        let sizes: &[&str] = match (case.sse, small) {
            // Any cut of the bytes is tried closer to the code; some here.
            (true, true) if index % 4 == 0 => &["1", "9999999"],
            (true, true) => &["61"],
            (true, false) => &["997"],
            (false, true) if index % 4 == 0 => &["1"],
            (false, _) => &[""],
        };
        for size in sizes {
            requests += 1;
            let answer = gateway.post(
                &case.target(),
                &[("authorization", &bearer), ("content-type", &content_type), ("x-case", &format!("{index}/{size}"))],
                std::str::from_utf8(&body).unwrap(),
            );
            answers.push((case, size, answer));
        }
    }
    let mut failed: Vec<&str> = Vec::new();
    let records = records(&gateway, answers.len());
    for (case, size, answer) in &answers {
        let record = answer.header("x-request-id").and_then(|id| records.get(id)).expect("no record");
        if let Err(why) = judge(case, answer, record) {
            bad.push(format!("{} {size}: {why}", case.id));
            failed.push(&case.id);
        }
    }
    for case in cases.iter().filter(|case| !failed.contains(&case.id.as_str())) {
        *passed.entry(case.path).or_default() += 1;
    }
    let sum: usize = passed.values().sum();
    println!("recorded: {sum} of {} cases passed in {requests} requests: {passed:?}", cases.len());
    assert!(bad.is_empty(), "{} failed:\n{}", bad.len(), bad.join("\n"));
}
