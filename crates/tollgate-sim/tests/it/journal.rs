//! What the server remembers of its callers.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};

use crate::client::{Talk, chat, page, start};

/// The only request so far, once it is over.
async fn ended(address: SocketAddr) -> Value {
    for _ in 0..200 {
        let entries = page(address, "GET", "/_sim/requests").await;
        if entries["data"][0]["ended"] == true {
            return entries["data"][0].clone();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the answer never ended");
}

#[tokio::test]
async fn remembers_a_request_without_its_credential() {
    let address = start().await;
    let mut talk = Talk::to(address).await;
    let request = chat("output-tokens=9", true);
    talk.send(&request).await;
    talk.until("[DONE]").await;
    let entry = ended(address).await;
    assert_eq!((&entry["method"], &entry["path"]), (&json!("POST"), &json!("/v1/chat/completions")));
    assert_eq!(
        (&entry["status"], &entry["completion_tokens"], &entry["prompt_tokens"]),
        (&json!(200), &json!(9), &json!(7))
    );
    assert_eq!(entry["client_left"], false);
    let text = entry.to_string();
    assert!(text.contains("…6789") && !text.contains("sk-test"), "{text}");
    let at = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(entry["body_bytes"], request.len() - at);
    assert_eq!(entry["body_fnv1a"], format!("{:016x}", tollgate_sim::fnv1a(&request[at..])));
    page(address, "DELETE", "/_sim/requests").await;
    assert_eq!(page(address, "GET", "/_sim/requests").await, json!({"data": []}));
}

#[tokio::test]
async fn notices_a_client_that_leaves() {
    for steer in
        ["hang=before-head", "hang=after-head", "stall-after=3", "chunk-ms=5000", "ttft-ms=60000", "chunks=5000000"]
    {
        let address = start().await;
        let mut talk = Talk::to(address).await;
        talk.send(&chat(steer, true)).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let stats = page(address, "GET", "/_sim/stats").await;
        assert_eq!((&stats["in_flight"], &stats["open_connections"]), (&json!(1), &json!(1)), "{steer}");
        drop(talk);
        let entry = ended(address).await;
        assert_eq!(entry["client_left"], true, "{steer}");
        let after = entry["client_left_after_ms"].as_u64().unwrap();
        assert!((90..1_500).contains(&after), "{steer} {after}");
        if steer == "stall-after=3" {
            assert_eq!(entry["completion_tokens"], 3);
        }
        assert_eq!(page(address, "GET", "/_sim/stats").await["in_flight"], 0);
    }
}
