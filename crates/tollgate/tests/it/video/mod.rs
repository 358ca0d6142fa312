//! Video tasks: made once, looked after, settled once, whatever happens on the way.

mod ark;
mod crash;
mod ends;
mod files;
mod kling;
mod lists;
mod load;
mod many;
mod unified;
mod veo;
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

    /// The newest task that it knows.
    pub fn newest(&self) -> Value {
        self.tasks()["data"].as_array().unwrap().last().unwrap().clone()
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

/// Per second: what Kling's models cost here, since the catalogue has no prices of theirs.
pub const KLING: [(&str, i64); 3] = [("std", 70_000_000), ("pro", 140_000_000), ("pro+audio", 280_000_000)];

/// A gateway whose vendors of video are all one simulator; more of `[video]` may be given. `g-veo` and `v-veo` are one
/// model at both of Google's doors.
pub fn config(sim: SocketAddr, more: &str) -> String {
    let [std, pro, audio] = KLING.map(|(words, rate)| format!("\"{words}\" = \"0.{:02}\"", rate / 10_000_000));
    let key = |name: &str, more: &str| {
        format!(
            "[providers.{name}]\nbase_url = \"http://{sim}\"\ncredentials = [{{ api_key = \"{name}-key\" }}]\n{more}"
        )
    };
    let veo = |name: &str, provider: &str| {
        format!("[models.{name}]\ntargets = [{{ provider = \"{provider}\", model = \"veo-3.1-generate-001\" }}]\n")
    };
    format!(
        "[video]\nfirst_poll = \"100ms\"\nslowest_poll = \"300ms\"\nresolve = \"3s\"\n{more}\n{}{}{}\
         [providers.kling]\nbase_url = \"http://{sim}\"\n\
         credentials = [{{ access_key = \"ak\", secret_key = \"sk\" }}]\n\
         [providers.vertex]\nbase_url = \"http://{sim}\"\nproject = \"secret-project\"\nlocation = \"us-central1\"\n\
         credentials = [{{ access_token = \"vertex-token\" }}]\n{}{}\
         [prices.\"kling/kling-v2-6\"]\nvideo_per_second = {{ {std}, {pro}, {audio} }}\n",
        key("ark", ""),
        key("openai", ""),
        key("gemini", ""),
        veo("g-veo", "gemini"),
        veo("v-veo", "vertex"),
    )
}

/// A gateway on that configuration and its simulator.
pub fn world() -> (Sim, Gateway) {
    let sim = Sim::start();
    let gateway = Gateway::start(&config(sim.address, ""));
    (sim, gateway)
}

/// The head of a PNG of that size, which is all that anybody looks at.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend_from_slice(&width.to_be_bytes());
    bytes.extend_from_slice(&height.to_be_bytes());
    bytes.extend_from_slice(b"\x08\x02\0\0\0\0\0\0\0picture");
    bytes.resize(60, 0);
    bytes
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

    /// Somebody of another project.
    pub fn stranger(gateway: &'g Gateway, mode: &str) -> Self {
        let answer = gateway.admin_call("POST", "/projects", r#"{"name":"other"}"#);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let body = json!({ "name": "other", "mode": mode, "project": answer.json()["id"] });
        Self::with(gateway, &gateway.key(&body.to_string()))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.gateway.get(path, &[("authorization", &self.bearer)])
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], b"")
    }

    /// Any request.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut all = vec![("authorization", self.bearer.as_str())];
        all.extend_from_slice(headers);
        request(self.gateway.address, method, path, &all, body)
    }

    /// The answer of a gateway that may be gone; `None` if it is.
    pub fn post_if_there(&self, path: &str, body: &Value) -> Option<Answer> {
        std::net::TcpStream::connect(self.gateway.address).ok()?;
        // It may go between the two.
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.post(path, body))).ok()
    }

    /// A form: name, file's name if it is a file, content.
    pub fn form(&self, path: &str, parts: &[(&str, Option<&str>, &[u8])], headers: &[(&str, &str)]) -> Answer {
        let mut body = Vec::new();
        for (name, file, content) in parts {
            let file =
                file.map_or_else(String::new, |file| format!("; filename=\"{file}\"\r\nContent-Type: image/png"));
            let head = format!("--bound\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
            body.extend_from_slice(&[head.as_bytes(), content, b"\r\n"].concat());
        }
        body.extend_from_slice(b"--bound--\r\n");
        let mut all = vec![("content-type", "multipart/form-data; boundary=bound")];
        all.extend_from_slice(headers);
        self.send("POST", path, &all, &body)
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

    /// What a request has cost, in nano-dollars, once that is known; there is one charge for it.
    pub fn paid(&self, request_id: &str) -> i64 {
        let charges = self.charged(request_id);
        assert_eq!(charges.len(), 1, "{charges:?}");
        nano(&charges[0]["amount_usd"])
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
