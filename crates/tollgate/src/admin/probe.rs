//! Asking a provider whether it is there and takes the operator's accounts, without generating or buying anything.
//!
//! Owns which harmless question each kind answers. Not part of routing: what is learned here changes no account's state.

use crate::config::Kind;
use crate::lines::Lines;
use crate::proof::Proofs;
use crate::routing::{Account, Deployment};
use crate::upstream::{Call, CallBody, CallError, Network, Piece, Reply};
use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, header};
use serde_json::{Value, json};
use std::future::poll_fn;
use std::time::{Duration, Instant};
use tollgate_protocol::scrub;

/// Longest wait for one account's answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer that is read, in bytes.
const MAX_ANSWER: usize = 4 << 20;
/// Most of a vendor's own words that are shown, in characters.
const MAX_WORDS: usize = 300;

/// What a kind is asked, below its base URL, and where its answer lists something. Sources: the vendors' API
/// references, 2026-11; all of these are free.
fn question(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::OpenAi | Kind::OpenAiCompatible | Kind::DeepSeek => ("/models", "data"),
        Kind::Anthropic => ("/models?limit=1000", "data"),
        Kind::Gemini => ("/models?pageSize=1000", "models"),
        Kind::Vertex => ("/publishers/google/models?pageSize=100", "publisherModels"),
        Kind::Ark => ("/contents/generations/tasks?page_num=1&page_size=1", "items"),
        Kind::Kling => ("/videos/text2video?pageNum=1&pageSize=1", "data"),
    }
}

/// What came of asking with each account, one after the other.
pub(super) async fn all(network: &Network, proofs: &Proofs, deployment: &Deployment) -> Value {
    let mut accounts = Vec::new();
    for account in &deployment.accounts {
        accounts.push(one(network, proofs, deployment, account).await);
    }
    let ok = accounts.iter().all(|account| account["ok"] == json!(true));
    json!({ "ok": ok, "accounts": accounts })
}

async fn one(network: &Network, proofs: &Proofs, deployment: &Deployment, account: &Account) -> Value {
    let proof = match tokio::time::timeout(PATIENCE, proofs.of(account)).await {
        Ok(Ok(proof)) => proof,
        Ok(Err(error)) => {
            let why = scrub::text(&error.to_string());
            return json!({ "ok": false, "status": null, "models": null, "error": why });
        }
        Err(_) => return json!({ "ok": false, "status": null, "models": null, "error": "signing in took too long" }),
    };
    let kind = deployment.provider.kind;
    let (path, list) = question(kind);
    let mut headers = Lines::with_capacity(6);
    headers.push(proof.name.clone(), proof.value.clone());
    headers.push(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.push(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.push(header::USER_AGENT, HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION"))));
    if kind == Kind::Anthropic {
        headers.push(HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));
    }
    let path = format!("{}{path}", deployment.provider.base.path);
    let call = Call { method: Method::GET, path, headers, body: CallBody::Whole(Bytes::new()) };
    let start = Instant::now();
    let answer = tokio::time::timeout(PATIENCE, async {
        let reply = network.call(&deployment.origin, call).await?;
        let status = reply.status;
        Ok::<_, CallError>((status, body(reply).await))
    })
    .await;
    let took_ms = f64::from(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX)) / 1000.0;
    let clean = |text: &str| text.replace(proof.secret(), "***");
    match answer {
        Ok(Ok((status, body))) if status.is_success() => {
            let models = serde_json::from_slice::<Value>(&body).ok();
            let models = models.and_then(|answer| Some(answer.get(list)?.as_array()?.len()));
            json!({ "ok": true, "status": status.as_u16(), "took_ms": took_ms, "models": models, "error": null })
        }
        Ok(Ok((status, body))) => {
            let words: String = scrub::text(&clean(&said(&body))).chars().take(MAX_WORDS).collect();
            json!({ "ok": false, "status": status.as_u16(), "took_ms": took_ms, "models": null, "error": words })
        }
        Ok(Err(error)) => {
            json!({ "ok": false, "status": null, "took_ms": took_ms, "models": null, "error": clean(&error.to_string()) })
        }
        Err(_) => {
            let why = format!("no answer within {} s", PATIENCE.as_secs());
            json!({ "ok": false, "status": null, "took_ms": took_ms, "models": null, "error": why })
        }
    }
}

/// The body, or what of it came; of one that is too large the beginning.
async fn body(mut reply: Reply) -> Bytes {
    let mut all = BytesMut::new();
    loop {
        let read = poll_fn(|cx| {
            reply.body.poll_read(cx, &mut |piece: Piece<'_>| {
                let room = MAX_ANSWER.saturating_sub(all.len());
                all.extend_from_slice(piece.as_slice().get(..room.min(piece.as_slice().len())).unwrap_or_default());
            })
        });
        match read.await {
            Ok(true) if all.len() < MAX_ANSWER => {}
            _ => return all.freeze(),
        }
    }
}

/// A vendor's own words about what is wrong.
fn said(body: &[u8]) -> String {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = json["error"]["message"].as_str().or_else(|| json["message"].as_str());
    message.map_or_else(|| String::from_utf8_lossy(body).chars().take(MAX_WORDS).collect(), str::to_owned)
}
