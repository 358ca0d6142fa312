//! The front door from outside: bytes on real sockets against the real program.

mod auth;
mod bodies;
mod good;
mod hostile;
pub mod http2;
mod rooms;
mod secrets;
mod slow;
mod tls;

use crate::harness::{Answer, Upstream, json_answer, parse};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A chat request that the sandbox and [`upstream`] answer.
pub const CHAT: &str = r#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#;

/// A connection on which bytes go as they are.
pub struct Wire {
    pub stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { stream, read: Vec::new() }
    }

    /// Sends; a peer that has closed already does no harm.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.stream.write_all(bytes.as_ref());
        self
    }

    /// One whole answer; interim ones are skipped.
    pub fn answer(&mut self) -> Answer {
        loop {
            if let Some(length) = whole(&self.read) {
                let rest = self.read.split_off(length);
                let answer = parse(&std::mem::replace(&mut self.read, rest));
                if answer.status != 0 {
                    return answer;
                }
            } else if self.more() == 0 {
                panic!("no whole answer, only {:?}", String::from_utf8_lossy(&self.read));
            }
        }
    }

    /// Reads until this text has come, and keeps it.
    pub fn until(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.read).contains(text) {
            assert!(self.more() > 0, "{}", String::from_utf8_lossy(&self.read));
        }
    }

    fn more(&mut self) -> usize {
        let mut piece = [0; 65536];
        let count = self.stream.read(&mut piece).expect("the peer neither sends nor closes");
        self.read.extend_from_slice(&piece[..count]);
        count
    }

    /// All that comes until the peer closes; a reset is an error.
    pub fn rest(&mut self) -> std::io::Result<Vec<u8>> {
        let mut rest = std::mem::take(&mut self.read);
        self.stream.read_to_end(&mut rest)?;
        Ok(rest)
    }

    /// Whether the peer closes (or resets) without a further byte.
    pub fn ends(&mut self) -> bool {
        match self.rest() {
            Ok(rest) => rest.is_empty(),
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

/// Where the first answer ends, if it is complete.
fn whole(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    if head.starts_with("HTTP/1.1 100") {
        return Some(end);
    }
    let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse::<usize>().ok());
    if let Some(length) = length {
        return (bytes.len() >= end + length).then_some(end + length);
    }
    let last = bytes[end..].windows(5).position(|w| w == b"0\r\n\r\n")?;
    Some(end + last + 5)
}

/// A request for `/v1/chat/completions` with this key, as bytes.
pub fn chat(key: &str, body: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A vendor that answers every chat request.
pub fn upstream() -> Upstream {
    let body = r#"{"id":"x","object":"chat.completion","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
    Upstream::start(move |_, stream| stream.write_all(&json_answer("200 OK", body)).is_ok())
}

/// Runs each case in a thread of its own and tells all that failed.
pub fn each<T: Send + Sync>(cases: &[T], name: impl Fn(&T) -> String + Sync, run: impl Fn(&T) + Sync) {
    let failed: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = cases.iter().map(|case| (case, scope.spawn(|| run(case)))).collect();
        threads.into_iter().filter_map(|(case, thread)| thread.join().err().map(|_| name(case))).collect()
    });
    assert!(failed.is_empty(), "failed: {failed:#?}");
}

/// The files below `dir` that hold this text.
pub fn files_with(dir: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if std::fs::read(&path).unwrap_or_default().windows(text.len()).any(|w| w == text.as_bytes()) {
            found.push(path);
        }
    }
    found
}
