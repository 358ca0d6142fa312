//! More of the harness: the simulator as a process of its own, upstreams that write raw bytes, log lines, memory.

use crate::harness::{Gateway, Upstream, request};
use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A chat request for the model `m`.
pub const PLAIN: &str = r#"{"model":"m","messages":[{"role":"user","content":"Say something."}]}"#;
/// The same as a stream.
pub const STREAMED: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Say something."}]}"#;
/// A good plain answer.
pub const GOOD: &str = r#"{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;
/// A good stream.
pub const GOOD_STREAM: &str = concat!(
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hé🙂\"},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: [DONE]\n\n",
);
/// Its first event with content.
pub const TOKEN: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"tok\"},\"finish_reason\":null}]}\n\n";
/// The head of an event stream in chunks.
pub const SSE_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// `bytes` as HTTP chunks of at most `size` bytes, without the last one.
pub fn chunks(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 2);
    for piece in bytes.chunks(size.max(1)) {
        out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// A whole event stream, well framed.
pub fn sse(text: &str) -> Vec<u8> {
    [SSE_HEAD.as_bytes(), &chunks(text.as_bytes(), usize::MAX), b"0\r\n\r\n"].concat()
}

/// A `tollgate sim` standing alone.
pub struct Sim {
    child: Child,
    pub address: SocketAddr,
}

impl Sim {
    pub fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["sim", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().split("://").nth(1).unwrap().trim_end_matches("/v1").parse().unwrap();
        Self { child, address }
    }

    /// What it has received.
    pub fn journal(&self) -> Vec<Value> {
        let page = request(self.address, "GET", "/_sim/requests", &[], b"").json();
        page["data"].as_array().unwrap().clone()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An upstream that hands each accepted connection, with its number, to a closure.
pub struct Listener {
    pub address: SocketAddr,
    pub accepted: Arc<AtomicUsize>,
}

impl Listener {
    pub fn start(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let (serve, count) = (Arc::new(serve), Arc::clone(&accepted));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (serve, number) = (Arc::clone(&serve), count.fetch_add(1, Ordering::SeqCst));
                std::thread::spawn(move || serve(stream, number));
            }
        });
        Self { address, accepted }
    }
}

/// A provider table: name, address, more lines.
pub fn provider(name: &str, address: SocketAddr, more: &str) -> String {
    format!(
        "[providers.{name}]\nkind = \"openai\"\nbase_url = \"http://{address}/v1\"\n\
         credentials = [{{ api_key = \"sk-upstream-{name}\" }}]\n{more}\n"
    )
}

/// The model `m` with targets `(provider, priority, weight)`; each has a model of its own, `up-NAME`.
pub fn model(targets: &[(&str, u32, u32)]) -> String {
    let targets: Vec<String> = targets
        .iter()
        .map(|(name, priority, weight)| {
            format!("{{ provider = \"{name}\", model = \"up-{name}\", priority = {priority}, weight = {weight} }}")
        })
        .collect();
    format!("[models.m]\ntargets = [{}]\n", targets.join(", "))
}

/// A gateway with one provider `up` at that address behind `m`.
pub fn gateway(address: SocketAddr, more: &str) -> Gateway {
    Gateway::start(&format!("{}{}", provider("up", address, more), model(&[("up", 1, 1)])))
}

/// An upstream that answers each request with the bytes of a closure and closes.
pub fn answering(bytes: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Upstream {
    Upstream::start(move |request, stream| {
        let _ = stream.write_all(&bytes(&String::from_utf8_lossy(request)));
        false
    })
}

/// The log's record of a request, once it is there.
pub fn record(gateway: &Gateway, request_id: &str) -> Value {
    let needle = format!("\"request_id\":\"{request_id}\"");
    let found = eventually(Duration::from_secs(5), || {
        let log = gateway.log();
        let mut lines = log.lines().filter(|l| l.contains("tollgate::request") && l.contains(&needle));
        let line = lines.next().map(|l| serde_json::from_str::<Value>(l).unwrap());
        assert!(lines.next().is_none(), "two records of one request");
        line
    });
    found.unwrap_or_else(|| panic!("no record of {request_id}: {}", gateway.log()))
}

/// The log's records by request id, once there are that many.
pub fn records(gateway: &Gateway, count: usize) -> HashMap<String, Value> {
    let mut found = HashMap::new();
    let all = eventually(Duration::from_secs(5), || {
        let log = gateway.log();
        let lines = log.lines().filter(|l| l.contains("tollgate::request"));
        found = lines
            .map(|l| serde_json::from_str::<Value>(l).unwrap())
            .map(|v| (v["request_id"].as_str().unwrap().to_owned(), v))
            .collect();
        (found.len() >= count).then_some(())
    });
    assert!(all.is_some(), "{} records of {count}", found.len());
    found
}

/// Polls until there is something, or gives up.
pub fn eventually<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() > end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Resident memory of a process, in KiB.
pub fn rss(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The bytes of a POST on a connection that stays open.
pub fn post(path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("POST {path} HTTP/1.1\r\nhost: gateway\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// Reads until `needle` has come; gives all that has come.
pub fn read_until(stream: &mut TcpStream, needle: &str) -> Vec<u8> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    while memchr::memmem::find(&all, needle.as_bytes()).is_none() {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => panic!("`{needle}` did not come: {}", String::from_utf8_lossy(&all)),
            Ok(count) => all.extend_from_slice(&piece[..count]),
        }
    }
    all
}
