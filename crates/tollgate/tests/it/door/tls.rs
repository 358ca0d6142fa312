//! TLS on both sides: the gateway's own listener, and vendors behind it. Vendors over HTTP/2.

use super::http2::{Client, chat, full};
use super::{CHAT, each};
use crate::harness::{Answer, Gateway, parse};
use crate::life::{failed, tollgate};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;

/// A certificate for `localhost` and 127.0.0.1, signed by itself.
struct Identity {
    certificate: rcgen::Certificate,
    key: rcgen::KeyPair,
}

impl Identity {
    fn new() -> Self {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        Self { certificate: made.cert, key: made.signing_key }
    }

    fn write(&self, dir: &Path) {
        std::fs::write(dir.join("cert.pem"), self.certificate.pem()).unwrap();
        std::fs::write(dir.join("key.pem"), self.key.serialize_pem()).unwrap();
    }

    fn provider() -> Arc<rustls::crypto::CryptoProvider> {
        Arc::new(rustls::crypto::aws_lc_rs::default_provider())
    }

    /// A client that trusts it.
    fn client(&self, alpn: &[&str]) -> tokio_rustls::TlsConnector {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let mut config = rustls::ClientConfig::builder_with_provider(Self::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        Arc::new(config).into()
    }

    fn server(&self, alpn: &[&str]) -> tokio_rustls::TlsAcceptor {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let mut config = rustls::ServerConfig::builder_with_provider(Self::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.der().clone()], key.into())
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        Arc::new(config).into()
    }

    async fn connect(&self, address: SocketAddr, alpn: &[&str]) -> TlsStream<TcpStream> {
        let tcp = TcpStream::connect(address).await.unwrap();
        self.client(alpn).connect(ServerName::try_from("localhost").unwrap(), tcp).await.unwrap()
    }
}

/// The harness speaks no TLS, so this one is started by hand and waited for with TLS.
struct Tls {
    serve: crate::life::Serve,
    identity: Identity,
    dir: tempfile::TempDir,
}

impl Tls {
    fn start() -> Self {
        let (identity, dir) = (Identity::new(), tempfile::tempdir().unwrap());
        identity.write(dir.path());
        let server = "[server]\nheader_timeout = \"700ms\"\n[server.tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n";
        let config = format!("{server}{}", crate::harness::NOWHERE);
        std::fs::write(dir.path().join("tollgate.toml"), config).unwrap();
        let serve = crate::life::Serve::started(tollgate(dir.path(), &["serve", "--listen", "127.0.0.1:0"]));
        Self { serve, identity, dir }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_versions_by_alpn() {
    let tls = Tls::start();
    let (address, identity) = (tls.serve.address, &tls.identity);
    assert!(tls.serve.printed.contains(&format!("https://{address}/v1")), "{}", tls.serve.printed);
    let key = tls.serve.after("test key").unwrap();
    for alpn in [&["http/1.1"][..], &[]] {
        let mut io = identity.connect(address, alpn).await;
        for _ in 0..2 {
            io.write_all(super::chat(&key, CHAT).as_bytes()).await.unwrap();
            let mut all = Vec::new();
            let answer: Answer = loop {
                assert!(io.read_buf(&mut all).await.unwrap() > 0);
                let answer = parse(&all);
                if answer.complete {
                    break answer;
                }
            };
            assert_eq!(answer.json()["object"], "chat.completion");
        }
        let streamed = super::chat(&key, &CHAT.replacen('{', "{\"stream\":true,", 1))
            .replace("Host: a", "Host: a\r\nConnection: close");
        io.write_all(streamed.as_bytes()).await.unwrap();
        let mut all = Vec::new();
        io.read_to_end(&mut all).await.unwrap();
        let answer = parse(&all);
        assert!(answer.complete && answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
    }
    // Where the end of the connection is the end of the answer, TLS must say that it is a clean one.
    let mut io = identity.connect(address, &[]).await;
    let streamed = super::chat(&key, &CHAT.replacen('{', "{\"stream\":true,", 1)).replace("HTTP/1.1", "HTTP/1.0");
    io.write_all(streamed.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    io.read_to_end(&mut all).await.expect("a clean end");
    assert!(all.ends_with(b"data: [DONE]\n\n"));
    // Time-outs end cleanly too.
    let mut io = identity.connect(address, &[]).await;
    io.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n").await.unwrap();
    io.read_to_end(&mut Vec::new()).await.expect("a clean end");
    for alpn in [&["h2", "http/1.1"][..], &["h2"]] {
        let io = identity.connect(address, alpn).await;
        assert_eq!(io.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (client, _) = Client::over(io).await;
        let got = client.ask(chat(&key, full(CHAT))).await;
        assert_eq!(got.status, 200, "{}", got.text);
        let got = client.ask(chat(&key, full(CHAT.replacen('{', "{\"stream\":true,", 1)))).await;
        assert!(got.text.ends_with("data: [DONE]\n\n"), "{}", got.text);
    }
    // Another name in SNI, or none, is no reason to refuse; a protocol that nobody speaks is.
    let tcp = TcpStream::connect(address).await.unwrap();
    let wrong = identity.client(&[]).connect(ServerName::try_from("other.example").unwrap(), tcp).await.unwrap_err();
    assert!(wrong.to_string().contains("not valid for name"), "{wrong}");
    let tcp = TcpStream::connect(address).await.unwrap();
    assert!(identity.client(&["spdy/3"]).connect(ServerName::try_from("localhost").unwrap(), tcp).await.is_err());
    // Neither plain bytes nor silence hold a connection, before the handshake or after it.
    let silent = async {
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.read_to_end(&mut Vec::new()).await
    };
    let plain = async {
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        tcp.read_to_end(&mut Vec::new()).await
    };
    let after = async {
        let mut io = identity.connect(address, &["h2"]).await;
        io.read_to_end(&mut Vec::new()).await
    };
    let all = async { tokio::join!(silent, plain, after) };
    let _ends = tokio::time::timeout(Duration::from_secs(8), all).await.expect("held");
    drop(tls.dir);
}

#[test]
fn an_identity_that_cannot_be_used_is_exit_2() {
    let dir = tempfile::tempdir().unwrap();
    Identity::new().write(dir.path());
    std::fs::write(dir.path().join("junk.pem"), "junk").unwrap();
    std::fs::write(dir.path().join("other.pem"), rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let cases = [
        ("junk.pem", "key.pem", "junk.pem"),
        ("cert.pem", "junk.pem", "junk.pem"),
        ("none.pem", "key.pem", "none.pem"),
        ("cert.pem", "none.pem", "none.pem"),
        ("key.pem", "key.pem", "key.pem"),
        ("cert.pem", "other.pem", "server.tls"),
    ];
    for (cert, key, named) in cases {
        let config = format!("[server.tls]\ncert = \"{cert}\"\nkey = \"{key}\"\n");
        std::fs::write(dir.path().join("tollgate.toml"), config).unwrap();
        let (code, message) = failed(tollgate(dir.path(), &["serve", "--listen", "127.0.0.1:0"]));
        assert_eq!(code, Some(2), "{cert} {key}: {message}");
        assert!(message.contains(named), "{cert} {key}: {message}");
        assert!(!message.contains("PRIVATE"), "{message}");
    }
}

/// What came to a vendor: HTTP version, headers and body.
#[derive(Debug, Clone)]
struct Seen {
    version: http::Version,
    headers: http::HeaderMap,
    body: String,
}

struct Vendor {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<Mutex<usize>>,
}

impl Vendor {
    /// A vendor by hyper; without TLS it speaks HTTP/2 only if told to.
    async fn start(tls: Option<tokio_rustls::TlsAcceptor>, http2: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, connections) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::<Mutex<usize>>::default());
        let (kept, count) = (Arc::clone(&seen), Arc::clone(&connections));
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (kept, tls, count) = (Arc::clone(&kept), tls.clone(), Arc::clone(&count));
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(|request| answer(request, Arc::clone(&kept)));
                    *count.lock().unwrap() += 1;
                    let two = http2::Builder::new(TokioExecutor::new());
                    match tls {
                        None if http2 => drop(two.serve_connection(TokioIo::new(tcp), service).await),
                        None => drop(http1(tcp, &kept).await),
                        Some(tls) => {
                            let Ok(io) = tls.accept(tcp).await else { return };
                            if io.get_ref().1.alpn_protocol() == Some(b"h2") {
                                drop(two.serve_connection(TokioIo::new(io), service).await);
                            } else {
                                drop(http1(io, &kept).await);
                            }
                        }
                    }
                });
            }
        });
        Self { address, seen, connections }
    }

    fn config(&self, scheme: &str, http: &str) -> String {
        format!(
            "[server]\nworkers = 1\n[providers.openai]\nbase_url = \"{scheme}://{}/v1\"\nhttp = \"{http}\"\n\
             credentials = [{{ api_key = \"sk-upstream\" }}]\n\
             [models.m]\ntargets = [{{ provider = \"openai\", model = \"gpt-5-mini\" }}]\n",
            self.address
        )
    }
}

/// The same over HTTP/1.1, with the least that the gateway's own requests need.
async fn http1(mut io: impl AsyncRead + AsyncWrite + Unpin, seen: &Mutex<Vec<Seen>>) -> std::io::Result<()> {
    let mut all = Vec::new();
    loop {
        let (head, body) = loop {
            if let Some(end) = all.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8(all[..end].to_vec()).unwrap();
                let length =
                    head.lines().find_map(|l| l.strip_prefix("content-length: ")).unwrap().parse::<usize>().unwrap();
                if all.len() >= end + 4 + length {
                    let rest = all.split_off(end + 4 + length);
                    let body = String::from_utf8(std::mem::replace(&mut all, rest)[end + 4..].to_vec()).unwrap();
                    break (head, body);
                }
            }
            if io.read_buf(&mut all).await? == 0 {
                return Ok(());
            }
            if all.starts_with(b"\x16") {
                return io.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
            }
        };
        let lines = head.lines().skip(1).map(|line| line.split_once(": ").unwrap());
        let headers = lines.map(|(n, v)| (n.parse::<http::HeaderName>().unwrap(), v.parse().unwrap())).collect();
        let streamed = body.contains("\"stream\":true");
        seen.lock().unwrap().push(Seen { version: http::Version::HTTP_11, headers, body });
        let answer = if streamed {
            let body = format!("{}data: [DONE]\n\n", CHUNK.repeat(20));
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                body.len()
            )
        } else {
            let length = WHOLE.len();
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{WHOLE}")
        };
        io.write_all(answer.as_bytes()).await?;
        io.flush().await?;
    }
}

const WHOLE: &str = r#"{"object":"chat.completion","choices":[]}"#;
const CHUNK: &str = "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<http_body_util::combinators::BoxBody<Bytes, Infallible>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let streamed = body.contains("\"stream\":true");
    seen.lock().unwrap().push(Seen { version: head.version, headers: head.headers, body });
    if !streamed {
        let body = Full::new(Bytes::from_static(WHOLE.as_bytes())).boxed();
        return Ok(Response::builder().header("content-type", "application/json").body(body).unwrap());
    }
    let pieces = futures_util::stream::unfold(0, move |n| async move {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let text = if n < 20 { CHUNK } else { "data: [DONE]\n\n" };
        (n <= 20).then_some((Ok(Frame::data(Bytes::from_static(text.as_bytes()))), n + 1))
    });
    Ok(Response::builder()
        .header("content-type", "text/event-stream")
        .body(StreamBody::new(Box::pin(pieces)).boxed())
        .unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vendors_over_tls_and_over_http2() {
    let identity = Identity::new();
    let dir = tempfile::tempdir().unwrap();
    identity.write(dir.path());
    let trusted = dir.path().join("cert.pem");
    let env = [("SSL_CERT_FILE", trusted.to_str().unwrap())];
    let (one, two) = (http::Version::HTTP_11, http::Version::HTTP_2);
    for (alpn, http, version) in [
        (Some(&["h2", "http/1.1"][..]), "auto", two),
        (Some(&["http/1.1"]), "auto", one),
        (Some(&[]), "auto", one),
        (Some(&["h2", "http/1.1"]), "http1", one),
        (Some(&["h2"]), "http2", two),
        (None, "http2", two),
        (None, "auto", one),
    ] {
        let name = format!("{alpn:?} {http}");
        let vendor = Vendor::start(alpn.map(|alpn| identity.server(alpn)), version == two).await;
        let scheme = if alpn.is_some() { "https" } else { "http" };
        let gateway = Gateway::start_in(tempfile::tempdir().unwrap(), &vendor.config(scheme, http), &env);
        let key = gateway.live_key();
        tokio::task::block_in_place(|| {
            let ask = |streamed: bool| {
                let body = if streamed { CHAT.replacen('{', "{\"stream\":true,", 1) } else { CHAT.to_owned() };
                let answer = gateway.chat(&key, &body, &[("user-agent", "own")]);
                assert_eq!(answer.status, 200, "{name}: {} {}", answer.text(), gateway.log());
                assert!(!streamed || answer.events().last().unwrap() == "[DONE]", "{name}: {}", answer.text());
            };
            ask(false);
            ask(true);
            each(&[(); 10], |()| name.clone(), |()| ask(true));
        });
        let seen = vendor.seen.lock().unwrap().clone();
        assert_eq!(seen.len(), 12, "{name}");
        for one in &seen {
            assert_eq!(one.version, version, "{name}");
            assert_eq!(one.headers["authorization"], "Bearer sk-upstream", "{name}");
            assert_ne!(one.headers.get("user-agent").map(http::HeaderValue::as_bytes), Some(&b"own"[..]), "{name}");
            assert!(one.body.contains("\"gpt-5-mini\""), "{name}: {}", one.body);
        }
        let connections = *vendor.connections.lock().unwrap();
        assert!(if version == two { connections == 1 } else { connections <= 11 }, "{name}: {connections}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_that_nobody_vouches_for_never_sees_the_key() {
    let (identity, other) = (Identity::new(), Identity::new());
    let dir = tempfile::tempdir().unwrap();
    other.write(dir.path());
    let vendor = Vendor::start(Some(identity.server(&["h2", "http/1.1"])), true).await;
    let trusted = dir.path().join("cert.pem");
    for env in [&[][..], &[("SSL_CERT_FILE", trusted.to_str().unwrap())]] {
        let gateway = Gateway::start_in(tempfile::tempdir().unwrap(), &vendor.config("https", "auto"), env);
        let answer = tokio::task::block_in_place(|| gateway.chat(&gateway.live_key(), CHAT, &[]));
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_tls"), "{}", answer.text());
    }
    // One that speaks no TLS at all, and one that says it speaks HTTP/2 and does not.
    let plain = Vendor::start(None, false).await;
    let gateway = Gateway::start(&plain.config("https", "auto"));
    let answer = tokio::task::block_in_place(|| gateway.chat(&gateway.live_key(), CHAT, &[]));
    assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_tls"), "{}", answer.text());
    assert!(vendor.seen.lock().unwrap().is_empty() && plain.seen.lock().unwrap().is_empty());
}
