//! What a request asks for, and whom to ask in which order: all that is decided before anything is taken or sent.
//!
//! A call and `explain` share every function here, so that what the one says is what the other does. Takes nothing,
//! holds nothing, sends nothing.

use super::outbound::Payload;
use super::state::{Shelves, Turn};
use super::{Asked, Gateway, Route, admission, crossing};
use crate::catalogue;
use crate::clock::now_ms;
use crate::config::{Kind, Protocol, Provider};
use crate::keys::{Key, Mode};
use crate::pricing::PriceBook;
use crate::routing::{self, Attempt, Choice, Fleet, NoAttempt};
use std::sync::Arc;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::head::{self, Head};
use tollgate_protocol::{embeddings, gemini};

/// What must be known of a JSON request.
pub(super) fn head(asked: &Asked, body: &[u8]) -> Result<Head, Fault> {
    let path = &asked.path;
    match asked.route {
        Route::Converse(protocol) => protocol.codec().head(body, path),
        Route::Count(protocol) => match protocol.counter() {
            Some(counter) => counter.head(body, path),
            None => protocol.codec().head(body, path),
        },
        Route::Embed => gemini::embed_head(body, path),
        Route::BatchEmbed => gemini::batch_embed_head(body, path),
        Route::Embeddings | Route::Transcriptions | Route::Translations => head::read(body, &embeddings::HEAD, path),
    }
}

/// Finds the place of a request in a conversation of kept responses. The request may become another: with its earlier
/// turns in it, or by the names of who keeps them.
pub(super) async fn turn(
    gateway: &Gateway,
    asked: &Asked,
    key: &Key,
    payload: &mut Payload,
    request_id: impl FnOnce() -> String,
    limit: u64,
) -> Result<Option<Turn>, Fault> {
    let (Route::Converse(Protocol::Responses) | Route::Count(Protocol::Responses), Payload::Json { body, .. }) =
        (asked.route, &*payload)
    else {
        return Ok(None);
    };
    let shelves = Shelves::new(&gateway.memory, key, &gateway.fleet.load().config.storage);
    let (turn, told) = Box::pin(Turn::begin(shelves, &request_id(), body, limit)).await?;
    if turn.background && admission::is_budgeted(key) {
        let message =
            "A key with a budget takes no 'background': what such an answer uses is known only after it was told.";
        return Err(Fault::unsupported("background", message));
    }
    if let Some(body) = told {
        *payload = Payload::Json { head: head(asked, &body)?, body };
    }
    Ok(Some(turn))
}

/// The ways of serving a model for a kind of key; `None` for the sandbox.
pub(super) fn choices(fleet: &Fleet, mode: Mode, model: &str) -> Result<Option<Arc<[Choice]>>, Fault> {
    match mode {
        Mode::Test if in_sandbox(fleet, model) => Ok(None),
        Mode::Test => Err(unknown_model(model)),
        Mode::Live => fleet.choices(model).map(Some).ok_or_else(|| unknown_model(model)),
    }
}

/// Whether a budget takes a choice.
pub(super) fn is_priced(choice: &Choice, prices: &PriceBook) -> bool {
    prices.find(choice.deployment.provider.kind, &choice.model).is_some()
}

/// Whose price counts in the sandbox: of those that it could have been, the first that has one.
pub(super) fn sandbox_model(candidates: &[(Kind, Arc<str>)], prices: &PriceBook) -> Option<(Kind, Arc<str>)> {
    let known = |candidate: &&(Kind, Arc<str>)| prices.find(candidate.0, &candidate.1).is_some();
    candidates.iter().find(known).or(candidates.first()).cloned()
}

/// The sandbox has the models of the catalogue and those that this gateway would serve; other names are as unknown
/// there as anywhere, so that a program's handling of a wrong name can be tested.
fn in_sandbox(fleet: &Fleet, model: &str) -> bool {
    let listed = |name: &str| !catalogue::find(name).is_empty();
    listed(model) || model.split_once('/').is_some_and(|(_, name)| listed(name)) || fleet.choices(model).is_some()
}

/// Whether a provider can be asked what a route asks for, in whatever protocol.
pub(super) fn serves(route: Route, provider: &Provider) -> bool {
    // Conversations, counts and vectors cross into whatever a provider speaks; the other routes are their own
    // protocol's alone.
    match route {
        Route::Converse(_) | Route::Count(_) => !provider.protocols.is_empty(),
        _ if route.is_vectors() => crossing::vectors_wire(route.protocol(), provider).is_some(),
        _ => provider.protocols.contains(&Protocol::Chat),
    }
}

/// What is tried, in order: one account alone where that keeps the conversation. `random` decides among equals.
pub(super) fn attempts(
    choices: &[Choice],
    route: Route,
    turn: Option<&Turn>,
    random: impl FnMut(u64) -> u64,
) -> Result<Vec<Attempt>, Fault> {
    if let Some(pin) = turn.and_then(|turn| turn.pin.as_ref()) {
        return Ok(vec![Turn::pinned(pin, choices, now_ms())?]);
    }
    let serves = |provider: &Provider| serves(route, provider);
    routing::order(choices, serves, now_ms(), random).map_err(|none| match none {
        NoAttempt::Protocol => Fault::new(
            FaultKind::NotFound,
            "model_not_found",
            "No configured provider serves this model through this route.",
        )
        .about("model"),
        NoAttempt::Resting { wait, rate_limited: true } => {
            Fault::new(FaultKind::RateLimited, "upstream_rate_limited", "The provider's rate limit is reached.")
                .after(Some(wait))
        }
        NoAttempt::Resting { wait, rate_limited: false } => {
            Fault::new(FaultKind::UpstreamUnavailable, "upstream_unavailable", "The provider asked for a pause.")
                .after(Some(wait))
        }
    })
}

pub(super) fn unknown_model(model: &str) -> Fault {
    let shown: String = model.chars().take(100).collect();
    Fault::new(
        FaultKind::NotFound,
        "model_not_found",
        format!("The model '{shown}' does not exist here, or no provider that serves it is configured."),
    )
    .about("model")
}
