//! The Responses protocol.

mod answers;
mod kept;
mod refusals;
mod replay;
mod traffic;

use serde_json::{Value, json};
use tollgate_sim::Simulator;

use crate::{
    ask::{Got, send_to, with},
    shared::assert_valid,
};

/// One simulator over several requests: it remembers.
pub(crate) struct Talk(Simulator);

impl Talk {
    pub(crate) fn new() -> Self {
        Self(Simulator::new(7))
    }

    pub(crate) fn send(&self, method: &str, path: &str, steer: &str, body: &[u8]) -> Got {
        let headers = [("authorization", "Bearer k"), ("x-tollgate-sim", steer)];
        send_to(&self.0, method, path, &headers, body)
    }

    pub(crate) fn create(&self, steer: &str, body: &Value) -> Got {
        self.send("POST", "/v1/responses", steer, body.to_string().as_bytes())
    }

    pub(crate) fn get(&self, path: &str) -> Got {
        self.send("GET", &format!("/v1/responses/{path}"), "", b"")
    }

    pub(crate) fn plain(&self, steer: &str, body: &Value) -> Value {
        let answer = self.create(steer, body).good();
        assert_valid("openai", "Response", &answer);
        answer
    }

    /// Events, checked for their numbers and for agreeing with each other; last the response.
    pub(crate) fn streamed(&self, steer: &str, body: &Value) -> (Vec<Value>, Value) {
        let got = self.create(steer, &with(body.clone(), &json!({"stream": true})));
        let events = got.events();
        let names: Vec<&str> = got.text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
        assert_eq!(names, events.iter().map(|event| event["type"].as_str().unwrap()).collect::<Vec<_>>());
        assert_eq!(names[..2], ["response.created", "response.in_progress"]);
        let mut texts: std::collections::HashMap<(u64, &str), String> = std::collections::HashMap::new();
        for (at, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"], at);
            assert_valid("openai", "ResponseStreamEvent", event);
            let kind = event["type"].as_str().unwrap().trim_start_matches("response.");
            let index = event["output_index"].as_u64().unwrap_or_default();
            if let Some(what) = kind.strip_suffix(".delta") {
                let text = texts.entry((index, what)).or_default();
                text.push_str(event["delta"].as_str().unwrap());
            }
            let whole = match kind {
                "output_text.done" | "reasoning_summary_text.done" => &event["text"],
                "function_call_arguments.done" => &event["arguments"],
                "custom_tool_call_input.done" => &event["input"],
                _ => continue,
            };
            let told = texts.get(&(index, kind.strip_suffix(".done").unwrap())).map_or("", String::as_str);
            assert_eq!(told, whole.as_str().unwrap());
        }
        let response = events.last().unwrap()["response"].clone();
        let done = events.iter().filter(|event| event["type"] == "response.output_item.done");
        assert_eq!(response["output"], done.map(|event| event["item"].clone()).collect::<Value>());
        (events, response)
    }
}

pub(crate) fn hello(more: &Value) -> Value {
    with(json!({"model": "gpt-5.4", "input": "What is Oslo?"}), more)
}

/// The body with the answer's items and the outputs of its calls after it.
pub(crate) fn answered(body: &Value, output: &Value) -> Value {
    let mut body = body.clone();
    let mut items = match body["input"].as_str() {
        Some(text) => vec![json!({"role": "user", "content": text})],
        None => body["input"].as_array().unwrap().clone(),
    };
    items.extend(output.as_array().unwrap().iter().cloned());
    items.extend(outputs(output));
    body["input"] = items.into();
    body
}

/// The outputs of an answer's calls.
pub(crate) fn outputs(output: &Value) -> Vec<Value> {
    let calls = output.as_array().unwrap().iter().filter(|item| item["type"] == "function_call");
    calls.map(|call| json!({"type": "function_call_output", "call_id": call["call_id"], "output": "7"})).collect()
}
