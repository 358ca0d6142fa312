//! Closed and open loops.

use super::connection::Connection;
use super::plan::{Kind, Plan};
use super::tally::{self, Tally};
use crate::clock;
use crate::process::Tree;
use serde_json::{Value, json};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Requests in flight when the window shuts may take so long to end before they are dropped.
const GRACE: Duration = Duration::from_secs(3);
/// After an error a connection rests, so that a dead gateway is not hammered.
const REST: Duration = Duration::from_millis(20);

/// What all workers share.
struct Shift {
    plan: Rc<Plan>,
    tally: Tally,
    over: Cell<bool>,
    sent: Cell<u64>,
    begin: u64,
}

impl Shift {
    /// The number of the next request; none when all are sent.
    fn ticket(&self) -> Option<u64> {
        let ticket = self.sent.get();
        if self.over.get() || ticket >= self.plan.most {
            return None;
        }
        self.sent.set(ticket + 1);
        Some(ticket)
    }
}

/// Runs the plan and reports.
pub(crate) async fn run(plan: &Rc<Plan>, watched: Option<&Tree>) -> Value {
    let shift = Rc::new(Shift {
        plan: Rc::clone(plan),
        tally: Tally::new(),
        over: Cell::new(false),
        sent: Cell::new(0),
        begin: clock::now(),
    });
    let before = tally::memory_of(watched);
    let mut workers = JoinSet::new();
    for nth in 0..plan.connections {
        workers.spawn_local(work(Rc::clone(&shift), nth));
    }
    // Without a warm-up nothing may be sent before the window is open.
    if plan.warm > 0.0 {
        tokio::time::sleep(Duration::from_secs_f64(plan.warm)).await;
    }

    let own = Tree::own();
    let cpu = |tree: Option<&Tree>| tree.map(Tree::cpu_us);
    let (begin, theirs, ours) = (clock::now(), cpu(watched), own.cpu_us());
    shift.tally.open(true);
    let all = async { while workers.join_next().await.is_some() {} };
    let finished = tokio::time::timeout(Duration::from_secs_f64(plan.secs), all).await;
    shift.tally.open(false);
    let secs = tally::float(clock::now().saturating_sub(begin)) / 1e9;
    let theirs = cpu(watched).zip(theirs).map(|(end, start)| end.saturating_sub(start));
    let ours = own.cpu_us().saturating_sub(ours);
    let during = tally::memory_of(watched);
    shift.over.set(true);
    if finished.is_err() {
        let rest = async { while workers.join_next().await.is_some() {} };
        // Whatever is still under way after that is dropped with its worker.
        let _ = tokio::time::timeout(GRACE, rest).await;
    }

    let mut report = shift.tally.report(secs, theirs);
    report.insert("kind".into(), json!(plan.kind.name()));
    report.insert("connections".into(), json!(plan.connections));
    report.insert("rate".into(), json!(plan.rate));
    report.insert("seconds".into(), tally::rounded(secs));
    report.insert("load_cpu_share".into(), tally::rounded(tally::float(ours) / 1e6 / secs));
    report.insert("memory_before".into(), before);
    report.insert("memory".into(), during);
    Value::Object(report)
}

async fn work(shift: Rc<Shift>, nth: usize) {
    let plan = Rc::clone(&shift.plan);
    let mut connection = Connection::new(&plan, &shift.tally);
    if plan.kind == Kind::Stream {
        // Streams that start together would tick together.
        let stream_us = plan.shape.delay_us * u64::from(plan.shape.chunks);
        let spread_us = stream_us.clamp(100_000, 1_000_000);
        let wait_us = spread_us * nth as u64 / plan.connections as u64;
        tokio::time::sleep(Duration::from_micros(wait_us)).await;
    }
    while let Some(ticket) = shift.ticket() {
        let begin = match plan.rate {
            None => clock::now(),
            Some(rate) => due(&shift, ticket, rate).await,
        };
        if shift.over.get() {
            return;
        }
        if let Err(text) = connection.request(begin).await {
            shift.tally.error(text);
            tokio::time::sleep(REST).await;
        }
    }
}

/// Waits until a request is due and says from when its time counts: from when it was sent if a connection
/// was free for it, and from when it was due if it had to wait for one.
async fn due(shift: &Shift, ticket: u64, rate: f64) -> u64 {
    let due = shift.begin + clock::nanos(tally::float(ticket) / rate);
    match due.checked_sub(clock::now()) {
        None => due,
        Some(early) => {
            tokio::time::sleep(Duration::from_nanos(early)).await;
            clock::now()
        }
    }
}
