//! A request that may go on from a kept response.
//!
//! Before a request is planned its earlier turns are found: either it must go to the account that keeps them, under
//! that account's names, or they are told again and the request stands for itself.

use super::kept::{Kept, Place};
use super::{Filing, Shelves, name_of};
use crate::gateway::failure::too_large;
use crate::routing::{Attempt, Choice};
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::fields::items;
use tollgate_protocol::responses::{self, Asked};

/// Most responses that one conversation goes back over.
const MAX_TURNS: usize = 1_000;
/// Most items that a request may only name.
const MAX_NAMED: usize = 1_000;
/// How many bodies' worth of kept responses are read for them.
const MAX_READ: u64 = 8;

/// Where a request must go, and what its earlier turn is called there; an item has one name everywhere.
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
    /// The fault for a model that is not to be had there.
    fn elsewhere(&self) -> Fault {
        if self.ours == self.theirs {
            return responses::item_elsewhere(&self.ours);
        }
        responses::previous_elsewhere(&self.ours)
    }

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
        let named = turn.located(&asked, limit).await?;
        let told = match &asked.previous {
            None => turn.alone(&asked, body, named)?,
            Some(previous) => match turn.shelves.get(previous).await? {
                None => return Err(responses::previous_not_found(previous)),
                Some(Kept::Theirs { account, id, .. }) => {
                    if let Some(item) = asked.references.iter().find(|item| named.items.contains_key(*item)) {
                        return Err(responses::item_elsewhere(item));
                    }
                    if let Some((_, item)) = named.account.filter(|(at, _)| *at != account) {
                        return Err(responses::item_not_found(&item));
                    }
                    if let Some(ours) = asked.references.iter().find(|item| responses::is_ours(item)) {
                        return Err(responses::item_not_found(ours));
                    }
                    let told = asked.going_on_from(body, &id);
                    turn.pin = Some(Pin { account, theirs: id, ours: previous.clone() });
                    Some(told)
                }
                Some(latest @ Kept::Ours { .. }) => {
                    Some(turn.again(&asked, body, previous, latest, named, limit).await?)
                }
            },
        };
        if told.as_ref().is_some_and(|told| told.len() as u64 > limit) {
            return Err(too_large(limit));
        }
        Ok((turn, told))
    }

    /// A request that goes on from none, but may name items.
    fn alone(&mut self, asked: &Asked, body: &Bytes, named: Named) -> Result<Option<Bytes>, Fault> {
        if asked.references.is_empty() {
            return Ok(None);
        }
        let told = asked.told_again(body, &[], |id| named.told(id))?;
        self.said = told.clone();
        self.pin = named.account.map(|(account, item)| Pin { account, theirs: item.clone(), ours: item });
        Ok(Some(told))
    }

    /// The request with its whole conversation.
    async fn again(
        &mut self,
        asked: &Asked,
        body: &Bytes,
        id: &str,
        latest: Kept,
        mut named: Named,
        limit: u64,
    ) -> Result<Bytes, Fault> {
        if let Some((_, item)) = named.account {
            return Err(responses::item_elsewhere(&item));
        }
        let earlier = self.shelves.earlier(id, latest, limit).await?;
        let lists: Vec<&str> = earlier.iter().map(String::as_str).collect();
        let wanted = asked.references.iter().map(String::as_str).collect();
        for list in &lists {
            note(&mut named.items, list, &wanted);
        }
        self.said = asked.told_again(body, &[], |id| named.told(id))?;
        asked.told_again(body, &lists, |id| named.told(id))
    }

    /// Finds the items that the request names and does not tell, of this project's responses and of no others: the
    /// gateway tells what it keeps, and what a vendor keeps must go to its account. Ours that are not found here may be
    /// in the conversation that it goes on from.
    async fn located(&self, asked: &Asked, limit: u64) -> Result<Named, Fault> {
        let wanted: HashSet<&str> = asked.references.iter().map(String::as_str).collect();
        if wanted.len() > MAX_NAMED {
            return Err(Fault::invalid("input", format!("More than {MAX_NAMED} items are only named.")));
        }
        let mut named = Named { account: None, items: HashMap::new() };
        let mut size = 0_u64;
        for id in &asked.references {
            if named.items.contains_key(id) {
                continue;
            }
            let of = match responses::origin(id) {
                Some(answer) => format!("{}{answer}", responses::RESPONSE),
                None => match self.shelves.find(id).await? {
                    None => return Err(responses::item_not_found(id)),
                    Some(Place::Response(of)) => of,
                    Some(Place::Account(account)) => {
                        if named.account.get_or_insert_with(|| (account.clone(), id.clone())).0 != account {
                            return Err(responses::item_elsewhere(id));
                        }
                        continue;
                    }
                },
            };
            if let Some(Kept::Ours { input, response, .. }) = self.shelves.get(&of).await? {
                size += (input.len() + response.len()) as u64;
                if size > limit.saturating_mul(MAX_READ) {
                    return Err(too_large(limit));
                }
                note(&mut named.items, &input, &wanted);
                note(&mut named.items, &responses::kept_output(&response), &wanted);
            }
        }
        Ok(named)
    }

    /// Whether an attempt is at the account that keeps the conversation; true where none does.
    pub(in crate::gateway) fn is_kept_by(&self, attempt: &Attempt) -> bool {
        self.pin.as_ref().is_none_or(|pin| pin.is_at(attempt))
    }

    /// The one try that a pinned request has.
    pub(in crate::gateway) fn pinned(pin: &Pin, choices: &[Choice], now: i64) -> Result<Attempt, Fault> {
        let tries = choices.iter().flat_map(Choice::attempts);
        let attempt = tries.into_iter().find(|attempt| pin.is_at(attempt)).ok_or_else(|| pin.elsewhere())?;
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

/// What a request's named items are.
struct Named {
    /// The account that keeps some of them, and one of these.
    account: Option<(String, String)>,
    /// Those that the gateway keeps, by their ids.
    items: HashMap<String, String>,
}

impl Named {
    /// An item that is told instead of named, or named for the account that keeps it.
    fn told(&self, id: &str) -> Option<String> {
        if let Some(item) = self.items.get(id) {
            return Some(item.clone());
        }
        let named = || format!(r#"{{"type":"item_reference","id":{}}}"#, tollgate_protocol::json::quote(id));
        (self.account.is_some() && !responses::is_ours(id)).then(named)
    }
}

/// Notes those items of a list that are wanted, by their ids.
fn note(found: &mut HashMap<String, String>, list: &str, wanted: &HashSet<&str>) {
    if wanted.is_empty() {
        return;
    }
    for item in items(list, "").unwrap_or_default() {
        if let Ok(Some(id)) = item.fields().and_then(|fields| Ok(fields.text("id")?.map(Cow::into_owned)))
            && wanted.contains(&*id)
        {
            found.insert(id, item.raw.to_owned());
        }
    }
}
