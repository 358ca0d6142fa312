//! The simulator's faults: in the sandbox and standing alone behind a live key.

use super::Ends::{Broken, Refused, Well};
use super::{Ends, SHORT, run};
use crate::harness::Gateway;
use crate::wire::{Sim, model, provider};

const INVALID: Ends = Refused(502, "upstream_invalid_answer");
const LOST: Ends = Refused(502, "upstream_connection_lost");
const LATE: Ends = Refused(504, "upstream_timeout");
const CUT: Ends = Refused(502, "upstream_truncated");

/// Steering, then how plain and streamed requests end.
const MATRIX: &[(&str, Ends, Ends)] = &[
    ("", Well, Well),
    ("refuse", LOST, LOST),
    ("reset=before-head", LOST, LOST),
    ("reset=after-head", CUT, CUT),
    ("hang=before-head", LATE, LATE),
    ("hang=after-head", LATE, LATE),
    ("ttft-ms=2000;early-head", LATE, LATE),
    ("stall-after=1", LATE, Broken("upstream_timeout")),
    ("chunks=4;stall-after=0", LATE, LATE),
    ("chunks=4;cut-after=2", CUT, Broken("upstream_truncated")),
    ("chunks=4;cut-after=2;chunk-ms=30", CUT, Broken("upstream_truncated")),
    ("chunks=4;cut-after=0", CUT, CUT),
    ("chunks=4;cut-after=2;cut-chunk", CUT, Broken("upstream_truncated")),
    ("chunks=4;garbage-after=2;chunk-ms=30", INVALID, Broken("upstream_invalid_stream")),
    ("chunks=4;garbage-after=0", INVALID, Refused(502, "upstream_invalid_stream")),
    ("chunks=4;garbage-after=2;garbage=json", INVALID, Broken("upstream_invalid_stream")),
    ("chunks=4;garbage-after=2;garbage=binary", INVALID, Broken("upstream_invalid_stream")),
    ("chunks=4;error-after=2;chunk-ms=30", Refused(502, "upstream_error"), Broken("upstream_error")),
    ("chunks=4;error-after=0", Refused(502, "upstream_error"), Refused(502, "upstream_error")),
    ("html", INVALID, INVALID),
    ("html;status=502", Refused(502, "upstream_error"), Refused(502, "upstream_error")),
    ("no-done", Well, Well),
    ("usage=none", Well, Well),
    ("usage=negative", Well, Well),
    ("usage=absurd", Well, Well),
    ("usage=text", Well, Well),
    ("usage=in-finish", Well, Well),
    ("keep-alives;keepalive-ms=50", LATE, LATE),
    ("keep-alives=3;keepalive-ms=30", Well, Well),
    ("blank-lines=40", Well, Well),
    ("crlf", Well, Well),
    ("split=1", Well, Well),
    ("split=1;text=emoji;crlf", Well, Well),
    ("status=500", Refused(502, "upstream_error"), Refused(502, "upstream_error")),
    ("status=503", Refused(503, "upstream_unavailable"), Refused(503, "upstream_unavailable")),
    ("status=529", Refused(503, "upstream_unavailable"), Refused(503, "upstream_unavailable")),
    ("status=302", Refused(502, "upstream_error"), Refused(502, "upstream_error")),
    ("error=insufficient_quota", Refused(502, "upstream_account_error"), Refused(502, "upstream_account_error")),
    ("error=invalid_api_key", Refused(502, "upstream_account_error"), Refused(502, "upstream_account_error")),
    ("error=context_length", Refused(400, "context_length_exceeded"), Refused(400, "context_length_exceeded")),
    ("error=model_not_found", Refused(404, "model_not_found"), Refused(404, "model_not_found")),
];

/// These carry a Retry-After, after which nothing is asked for a while.
const RESTING: &[(&str, Ends)] = &[
    ("error=overloaded", Refused(503, "upstream_unavailable")),
    ("error=rate_limit", Refused(429, "upstream_rate_limited")),
];

fn matrix(gateway: &Gateway, key: &str) {
    // The time-outs are most of the time; they may pass side by side.
    std::thread::scope(|scope| {
        for rows in MATRIX.chunks(MATRIX.len().div_ceil(8)) {
            scope.spawn(move || {
                for (steer, plain, streamed) in rows {
                    run(gateway, key, steer, false, &[("x-tollgate-sim", steer)], *plain);
                    run(gateway, key, steer, true, &[("x-tollgate-sim", steer)], *streamed);
                }
            });
        }
    });
}

#[test]
fn the_sandbox_never_lies() {
    let gateway = Gateway::start(&format!("[{}]\n{}", "timeouts", SHORT_TABLE));
    let key = gateway.test_key();
    matrix(&gateway, &key);
    for (steer, ends) in RESTING {
        for streamed in [false, true] {
            run(&gateway, &key, steer, streamed, &[("x-tollgate-sim", steer)], *ends);
        }
    }
}

const SHORT_TABLE: &str = "first_byte = \"700ms\"\nidle = \"700ms\"\n";

#[test]
fn a_simulator_standing_alone_never_makes_the_gateway_lie() {
    let sim = Sim::start();
    let more = format!("{SHORT}forward_headers = [\"x-tollgate-sim\"]\n");
    let config = format!("{}{}", provider("up", sim.address, &more), model(&[("up", 1, 1)]));
    for (steer, ends) in RESTING {
        for streamed in [false, true] {
            let gateway = Gateway::start(&config);
            run(&gateway, &gateway.live_key(), steer, streamed, &[("x-tollgate-sim", steer)], *ends);
        }
    }
    let gateway = Gateway::start(&config);
    let key = gateway.live_key();
    matrix(&gateway, &key);
    // Bytes that are not even HTTP, which only a socket can carry.
    let wire = "chunks=4;garbage-after=2;garbage=wire";
    run(&gateway, &key, wire, false, &[("x-tollgate-sim", wire)], LOST);
    let wire = "chunks=4;garbage-after=2;garbage=wire;chunk-ms=30";
    run(&gateway, &key, wire, true, &[("x-tollgate-sim", wire)], Broken("upstream_truncated"));
    // One request on the wire for each of the client's.
    let journal = sim.journal();
    assert_eq!(journal.len(), MATRIX.len() * 2 + RESTING.len() * 2 + 2);
}
