//! Recorded traffic, read in place.

use serde_json::Value;
use std::path::{Path, PathBuf};

/// One recorded exchange.
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) status: u16,
    pub(crate) tags: Vec<String>,
    /// The JSON that was sent, where it was kept.
    pub(crate) request: Option<Value>,
    pub(crate) reply: Reply,
}

/// What came back.
pub(crate) enum Reply {
    /// At once.
    Body(Vec<u8>),
    /// As server-sent events.
    Stream(String),
}

impl Case {
    /// Whether it has a tag.
    pub(crate) fn has(&self, tag: &str) -> bool {
        self.tags.iter().any(|t| t == tag)
    }

    /// The request as bytes.
    pub(crate) fn asked(&self) -> Option<Vec<u8>> {
        self.request.as_ref().map(|request| serde_json::to_vec(request).unwrap())
    }

    /// The whole answer of a success that was not streamed.
    pub(crate) fn answer(&self) -> Option<&[u8]> {
        match &self.reply {
            Reply::Body(body) if self.status == 200 => Some(body),
            _ => None,
        }
    }

    /// The stream of a success.
    pub(crate) fn stream(&self) -> Option<&str> {
        match &self.reply {
            Reply::Stream(text) if self.status == 200 => Some(text),
            _ => None,
        }
    }

    /// The body of an error.
    pub(crate) fn error(&self) -> Option<&[u8]> {
        match &self.reply {
            Reply::Body(body) if self.status != 200 => Some(body),
            _ => None,
        }
    }
}

/// The folder beside the repository that holds `name`, if it is there; else a line that says so.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(name);
    if folder.exists() {
        return Some(folder);
    }
    println!("{} is not there, skipped", folder.display());
    None
}

/// All recorded exchanges of a wire format (`anthropic-messages`), whoever answered; none where they are missing.
/// Reads of stored objects are left out: they carry no request.
pub(crate) fn cases(protocol: &str) -> Vec<Case> {
    let Some(root) = shared("fixtures") else { return Vec::new() };
    let index = std::fs::read_to_string(root.join("index.jsonl")).unwrap();
    let lines = index.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let asked = |line: &Value| line["protocol"] == protocol && line["endpoint"].as_str().unwrap().starts_with("POST ");
    lines.filter(asked).map(|line| read(&root, &line)).collect()
}

fn read(root: &Path, line: &Value) -> Case {
    let text = std::fs::read_to_string(root.join(line["file"].as_str().unwrap())).unwrap();
    let case: Value = serde_json::from_str(&text).unwrap();
    let response = &case["response"];
    let reply = match (&response["sse"], &response["text"]) {
        (Value::String(text), _) => Reply::Stream(text.clone()),
        (_, Value::String(text)) => Reply::Body(text.clone().into_bytes()),
        _ => Reply::Body(serde_json::to_vec(&response["body"]).unwrap()),
    };
    let request = &case["request"]["body"];
    Case {
        id: line["id"].as_str().unwrap().to_owned(),
        status: u16::try_from(line["status"].as_u64().unwrap()).unwrap(),
        tags: line["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_owned()).collect(),
        request: request.is_object().then(|| request.clone()),
        reply,
    }
}

/// The events of a stream, each with its blank line.
pub(crate) fn events(stream: &str) -> Vec<&[u8]> {
    let (mut events, mut rest) = (Vec::new(), stream.as_bytes());
    let mut splitter = tollgate_protocol::sse::Splitter::default();
    while let Some(end) = splitter.event_end(rest, true) {
        events.push(&rest[..end]);
        rest = &rest[end..];
    }
    events
}
