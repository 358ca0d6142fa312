//! Calls to the vendor of a task, with the account that made it.

use super::Tasks;
use super::lanes::LaneKey;
use super::task::Task;
use super::vendor::Vendor;
use crate::config::{Kind, Timeouts};
use crate::lines::Lines;
use crate::proof::{self, Proof};
use crate::routing::{Account, Deployment, Fleet};
use crate::upstream::{Call, CallBody, CallError, Piece, Reply, Source};
use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, header};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tollgate_protocol::video::Send;

/// Largest answer about a task, its files not counted, in bytes.
pub(super) const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// Longest wait for the head of an answer about a task.
const MAX_HEAD: Duration = Duration::from_secs(30);
/// Longest wait for the rest of one.
const MAX_BODY: Duration = Duration::from_secs(60);

const AGENT: HeaderValue = HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION")));
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
const SIM: HeaderName = HeaderName::from_static("x-tollgate-sim");

/// Where a task's calls go.
#[derive(Clone)]
pub enum Destination {
    /// The simulator in this process.
    Sandbox,
    /// One account of a configured provider.
    Account {
        /// The provider.
        deployment: Arc<Deployment>,
        /// Which of its accounts.
        index: usize,
    },
}

/// An account and what is spoken with its vendor.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) vendor: Vendor,
    pub(super) to: Destination,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum AskError {
    /// It is certain that the vendor has not seen the request.
    Unsent(String),
    /// The vendor may have seen it.
    Lost(String),
}

/// An answer that is there whole.
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) headers: Lines,
    pub(super) body: Bytes,
}

impl Destination {
    /// The account.
    pub fn account(&self) -> Option<&Account> {
        match self {
            Self::Sandbox => None,
            Self::Account { deployment, index } => deployment.accounts.get(*index),
        }
    }

    /// The provider's name.
    pub fn provider(&self) -> &str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Account { deployment, .. } => &deployment.provider.name,
        }
    }

    /// Which account, as tasks remember it.
    pub fn fingerprint(&self) -> String {
        self.account().map_or_else(String::new, |account| proof::fingerprint(account.auth()))
    }

    /// Which account, as places on it are counted.
    pub(super) fn lane(&self) -> LaneKey {
        (self.provider().to_owned(), self.fingerprint())
    }

    /// Tasks that may run there at once.
    pub(super) fn limit(&self) -> Option<u32> {
        match self {
            Self::Sandbox => None,
            Self::Account { deployment, .. } => deployment.provider.concurrency,
        }
    }
}

impl Line {
    /// Where a task's calls go by the configuration in force; `None` if its provider or account is not there.
    pub(super) fn of(task: &Task, fleet: &Fleet) -> Option<Self> {
        let kind = Kind::from_name(&task.row.provider_kind)?;
        if task.is_test() {
            let vendor = Vendor::of(kind, task.family(), None)?;
            return Some(Self { vendor, to: Destination::Sandbox });
        }
        let deployment = fleet.deployment(&task.row.provider)?;
        if deployment.provider.kind != kind {
            return None;
        }
        let known = |account: &Account| proof::fingerprint(account.auth()) == task.row.account;
        let index = match deployment.accounts.iter().position(known) {
            Some(index) => index,
            // One account whose key was renewed is the same account.
            None if deployment.accounts.len() == 1 => 0,
            None => return None,
        };
        let vendor = Vendor::of(kind, task.family(), Some(&deployment.provider))?;
        Some(Self { vendor, to: Destination::Account { deployment: Arc::clone(deployment), index } })
    }
}

impl Tasks {
    /// Sends one request and waits for the head of its answer, at most `limit`.
    pub(super) async fn send(&self, line: &Line, send: Send, more: &Lines, limit: Duration) -> Result<Reply, AskError> {
        let mut headers = Lines::with_capacity(8);
        if let Ok(kind) = HeaderValue::from_str(&send.content_type)
            && !send.content_type.is_empty()
        {
            headers.push(header::CONTENT_TYPE, kind);
        }
        headers.push(header::ACCEPT, HeaderValue::from_static("*/*"));
        headers.push(header::ACCEPT_ENCODING, IDENTITY);
        headers.push(header::USER_AGENT, AGENT);
        for (name, value) in more.iter() {
            headers.push(name.clone(), value.clone());
        }
        let method = Method::from_bytes(send.method.as_bytes()).unwrap_or(Method::GET);
        let body = CallBody::Whole(send.body);
        let reply = match &line.to {
            Destination::Sandbox => {
                let path = format!("{}{}", line.vendor.sandbox_base(), send.path);
                let call = Call { method, path, headers, body };
                tokio::time::timeout(limit, self.sandbox.call(call)).await
            }
            Destination::Account { deployment, .. } => {
                let proof = self.proof(line).await.map_err(AskError::Unsent)?;
                headers.push(proof.name.clone(), proof.value.clone());
                let path = format!("{}{}", deployment.provider.base.path, send.path);
                let call = Call { method, path, headers, body };
                let reply = tokio::time::timeout(limit, self.network.call(&deployment.origin, call)).await;
                if let (Ok(Ok(reply)), Some(account)) = (&reply, line.to.account())
                    && reply.status == http::StatusCode::UNAUTHORIZED
                {
                    // The next look has a new one, if a new one may help.
                    let _ = self.proofs.refused(account, &proof);
                }
                reply
            }
        };
        match reply {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) if error.unsent() => Err(AskError::Unsent(error.to_string())),
            Ok(Err(error @ (CallError::Broken(_) | CallError::NotHttp(_)))) => Err(AskError::Lost(error.to_string())),
            Ok(Err(error)) => Err(AskError::Lost(error.to_string())),
            Err(_) => Err(AskError::Lost("no answer in time".into())),
        }
    }

    /// How an account proves itself now.
    pub(super) async fn proof(&self, line: &Line) -> Result<Proof, String> {
        let account = line.to.account().ok_or("the account is not configured any more")?;
        self.proofs.of(account).await.map_err(|error| error.to_string())
    }

    /// Sends one request and reads its answer whole.
    pub(super) async fn ask(&self, line: &Line, send: Send, more: &Lines, limit: Duration) -> Result<Said, AskError> {
        let reply = self.send(line, send, more, limit).await?;
        let (status, headers) = (reply.status.as_u16(), reply.headers);
        match tokio::time::timeout(MAX_BODY, whole(reply.body, MAX_ANSWER)).await {
            Ok(Ok(body)) => Ok(Said { status, headers, body }),
            Ok(Err(why)) => Err(AskError::Lost(why)),
            Err(_) => Err(AskError::Lost("the answer did not end in time".into())),
        }
    }

    /// How long a look at a task may take.
    pub(super) fn patience(&self, line: &Line) -> Duration {
        self.timeouts(line).first_byte.min(MAX_HEAD)
    }

    /// The time limits in force.
    pub(super) fn timeouts(&self, line: &Line) -> Timeouts {
        match &line.to {
            Destination::Sandbox => self.fleet.load().config.sandbox_timeouts,
            Destination::Account { deployment, .. } => deployment.provider.timeouts,
        }
    }
}

/// The sandbox's steering, or nothing.
pub(super) fn steering(steer: Option<&str>) -> Lines {
    let mut lines = Lines::default();
    if let Some(value) = steer.and_then(|steer| HeaderValue::from_str(steer).ok()) {
        lines.push(SIM, value);
    }
    lines
}

/// A body of at most so many bytes.
pub(super) async fn whole(mut source: Source, limit: usize) -> Result<Bytes, String> {
    let mut all = BytesMut::new();
    loop {
        let read =
            poll_fn(|cx| source.poll_read(cx, &mut |piece: Piece<'_>| all.extend_from_slice(piece.as_slice()))).await;
        match read {
            Ok(true) if all.len() > limit => return Err("the answer is too large".into()),
            Ok(true) => {}
            Ok(false) => return Ok(all.freeze()),
            Err(error) => return Err(error.to_string()),
        }
    }
}
