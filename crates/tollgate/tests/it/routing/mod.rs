//! Which vendor is asked, in which order, how often, and with what.

mod accounts;
mod failover;
mod headers;
mod pool;

use crate::harness::{Answer, Gateway, Upstream, json_answer};
use crate::wire::{GOOD, PLAIN};
use std::io::Write;

/// An upstream that always answers well.
pub fn good() -> Upstream {
    Upstream::start(|_, stream| stream.write_all(&json_answer("200 OK", GOOD)).is_ok())
}

/// An upstream that always answers this status, with a body and more header lines.
pub fn always(status: &'static str, headers: &'static str, body: &'static str) -> Upstream {
    Upstream::start(move |_, stream| {
        let head = format!("HTTP/1.1 {status}\r\n{headers}content-type: application/json\r\n");
        stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).is_ok()
    })
}

/// An upstream whose account `key` is answered like that and whose others are answered well.
pub fn bad_account(key: &'static str, status: &'static str, headers: &'static str, body: &'static str) -> Upstream {
    Upstream::start(move |request, stream| {
        if String::from_utf8_lossy(request).contains(&format!("Bearer {key}\r\n")) {
            let head = format!("HTTP/1.1 {status}\r\n{headers}content-type: application/json\r\n");
            stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).is_ok()
        } else {
            stream.write_all(&json_answer("200 OK", GOOD)).is_ok()
        }
    })
}

/// A provider with several accounts behind two models, `m` and `n`.
pub fn accounts(upstream: &Upstream, keys: &[&str]) -> String {
    let list: Vec<String> = keys.iter().map(|key| format!("{{ api_key = \"{key}\" }}")).collect();
    format!(
        "[providers.up]\nkind = \"openai\"\nbase_url = \"http://{}/v1\"\ncredentials = [{}]\n\
         [models.m]\ntargets = [{{ provider = \"up\", model = \"up-m\" }}]\n\
         [models.n]\ntargets = [{{ provider = \"up\", model = \"up-n\" }}]\n",
        upstream.address,
        list.join(", ")
    )
}

/// A plain request.
pub fn ask(gateway: &Gateway, key: &str) -> Answer {
    gateway.chat(key, PLAIN, &[])
}
