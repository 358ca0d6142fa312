//! A client of its own: it must see breakage that a proper HTTP client would only report as an error.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tollgate_sim::{Simulator, serve};

/// A server that lives as long as the test's runtime.
pub(crate) async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let simulator = Arc::new(Simulator::new(1).wanting_key());
    tokio::spawn(serve(listener, simulator, std::future::pending::<()>()));
    address
}

/// How a connection ended, with every byte before that.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Closed,
    Reset,
    /// Silence for 200 ms.
    Silent,
}

pub(crate) struct Talk {
    pub(crate) socket: TcpStream,
    pub(crate) received: Vec<u8>,
}

impl Talk {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self { socket: TcpStream::connect(address).await.unwrap(), received: Vec::with_capacity(1 << 20) }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    /// Reads until the connection ends or nothing comes.
    pub(crate) async fn all(&mut self) -> End {
        loop {
            let read = self.socket.read_buf(&mut self.received);
            match tokio::time::timeout(Duration::from_millis(200), read).await {
                Err(_) => return End::Silent,
                Ok(Ok(0)) => return End::Closed,
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
                    return End::Reset;
                }
            }
        }
    }

    /// Reads until `mark` has come.
    pub(crate) async fn until(&mut self, mark: &str) {
        while !String::from_utf8_lossy(&self.received).contains(mark) {
            assert_ne!(self.socket.read_buf(&mut self.received).await.unwrap(), 0, "{}", self.text());
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }
}

pub(crate) fn head(method: &str, path: &str, more: &str, length: usize) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: sim\r\nauthorization: Bearer sk-test-0123456789\r\ncontent-length: {length}\r\n{more}\r\n"
    )
}

/// A chat request that steers.
pub(crate) fn chat(steer: &str, stream: bool) -> Vec<u8> {
    let mut body = json!({"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": "Hello"}]});
    if stream {
        body["stream"] = json!(true);
        body["stream_options"] = json!({"include_usage": true});
    }
    let body = body.to_string();
    let head = head("POST", "/v1/chat/completions", &format!("x-tollgate-sim: {steer}\r\n"), body.len());
    [head.as_bytes(), body.as_bytes()].concat()
}

/// Sends one chat request and collects everything.
pub(crate) async fn converse(steer: &str, stream: bool) -> (End, String) {
    let mut talk = Talk::to(start().await).await;
    talk.send(&chat(steer, stream)).await;
    let end = talk.all().await;
    (end, talk.text())
}

/// Splits an answer into its head and its body, chunks put together; the flag says whether the body ended properly.
pub(crate) fn parts(answer: &str) -> (String, String, bool) {
    let (head, mut rest) = answer.split_once("\r\n\r\n").unwrap();
    if !head.contains("transfer-encoding: chunked") {
        let length: usize =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        return (head.to_owned(), rest.to_owned(), rest.len() == length);
    }
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return (head.to_owned(), body, after == "\r\n");
        }
        let Some(chunk) = after.get(..size) else {
            body.push_str(after);
            return (head.to_owned(), body, false);
        };
        body.push_str(chunk);
        rest = after[size..].strip_prefix("\r\n").unwrap();
    }
    (head.to_owned(), body, false)
}

/// One request on a connection of its own, for the server's own pages.
pub(crate) async fn page(address: SocketAddr, method: &str, path: &str) -> Value {
    let mut talk = Talk::to(address).await;
    talk.send(head(method, path, "connection: close\r\n", 0).as_bytes()).await;
    assert_eq!(talk.all().await, End::Closed);
    serde_json::from_str(&parts(&talk.text()).1).unwrap()
}
