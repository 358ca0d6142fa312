//! A request that may go on from a kept response.
//!
//! Before a request is planned its earlier turns are found: either it must go to the account that keeps them, under
//! that account's names, or they are told again and the request stands for itself.

use super::kept::Kept;
use super::{Filing, Shelves, name_of};
use crate::gateway::failure::too_large;
use crate::routing::{Attempt, Choice};
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::HashMap;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::fields::items;
use tollgate_protocol::responses::{self, Asked};

/// Most responses that one conversation goes back over.
const MAX_TURNS: usize = 1_000;
/// Most responses that are looked up for items which a request names.
const MAX_NAMED: usize = 32;

/// Where a request must go, and what its earlier turn is called there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) struct Pin {
    /// The account.
    account: String,
    /// The vendor's id.
    pub(in crate::gateway) theirs: String,
    /// The gateway's.
    pub(in crate::gateway) ours: String,
}

impl Pin {
    fn is_at(&self, attempt: &Attempt) -> bool {
        name_of(&attempt.choice.deployment.provider.name, attempt.account()) == self.account
    }
}

/// One request to `/v1/responses` and its place in a conversation.
pub(in crate::gateway) struct Turn {
    pub(super) shelves: Shelves,
    /// The answer's id.
    pub(super) id: String,
    /// The response that it goes on from, by the gateway's id.
    pub(in crate::gateway) previous: Option<String>,
    /// Whether the answer is to be kept.
    pub(super) keep: bool,
    /// Whether the caller does not wait for it.
    pub(in crate::gateway) background: bool,
    /// The request without the conversation before it, and with nothing in it that is only named.
    pub(super) said: Bytes,
    pub(in crate::gateway) pin: Option<Pin>,
}

impl Turn {
    /// Reads what a request says of kept responses. Gives the body to be sent too, if that is another. `limit` is for a
    /// body with all earlier turns, in bytes.
    pub(in crate::gateway) async fn begin(
        shelves: Shelves,
        request_id: &str,
        body: &Bytes,
        limit: u64,
    ) -> Result<(Self, Option<Bytes>), Fault> {
        let asked = responses::asked(body)?;
        if asked.conversation {
            return Err(responses::conversation_not_found());
        }
        let number = request_id.strip_prefix("req_").unwrap_or(request_id);
        let mut turn = Self {
            shelves,
            id: format!("{}{number}", responses::RESPONSE),
            previous: asked.previous.clone(),
            keep: asked.keep,
            background: asked.background,
            said: body.clone(),
            pin: None,
        };
        let told = match &asked.previous {
            None => turn.alone(&asked, body).await?,
            Some(previous) => match turn.shelves.get(previous).await? {
                None => return Err(responses::previous_not_found(previous)),
                Some(Kept::Theirs { account, id, .. }) => {
                    if let Some(ours) = asked.references.iter().find(|id| responses::is_ours(id)) {
                        return Err(item_not_found(ours));
                    }
                    let told = asked.going_on_from(body, &id);
                    turn.pin = Some(Pin { account, theirs: id, ours: previous.clone() });
                    Some(told)
                }
                Some(latest @ Kept::Ours { .. }) => Some(turn.again(&asked, body, previous, latest, limit).await?),
            },
        };
        if told.as_ref().is_some_and(|told| told.len() as u64 > limit) {
            return Err(too_large(limit));
        }
        Ok((turn, told))
    }

    /// A request that goes on from none, but may name items.
    async fn alone(&mut self, asked: &Asked, body: &Bytes) -> Result<Option<Bytes>, Fault> {
        if !asked.references.iter().any(|id| responses::is_ours(id)) {
            return Ok(None);
        }
        let found = self.named(asked, &[]).await?;
        let told = asked.told_again(body, &[], |id| item(&found, id))?;
        self.said = told.clone();
        Ok(Some(told))
    }

    /// The request with its whole conversation.
    async fn again(&mut self, asked: &Asked, body: &Bytes, id: &str, latest: Kept, limit: u64) -> Result<Bytes, Fault> {
        let earlier = self.shelves.earlier(id, latest, limit).await?;
        let lists: Vec<&str> = earlier.iter().map(String::as_str).collect();
        let found = self.named(asked, &lists).await?;
        self.said = asked.told_again(body, &[], |id| item(&found, id))?;
        asked.told_again(body, &lists, |id| item(&found, id))
    }

    /// Items that the request names and does not tell: those of its own conversation, and those to which the gateway
    /// gave their ids.
    async fn named(&self, asked: &Asked, earlier: &[&str]) -> Result<HashMap<String, String>, Fault> {
        let mut found = HashMap::new();
        if asked.references.is_empty() {
            return Ok(found);
        }
        for list in earlier {
            note(&mut found, list);
        }
        let mut looked = 0;
        for id in &asked.references {
            let Some(answer) = responses::origin(id).filter(|_| !found.contains_key(id)) else { continue };
            looked += 1;
            if looked > MAX_NAMED {
                break;
            }
            let of = format!("{}{answer}", responses::RESPONSE);
            if let Some(Kept::Ours { input, response, .. }) = self.shelves.get(&of).await? {
                note(&mut found, &input);
                note(&mut found, &responses::kept_output(&response));
            }
        }
        Ok(found)
    }

    /// Whether an attempt is at the account that keeps the conversation; true where none does.
    pub(in crate::gateway) fn is_kept_by(&self, attempt: &Attempt) -> bool {
        self.pin.as_ref().is_none_or(|pin| pin.is_at(attempt))
    }

    /// The one try that a pinned request has.
    pub(in crate::gateway) fn pinned(pin: &Pin, choices: &[Choice], now: i64) -> Result<Attempt, Fault> {
        let tries = choices.iter().flat_map(Choice::attempts);
        let attempt = tries
            .into_iter()
            .find(|attempt| pin.is_at(attempt))
            .ok_or_else(|| responses::previous_elsewhere(&pin.ours))?;
        match attempt.account().and_then(|account| account.resting(now)) {
            None => Ok(attempt),
            Some(wait) => Err(Fault::new(
                FaultKind::RateLimited,
                "upstream_rate_limited",
                "The provider that keeps this conversation asked for a pause.",
            )
            .after(Some(wait))),
        }
    }

    /// Where the answer goes, besides to the caller; `None` if it is not kept and names no other. `attempt` is `None`
    /// for the sandbox; `theirs`: who answers keeps what it answered.
    pub(in crate::gateway) fn filing(&self, attempt: Option<&Attempt>, theirs: bool) -> Option<Filing> {
        if !self.keep && (self.previous.is_none() || !theirs) {
            return None;
        }
        let account = theirs.then(|| match attempt {
            Some(attempt) => name_of(&attempt.choice.deployment.provider.name, attempt.account()),
            None => super::SANDBOX.to_owned(),
        });
        Some(Filing::new(self, account))
    }
}

impl Shelves {
    /// Items of a conversation up to and with one response, oldest list first.
    pub(super) async fn earlier(&self, id: &str, latest: Kept, limit: u64) -> Result<Vec<String>, Fault> {
        let (mut lists, mut size) = (Vec::new(), 0_u64);
        let mut at = Some((id.to_owned(), latest));
        while let Some((id, kept)) = at {
            let Kept::Ours { previous, input, response } = kept else {
                return Err(responses::previous_elsewhere(&id));
            };
            let output = responses::kept_output(&response);
            size += (input.len() + output.len()) as u64;
            if size > limit {
                return Err(too_large(limit));
            }
            lists.extend([output, input]);
            if lists.len() > 2 * MAX_TURNS {
                let message = format!("This conversation has more than {MAX_TURNS} turns.");
                return Err(Fault::invalid("previous_response_id", message));
            }
            at = match previous {
                None => None,
                Some(before) => match self.get(&before).await? {
                    Some(kept) => Some((before, kept)),
                    // A conversation with a hole in it would be another conversation.
                    None => return Err(responses::previous_not_found(&before)),
                },
            };
        }
        lists.reverse();
        Ok(lists)
    }
}

/// Notes the items of a list by their ids.
fn note(found: &mut HashMap<String, String>, list: &str) {
    for item in items(list, "").unwrap_or_default() {
        if let Ok(Some(id)) = item.fields().and_then(|fields| Ok(fields.text("id")?.map(Cow::into_owned))) {
            found.insert(id, item.raw.to_owned());
        }
    }
}

/// An item that is told instead of named. A vendor's own stay as they are named: it may know them.
fn item(found: &HashMap<String, String>, id: &str) -> Option<String> {
    if let Some(item) = found.get(id) {
        return Some(item.clone());
    }
    let named = || format!(r#"{{"type":"item_reference","id":{}}}"#, tollgate_protocol::json::quote(id));
    (!responses::is_ours(id)).then(named)
}

fn item_not_found(id: &str) -> Fault {
    let message = format!("There is no item '{id}' where this conversation is kept.");
    Fault::new(FaultKind::NotFound, "item_not_found", message).about("input")
}
