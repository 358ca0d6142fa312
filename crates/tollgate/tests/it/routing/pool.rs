//! Connections to vendors: used again while they are good, never a request twice.

use super::ask;
use crate::harness::json_answer;
use crate::wire::{GOOD, GOOD_STREAM, Listener, SSE_HEAD, STREAMED, chunks, gateway};
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// An upstream that counts requests and closes a connection after `per_connection` of them.
fn counting(per_connection: usize, linger: Duration) -> (Listener, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    let upstream = Listener::start(move |mut stream, _| {
        for _ in 0..per_connection {
            let mut all = Vec::new();
            let mut piece = [0; 4096];
            while !all.ends_with(b"]}") {
                match stream.read(&mut piece) {
                    Ok(0) | Err(_) => return,
                    Ok(n) => all.extend_from_slice(&piece[..n]),
                }
            }
            count.fetch_add(1, Ordering::SeqCst);
            let streamed = memchr::memmem::find(&all, b"\"stream\":true").is_some();
            let bytes = if streamed {
                [SSE_HEAD.as_bytes(), &chunks(GOOD_STREAM.as_bytes(), 100), b"0\r\n\r\n"].concat()
            } else {
                json_answer("200 OK", GOOD)
            };
            if stream.write_all(&bytes).is_err() {
                return;
            }
        }
        std::thread::sleep(linger);
    });
    (upstream, requests)
}

#[test]
fn many_requests_few_connections() {
    let (upstream, requests) = counting(usize::MAX, Duration::ZERO);
    let gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    for _ in 0..100 {
        assert_eq!(ask(&gateway, &key).status, 200);
        assert_eq!(gateway.chat(&key, &STREAMED.replace("\"stream\":true,", ""), &[]).status, 200);
    }
    assert_eq!(requests.load(Ordering::SeqCst), 200);
    let connections = upstream.accepted.load(Ordering::SeqCst);
    // One for each worker thread that has served a request.
    assert!(connections <= 4, "{connections}");
}

#[test]
fn streams_give_their_connection_back() {
    let (upstream, _) = counting(usize::MAX, Duration::ZERO);
    // Asking for usage puts an object at the end, which this upstream does not wait for.
    let gateway = gateway(upstream.address, "stream_usage = false\n");
    let key = gateway.live_key();
    for _ in 0..50 {
        assert_eq!(gateway.chat(&key, STREAMED, &[]).text(), GOOD_STREAM);
    }
    let connections = upstream.accepted.load(Ordering::SeqCst);
    assert!(connections <= 8, "{connections}");
}

#[test]
fn a_connection_that_the_vendor_closes_costs_no_duplicate() {
    // Closed at once after an answer, and closed a little later, when the pool has it.
    for linger in [0, 3] {
        let (upstream, requests) = counting(1, Duration::from_millis(linger));
        let gateway = gateway(upstream.address, "");
        let key = gateway.live_key();
        let (mut good, mut lost) = (0, 0);
        for _ in 0..100 {
            let answer = ask(&gateway, &key);
            match answer.status {
                200 => good += 1,
                502 => {
                    assert_eq!(answer.code(), "upstream_connection_lost");
                    lost += 1;
                }
                other => panic!("{other}"),
            }
        }
        // What was lost met the very moment of closing and was not sent again.
        assert_eq!(requests.load(Ordering::SeqCst), good, "{lost} lost");
        assert!(good >= 50, "{good} of 100");
    }
}
