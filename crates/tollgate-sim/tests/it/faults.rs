//! Every fault as a client sees it.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{End, Talk, chat, converse, parts, start};

/// The texts of the content chunks of a stream.
fn contents(body: &str) -> Vec<String> {
    let datas = body.lines().filter_map(|line| line.strip_prefix("data: "));
    let chunks = datas.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let texts = chunks.filter_map(|chunk| Some(chunk.pointer("/choices/0/delta/content")?.as_str()?.to_owned()));
    texts.filter(|text| !text.is_empty()).collect()
}

#[tokio::test]
async fn cut_streams() {
    let (end, text) = converse("cut-after=5", true).await;
    let (_, body, whole) = parts(&text);
    assert_eq!((end, whole, contents(&body).len()), (End::Closed, false, 5));
    assert!(text.ends_with("}\n\n\r\n"), "between two chunks");
    let (end, text) = converse("cut-chunk;cut-after=2", true).await;
    let (_, body, whole) = parts(&text);
    assert_eq!((end, whole, contents(&body).len()), (End::Closed, false, 2));
    assert!(!text.ends_with('\n'), "inside a chunk");
    // More than there is: at the end of the content, never a success.
    let (_, text) = converse("chunks=3;cut-after=500", true).await;
    let (_, body, whole) = parts(&text);
    assert!(!whole && contents(&body).len() == 3 && !body.contains("finish_reason\":\"stop"));
}

#[tokio::test]
async fn stalled_streams() {
    let (end, text) = converse("stall-after=4", true).await;
    assert_eq!((end, contents(&parts(&text).1).len()), (End::Silent, 4));
    assert!(!text.contains("[DONE]"));
}

#[tokio::test]
async fn garbage_in_streams() {
    for garbage in ["", ";garbage=json", ";garbage=binary"] {
        let mut talk = Talk::to(start().await).await;
        talk.send(&chat(&format!("chunks=9;garbage-after=3{garbage}"), true)).await;
        talk.all().await;
        let bad = talk.text();
        let bad = bad.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
        assert_eq!(bad.filter(|data| serde_json::from_str::<Value>(data).is_err()).count(), 1);
        assert!(talk.text().contains("[DONE]"), "goes on");
    }
    let (end, text) = converse("garbage-after=3;garbage=wire", true).await;
    assert!(end == End::Closed && text.contains("not HTTP"));
}

#[tokio::test]
async fn errors_in_streams() {
    let (_, text) = converse("error-after=4", true).await;
    let (_, body, whole) = parts(&text);
    assert!(whole && contents(&body).len() == 4 && !body.contains("[DONE]"));
    let last = body.trim_end().lines().last().unwrap().strip_prefix("data: ").unwrap();
    assert_eq!(serde_json::from_str::<Value>(last).unwrap()["error"]["type"], "server_error");
}

#[tokio::test]
async fn the_same_faults_of_plain_answers() {
    let (end, text) = converse("cut-after=1", false).await;
    let (_, body, whole) = parts(&text);
    assert!(end == End::Closed && !whole && body.len() > 100);
    let (end, text) = converse("stall-after=1", false).await;
    assert!(end == End::Silent && !parts(&text).2);
    let (_, text) = converse("garbage-after=1", false).await;
    let (head, body, whole) = parts(&text);
    assert!(head.starts_with("HTTP/1.1 200") && whole && body.contains("<html>"));
    let (_, text) = converse("garbage-after=1;garbage=wire", false).await;
    assert!(!text.starts_with("HTTP"));
    let (_, text) = converse("error-after=1", false).await;
    let (head, body, _) = parts(&text);
    assert!(head.starts_with("HTTP/1.1 200") && body.starts_with("{\"error\""));
}

#[tokio::test]
async fn broken_connections() {
    for stream in [false, true] {
        assert_eq!(converse("refuse", stream).await, (End::Closed, String::new()));
        assert_eq!(converse("reset=before-head", stream).await, (End::Reset, String::new()));
        assert_eq!(converse("hang=before-head", stream).await, (End::Silent, String::new()));
        let (end, text) = converse("hang=after-head", stream).await;
        assert!(end == End::Silent && text.starts_with("HTTP/1.1 200") && text.ends_with("\r\n\r\n"));
        // The head may be lost to the reset.
        assert_eq!(converse("reset=after-head", stream).await.0, End::Reset);
    }
}

#[tokio::test]
async fn html_instead_of_an_answer() {
    let (_, text) = converse("html", true).await;
    let (head, body, whole) = parts(&text);
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/html") && whole && body.starts_with("<!DOCTYPE"));
    assert!(converse("html;status=502", false).await.1.starts_with("HTTP/1.1 502"));
}

#[tokio::test]
async fn odd_streams() {
    let (_, text) = converse("giant-line=100000;chunks=2", true).await;
    let (_, body, whole) = parts(&text);
    assert!(whole && body.lines().any(|line| line.len() == 100_000), "one line of exactly that size");
    assert_eq!(contents(&body).len(), 3);
    let (_, text) = converse("no-done", true).await;
    let (_, body, whole) = parts(&text);
    assert!(whole && !body.contains("[DONE]") && body.contains("\"choices\":[],\"usage\":{"));
    let (_, text) = converse("crlf", true).await;
    let body = parts(&text).1;
    assert!(body.ends_with("data: [DONE]\r\n\r\n") && !body.replace("\r\n", "").contains('\n'));
    let (end, text) = converse("keep-alives;keepalive-ms=20;hang=before-head", true).await;
    assert_eq!((end, text.as_str()), (End::Silent, ""));
    let (_, text) = converse("keep-alives=3;keepalive-ms=1", true).await;
    let body = parts(&text).1;
    assert!(body.starts_with(": keep-alive\n\n: keep-alive\n\n: keep-alive\n\ndata: {") && body.contains("[DONE]"));
    let (_, text) = converse("usage=in-finish", true).await;
    assert!(parts(&text).1.contains("\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":7"));
}

#[tokio::test]
async fn keep_alives_for_ever_hold_the_connection() {
    for (stream, beat) in [(true, ": keep-alive\n\n"), (false, "\n")] {
        let mut talk = Talk::to(start().await).await;
        talk.send(&chat("keep-alives;keepalive-ms=10", stream)).await;
        let _ = tokio::time::timeout(Duration::from_millis(300), talk.all()).await;
        let (_, body, whole) = parts(&talk.text());
        assert!(!whole && body.matches(beat).count() > 5 && !body.contains("data:"), "{body}");
    }
}

#[tokio::test]
async fn blank_lines_before_json() {
    let (_, text) = converse("blank-lines=4", false).await;
    let (_, body, whole) = parts(&text);
    assert!(whole && body.starts_with("\n\n\n\n{"));
    assert!(serde_json::from_str::<Value>(&body).is_ok());
}

#[tokio::test]
async fn split_bytes_are_the_same_bytes() {
    let (_, text) = converse("split=3;text=emoji", true).await;
    let raw = text.split_once("\r\n\r\n").unwrap().1;
    // Not `parts`: characters are cut here, and the lossy text would hide that they come together again.
    assert!(raw.starts_with("3\r\ndat\r\n3\r\na: \r\n"), "{raw}");
    let (_, text) = converse("split=7", false).await;
    let (_, body, whole) = parts(&text);
    assert!(whole && serde_json::from_str::<Value>(&body).is_ok());
}

#[tokio::test]
async fn time() {
    let started = Instant::now();
    let mut talk = Talk::to(start().await).await;
    talk.send(&chat("ttft-ms=100;chunk-ms=20;chunks=5", true)).await;
    talk.until("HTTP/1.1 200").await;
    assert!(started.elapsed() >= Duration::from_millis(100));
    assert!(talk.text().contains("data: "), "the head comes with the first chunk");
    talk.until("[DONE]").await;
    assert!(started.elapsed() >= Duration::from_millis(180));
    let mut talk = Talk::to(start().await).await;
    talk.send(&chat("ttft-ms=100;early-head", true)).await;
    talk.until("HTTP/1.1 200").await;
    assert!(!talk.text().contains("data: "), "the head comes alone");
    talk.until("[DONE]").await;
}
