//! Reading, deleting and cancelling a kept response.
//!
//! What the gateway keeps it answers itself. What a vendor keeps is asked for at the account that keeps it, so that what
//! is told is true now: a response in the background changes, and the vendor alone has its parts that are told on
//! demand. Nothing here is billed, held or counted against a limit.

use super::kept::Kept;
use super::{SANDBOX, Shelves, name_of, unavailable};
use crate::gateway::attempt::prove;
use crate::gateway::failure::{Stopped, call_failure, late_failure};
use crate::gateway::meter::Meter;
use crate::gateway::open::{self, Exchange, Opened, OpenedBody};
use crate::gateway::path::{deliver, refuse};
use crate::gateway::read::{self, Failed, MAX_CROSSED, Whole};
use crate::gateway::route::{Route, Stored, StoredPart};
use crate::gateway::state::Filing;
use crate::gateway::timer::Timer;
use crate::gateway::wait::{Stop, Watch, raced};
use crate::gateway::{Gateway, Session, caller, headers};
use crate::lines::Lines;
use crate::message::{Answer, CallerBody, Inbound};
use crate::proof::Proof;
use crate::routing::Attempt;
use crate::telemetry::Record;
use crate::upstream::{Call, CallBody, Reply};
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, StatusCode, header};
use std::sync::Arc;
use tollgate_protocol::codec::Protocol;
use tollgate_protocol::fault::{Fault, FaultKind};
use tollgate_protocol::responses::{self, Names};

/// The route's name in log and metrics.
const ROUTE: &str = "/v1/responses/{id}";
/// Largest error body that is read, in bytes.
const MAX_ERROR: usize = 64 * 1024;
/// Longest query that goes to a vendor, in bytes.
const MAX_QUERY: usize = 4_096;

/// Answers a request about one kept response.
pub async fn serve(
    gateway: &Arc<Gateway>,
    stored: Stored<'_>,
    inbound: &Inbound,
    body: &mut dyn CallerBody,
    session: &mut Session,
) -> Answer {
    let mut meter = Meter::open(&gateway.telemetry, Record::new(ROUTE, inbound.started));
    match exchange(gateway, stored, inbound, body, session, &mut meter).await {
        Ok(opened) => deliver(opened, Protocol::Responses, meter, session),
        Err(stopped) => refuse(stopped, Protocol::Responses, meter),
    }
}

async fn exchange(
    gateway: &Arc<Gateway>,
    stored: Stored<'_>,
    inbound: &Inbound,
    body: &mut dyn CallerBody,
    session: &mut Session,
    meter: &mut Meter,
) -> Result<Opened, Stopped> {
    let key = caller::identify(gateway, inbound, session)?;
    meter.note(|record| {
        record.key_id = Some(Arc::clone(&key.id));
        record.project_id = Some(Arc::clone(&key.project_id));
    });
    // A cancellation has nothing to say; what comes all the same is read and left.
    crate::gateway::path::whole(inbound, body, MAX_ERROR as u64).await?;
    let shelves = Shelves::new(&gateway.memory, &key, &gateway.fleet.load().config.storage);
    let id = stored.id;
    let kept = shelves.get(id).await?.ok_or_else(|| responses::not_found(id))?;
    let (input, response) = match kept {
        Kept::Theirs { account, id: theirs, previous } => {
            let names = Names { id: id.to_owned(), previous };
            let asked = Theirs { stored, names, vendor: theirs, account, inbound };
            return asked.answer(gateway, &shelves, body, session, meter).await;
        }
        Kept::Ours { input, response, .. } => (input, response),
    };
    let parameters = parameters(inbound.query.as_deref());
    let answer = match (stored.part, &inbound.method) {
        (StoredPart::Itself, &Method::DELETE) => {
            shelves.forget(id).map_err(|_| unavailable())?;
            responses::deleted(id)
        }
        (StoredPart::Itself, _) => {
            if parameters.iter().any(|(name, value)| name == "stream" && value == "true") {
                return Err(responses::not_streamable().into());
            }
            response.into()
        }
        (StoredPart::Cancel, _) => return Err(responses::not_cancellable().into()),
        (StoredPart::InputItems, _) => {
            let page = responses::Page::read(parameters.iter().map(|(name, value)| (&**name, &**value)))?;
            page.write(&[&input])?
        }
    };
    let mut headers = Lines::with_capacity(8);
    headers.push(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(Opened { status: StatusCode::OK, headers, body: OpenedBody::own(answer) })
}

/// A response that a vendor keeps.
struct Theirs<'a> {
    stored: Stored<'a>,
    names: Names,
    /// The vendor's id.
    vendor: String,
    account: String,
    inbound: &'a Inbound,
}

impl Theirs<'_> {
    async fn answer(
        self,
        gateway: &Arc<Gateway>,
        shelves: &Shelves,
        body: &mut dyn CallerBody,
        session: &mut Session,
        meter: &mut Meter,
    ) -> Result<Opened, Stopped> {
        let deletes = self.inbound.method == Method::DELETE;
        let mut opened = self.asked(gateway, body, session, meter).await.map_err(|stopped| match stopped {
            Stopped::Fault(mut fault) => {
                fault.reword(&self.vendor, &self.names.id);
                Stopped::Fault(fault)
            }
            Stopped::Gone => Stopped::Gone,
        });
        let gone = matches!(&opened, Err(Stopped::Fault(fault)) if fault.status() == 404);
        if deletes && (gone || opened.is_ok()) {
            shelves.forget(&self.names.id).map_err(|_| unavailable())?;
        }
        if gone {
            return Err(responses::not_found(&self.names.id).into());
        }
        if let Ok(Opened { body: OpenedBody::Whole { body, .. }, .. }) = &mut opened
            && self.stored.part != StoredPart::InputItems
        {
            (*body, _) = responses::rename(body, &self.names);
        }
        opened
    }

    async fn asked(
        &self,
        gateway: &Arc<Gateway>,
        caller: &mut dyn CallerBody,
        session: &mut Session,
        meter: &mut Meter,
    ) -> Result<Opened, Stopped> {
        let attempt = if self.account == SANDBOX { None } else { Some(self.attempt(gateway)?) };
        let (timeouts, base) = match &attempt {
            Some(attempt) => {
                let provider = &attempt.choice.deployment.provider;
                (provider.timeouts, provider.base.path.clone())
            }
            None => (gateway.fleet.load().config.sandbox_timeouts, "/v1".to_owned()),
        };
        meter.note(|record| {
            record.attempts = 1;
            record.provider = match &attempt {
                Some(attempt) => Arc::clone(&attempt.choice.deployment.provider.name),
                None => SANDBOX.into(),
            };
        });
        let proof = match &attempt {
            Some(attempt) => Some(prove(gateway, attempt).await.map_err(|failure| failure.fault)?),
            None => None,
        };
        let call = self.call(attempt.as_ref(), proof.as_ref(), &base)?;
        let mut timer = Timer::start(timeouts, std::mem::take(&mut session.watchdog));
        let mut watch = Watch::Caller(caller);
        let reply = match &attempt {
            None => raced(&mut timer, &mut watch, Box::pin(gateway.sandbox.call(call))).await,
            Some(attempt) => {
                raced(&mut timer, &mut watch, gateway.network.call(&attempt.choice.deployment.origin, call)).await
            }
        };
        let result = match reply {
            Err(Stop::Caller(stopped)) => return Err(stopped),
            Err(Stop::Late(late)) => Err(late_failure(late).fault),
            Ok(Err(error)) => Err(call_failure(&error).fault),
            Ok(Ok(reply)) => self.read(reply, timer, &mut watch, meter).await?,
        };
        result.map_err(|mut fault| {
            if let Some(proof) = &proof {
                fault.conceal(proof.secret());
            }
            fault.into()
        })
    }

    /// The account that keeps it, if it is still configured.
    fn attempt(&self, gateway: &Gateway) -> Result<Attempt, Fault> {
        let fleet = gateway.fleet.load();
        let found = fleet.deployments().find_map(|deployment| {
            let name = &deployment.provider.name;
            let at = deployment.accounts.iter().position(|account| name_of(name, Some(account)) == self.account)?;
            Some(Attempt::at(deployment, at))
        });
        found.ok_or_else(|| {
            Fault::new(
                FaultKind::UpstreamUnavailable,
                "upstream_account_error",
                "The account that keeps this response is not configured any more.",
            )
            .retry(false)
        })
    }

    fn call(&self, attempt: Option<&Attempt>, proof: Option<&Proof>, base: &str) -> Result<Call, Fault> {
        let mut path = format!("{base}/responses/{}", self.vendor);
        path.push_str(match self.stored.part {
            StoredPart::Itself => "",
            StoredPart::Cancel => "/cancel",
            StoredPart::InputItems => "/input_items",
        });
        // The caller's key may stand in the query.
        let pairs = self.inbound.query.as_deref().unwrap_or_default().split('&');
        let kept: Vec<&str> = pairs.filter(|pair| !pair.is_empty() && !pair.starts_with("key=")).collect();
        if !kept.is_empty() {
            path.push('?');
            path.push_str(&kept.join("&"));
        }
        if path.len() > MAX_QUERY {
            return Err(Fault::invalid("query", "The query is too long."));
        }
        let spoken = headers::Spoken {
            route: Route::Converse(Protocol::Responses),
            wire: Protocol::Responses,
            crosses: false,
            stream: self.streams(),
        };
        let provider = attempt.map(|attempt| &*attempt.choice.deployment.provider);
        let mut headers = headers::to_vendor(self.inbound, spoken, provider);
        if let Some(proof) = proof {
            headers.push(proof.name.clone(), proof.value.clone());
        }
        Ok(Call { method: self.inbound.method.clone(), path, headers, body: CallBody::Whole(Bytes::new()) })
    }

    /// Whether a response in the background is to be streamed.
    fn streams(&self) -> bool {
        let asked = |(name, value): &(String, String)| name == "stream" && value == "true";
        self.stored.part == StoredPart::Itself
            && self.inbound.method == Method::GET
            && parameters(self.inbound.query.as_deref()).iter().any(asked)
    }

    async fn read(
        &self,
        reply: Reply,
        mut timer: Timer,
        watch: &mut Watch<'_>,
        meter: &mut Meter,
    ) -> Result<Result<Opened, Fault>, Stopped> {
        if !reply.status.is_success() {
            let wait = headers::retry_after(&reply.headers);
            let body = match read::error_body(reply.body, MAX_ERROR, &mut timer, watch).await {
                Ok(body) => body,
                Err(Stop::Caller(stopped)) => return Err(stopped),
                Err(Stop::Late(_)) => Bytes::new(),
            };
            return Ok(Err(Protocol::Responses.codec().read_refusal(reply.status.as_u16(), &body, wait).fault));
        }
        if self.streams() {
            let exchange = Exchange {
                route: Route::Converse(Protocol::Responses),
                wire: Protocol::Responses,
                stream: true,
                array: false,
                hide_usage: false,
                keeper: None,
                filing: Some(Box::new(Filing::reading(self.names.clone()))),
                back: None,
            };
            let opened = open::open(reply, exchange, timer, watch, meter).await?;
            return Ok(opened.map_err(|failure| failure.fault));
        }
        let mut headers = headers::to_caller(&reply.headers);
        headers.set(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let whole = read::whole(BytesMut::new(), reply.body, MAX_CROSSED, &mut timer, watch).await;
        let body = match whole {
            Ok(Whole::All(body)) if tollgate_protocol::json::check(&body).is_ok() => body,
            Ok(_) => return Ok(Err(tollgate_protocol::chat::not_an_answer())),
            Err(Failed::Failure(failure)) => return Ok(Err(failure.fault)),
            Err(Failed::Stopped(stopped)) => return Err(stopped),
        };
        let mut body = OpenedBody::own(body);
        if let OpenedBody::Whole { timer: slot, .. } = &mut body {
            *slot = Some(timer);
        }
        Ok(Ok(Opened { status: StatusCode::OK, headers, body }))
    }
}

/// The parameters of a query, decoded as far as they are text.
fn parameters(query: Option<&str>) -> Vec<(String, String)> {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let mut digit = || ahead.next().and_then(|digit| char::from(digit).to_digit(16));
        let pair = (byte == b'%').then(|| digit().zip(digit())).flatten();
        match pair {
            Some((high, low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = ahead;
            }
            None => bytes.push(if byte == b'+' { b' ' } else { byte }),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
