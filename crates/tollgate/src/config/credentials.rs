//! Reads a provider's `credentials`.
//!
//! Owns the forms of a credential, which form suits which kind, and what a secret may consist of. Its messages
//! never quote a value.

use std::path::PathBuf;

use super::fields::{Context, Fields};
use super::written::Node;
use super::{Auth, Credential, Kind, Secret};

/// The accounts in the order written; `None` if any of them is faulty.
pub(super) fn read(ctx: &Context<'_>, key: &str, node: Node, kind: Kind) -> Option<Vec<Credential>> {
    let origin = node.origin.clone();
    let nodes = ctx.list(key, node)?;
    if nodes.is_empty() {
        ctx.report(key, &origin, "must hold at least one credential");
        return None;
    }
    let mut read = Vec::new();
    let mut faulty = false;
    for (index, node) in nodes.into_iter().enumerate() {
        let credential = Fields::open(ctx, format!("{key}[{index}]"), node).and_then(|fields| one(fields, kind));
        faulty |= credential.is_none();
        read.extend(credential);
    }
    (!faulty).then_some(read)
}

fn one(mut fields: Fields<'_>, kind: Kind) -> Option<Credential> {
    let before = fields.problems();
    let api_key = secret(&mut fields, "api_key");
    let access_token = secret(&mut fields, "access_token");
    let access_key = secret(&mut fields, "access_key");
    let secret_key = secret(&mut fields, "secret_key");
    let service_account = fields.text("service_account").map(|text| PathBuf::from(text.value));
    let weight = fields.integer("weight", 1..=1_000_000).unwrap_or(1);
    let weight = u32::try_from(weight).unwrap_or(u32::MAX);
    let sound = fields.problems() == before;

    let auth = match (api_key, access_token, service_account, access_key, secret_key) {
        (Some(key), None, None, None, None) => Some(Auth::ApiKey(key)),
        (None, Some(token), None, None, None) => Some(Auth::AccessToken(token)),
        (None, None, Some(path), None, None) => Some(Auth::ServiceAccount(path)),
        (None, None, None, Some(access_key), Some(secret_key)) => Some(Auth::KeyPair { access_key, secret_key }),
        _ => None,
    };
    let help = forms(kind);
    match &auth {
        None if sound => fields.report("must have exactly one form of credential", Some(help)),
        Some(auth) if !takes(kind, auth) => {
            let message = format!("a provider of kind {kind} takes no credential of this form");
            fields.report(message, Some(help));
        }
        _ => {}
    }
    let auth = auth.filter(|auth| takes(kind, auth));
    fields.finish();
    auth.map(|auth| Credential { auth, weight })
}

fn takes(kind: Kind, auth: &Auth) -> bool {
    match auth {
        Auth::ApiKey(_) => kind != Kind::Vertex,
        Auth::ServiceAccount(_) | Auth::AccessToken(_) => kind == Kind::Vertex,
        Auth::KeyPair { .. } => kind == Kind::Kling,
    }
}

fn forms(kind: Kind) -> &'static str {
    match kind {
        Kind::Vertex => "{ service_account = \"FILE\" } or { access_token = \"${NAME}\" }",
        Kind::Kling => "{ api_key = \"${NAME}\" } or { access_key = \"${NAME}\", secret_key = \"${NAME}\" }",
        _ => "{ api_key = \"${NAME}\" }",
    }
}

fn secret(fields: &mut Fields<'_>, name: &'static str) -> Option<Secret> {
    let text = fields.text(name)?;
    let value = text.value.trim();
    if let Some(why) = fault_in(value) {
        fields.report_at(name, &text.origin, why);
        return None;
    }
    Some(Secret::new(value))
}

/// Why a secret cannot be sent in a header, if so.
fn fault_in(value: &str) -> Option<&'static str> {
    if value.is_empty() {
        Some("is empty")
    } else if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("has spaces, line breaks or other characters that no key has")
    } else {
        None
    }
}

/// The same for a credential from the usual variables.
pub(super) fn fault(auth: &Auth) -> Option<&'static str> {
    match auth {
        Auth::ApiKey(secret) | Auth::AccessToken(secret) => fault_in(secret.expose()),
        Auth::KeyPair { access_key, secret_key } => {
            fault_in(access_key.expose()).or_else(|| fault_in(secret_key.expose()))
        }
        Auth::ServiceAccount(_) => None,
    }
}
