//! `GET /v1/models` and `/v1/models/{id}`: what this key may use.

use crate::catalogue;
use crate::gateway::{Gateway, Session, fault_answer, identify, request_id};
use crate::keys::{Key, Mode, allows_model};
use crate::message::{Answer, Inbound};
use crate::routing::resolve;
use http::StatusCode;
use std::collections::BTreeMap;
use tollgate_protocol::codec::Protocol;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::openai;

/// `created` of every model: the vendors' own dates are not in the catalogue, and a program must not sort by ours.
const CREATED: i64 = 1_700_000_000;

pub(super) fn answer(gateway: &Gateway, inbound: &Inbound, session: &mut Session) -> Answer {
    let key = match identify(gateway, inbound, session) {
        Ok(key) => key,
        Err(fault) => return fault_answer(Protocol::Chat, &fault, &request_id()),
    };
    let models = visible(gateway, &key);
    let mut answer = match inbound.path.strip_prefix("/v1/models/") {
        None => {
            let list = models.iter().map(|(name, owner)| (name.as_str(), owner.as_str()));
            Answer::whole(StatusCode::OK, "application/json", openai::write_models(list, CREATED))
        }
        Some(id) => {
            if let Some(owner) = models.get(id) {
                Answer::whole(StatusCode::OK, "application/json", openai::write_model(id, owner, CREATED))
            } else {
                let fault = Fault::new(
                    FaultKind::NotFound,
                    "model_not_found",
                    "There is no such model, or this key may not use it.",
                );
                return fault_answer(Protocol::Chat, &fault.about("model"), &request_id());
            }
        }
    };
    if let Ok(id) = http::HeaderValue::from_str(&request_id()) {
        answer.headers.push(http::HeaderName::from_static("x-request-id"), id);
    }
    answer
}

/// Names and owners that a key may use, sorted by name.
fn visible(gateway: &Gateway, key: &Key) -> BTreeMap<String, String> {
    let fleet = gateway.fleet.load();
    let mut models: BTreeMap<String, String> = resolve::visible(&fleet.config)
        .into_iter()
        .map(|visible| (visible.name.to_owned(), visible.provider.name.to_string()))
        .collect();
    if key.mode == Mode::Test {
        // The sandbox answers for every model of the catalogue.
        for entry in catalogue::all().iter().filter(|entry| entry.is_served()) {
            models.entry(entry.model.to_owned()).or_insert_with(|| entry.kind.name().to_owned());
        }
    }
    models.retain(|name, _| allows_model(key, name));
    models
}
