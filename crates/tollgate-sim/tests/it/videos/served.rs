//! Videos over a real socket, with the machine's clock.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};

use crate::client::{End, Talk, head, page, start};

const TASKS: &str = "/api/v3/contents/generations/tasks";

/// One request with a body, its head and its body back.
async fn call(address: SocketAddr, method: &str, path: &str, more: &str, body: &str) -> (End, String, Vec<u8>) {
    let mut talk = Talk::to(address).await;
    let head = head(method, path, &format!("connection: close\r\n{more}"), body.len());
    let head = head.replace("host: sim", &format!("host: {address}"));
    talk.send(&[head.as_bytes(), body.as_bytes()].concat()).await;
    let end = talk.all().await;
    let at = talk.received.windows(4).position(|four| four == b"\r\n\r\n").map_or(talk.received.len(), |at| at + 4);
    let body = talk.received.split_off(at);
    (end, talk.text(), body)
}

fn request() -> String {
    json!({"model": "m", "content": [{"type": "text", "text": "a cat"}]}).to_string()
}

#[tokio::test]
async fn a_task_its_clip_and_its_count() {
    let address = start().await;
    let steer = "x-tollgate-sim: video-seconds=1;video-bytes=3000000\r\n";
    let (_, head, body) = call(address, "POST", TASKS, steer, &request()).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let id = serde_json::from_slice::<Value>(&body).unwrap()["id"].as_str().unwrap().to_owned();
    let poll = async || {
        let (_, _, body) = call(address, "GET", &format!("{TASKS}/{id}"), "", "").await;
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    assert_eq!(poll().await["status"], "queued");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let done = poll().await;
    let url = done["content"]["video_url"].as_str().unwrap();
    let target = url.strip_prefix(&format!("http://{address}")).unwrap();
    let (end, head, clip) = call(address, "GET", target, "", "").await;
    assert_eq!((end, clip.len()), (End::Closed, 3_000_000));
    assert!(head.contains("content-length: 3000000\r\n") && head.contains("content-type: video/mp4\r\n"));
    let (_, head, part) = call(address, "GET", target, "range: bytes=2999990-\r\n", "").await;
    assert!(head.starts_with("HTTP/1.1 206 Partial Content") && part == clip[2_999_990..]);
    let tasks = page(address, "GET", "/_sim/tasks").await;
    let row = &tasks["data"][0];
    assert_eq!((&row["id"], &row["polls"], &row["downloads"]), (&json!(id), &json!(2), &json!(2)));
    assert_eq!(row["bill"]["tokens"], 108_900);
}

#[tokio::test]
async fn steered_from_beside_a_create_is_lost() {
    let address = start().await;
    let rules = json!([{"steer": "video-lost", "method": "POST", "times": 1}]).to_string();
    let (_, head, _) = call(address, "PUT", "/_sim/steer", "", &rules).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let (end, head, _) = call(address, "POST", TASKS, "", &request()).await;
    assert_eq!((end, head.as_str()), (End::Closed, ""));
    let (_, head, _) = call(address, "POST", TASKS, "", &request()).await;
    assert!(head.starts_with("HTTP/1.1 200"), "only once");
    let tasks = page(address, "GET", "/_sim/tasks").await;
    assert_eq!((&tasks["totals"]["creates"], tasks["data"].as_array().unwrap().len()), (&json!(2), 2));
    let twice = tasks["data"].as_array().unwrap();
    assert_eq!(twice[0]["request_fnv1a"], twice[1]["request_fnv1a"], "a request that was sent twice shows");
    page(address, "DELETE", "/_sim/tasks").await;
    assert_eq!(page(address, "GET", "/_sim/tasks").await["data"], json!([]));
}

#[tokio::test]
async fn clips_in_base64_are_whole_json() {
    let address = start().await;
    let model = "/v1/projects/p/locations/l/publishers/google/models/veo-3.1-generate-001";
    let steer = "x-tollgate-sim: video-seconds=0;video-bytes=2000000\r\n";
    let create = json!({"instances": [{"prompt": "x"}], "parameters": {"sampleCount": 2}}).to_string();
    let (_, _, body) = call(address, "POST", &format!("{model}:predictLongRunning"), steer, &create).await;
    let (end, head, body) = call(
        address,
        "POST",
        &format!("{model}:fetchPredictOperation"),
        "",
        &json!({"operationName": serde_json::from_slice::<Value>(&body).unwrap()["name"]}).to_string(),
    )
    .await;
    assert!(end == End::Closed && head.contains(&format!("content-length: {}\r\n", body.len())));
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert!(body["response"]["videos"][1]["bytesBase64Encoded"].as_str().unwrap().len() > 2_600_000);
}
