//! HTTP/2 with prior knowledge: a proper client on one connection.

use super::{CHAT, Wire};
use crate::harness::{Gateway, Upstream, json_answer};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

type Body = BoxBody<Bytes, Infallible>;

/// One connection.
#[derive(Clone)]
pub struct Client(SendRequest<Body>);

pub struct Got {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub text: String,
}

impl Got {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }
}

pub fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed()
}

pub fn chat(key: &str, body: Body) -> Request<Body> {
    Request::post("http://a/v1/chat/completions").header("authorization", format!("Bearer {key}")).body(body).unwrap()
}

/// So many bytes again and again, as often as said, with a pause before each.
fn pieces(bytes: usize, count: usize, pause: Duration) -> Body {
    let stream = futures_util::stream::unfold(0, move |n| async move {
        if n == count {
            return None;
        }
        tokio::time::sleep(pause).await;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b'x'; bytes]))), n + 1))
    });
    StreamBody::new(Box::pin(stream)).boxed()
}

impl Client {
    pub async fn over(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> (Self, JoinHandle<()>) {
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
        let ended = tokio::spawn(async move {
            let _ = connection.await;
        });
        (Self(sender), ended)
    }

    pub async fn to(address: SocketAddr) -> (Self, JoinHandle<()>) {
        Self::over(tokio::net::TcpStream::connect(address).await.unwrap()).await
    }

    pub async fn begin(&self, request: Request<Body>) -> hyper::Response<Incoming> {
        let mut sender = self.0.clone();
        sender.ready().await.unwrap();
        sender.send_request(request).await.unwrap()
    }

    pub async fn ask(&self, request: Request<Body>) -> Got {
        let (head, body) = self.begin(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Got { status: head.status, headers: head.headers, text: String::from_utf8(body.to_vec()).unwrap() }
    }
}

fn streamed(sim: &str) -> (String, &str) {
    (CHAT.replacen('{', "{\"stream\":true,", 1), sim)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_exchanges_on_one_connection() {
    let gateway = Gateway::start_in(tempfile::tempdir().unwrap(), "", &[("TOLLGATE_LOG", "trace")]);
    let key = gateway.test_key();
    let (client, _) = Client::to(gateway.address).await;
    let got = client.ask(chat(&key, full(CHAT))).await;
    assert_eq!((got.status.as_u16(), got.json()["object"].as_str()), (200, Some("chat.completion")));
    assert!(got.headers.contains_key("x-request-id") && !got.headers.contains_key("connection"));
    // 100 streams of a second each, all at once.
    let start = Instant::now();
    let all = (0..100).map(|_| {
        let (body, sim) = streamed("chunks=20;chunk-ms=50");
        let mut request = chat(&key, full(body));
        request.headers_mut().insert("x-tollgate-sim", sim.parse().unwrap());
        let client = client.clone();
        tokio::spawn(async move { client.ask(request).await })
    });
    for one in all.collect::<Vec<_>>() {
        let got = one.await.unwrap();
        assert_eq!(got.status, 200, "{}", got.text);
        assert!(got.text.ends_with("data: [DONE]\n\n"), "{}", got.text);
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let got = client.ask(Request::get("http://a/healthz").body(full("")).unwrap()).await;
    assert_eq!((got.status.as_u16(), got.text.as_str()), (200, "ok\n"));
    assert!(!gateway.log().contains(&key[20..]), "a key is in the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_reads_nothing_does_not_hold_its_vendor() {
    let (sender, closed) = mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    let upstream = Upstream::start(move |_, stream| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let event =
            "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n";
        let _ = stream.write_all(head.as_bytes());
        while stream.write_all(event.repeat(500).as_bytes()).is_ok() {}
        let _ = sender.lock().unwrap().send(Instant::now());
        false
    });
    let gateway = Gateway::start(&format!("[server]\nsend_timeout = \"1s\"\n{}", upstream.config()));
    let key = gateway.live_key();
    let (client, _connection) = Client::to(gateway.address).await;
    let unread = client.begin(chat(&key, full(streamed("").0))).await;
    assert_eq!(unread.status(), 200);
    // The same connection goes on, pings and other exchanges included.
    let got = client.ask(Request::get("http://a/healthz").body(full("")).unwrap()).await;
    assert_eq!(got.status, 200);
    closed.recv_timeout(Duration::from_secs(5)).expect("the vendor's connection stays open");
    assert!(unread.into_body().collect().await.is_err(), "a stream that was taken away must not end well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_stream_closes_its_vendor_and_no_other() {
    let (sender, closed) = mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    let upstream = Upstream::start(move |_, stream| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let event = "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
        let mut alive = stream.write_all(head.as_bytes()).is_ok();
        while alive {
            alive = stream.write_all(event.as_bytes()).is_ok();
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = sender.lock().unwrap().send(Instant::now());
        false
    });
    let gateway = Gateway::start(&upstream.config());
    let key = gateway.live_key();
    let (client, _) = Client::to(gateway.address).await;
    let open = |body: String| client.begin(chat(&key, full(body)));
    let mut one = open(streamed("").0).await.into_body();
    let mut other = open(streamed("").0).await.into_body();
    for _ in 0..3 {
        assert!(one.frame().await.unwrap().is_ok() && other.frame().await.unwrap().is_ok());
    }
    let left = Instant::now();
    drop(one);
    let ended = tokio::task::block_in_place(|| closed.recv_timeout(Duration::from_secs(2))).expect("still open");
    assert!(ended.duration_since(left) < Duration::from_secs(2));
    for _ in 0..10 {
        assert!(other.frame().await.unwrap().is_ok());
    }
    assert!(closed.try_recv().is_err());
    // The whole connection.
    drop((other, client));
    tokio::task::block_in_place(|| closed.recv_timeout(Duration::from_secs(2))).expect("still open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_hold_for_each_exchange_and_the_connection_goes_on() {
    let upstream = Upstream::start(|_, stream| {
        stream.write_all(&json_answer("200 OK", r#"{"object":"chat.completion","choices":[]}"#)).is_ok()
    });
    let config = "[server]\nbody_limit = \"64KiB\"\nbody_timeout = \"700ms\"\n";
    let gateway = Gateway::start(&format!("{config}{}", upstream.config()));
    let key = gateway.live_key();
    let (client, _) = Client::to(gateway.address).await;
    let get = |target: &str| Request::get(format!("http://a{target}")).header("x-api-key", &key);
    let many = (0..65).fold(get("/v1/models"), |request, n| request.header(format!("x-{n}"), "y"));
    let cases: Vec<(&str, u16, Request<Body>)> = vec![
        ("announced", 413, chat(&key, full(vec![b'x'; 4 << 20]))),
        ("not announced", 413, chat(&key, pieces(16 << 10, 100, Duration::ZERO))),
        ("silent", 408, chat(&key, pieces(1, 1, Duration::from_secs(60)))),
        ("a byte a tenth", 408, chat(&key, pieces(1, 600, Duration::from_millis(100)))),
        ("no key", 401, chat("", full(CHAT))),
        ("no JSON", 400, chat(&key, full("x"))),
        ("encoded slash", 400, get("/v1/..%2fadmin").body(full("")).unwrap()),
        ("dots", 400, get("/v1/../admin").body(full("")).unwrap()),
        ("two slashes", 400, get("//admin").body(full("")).unwrap()),
        ("encoded letter", 400, get("/%61dmin").body(full("")).unwrap()),
        ("another host", 400, get("/v1/models").header("host", "b").body(full("")).unwrap()),
        ("two keys", 400, get("/v1/models?key=sk-other").body(full("")).unwrap()),
        ("long target", 414, get(&format!("/v1/models?{}", "a".repeat(9000))).body(full("")).unwrap()),
        ("many headers", 431, many.body(full("")).unwrap()),
        ("no route", 404, get("/v2").body(full("")).unwrap()),
        ("wrong method", 405, get("/v1/chat/completions").body(full("")).unwrap()),
    ];
    let all = cases.into_iter().map(|(name, status, request)| {
        let client = client.clone();
        (name, status, tokio::spawn(async move { client.ask(request).await }))
    });
    for (name, status, got) in all.collect::<Vec<_>>() {
        let got = tokio::time::timeout(Duration::from_secs(10), got).await.expect(name).expect(name);
        assert_eq!(got.status.as_u16(), status, "{name}: {}", got.text);
        assert!(got.json()["error"]["message"].is_string(), "{name}");
    }
    assert_eq!(upstream.count(), 0);
    assert_eq!(client.ask(chat(&key, full(CHAT))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_without_exchanges_ends() {
    let config = "[server]\nheader_timeout = \"500ms\"\nkeep_alive = \"700ms\"\n";
    let gateway = Gateway::start(config);
    let key = gateway.test_key();
    let ends = |ended: JoinHandle<()>, limit_ms: u64| async move {
        let start = Instant::now();
        tokio::time::timeout(Duration::from_millis(limit_ms + 4000), ended).await.expect("still open").unwrap();
        assert!(start.elapsed() > Duration::from_millis(limit_ms * 8 / 10), "{:?}", start.elapsed());
    };
    // One that never asks, one that has asked, one whose answer takes longer than any of these limits.
    let (client, ended) = Client::to(gateway.address).await;
    ends(ended, 500).await;
    drop(client);
    let (client, ended) = Client::to(gateway.address).await;
    let (body, sim) = streamed("chunks=30;chunk-ms=60");
    let mut request = chat(&key, full(body));
    request.headers_mut().insert("x-tollgate-sim", sim.parse().unwrap());
    assert!(client.ask(request).await.text.ends_with("data: [DONE]\n\n"));
    ends(ended, 700).await;
    drop(client);
    // Frames by hand: nothing after the preface; settings and then half a header block.
    let cases: [&[u8]; 3] = [b"", b"\0\0\0\x04\0\0\0\0\0", b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\0\0\0\0\x01\x82"];
    tokio::task::block_in_place(|| {
        super::each(
            &cases,
            |after| format!("{after:?}"),
            |after| {
                let mut wire = Wire::to(gateway.address);
                wire.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").send(after);
                let start = Instant::now();
                let _ = wire.rest();
                assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
            },
        );
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_lets_streams_finish_and_takes_no_new_ones() {
    let mut gateway = Gateway::start("");
    let key = gateway.test_key();
    let (client, ended) = Client::to(gateway.address).await;
    let (_idle, idle_ended) = Client::to(gateway.address).await;
    let (body, sim) = streamed("chunks=30;chunk-ms=50");
    let mut request = chat(&key, full(body));
    request.headers_mut().insert("x-tollgate-sim", sim.parse().unwrap());
    let answer = client.begin(request).await;
    gateway.signal("TERM");
    tokio::time::timeout(Duration::from_secs(1), idle_ended).await.expect("an idle connection stays open").unwrap();
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(text.ends_with(b"data: [DONE]\n\n"));
    tokio::time::timeout(Duration::from_secs(2), ended).await.expect("the connection stays open").unwrap();
    assert_eq!(gateway.wait(Duration::from_secs(3)), Some(0));
}
