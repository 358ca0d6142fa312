//! What works: keep-alive, both kinds of request body, streams, limits of the server.

use serde_json::Value;

use crate::client::{End, Talk, chat, converse, head, parts, start};

#[tokio::test]
async fn two_answers_on_one_connection_are_the_same() {
    let mut talk = Talk::to(start().await).await;
    let request = chat("", false);
    talk.send(&[request.clone(), request].concat()).await;
    assert_eq!(talk.all().await, End::Silent);
    let text = talk.text();
    let (first, second) = text.split_at(text.len() / 2);
    assert_eq!(first, second);
    let (head, body, whole) = parts(first);
    assert!(head.starts_with("HTTP/1.1 200 OK") && whole);
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["object"], "chat.completion");
}

#[tokio::test]
async fn a_stream_ends_with_done() {
    let (end, text) = converse("chunks=20;chunk-ms=1", true).await;
    let (head, body, whole) = parts(&text);
    assert!(whole && end == End::Silent);
    assert!(head.contains("text/event-stream"));
    assert!(body.ends_with("\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":20,\"total_tokens\":27,\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}}\n\ndata: [DONE]\n\n"), "{body}");
}

#[tokio::test]
async fn a_chunked_body_with_expect_continue() {
    let mut talk = Talk::to(start().await).await;
    talk.send(b"POST /v1/embeddings HTTP/1.1\r\nauthorization: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n").await;
    talk.until("HTTP/1.1 100 Continue\r\n\r\n").await;
    talk.received.clear();
    talk.send(b"a\r\n{\"model\":\"\r\n1;ext=1\r\nm\r\n").await;
    talk.send(b"1d\r\n\",\"input\":\"x\",\"dimensions\":2}\r\n0\r\nTrailer: 1\r\n\r\n").await;
    talk.all().await;
    let (head, body, whole) = parts(&talk.text());
    assert!(head.starts_with("HTTP/1.1 200") && whole, "{head} {body}");
}

#[tokio::test]
async fn connection_close_and_http_1_0() {
    let mut talk = Talk::to(start().await).await;
    let closing = String::from_utf8(chat("", false)).unwrap().replace("host: sim", "Connection: close");
    talk.send(closing.as_bytes()).await;
    assert_eq!(talk.all().await, End::Closed);
    assert!(talk.text().contains("\r\nconnection: close\r\n"));
    let mut talk = Talk::to(start().await).await;
    let old = String::from_utf8(chat("", true)).unwrap().replace("HTTP/1.1", "HTTP/1.0");
    talk.send(old.as_bytes()).await;
    assert_eq!(talk.all().await, End::Closed);
    assert!(talk.text().ends_with("data: [DONE]\n\n") && !talk.text().contains("chunked"));
}

#[tokio::test]
async fn refuses_bad_framing_and_too_much() {
    for (request, status) in [
        ("GET / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_owned(), "400"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
        (head("POST", "/v1/embeddings", "", 65 << 20), "413"),
        (format!("GET / HTTP/1.1\r\nx: {}", "a".repeat(70_000)), "431"),
        (format!("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n", 65 << 20), "413"),
    ] {
        let mut talk = Talk::to(start().await).await;
        talk.send(request.as_bytes()).await;
        assert_eq!(talk.all().await, End::Closed);
        assert!(talk.text().starts_with(&format!("HTTP/1.1 {status}")), "{}", talk.text());
    }
}

#[tokio::test]
async fn wants_a_key() {
    let mut talk = Talk::to(start().await).await;
    talk.send(b"GET /v1/models HTTP/1.1\r\n\r\n").await;
    talk.all().await;
    assert!(talk.text().starts_with("HTTP/1.1 401"));
}

#[tokio::test]
async fn stops_when_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let simulator = std::sync::Arc::new(tollgate_sim::Simulator::new(1));
    let server = tokio::spawn(tollgate_sim::serve(listener, simulator, stopped));
    let mut talk = Talk::to(address).await;
    talk.send(&chat("hang=before-head", false)).await;
    assert_eq!(talk.all().await, End::Silent);
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    assert_eq!(talk.all().await, End::Closed);
}
