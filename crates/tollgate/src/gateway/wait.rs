//! Waiting for a vendor while watching the clock and the caller.

use super::failure::Stopped;
use super::timer::{Late, Timer};
use crate::message::CallerBody;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Watches the caller while a vendor is waited for: ready when it has left or its body failed.
pub(super) enum Watch<'a> {
    /// Its body is complete.
    Caller(&'a mut dyn CallerBody),
    /// Its body is being passed on.
    Feed(Pin<Box<dyn Future<Output = Stopped> + Send + 'a>>),
}

impl Watch<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Stopped> {
        match self {
            Self::Caller(caller) => caller.poll_gone(cx).map(|()| Stopped::Gone),
            Self::Feed(feed) => feed.as_mut().poll(cx),
        }
    }
}

/// What ended a wait early.
pub(super) enum Stop {
    Late(Late),
    Caller(Stopped),
}

/// `work`, unless time or the caller runs out first.
pub(super) async fn raced<T>(
    timer: &mut Timer,
    watch: &mut Watch<'_>,
    work: impl Future<Output = T>,
) -> Result<T, Stop> {
    let mut work = std::pin::pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Ok(done));
        }
        if let Poll::Ready(stopped) = watch.poll(cx) {
            return Poll::Ready(Err(Stop::Caller(stopped)));
        }
        timer.poll(cx).map(|late| Err(Stop::Late(late)))
    })
    .await
}
