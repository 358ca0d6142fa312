//! Callers of one protocol, models of another vendor: the whole gateway against the simulator as every vendor.

mod loops;
mod matrix;
mod tools;

use crate::harness::Gateway;
use crate::wire::Sim;
use std::net::SocketAddr;

/// Every kind of provider whose conversations are served, and a model of each, all at one simulator.
pub const VENDORS: &[(&str, &str)] = &[
    ("openai", "gpt-4o"),
    ("openai", "gpt-5-pro"),
    ("openai", "gpt-5.6-sol"),
    ("anthropic", "claude-haiku-4-5"),
    ("anthropic", "claude-opus-5"),
    ("gemini", "gemini-2.5-flash"),
    ("gemini", "gemini-3.5-flash"),
    ("deepseek", "deepseek-flash"),
];

/// A configuration with a provider of each kind at one address. What steers the simulator is passed on.
pub fn config(address: SocketAddr) -> String {
    let kinds = ["openai", "anthropic", "gemini", "deepseek"];
    let table = |kind: &&str| {
        format!(
            "[providers.{kind}]\nbase_url = \"http://{address}\"\nforward_headers = [\"x-tollgate-sim\"]\n\
             credentials = [{{ api_key = \"sk-upstream-{kind}\" }}]\n"
        )
    };
    let short = "[timeouts]\nfirst_byte = \"1s\"\nidle = \"1s\"\n";
    short.to_owned() + &kinds.iter().map(table).collect::<String>()
}

pub fn start() -> (Sim, Gateway, String) {
    let sim = Sim::start();
    let gateway = Gateway::start(&config(sim.address));
    let key = gateway.live_key();
    (sim, gateway, key)
}
