//! Reads `forward_headers`: which of the caller's headers a provider may see besides the fixed allow-list.
//!
//! Owns the refusal of headers that carry a credential, belong to one connection or describe the framing. A
//! caller's secret must not reach a vendor, whatever the file says.

use http::HeaderName;

use super::fields::Context;
use super::written::Node;

/// Never forwarded, in lower case.
const REFUSED: &[(&str, &str)] = &[
    ("authorization", "carries a credential"),
    ("proxy-authorization", "carries a credential"),
    ("proxy-authenticate", "carries a credential"),
    ("x-api-key", "carries a credential"),
    ("api-key", "carries a credential"),
    ("x-goog-api-key", "carries a credential"),
    ("x-goog-iam-authorization-token", "carries a credential"),
    ("x-amz-security-token", "carries a credential"),
    ("x-auth-token", "carries a credential"),
    ("cookie", "carries a session"),
    ("cookie2", "carries a session"),
    ("set-cookie", "carries a session"),
    ("host", "is the provider's own"),
    ("content-length", "describes the framing"),
    ("transfer-encoding", "describes the framing"),
    ("content-encoding", "describes the framing"),
    ("accept-encoding", "describes the framing"),
    ("expect", "describes the framing"),
    ("connection", "belongs to one connection"),
    ("keep-alive", "belongs to one connection"),
    ("proxy-connection", "belongs to one connection"),
    ("te", "belongs to one connection"),
    ("trailer", "belongs to one connection"),
    ("upgrade", "belongs to one connection"),
    ("http2-settings", "belongs to one connection"),
];

pub(super) fn read(ctx: &Context<'_>, key: &str, nodes: Vec<Node>) -> Vec<HeaderName> {
    let mut names: Vec<HeaderName> = Vec::new();
    for (index, node) in nodes.into_iter().enumerate() {
        let key = format!("{key}[{index}]");
        let Some(text) = ctx.text(&key, node) else {
            continue;
        };
        let Ok(name) = text.value.trim().parse::<HeaderName>() else {
            let message = format!("{} is not a header's name", text.quoted());
            ctx.report(&key, &text.origin, message);
            continue;
        };
        let refused = REFUSED.iter().find(|(refused, _)| *refused == name);
        let why = match refused {
            Some((_, why)) => Some(*why),
            // The simulator may stand alone as an upstream, and its steering is for it.
            None if name == "x-tollgate-sim" => None,
            None if name.as_str().starts_with("x-tollgate-") => Some("is between caller and gateway"),
            None => None,
        };
        if let Some(why) = why {
            let message = format!("`{name}` {why} and is never forwarded");
            ctx.report(&key, &text.origin, message);
        } else if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
