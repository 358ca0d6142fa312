//! What goes wrong, for every vendor alike: faults of the connection, of a plain body and of the clock.
//!
//! Faults inside an event stream are in `sse.rs`. Never decides what a vendor says; the vendor hands its error body in.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    script::{Answer, Script, Step, Steps},
    steer::{At, FOREVER, Garbage, Steer},
};

pub(crate) const HTML: &str = "<!DOCTYPE html>\n<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n\
    <center><h1>502 Bad Gateway</h1></center>\n<hr><center>sim</center>\n</body>\n</html>\n";

/// Bytes that no HTTP parser takes.
pub(crate) const WIRE: &[u8] = b"\x16\x03\x01\xff\x00 this is not HTTP \r\r\n\x00\xfe";

/// A plain (not streamed) body with the faults a caller asked for. `error` is the vendor's error object.
pub(crate) fn body(steer: &Steer, mut answer: Answer, body: Vec<u8>, error: &str, tokens: u64) -> Answer {
    let body = if steer.error_after.is_some() {
        Bytes::from(error.to_owned())
    } else if steer.garbage_after.is_some() {
        match steer.garbage {
            Garbage::Html => Bytes::from_static(HTML.as_bytes()),
            Garbage::Json => half(&Bytes::from(body)),
            Garbage::Binary => Bytes::from_static(b"\x89\xff\xfe\x00\x1f\x8b\xc3\x28\xa0\xa1"),
            Garbage::Wire => {
                answer.before.push(Step::Raw(Bytes::from_static(WIRE)));
                Bytes::new()
            }
        }
    } else {
        Bytes::from(body)
    };
    answer.length = Some(body.len() as u64);
    let mut steps = Vec::new();
    if steer.keep_alives.is_some() || steer.blank_lines > 0 {
        // The way of a vendor that keeps a waiting caller's connection open: white space before the JSON.
        answer.length = None;
        if steer.keep_alives == Some(FOREVER) {
            answer.steps = Steps::new(BlankForEver { gap: steer.beat(), waited: true });
            return answer;
        }
        for _ in 0..steer.blank_lines.max(steer.keep_alives.unwrap_or(0)).min(100_000) {
            steps.push(Step::Bytes(Bytes::from_static(b"\n")));
            steps.extend(steer.keep_alive_gap.map(Step::Wait));
        }
    }
    let end = if steer.cut_after.is_some() || steer.cut_chunk {
        Some(Step::Cut(Bytes::new()))
    } else {
        steer.stall_after.map(|_| Step::Stall)
    };
    match end {
        Some(end) => steps.extend([Step::Bytes(half(&body)), end]),
        None => steps.push(Step::Bytes(body)),
    }
    answer.steps = Steps::listed(steps, tokens);
    answer
}

/// What happens to any answer on its way: waits, refusals, resets, HTML instead of it.
pub(crate) fn connection(steer: &Steer, mut answer: Answer) -> Answer {
    if steer.html {
        let prompt_tokens = answer.prompt_tokens;
        answer = Answer::whole(steer.status.unwrap_or(200), Vec::new(), HTML);
        answer.header("content-type", "text/html; charset=utf-8");
        answer.prompt_tokens = prompt_tokens;
    }
    if let Some(seconds) = steer.retry_after {
        answer.header("retry-after", seconds.to_string());
    }
    match (steer.reset, steer.hang) {
        (Some(At::AfterHead), _) => answer.steps = Steps::listed(vec![Step::Reset], 0),
        (_, Some(At::AfterHead)) => answer.steps = Steps::listed(vec![Step::Stall], 0),
        _ => {}
    }
    let mut before = Vec::new();
    if steer.ttft > Duration::ZERO {
        if steer.early_head {
            answer.steps = Steps::new(Late { wait: Some(steer.ttft), steps: answer.steps });
        } else {
            before.push(Step::Wait(steer.ttft));
        }
    }
    if steer.refuse {
        before.push(Step::Cut(Bytes::new()));
    } else if steer.reset == Some(At::BeforeHead) {
        before.push(Step::Reset);
    } else if steer.hang == Some(At::BeforeHead) {
        before.push(Step::Stall);
    }
    before.append(&mut answer.before);
    answer.before = before;
    answer.steps = answer.steps.split(steer.split);
    answer
}

/// The head goes out at once, the first byte after it late.
struct Late {
    wait: Option<Duration>,
    steps: Steps,
}

impl Script for Late {
    fn step(&mut self) -> Option<Step> {
        self.wait.take().map(Step::Wait).or_else(|| self.steps.next())
    }

    fn tokens(&self) -> u64 {
        self.steps.completion_tokens()
    }
}

/// White space and nothing else.
struct BlankForEver {
    gap: Duration,
    waited: bool,
}

impl Script for BlankForEver {
    fn step(&mut self) -> Option<Step> {
        self.waited = !self.waited;
        Some(if self.waited { Step::Wait(self.gap) } else { Step::Bytes(Bytes::from_static(b"\n")) })
    }

    fn tokens(&self) -> u64 {
        0
    }
}

fn half(body: &Bytes) -> Bytes {
    body.slice(..body.len() / 2)
}
