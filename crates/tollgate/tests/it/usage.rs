//! Usage out of recorded answers of real vendors, against sums made from the same JSON another way; and estimates
//! against what the vendors counted.

mod estimates;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tollgate_protocol::relay::Relay;
use tollgate_protocol::sse::Event;
use tollgate_protocol::usage::Usage;
use tollgate_protocol::{audio, chat, embeddings, gemini, messages, responses};

/// One recorded exchange.
pub struct Recorded {
    id: String,
    protocol: String,
    tags: Vec<String>,
    fidelity: String,
    request: Value,
    /// What the vendor sent: the data of each event, or the whole answer alone.
    parts: Vec<Vec<u8>>,
    streamed: bool,
}

/// Gives a relay one event with that data.
fn push(relay: &mut Relay, data: &[u8]) {
    let lines = String::from_utf8_lossy(data).replace('\n', "\ndata: ");
    relay.push(format!("data: {lines}\n\n").as_bytes(), &mut bytes::BytesMut::new());
}

/// All recorded answers of status 200 in one of `protocols`; none, with a line that says so, where they are missing.
fn recorded(protocols: &[&str]) -> Vec<Recorded> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let Ok(index) = std::fs::read_to_string(root.join("index.jsonl")) else {
        println!("usage: no fixtures at {}, skipped", root.display());
        return Vec::new();
    };
    let mut found = Vec::new();
    for line in index.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let protocol = line["protocol"].as_str().unwrap();
        if line["status"] != 200 || !protocols.contains(&protocol) {
            continue;
        }
        let case = std::fs::read_to_string(root.join(line["file"].as_str().unwrap())).unwrap();
        let case: Value = serde_json::from_str(&case).unwrap();
        let response = &case["response"];
        let streamed = response["sse"].is_string();
        let parts = match response["sse"].as_str() {
            Some(text) => text
                .replace("\r\n", "\n")
                .split("\n\n")
                .filter_map(|event| Event::read(event.as_bytes()).data.map(std::borrow::Cow::into_owned))
                .filter(|data| data != b"[DONE]")
                .collect(),
            None if response["body"].is_null() => Vec::new(),
            None => vec![serde_json::to_vec(&response["body"]).unwrap()],
        };
        found.push(Recorded {
            id: line["id"].as_str().unwrap().to_owned(),
            protocol: protocol.to_owned(),
            tags: line["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_owned()).collect(),
            fidelity: line["fidelity"].as_str().unwrap().to_owned(),
            request: case["request"]["body"].clone(),
            parts,
            streamed,
        });
    }
    found
}

impl Recorded {
    /// Numbers that cannot be true: one recording has them made up, and xAI's models at Azure report more tokens from
    /// the cache than there were in the prompt.
    fn is_made_up(&self) -> bool {
        let xai =
            self.id.starts_with("azure.") && String::from_utf8_lossy(&self.parts.concat()).contains("num_sources_used");
        xai || self.id == "openai.openai-chat.516411bee9"
    }

    fn has(&self, tags: &[&str]) -> bool {
        self.tags.iter().any(|tag| tags.contains(&tag.as_str()))
    }

    /// What the product's readers make of the whole.
    fn read(&self) -> Option<Usage> {
        let mut last = None;
        self.read_each(|used| last = used);
        last
    }

    /// What they make of it after each event, the last included; of a plain answer once.
    fn read_each(&self, mut after: impl FnMut(Option<Usage>)) {
        if !self.streamed {
            let Some(body) = self.parts.first() else { return };
            after(match self.protocol.as_str() {
                "openai-chat" | "openai-completions" => chat::answer(body).ok().flatten(),
                "openai-embeddings" => embeddings::answer(body).ok().flatten(),
                "openai-transcription" | "openai-translation" => audio::answer(body, true).ok().flatten(),
                "anthropic-messages" => messages::answer(body),
                "gemini-generate" => gemini::answer(body),
                _ => responses::answer(body),
            });
            return;
        }
        let mut relay: Option<Relay> = match self.protocol.as_str() {
            "openai-chat" | "openai-completions" => Some(Relay::new(Box::new(chat::ChatWatch::new(false)))),
            "openai-transcription" => Some(Relay::new(Box::new(audio::TranscriptWatch::default()))),
            "anthropic-messages" => Some(Relay::new(Box::new(messages::MessagesWatch::default()))),
            _ => None,
        };
        let mut gemini = gemini::GeminiUsage::default();
        let mut responses = responses::ResponsesUsage::default();
        for data in &self.parts {
            after(match (&mut relay, self.protocol.as_str()) {
                (Some(relay), _) => {
                    push(relay, data);
                    relay.usage()
                }
                (None, "gemini-generate") => {
                    gemini.event(data);
                    gemini.usage()
                }
                (None, _) => {
                    responses.event(data);
                    responses.usage()
                }
            });
        }
    }

    /// Input, output and what of them was cached, thought, heard and searched, out of the JSON by other means.
    fn expected(&self) -> Option<BTreeMap<&'static str, u64>> {
        let values: Vec<Value> = self.parts.iter().filter_map(|data| serde_json::from_slice(data).ok()).collect();
        // Gemini may send a stream as one array.
        let values: Vec<Value> = values.into_iter().flat_map(|v| v.as_array().cloned().unwrap_or(vec![v])).collect();
        let mut last = serde_json::Map::new();
        for value in &values {
            let places = ["/usage", "/message/usage", "/response/usage", "/x_groq/usage", "/usageMetadata"];
            let Some(used) = places.iter().find_map(|place| value.pointer(place)?.as_object()) else { continue };
            last.extend(used.iter().filter(|(_, v)| !v.is_null()).map(|(key, value)| (key.clone(), value.clone())));
        }
        if !last.keys().any(|key| key.contains("oken") || key == "seconds") {
            return None;
        }
        let told = Value::Object(last);
        let n = |path: &str| told.pointer(path).and_then(Value::as_u64).unwrap_or(0);
        let kinds = |list: &str, kind: &str| -> u64 {
            let parts = told[list].as_array().into_iter().flatten();
            parts.filter(|part| part["modality"] == kind).map(|part| part["tokenCount"].as_u64().unwrap_or(0)).sum()
        };
        let rows = match self.protocol.as_str() {
            "anthropic-messages" => {
                let calls = told["iterations"].as_array().cloned().unwrap_or_else(|| vec![told.clone()]);
                let sum = |key: &str| calls.iter().map(|call| call[key].as_u64().unwrap_or(0)).sum::<u64>();
                let cached = sum("cache_read_input_tokens");
                [
                    ("input", sum("input_tokens") + sum("cache_creation_input_tokens") + cached),
                    ("output", sum("output_tokens")),
                    ("cached", cached),
                    ("thought", n("/output_tokens_details/thinking_tokens")),
                    ("heard", 0),
                    ("searched", n("/server_tool_use/web_search_requests")),
                ]
            }
            "gemini-generate" => [
                ("input", n("/promptTokenCount") + n("/toolUsePromptTokenCount")),
                ("output", n("/candidatesTokenCount") + n("/thoughtsTokenCount")),
                ("cached", n("/cachedContentTokenCount")),
                ("thought", n("/thoughtsTokenCount")),
                ("heard", kinds("promptTokensDetails", "AUDIO") - kinds("cacheTokensDetails", "AUDIO")),
                ("searched", 0),
            ],
            "openai-responses" | "openai-images" | "openai-responses-ops" => {
                let whole = values.iter().rev().find_map(|v| v["response"]["output"].as_array());
                let items = whole.or_else(|| values[0]["output"].as_array()).into_iter().flatten();
                let search = |item: &&Value| {
                    item["type"] == "web_search_call"
                        && item["status"] != "failed"
                        && item["action"]["type"].as_str().is_none_or(|kind| kind == "search")
                };
                [
                    ("input", n("/input_tokens")),
                    ("output", n("/output_tokens")),
                    ("cached", n("/input_tokens_details/cached_tokens")),
                    ("thought", n("/output_tokens_details/reasoning_tokens")),
                    ("heard", n("/input_tokens_details/audio_tokens")),
                    ("searched", items.filter(search).count() as u64),
                ]
            }
            _ => {
                let (input, output) =
                    (n("/prompt_tokens") + n("/input_tokens"), n("/completion_tokens") + n("/output_tokens"));
                let thought = n("/completion_tokens_details/reasoning_tokens");
                let heard = n("/prompt_tokens_details/audio_tokens") + n("/input_token_details/audio_tokens");
                let total = n("/total_tokens");
                let beside = |part: u64| if part > 0 && total == input + output + part { part } else { 0 };
                [
                    ("input", input + beside(heard)),
                    ("output", output + beside(thought)),
                    (
                        "cached",
                        n("/prompt_tokens_details/cached_tokens")
                            .max(n("/prompt_cache_hit_tokens"))
                            .max(n("/cached_tokens")),
                    ),
                    ("thought", thought),
                    ("heard", heard),
                    ("searched", n("/server_tool_use_details/web_search_requests")),
                ]
            }
        };
        Some(rows.into_iter().collect())
    }
}

fn sums(usage: &Usage) -> BTreeMap<&'static str, u64> {
    BTreeMap::from([
        ("input", usage.total_input()),
        ("output", usage.total_output()),
        ("cached", usage.cache_read_tokens),
        ("thought", usage.reasoning_tokens),
        ("heard", usage.audio_input_tokens),
        ("searched", usage.tool_calls),
    ])
}

const PROTOCOLS: [&str; 9] = [
    "openai-chat",
    "openai-completions",
    "openai-embeddings",
    "openai-transcription",
    "openai-translation",
    "openai-responses",
    "openai-images",
    "anthropic-messages",
    "gemini-generate",
];

#[test]
fn recorded_usage_adds_up() {
    let (mut checked, mut cuts, mut bad) = (BTreeMap::<String, [usize; 2]>::new(), 0, Vec::new());
    for case in recorded(&PROTOCOLS) {
        let mut steps = Vec::new();
        case.read_each(|used| steps.push(used));
        let read = steps.last().copied().flatten();
        let Some(expected) = case.expected() else {
            let length = read.is_none_or(|usage| usage.audio_milliseconds > 0 && usage.total_input() == 0);
            if !length {
                bad.push(format!("{}: {read:?} out of nothing", case.id));
            }
            continue;
        };
        checked.entry(case.protocol.clone()).or_default()[usize::from(case.streamed)] += 1;
        match read {
            Some(read) if case.is_made_up() && read.suspect => {}
            Some(read) if sums(&read) == expected && !read.suspect => {}
            read => bad.push(format!("{} {}: {read:?}\n   expected {expected:?}", case.id, case.fidelity)),
        }
        // A stream that is cut keeps what it has told: no total ever goes back to nothing.
        let known: Vec<_> = steps.iter().map(|used| used.map(|used| sums(&used)).unwrap_or_default()).collect();
        for (at, pair) in known.windows(2).enumerate() {
            cuts += 1;
            for (name, before) in &pair[0] {
                if *before > 0 && pair[1].get(name).copied().unwrap_or(0) == 0 {
                    bad.push(format!("{}: {name} was {before} and is lost with event {}", case.id, at + 1));
                }
            }
        }
    }
    let sum: usize = checked.values().flatten().sum();
    println!("usage: {sum} recorded answers checked [plain, streamed], {cuts} cuts: {checked:?}");
    assert!(bad.is_empty(), "{}:\n{}", bad.len(), bad.join("\n"));
}
