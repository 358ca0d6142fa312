//! Money from outside: what is held, booked, shown, refused, and what a crash leaves.

mod booking;
mod crash;
mod disk;
mod limits;
mod prices;
mod refunds;

use crate::harness::{ADMIN, Answer, Gateway};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

pub const HELLO: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
pub const CAPPED: &str = r#"{"model":"m","max_tokens":50,"messages":[{"role":"user","content":"hi"}]}"#;

/// An answer with 1,000 tokens of input, 200 of them cached, and 300 of output, 100 of them thought: by the prices of
/// `gpt-5-mini` 800 × 0.25 + 200 × 0.025 + 300 × 2 millionths of a dollar.
pub const ANSWER: &str = r#"{"id":"c","object":"chat.completion","model":"gpt-5-mini","choices":[{"index":0,"message":{"role":"assistant","content":"Hello there."},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":300,"total_tokens":1300,"prompt_tokens_details":{"cached_tokens":200},"completion_tokens_details":{"reasoning_tokens":100}}}"#;
pub const COST: &str = "0.000805000";

impl Gateway {
    pub fn admin(&self, path: &str) -> Value {
        let answer = self.get(&format!("/admin/v1{path}"), &[("authorization", &format!("Bearer {ADMIN}"))]);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    pub fn own(&self, key: &str, path: &str) -> Answer {
        self.get(path, &[("authorization", &format!("Bearer {key}"))])
    }

    /// The entries of one request.
    pub fn booked(&self, request: &str) -> Vec<Value> {
        self.admin(&format!("/ledger/entries?request={request}"))["data"].as_array().unwrap().clone()
    }

    pub fn assert_books_add_up(&self) {
        let report = self.admin("/ledger/verify");
        assert_eq!(report["ok"], true, "{report}");
    }
}

/// Sends a chat request and gives the open connection, from which the caller reads what it likes.
pub fn open_stream(gateway: &Gateway, key: &str, body: &str) -> (String, BufReader<TcpStream>) {
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut reader = BufReader::new(stream);
    let mut id = String::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.strip_prefix("x-request-id: ") {
            value.trim().clone_into(&mut id);
        }
        if line == "\r\n" || line.is_empty() {
            return (id, reader);
        }
    }
}

pub fn nano(text: &str) -> i64 {
    tollgate::money::parse(text).unwrap()
}

/// Whether the long forms are to run (`make soak`).
pub fn is_long() -> bool {
    std::env::var_os("TOLLGATE_LONG").is_some_and(|value| !value.is_empty())
}

/// Waits until a condition holds.
pub fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !check() {
        assert!(std::time::Instant::now() < end, "{what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
