//! A request's log line, written by hand: it is made for every request, and its fields are few and known.

use super::record::{Record, Stage};
use crate::clock;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::time::Duration;
use tollgate_protocol::json::quote;
use tollgate_protocol::usage::Usage;

/// Appends the line as JSON.
pub(super) fn json(record: &Record, total: Duration, out: &mut String) {
    out.push_str("{\"timestamp\":\"");
    timestamp(out);
    out.push_str("\",\"level\":\"INFO\",\"target\":\"tollgate::request\",\"request_id\":\"");
    out.push_str(&record.id);
    out.push_str("\",\"route\":\"");
    out.push_str(record.route);
    out.push_str("\",\"status\":");
    number(u64::from(record.status), out);
    out.push_str(",\"outcome\":\"");
    out.push_str(record.outcome.name());
    out.push('"');
    let texts = [
        (",\"error\":", record.error.as_deref()),
        (",\"key_id\":", record.key_id.as_deref()),
        (",\"project_id\":", record.project_id.as_deref()),
        (",\"model\":", record.model.as_deref()),
        (",\"provider\":", Some(&*record.provider)),
        (",\"upstream_model\":", Some(&*record.upstream_model)),
        (",\"upstream_request_id\":", record.upstream_id.as_deref()),
    ];
    for (name, text) in texts {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            out.push_str(name);
            out.push_str(&quote(text));
        }
    }
    out.push_str(",\"attempts\":");
    number(u64::from(record.attempts), out);
    out.push_str(if record.stream { ",\"stream\":true" } else { ",\"stream\":false" });
    if let Some(usage) = &record.usage {
        out.push_str(",\"usage\":");
        counters(usage, out);
    }
    out.push_str(",\"total_ms\":");
    milliseconds(total, out);
    if let Some(first) = record.first_byte {
        out.push_str(",\"first_byte_ms\":");
        milliseconds(first, out);
    }
    let own: Duration = Stage::ALL.iter().filter_map(|stage| record.stage(*stage)).sum();
    out.push_str(",\"own_us\":");
    number(u64::try_from(own.as_micros()).unwrap_or(u64::MAX), out);
    out.push_str("}\n");
}

/// Appends the line for a person at a terminal.
pub(super) fn human(record: &Record, total: Duration, out: &mut String) {
    timestamp(out);
    let model = record.model.as_deref().unwrap_or("-");
    let provider = if record.provider.is_empty() { "-" } else { &record.provider };
    // Writing to a string cannot fail.
    let _ = write!(out, " {} {} {} {model}→{provider} ", record.route, record.status, record.id);
    milliseconds(total, out);
    out.push_str(" ms ");
    out.push_str(record.outcome.name());
    out.push('\n');
}

fn counters(usage: &Usage, out: &mut String) {
    let mut first = true;
    for (name, count) in usage.counters() {
        if count > 0 {
            out.push_str(if first { "{\"" } else { ",\"" });
            first = false;
            out.push_str(name);
            out.push_str("\":");
            number(count, out);
        }
    }
    if usage.suspect {
        out.push_str(if first { "{\"suspect\":true" } else { ",\"suspect\":true" });
        first = false;
    }
    out.push_str(if first { "{}" } else { "}" });
}

/// RFC 3339 with milliseconds; the part down to the second is made once a second for each thread.
fn timestamp(out: &mut String) {
    thread_local! {
        static SECOND: RefCell<(i64, String)> = const { RefCell::new((-1, String::new())) };
    }
    let now = clock::now_ms();
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != now / 1000 {
            *second = now / 1000;
            *text = clock::print(*second * 1000);
            text.pop(); // the Z
        }
        out.push_str(text);
    });
    let ms = now % 1000;
    out.push('.');
    for digit in [ms / 100, ms / 10 % 10, ms % 10] {
        out.push(char::from(b'0' + u8::try_from(digit).unwrap_or(0)));
    }
    out.push('Z');
}

fn milliseconds(time: Duration, out: &mut String) {
    let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    number(us / 1000, out);
    out.push('.');
    for digit in [us / 100 % 10, us / 10 % 10, us % 10] {
        out.push(char::from(b'0' + u8::try_from(digit).unwrap_or(0)));
    }
}

fn number(mut n: u64, out: &mut String) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        if let Some(digit) = digits.get_mut(at) {
            *digit = b'0' + u8::try_from(n % 10).unwrap_or(0);
        }
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.push_str(std::str::from_utf8(digits.get(at..).unwrap_or_default()).unwrap_or_default());
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::outcome::Outcome;
    use proptest::prelude::*;
    use std::time::Instant;

    proptest! {
        #[test]
        fn is_json_whatever_a_caller_sends(model in ".*", id in ".*", input in 0..u64::MAX / 2, status: u16) {
            let mut record = Record::new("/v1/x", Instant::now());
            record.model = Some(model.clone());
            record.upstream_id = Some(id);
            record.status = status;
            record.outcome = Outcome::Completed;
            record.usage = Some(Usage { input_tokens: input, suspect: true, ..Usage::default() });
            let mut line = String::new();
            json(&record, Duration::from_millis(3), &mut line);
            prop_assert_eq!(line.matches('\n').count(), 1);
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(value["model"].as_str().unwrap_or_default(), model);
            prop_assert_eq!(value["usage"]["input_tokens"].as_u64().unwrap_or(0), input);
            prop_assert_eq!(value["status"].as_u64().unwrap(), u64::from(status));
            let time = value["timestamp"].as_str().unwrap();
            prop_assert!(clock::parse(time).is_ok() && time.len() == 24, "{}", time);
        }
    }
}
