//! The simulator in a vendor's place: test keys' calls end here, nothing leaves the process.

use super::{Abandoned, Call, CallBody, CallError, Piece, ReadError, Reply, Source};
use crate::lines::Lines;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};
use tollgate_sim::{Simulator, Step, Steps};

/// Largest request that the sandbox takes, in bytes: the simulator reads a request whole.
const MAX_REQUEST: usize = 64 * 1024 * 1024;

/// The simulator as a vendor.
#[derive(Clone)]
pub struct Sandbox {
    simulator: Arc<Simulator>,
}

impl Sandbox {
    /// Deterministic for a seed and a request.
    pub fn new(seed: u64) -> Self {
        Self { simulator: Arc::new(Simulator::new(seed)) }
    }

    /// Answers one call.
    pub async fn call(&self, call: Call) -> Result<Reply, CallError> {
        let body = whole(call.body).await?;
        let headers: Vec<(&str, &str)> =
            call.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
        let (path, query) = match call.path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (call.path.as_str(), None),
        };
        let answer = self.simulator.answer(&tollgate_sim::Request {
            method: call.method.as_str(),
            path,
            query,
            headers: &headers,
            body: &body,
        });
        for step in answer.before {
            match step {
                Step::Wait(time) => sleep(time).await,
                Step::Stall => std::future::pending().await,
                Step::Raw(_) => return Err(CallError::NotHttp("garbage".into())),
                Step::Bytes(_) => {}
                Step::Cut(_) | Step::Reset => return Err(CallError::Broken("connection reset".into())),
            }
        }
        let mut headers = Lines::with_capacity(8);
        for (name, value) in answer.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.push(HeaderName::from_static(name), value);
            }
        }
        Ok(Reply {
            status: StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers,
            body: Source::Sandbox(Body { steps: answer.steps, length: answer.length, wait: None, stalled: false }),
        })
    }
}

async fn whole(body: CallBody) -> Result<Bytes, CallError> {
    match body {
        CallBody::Whole(bytes) => Ok(bytes),
        CallBody::Pieces { mut pieces, .. } => {
            let mut all = Vec::new();
            while let Some(piece) = pieces.recv().await {
                let piece = piece.map_err(|Abandoned| CallError::Abandoned)?;
                if all.len() + piece.len() > MAX_REQUEST {
                    return Err(CallError::NotHttp("the request is too large for the sandbox".into()));
                }
                all.extend_from_slice(&piece);
            }
            Ok(all.into())
        }
    }
}

/// The body of a simulated answer, played in time.
pub struct Body {
    steps: Steps,
    length: Option<u64>,
    wait: Option<Pin<Box<Sleep>>>,
    stalled: bool,
}

impl Body {
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut dyn FnMut(Piece<'_>),
    ) -> Poll<Result<bool, ReadError>> {
        loop {
            if self.stalled {
                return Poll::Pending;
            }
            if let Some(wait) = &mut self.wait {
                ready!(wait.as_mut().poll(cx));
                self.wait = None;
            }
            match self.steps.next() {
                None => return Poll::Ready(Ok(false)),
                Some(Step::Wait(Duration::ZERO)) => {}
                Some(Step::Wait(time)) => self.wait = Some(Box::pin(sleep(time))),
                Some(Step::Bytes(bytes)) => {
                    sink(Piece::Owned(bytes));
                    return Poll::Ready(Ok(true));
                }
                Some(Step::Cut(bytes)) => {
                    sink(Piece::Owned(bytes));
                    return Poll::Ready(Err(ReadError::Cut("unexpected end".into())));
                }
                Some(Step::Reset) => return Poll::Ready(Err(ReadError::Cut("connection reset".into()))),
                Some(Step::Raw(_)) => return Poll::Ready(Err(ReadError::Framing)),
                Some(Step::Stall) => self.stalled = true,
            }
        }
    }
}
