//! What a call would do, without doing it.
//!
//! Walks the way of [`super::path`] by the same functions, up to the moment before something is taken, written down or
//! sent: nothing is held, nothing booked, no vendor asked, no proof fetched. What chance decides among equals is decided
//! here in the order in which they are written, and said to be chance. Never shows what proves an account.

mod tell;

use super::admission::{self, Ask, Range, Taken};
use super::failure::too_large;
use super::outbound::{Composed, Outbound, Payload};
use super::state::Turn;
use super::{Asked, Gateway, Route, caller, plan, request_id, video};
use crate::accounts::Account;
use crate::clock::now_ms;
use crate::config::{Kind, Protocol};
use crate::keys::{Key, Limits, Mode, Project};
use crate::message::{Inbound, NotExplained, Question};
use crate::pricing::PriceBook;
use crate::routing::{Attempt, Choice};
use bytes::Bytes;
use http::Method;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;
use tollgate_protocol::fault::Fault;

/// What a call would do.
struct Plan {
    /// The id that a call would have had; answers repeat it.
    id: String,
    route: Route,
    key: Arc<Key>,
    model: Option<String>,
    stream: bool,
    /// How far it would come and what the caller would be told, if it is refused.
    refusal: Option<(Stage, Fault)>,
    /// The gateway's own answer, where no vendor is asked, and what of it is approximated.
    answer: Option<(Bytes, &'static str)>,
    candidates: Vec<Candidate>,
    /// Chance decides who of them is the first.
    by_chance: bool,
    rejected: Vec<Rejected>,
    taken: Option<Taken>,
    account: Option<Account>,
}

/// Where a request is refused.
#[derive(Clone, Copy)]
enum Stage {
    Key,
    Request,
    Model,
    Conversation,
    Admission,
    Routing,
    Translation,
}

/// A call that could be made.
struct Candidate {
    /// `None` for the sandbox.
    attempt: Option<Attempt>,
    model: Arc<str>,
    composed: Composed,
    range: Option<Range>,
}

/// A way of serving the model that this request would not take.
struct Rejected {
    attempt: Attempt,
    why: Why,
}

/// Why not.
enum Why {
    /// The key has a budget, and the model no price.
    Unpriced,
    /// The provider has nothing like the route.
    Route,
    /// Another account keeps the conversation.
    Elsewhere,
    /// The vendor asked for a pause.
    Resting(std::time::Duration),
    /// The request cannot be said there.
    Untranslatable(Fault),
}

/// Explains a request. The answer is JSON.
pub async fn explain(gateway: &Gateway, question: Question) -> Result<Bytes, NotExplained> {
    let Question { key, path, headers, peer, body } = question;
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (path, None),
    };
    let Some(asked) = Asked::of(&path, query.as_deref()) else {
        let is_video = video::Asked::of(&path).is_some();
        let why = if is_video { "video tasks are not explained" } else { "is no route that leads to a model" };
        return Err(NotExplained { field: "path", why });
    };
    if asked.route.is_form() {
        return Err(NotExplained { field: "path", why: "uploads are not explained" });
    }
    let somewhere = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let started = Instant::now();
    let mut inbound = Inbound { method: Method::POST, path, query, headers, peer: peer.unwrap_or(somewhere), started };
    let key = who(gateway, key.as_deref(), &inbound)?;
    let opened = key.as_ref().map_or_else(|_| nobody(), Arc::clone);
    if peer.is_none() {
        // An address from which the key may be used.
        inbound.peer = opened.allowed_ips.first().map_or(somewhere, ipnet::IpNet::addr);
    }
    let mut plan = Plan {
        id: request_id(),
        route: asked.route,
        key: opened,
        model: None,
        stream: false,
        refusal: None,
        answer: None,
        candidates: Vec::new(),
        by_chance: false,
        rejected: Vec::new(),
        taken: None,
        account: None,
    };
    let walked = match key {
        Ok(_) => Box::pin(plan.walk(gateway, &asked, &inbound, body)).await,
        Err(fault) => Err((Stage::Key, fault)),
    };
    if let Err(refusal) = walked {
        plan.refusal.get_or_insert(refusal);
    }
    Ok(tell::written(&plan))
}

/// Whose request it is: the key that is named, or the one that the request carries, or nobody's. The inner error is
/// what a call with that key is told.
fn who(gateway: &Gateway, named: Option<&str>, inbound: &Inbound) -> Result<Result<Arc<Key>, Fault>, NotExplained> {
    let carried = caller::secrets(inbound).next().is_some();
    Ok(match named {
        Some(_) if carried => {
            return Err(NotExplained { field: "key", why: "the request carries a key itself; leave one of them out" });
        }
        Some(id) => match gateway.keys.find(id) {
            None => return Err(NotExplained { field: "key", why: "there is no such key" }),
            Some((key, revoked)) if revoked || key.expired(now_ms()) => Err(caller::unauthenticated()),
            Some((key, _)) => Ok(key),
        },
        None if carried => caller::secret(inbound)
            .and_then(|secret| gateway.keys.authenticate(secret).map_err(|_| caller::unauthenticated())),
        None => Ok(nobody()),
    })
}

/// A live key without limits, of no project.
fn nobody() -> Arc<Key> {
    let none: Arc<str> = "".into();
    Arc::new(Key {
        id: Arc::clone(&none),
        project_id: Arc::clone(&none),
        name: String::new(),
        mode: Mode::Live,
        expires_at: None,
        allowed_models: Vec::new(),
        allowed_ips: Vec::new(),
        budget: None,
        limits: Limits::default(),
        project: Arc::new(Project { id: none, budget: None, limits: Limits::default() }),
    })
}

impl Plan {
    /// The way of a call, as far as it goes without doing anything. What only its order of faults depends on is as in
    /// [`super::path`].
    async fn walk(
        &mut self,
        gateway: &Gateway,
        asked: &Asked,
        inbound: &Inbound,
        body: Bytes,
    ) -> Result<(), (Stage, Fault)> {
        let at = |stage: Stage| move |fault: Fault| (stage, fault);
        let (key, route) = (Arc::clone(&self.key), self.route);
        caller::from_here(&key, inbound).map_err(at(Stage::Key))?;
        let fleet = gateway.fleet.load_full();
        let limit = fleet.config.server.body_limit;
        if body.len() as u64 > limit {
            return Err((Stage::Request, too_large(limit)));
        }
        let head = plan::head(asked, &body).map_err(at(Stage::Request))?;
        let mut payload = Payload::Json { body, head };
        self.model = Some(payload.model().to_owned());
        caller::may_use(&key, payload.model(), inbound).map_err(at(Stage::Key))?;
        let turn = plan::turn(gateway, asked, &key, &mut payload, || self.id.clone(), limit).await;
        let turn = turn.map_err(at(Stage::Conversation))?;
        self.stream = payload.stream();
        let choices = plan::choices(&fleet, key.mode, payload.model()).map_err(at(Stage::Model))?;

        let (prices, now) = (Arc::clone(&fleet.config.prices), now_ms());
        let models = admission::candidates(&fleet, choices.as_deref(), payload.model());
        let ask = Ask::of(route, &payload, 0);
        let account = gateway.accounts.account(&key);
        match admission::probe(gateway, &prices, &account, &key, &ask, &models, now) {
            Ok(taken) => self.taken = Some(taken),
            // The rest is told as it would be if it were admitted.
            Err(fault) => self.refusal = Some((Stage::Admission, fault)),
        }
        self.account = Some(account);

        let Some(choices) = choices else {
            let priced = plan::sandbox_model(&models, &prices);
            let outbound = Outbound::new(asked, inbound, payload, Arc::clone(&key.project_id), turn, prices);
            let range = priced.and_then(|(kind, model)| self.range(&outbound.prices, &ask, kind, &model, now));
            return self.offer(gateway, &outbound, None, range).map_err(at(Stage::Translation));
        };
        let budgeted = admission::is_budgeted(&key) && !route.is_count() && gateway.books;
        let left: Vec<Choice> =
            choices.iter().filter(|choice| !budgeted || plan::is_priced(choice, &prices)).cloned().collect();
        let attempts = plan::attempts(&left, route, turn.as_ref(), |_| 0);
        self.reject(&choices, attempts.as_deref().unwrap_or_default(), turn.as_ref(), budgeted.then_some(&prices));
        let mut attempts = attempts.map_err(at(Stage::Routing))?;
        self.by_chance = is_chance(&attempts);

        let mut outbound = Outbound::new(asked, inbound, payload, Arc::clone(&key.project_id), turn, prices);
        outbound.prepare(gateway, &mut attempts).await;
        if let Some(own) = attempts.first().and_then(|attempt| outbound.estimated(attempt)) {
            self.answer = Some(own);
            return Ok(());
        }
        let mut first = None;
        for attempt in attempts {
            let (kind, model) = (attempt.choice.deployment.provider.kind, Arc::clone(&attempt.choice.model));
            let range = self.range(&outbound.prices, &ask, kind, &model, now);
            if let Err(fault) = self.offer(gateway, &outbound, Some(attempt), range) {
                first.get_or_insert(fault);
            }
        }
        match first {
            Some(fault) if self.candidates.is_empty() => Err((Stage::Translation, fault)),
            _ => Ok(()),
        }
    }

    /// What it may cost at one model; counting tokens costs nothing.
    fn range(&self, prices: &PriceBook, ask: &Ask, kind: Kind, model: &str, now: i64) -> Option<Range> {
        if self.route.is_count() { None } else { admission::range(prices, ask, kind, model, now) }
    }

    /// Adds a candidate, or one that is rejected because it cannot be told the request.
    fn offer(
        &mut self,
        gateway: &Gateway,
        outbound: &Outbound<'_>,
        attempt: Option<Attempt>,
        range: Option<Range>,
    ) -> Result<(), Fault> {
        match (outbound.composed(gateway, attempt.as_ref(), || self.id.clone()), attempt) {
            (Ok(composed), attempt) => {
                let model = match &attempt {
                    Some(attempt) => Arc::clone(&attempt.choice.model),
                    None => outbound.payload.model().into(),
                };
                self.candidates.push(Candidate { attempt, model, composed, range });
                Ok(())
            }
            (Err(fault), attempt) => {
                let why = Why::Untranslatable(fault.clone());
                self.rejected.extend(attempt.map(|attempt| Rejected { attempt, why }));
                Err(fault)
            }
        }
    }

    /// Notes all ways of serving the model that are not among the attempts. `prices` are given where a price is needed.
    fn reject(
        &mut self,
        choices: &[Choice],
        attempts: &[Attempt],
        turn: Option<&Turn>,
        prices: Option<&Arc<PriceBook>>,
    ) {
        let is_in = |attempt: &Attempt| {
            attempts.iter().any(|other| {
                Arc::ptr_eq(&other.choice.deployment, &attempt.choice.deployment)
                    && other.index() == attempt.index()
                    && other.choice.model == attempt.choice.model
            })
        };
        let pinned = turn.is_some_and(|turn| turn.pin.is_some());
        let now = now_ms();
        for attempt in choices.iter().flat_map(Choice::attempts).filter(|attempt| !is_in(attempt)) {
            let provider = &attempt.choice.deployment.provider;
            let rest = attempt.account().and_then(|account| account.resting(now));
            let keeps = turn.is_none_or(|turn| turn.is_kept_by(&attempt));
            let why = match rest {
                _ if prices.is_some_and(|prices| !plan::is_priced(&attempt.choice, prices)) => Why::Unpriced,
                _ if pinned && !keeps => Why::Elsewhere,
                _ if !pinned && !plan::serves(self.route, provider) => Why::Route,
                Some(rest) => Why::Resting(rest),
                // It woke between the two looks.
                None => continue,
            };
            self.rejected.push(Rejected { attempt, why });
        }
    }
}

/// Whether who is asked first is drawn: there are several of the first one's priority.
fn is_chance(attempts: &[Attempt]) -> bool {
    let now = now_ms();
    let doubted = |attempt: &Attempt| attempt.account().is_some_and(|account| account.doubted(now));
    let [first, second, ..] = attempts else { return false };
    first.choice.priority == second.choice.priority && doubted(first) == doubted(second)
}

impl Candidate {
    fn wire(&self) -> Protocol {
        self.composed.exchange.wire
    }
}
