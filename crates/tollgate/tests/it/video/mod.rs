//! Video tasks: made once, looked after, settled once, whatever happens on the way.

mod ark;
mod crash;
mod webhooks;

use crate::harness::{ADMIN, Answer, Gateway, request};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A `tollgate sim` in a process of its own.
pub struct Sim {
    child: Child,
    pub address: SocketAddr,
}

impl Sim {
    pub fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["sim", "--listen", "127.0.0.1:0"])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).unwrap().trim().trim_end_matches("/v1").parse().unwrap();
        std::thread::spawn(move || lines.lines().for_each(drop));
        Self { child, address }
    }

    /// Rules for requests without a steering header of their own.
    pub fn steer(&self, rules: &Value) {
        let answer = request(self.address, "PUT", "/_sim/steer", &[], rules.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// One rule for creates.
    pub fn steer_creates(&self, steer: &str, times: Option<u64>) {
        self.steer(&json!([{ "method": "POST", "steer": steer, "times": times }]));
    }

    /// The tasks that it knows, and what it has counted.
    pub fn tasks(&self) -> Value {
        request(self.address, "GET", "/_sim/tasks", &[], b"").json()
    }

    /// Tasks that were made.
    pub fn creates(&self) -> u64 {
        self.tasks()["totals"]["creates"].as_u64().unwrap()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A gateway whose vendors of video are all one simulator; more configuration may be given.
pub fn config(sim: SocketAddr, more: &str) -> String {
    format!(
        "[video]\nfirst_poll = \"100ms\"\nslowest_poll = \"300ms\"\nresolve = \"3s\"\n{more}\n\
         [providers.ark]\nbase_url = \"http://{sim}\"\ncredentials = [{{ api_key = \"ark-key\" }}]\n\
         [providers.kling]\nbase_url = \"http://{sim}\"\n\
         credentials = [{{ access_key = \"ak\", secret_key = \"sk\" }}]\n"
    )
}

/// A task's life as its caller sees it: until it has ended, or `limit` is over.
pub fn eventually<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() > end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A caller with a key.
pub struct Caller<'g> {
    pub gateway: &'g Gateway,
    pub bearer: String,
}

impl<'g> Caller<'g> {
    pub fn live(gateway: &'g Gateway) -> Self {
        Self { gateway, bearer: format!("Bearer {}", gateway.live_key()) }
    }

    pub fn test(gateway: &'g Gateway) -> Self {
        Self { gateway, bearer: format!("Bearer {}", gateway.test_key()) }
    }

    pub fn with(gateway: &'g Gateway, key: &str) -> Self {
        Self { gateway, bearer: format!("Bearer {key}") }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.gateway.get(path, &[("authorization", &self.bearer)])
    }

    pub fn delete(&self, path: &str) -> Answer {
        request(self.gateway.address, "DELETE", path, &[("authorization", &self.bearer)], b"")
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, body, &[])
    }

    pub fn post_with(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("authorization", self.bearer.as_str()), ("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.gateway.post(path, &all, &body.to_string())
    }
}

impl Gateway {
    /// The entries of a request, once there are any.
    pub fn charged(&self, request_id: &str) -> Vec<Value> {
        let look = || {
            let entries = self.admin(&format!("/ledger/entries?request={request_id}"));
            let entries = entries["data"].as_array().unwrap().clone();
            (!entries.is_empty()).then_some(entries)
        };
        eventually(Duration::from_secs(10), look).unwrap_or_default()
    }

    /// The books add up, those of tasks included.
    pub fn assert_books(&self) {
        let report = self.admin("/ledger/verify");
        assert_eq!(report["ok"], true, "{report}");
    }

    /// As the admin API has it.
    pub fn admin_call(&self, method: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {ADMIN}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        request(self.address, method, &format!("/admin/v1{path}"), &headers, body.as_bytes())
    }
}

/// Dollars in nano-dollars.
pub fn nano(usd: &Value) -> i64 {
    let text = usd.as_str().unwrap();
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
    let (whole, part) = text.split_once('.').unwrap();
    sign * (whole.parse::<i64>().unwrap() * 1_000_000_000 + part.parse::<i64>().unwrap())
}
