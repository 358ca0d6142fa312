//! A real gateway in a process of its own, real sockets on both sides of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The admin key of every gateway here.
pub const ADMIN: &str = "tg-admin-test-harness-0123456789";

/// A model `m` behind a provider that does not exist.
pub const NOWHERE: &str = r#"
[providers.nowhere]
kind = "openai-compatible"
base_url = "http://127.0.0.1:9/v1"
credentials = [{ api_key = "none" }]
[models.m]
targets = [{ provider = "nowhere", model = "m" }]
"#;

/// A running `tollgate serve` on a fresh data dir; ends with its owner.
pub struct Gateway {
    child: Child,
    pub address: SocketAddr,
    pub dir: tempfile::TempDir,
    log: Arc<Mutex<String>>,
}

impl Gateway {
    /// Starts a gateway with this configuration (TOML; `[server]` may be left out) on a free port.
    pub fn start(config: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), config, &[])
    }

    /// As [`Gateway::start`], in a directory that is there already, with more environment variables.
    pub fn start_in(dir: tempfile::TempDir, config: &str, env: &[(&str, &str)]) -> Self {
        Self::start_by(&[], dir, config, env)
    }

    /// As [`Gateway::start_in`], by a command that is given the program and its arguments and becomes it.
    pub fn start_by(by: &[&str], dir: tempfile::TempDir, config: &str, env: &[(&str, &str)]) -> Self {
        // The sandbox answers for models that the gateway knows: `m` is one everywhere.
        let known = if config.contains("[models.m]") { "" } else { NOWHERE };
        std::fs::write(dir.path().join("tollgate.toml"), format!("{config}\n{known}")).unwrap();
        let program = [env!("CARGO_BIN_EXE_tollgate"), "serve", "--listen", "127.0.0.1:0"];
        let words: Vec<&str> = by.iter().chain(&program).copied().collect();
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .args(["--data-dir", "data", "--config", "tollgate.toml"])
            .current_dir(dir.path())
            .env_clear()
            .env("TOLLGATE_ADMIN_KEY", ADMIN)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (stderr, kept) = (child.stderr.take().unwrap(), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                kept.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = loop {
            let Some(Ok(line)) = lines.next() else {
                let _ = child.wait();
                panic!("the gateway did not start: {}", log.lock().unwrap());
            };
            if let Some(url) = line.strip_prefix("API:") {
                let host = url.trim().split("://").nth(1).unwrap().trim_end_matches("/v1").to_owned();
                break host.parse().unwrap();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        let gateway = Self { child, address, dir, log };
        gateway.wait_ready();
        gateway
    }

    fn wait_ready(&self) {
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            if self.get("/readyz", &[]).status == 200 {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the gateway is not ready: {}", self.log());
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end and gives its exit code.
    pub fn wait(&mut self, limit: Duration) -> Option<i32> {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the gateway did not end in {limit:?}: {}", self.log());
    }

    /// Sends it a signal by name (`TERM`, `INT`, `HUP`, `KILL`).
    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status().unwrap().success());
    }

    /// A new key: `{"mode":…}` and more as the admin API takes it. Gives the secret.
    pub fn key(&self, body: &str) -> String {
        let answer = self.post("/admin/v1/keys", &[("authorization", &format!("Bearer {ADMIN}"))], body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["key"].as_str().unwrap().to_owned()
    }

    /// A live key without limits.
    pub fn live_key(&self) -> String {
        self.key(r#"{"name":"test","mode":"live"}"#)
    }

    /// A test key without limits.
    pub fn test_key(&self) -> String {
        self.key(r#"{"name":"test","mode":"test"}"#)
    }

    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        request(self.address, "GET", path, headers, b"")
    }

    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        request(self.address, "POST", path, headers, body.as_bytes())
    }

    /// A chat request with a key; more headers may be given.
    pub fn chat(&self, key: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let bearer = format!("Bearer {key}");
        let mut all = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.post("/v1/chat/completions", &all, body)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer as it was on the wire.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The message ended as its framing says.
    pub complete: bool,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// `error.code` of an error body.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The `data:` of each event of a streamed answer.
    pub fn events(&self) -> Vec<String> {
        self.text()
            .replace("\r\n", "\n")
            .split("\n\n")
            .filter_map(|e| e.trim_start_matches('\n').strip_prefix("data: ").map(str::to_owned))
            .collect()
    }
}

/// One request on a connection of its own.
pub fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n").into_bytes();
    for (name, value) in headers {
        write!(bytes, "{name}: {value}\r\n").unwrap();
    }
    if !(body.is_empty() && method == "GET") {
        write!(bytes, "content-length: {}\r\n", body.len()).unwrap();
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    raw(address, &bytes)
}

/// Sends bytes as they are and reads one answer; status 0 if nobody listens there.
pub fn raw(address: SocketAddr, bytes: &[u8]) -> Answer {
    let Ok(mut stream) = TcpStream::connect(address) else { return parse(&[]) };
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // The gateway may refuse before it has read all of it.
    let _ = stream.write_all(bytes);
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    parse(&all)
}

/// Takes an answer apart; status 0 if there is none.
pub fn parse(bytes: &[u8]) -> Answer {
    let none = Answer { status: 0, headers: Vec::new(), body: Vec::new(), complete: false };
    let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { return none };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|s| s.parse().ok()).unwrap_or(0);
    let headers: Vec<(String, String)> =
        lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    if status == 100 {
        return parse(&bytes[end + 4..]);
    }
    let rest = &bytes[end + 4..];
    let find = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let (body, complete) = match (find("content-length"), find("transfer-encoding")) {
        (Some(length), _) => (rest.to_vec(), rest.len() == length.parse::<usize>().unwrap()),
        (None, Some(_)) => dechunk(rest),
        (None, None) => (rest.to_vec(), true),
    };
    Answer { status, headers, body, complete }
}

fn dechunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|w| w == b"\r\n") else { return (body, false) };
        let Ok(size) = usize::from_str_radix(&String::from_utf8_lossy(&rest[..end]), 16) else { return (body, false) };
        rest = &rest[end + 2..];
        if size == 0 {
            return (body, rest == b"\r\n");
        }
        if rest.len() < size + 2 {
            body.extend_from_slice(&rest[..rest.len().min(size)]);
            return (body, false);
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}

/// An upstream that answers each connection's requests as a closure says. The closure gets the whole request (head
/// and body, as many bytes as its content-length or chunks say) and the socket to write to; returning `false` ends
/// the connection.
pub struct Upstream {
    pub address: SocketAddr,
    pub requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Upstream {
    pub fn start(answer: impl Fn(&[u8], &mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (Arc::new(answer), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                std::thread::spawn(move || {
                    let mut stream = stream;
                    while let Some(request) = read_request(&mut stream) {
                        seen.lock().unwrap().push(request.clone());
                        if !answer(&request, &mut stream) {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, requests }
    }

    /// How many requests have come.
    pub fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// The last request as text.
    pub fn last(&self) -> String {
        String::from_utf8_lossy(self.requests.lock().unwrap().last().expect("no request came")).into_owned()
    }

    /// A configuration with this as the only provider (`openai`, key `sk-upstream`) behind the model `m`.
    pub fn config(&self) -> String {
        format!(
            "[providers.openai]\nbase_url = \"http://{}/v1\"\ncredentials = [{{ api_key = \"sk-upstream\" }}]\n\
             [models.m]\ntargets = [{{ provider = \"openai\", model = \"gpt-5-mini\" }}]\n",
            self.address
        )
    }
}

fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    let mut piece = vec![0; 65536];
    loop {
        if let Some(end) = all.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&all[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse::<usize>().ok());
            let whole = match length {
                Some(length) => all.len() >= end + 4 + length,
                None if head.contains("transfer-encoding: chunked") => all.ends_with(b"0\r\n\r\n"),
                None => true,
            };
            if whole {
                return Some(all);
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(count) => all.extend_from_slice(&piece[..count]),
        }
    }
}

/// A plain JSON answer's bytes.
pub fn json_answer(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}
