//! Many streams, opened and left alone: what does an idle stream cost?

use super::connection::Connection;
use super::plan::Plan;
use super::tally::{self, Tally};
use crate::clock;
use crate::process::Tree;
use serde_json::{Value, json};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Streams opened at once, and the pause after them.
const BATCH: usize = 50;
const PAUSE: Duration = Duration::from_millis(10);
/// Memory is read after the gateway had so long to settle; its idle CPU time is taken over as long again.
const SETTLE: Duration = Duration::from_secs(2);

/// Opens the streams, takes the memory they cost and closes them.
pub(crate) async fn run(plan: &Rc<Plan>, watched: Option<&Tree>) -> Value {
    let tally = Rc::new(Tally::new());
    let (open, lost) = (Rc::new(Cell::new(0_u64)), Rc::new(Cell::new(0_u64)));
    let before = watched.map(Tree::memory).unwrap_or_default();
    let begin = clock::now();
    let mut streams = JoinSet::new();
    for nth in 0..plan.connections {
        let (plan, tally) = (Rc::clone(plan), Rc::clone(&tally));
        let (open, lost) = (Rc::clone(&open), Rc::clone(&lost));
        streams.spawn_local(async move {
            let mut connection = Connection::new(&plan, &tally);
            match connection.start_stream().await {
                Ok(()) => {
                    open.set(open.get() + 1);
                    connection.over().await;
                    open.set(open.get() - 1);
                    lost.set(lost.get() + 1);
                }
                Err(text) => tally.error(text),
            }
        });
        if nth % BATCH == BATCH - 1 {
            tokio::time::sleep(PAUSE).await;
        }
    }
    let deadline = begin + clock::nanos(plan.secs);
    let wanted = plan.connections as u64;
    while open.get() + lost.get() + tally.errors() < wanted && clock::now() < deadline {
        tokio::time::sleep(PAUSE).await;
    }
    let took = tally::float(clock::now().saturating_sub(begin)) / 1e9;
    tokio::time::sleep(SETTLE).await;
    let idle = watched.map(Tree::cpu_us);
    tokio::time::sleep(SETTLE).await;
    let idle = watched
        .map(Tree::cpu_us)
        .zip(idle)
        .map(|(end, start)| tally::rounded(tally::float(end.saturating_sub(start)) / 1e6 / SETTLE.as_secs_f64()));
    let after = watched.map(Tree::memory).unwrap_or_default();
    let grown = tally::float(after.pss.saturating_sub(before.pss));
    let per_stream = match open.get() {
        0 => Value::Null,
        n => tally::rounded(grown / tally::float(n)),
    };
    json!({
        "kind": plan.kind.name(), "connections": wanted, "open": open.get(), "lost": lost.get(),
        "errors": tally.errors(), "first_error": tally.first_error(),
        "seconds_to_open": tally::rounded(took), "kib_per_stream": per_stream, "idle_cpu_share": idle,
        "memory_before": tally::memory(before), "memory": tally::memory(after),
    })
}
