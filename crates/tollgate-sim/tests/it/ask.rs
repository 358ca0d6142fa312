//! One request to a simulator without a socket, and what came of it.

use serde_json::Value;
use tollgate_sim::{Request, Simulator, Step};

pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) text: String,
    pub(crate) prompt: u64,
    pub(crate) completion: u64,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The body of an answer that must have succeeded.
    pub(crate) fn good(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
    }

    /// The data of all events; what is no JSON as a string.
    pub(crate) fn events(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.text);
        let datas = self.text.lines().filter_map(|line| line.strip_prefix("data: "));
        datas.map(|data| serde_json::from_str(data).unwrap_or_else(|_| Value::from(data))).collect()
    }
}

/// A request to a simulator of its own.
pub(crate) fn send(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Got {
    send_to(&Simulator::new(7), method, path, headers, body)
}

pub(crate) fn send_to(simulator: &Simulator, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Got {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let mut answer = simulator.answer(&Request { method, path, query, headers, body });
    let mut bytes = Vec::new();
    for step in answer.steps.by_ref() {
        if let Step::Bytes(more) = step {
            bytes.extend_from_slice(&more);
        }
    }
    Got {
        status: answer.status,
        headers: answer.headers,
        text: String::from_utf8(bytes).unwrap(),
        prompt: answer.prompt_tokens,
        completion: answer.steps.completion_tokens(),
    }
}

/// `body` with the fields of `more` on top.
pub(crate) fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}
