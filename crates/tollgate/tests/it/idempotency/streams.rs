//! Streams under one key: joined while they run, read by slow callers and by late ones, left and taken up again.

use super::{ask, assert_same, kept, replayed};
use crate::harness::{Answer, Gateway, parse};
use crate::wire::{
    GOOD_STREAM, Listener, SSE_HEAD, STREAMED, TOKEN, chunks, eventually, gateway, post, read_until, sse,
};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A vendor that streams one token at once and, each time it is told, what it is told to write.
fn told() -> (Listener, Sender<Vec<u8>>) {
    let (tell, orders) = channel::<Vec<u8>>();
    let orders = Arc::new(Mutex::new(orders));
    let listener = Listener::start(move |mut stream, _| {
        let mut head = [0; 65536];
        let _ = stream.read(&mut head);
        let _ = stream.write_all(&[SSE_HEAD.as_bytes(), &chunks(TOKEN.as_bytes(), usize::MAX)].concat());
        while let Ok(order) = orders.lock().unwrap().recv() {
            if order.is_empty() || stream.write_all(&order).is_err() {
                return;
            }
        }
    });
    (listener, tell)
}

fn token() -> Vec<u8> {
    chunks(TOKEN.as_bytes(), usize::MAX)
}

fn ending() -> Vec<u8> {
    [&chunks(GOOD_STREAM.as_bytes(), usize::MAX)[..], b"0\r\n\r\n"].concat()
}

/// A stream that has been asked for under the key `k` and whose first token has come, with what came.
fn open(gateway: &Gateway, key: &str) -> (TcpStream, Vec<u8>) {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k"), ("connection", "close")];
    let mut client = TcpStream::connect(gateway.address).unwrap();
    client.write_all(&post("/v1/chat/completions", &headers, STREAMED.as_bytes())).unwrap();
    let read = read_until(&mut client, "\"content\":\"");
    (client, read)
}

fn finish((mut client, mut read): (TcpStream, Vec<u8>)) -> Answer {
    client.read_to_end(&mut read).unwrap();
    parse(&read)
}

#[test]
fn a_stream_is_joined_in_the_middle() {
    let (vendor, tell) = told();
    let gateway = gateway(vendor.address, "");
    let key = gateway.live_key();
    let first = open(&gateway, &key);
    tell.send(token()).unwrap();
    let second = open(&gateway, &key);
    tell.send(token()).unwrap();
    let third = open(&gateway, &key);
    tell.send(ending()).unwrap();
    let (first, second, third) = (finish(first), finish(second), finish(third));
    assert_eq!(first.text(), [TOKEN, TOKEN, TOKEN, GOOD_STREAM].concat());
    assert!(first.complete && !replayed(&first));
    for joined in [&second, &third, &ask(&gateway, &key, STREAMED, "k")] {
        assert_same(&first, joined);
        assert!(replayed(joined));
        assert_eq!(joined.header("content-type"), Some("text/event-stream"));
        assert_eq!(joined.header("transfer-encoding"), Some("chunked"));
    }
    assert_eq!(vendor.accepted.load(Ordering::SeqCst), 1);
}

#[test]
fn a_caller_that_left_finds_all_of_it() {
    let (vendor, tell) = told();
    let gateway = gateway(vendor.address, "");
    let key = gateway.live_key();
    drop(open(&gateway, &key));
    std::thread::sleep(Duration::from_millis(100));
    tell.send(token()).unwrap();
    tell.send(ending()).unwrap();
    let answer = ask(&gateway, &key, STREAMED, "k");
    assert_eq!(answer.text(), [TOKEN, TOKEN, GOOD_STREAM].concat());
    assert!(replayed(&answer) && answer.complete);
    assert_eq!(vendor.accepted.load(Ordering::SeqCst), 1);
    // The request that ran was completed, whoever had left.
    let ended = || gateway.log().contains("\"outcome\":\"completed\"").then_some(());
    assert!(eventually(Duration::from_secs(5), ended).is_some(), "{}", gateway.log());
}

#[test]
fn a_slow_caller_stops_nobody() {
    let body = format!("{}{GOOD_STREAM}", TOKEN.repeat(60_000));
    let whole = sse(&body);
    let vendor = Listener::start(move |mut stream, _| {
        let mut head = [0; 65536];
        let _ = stream.read(&mut head);
        let _ = stream.write_all(&whole);
    });
    let gateway = gateway(vendor.address, "");
    let key = gateway.live_key();
    // Ten megabytes, of which this one takes only the beginning.
    let slow = open(&gateway, &key);
    let quick = ask(&gateway, &key, STREAMED, "k");
    assert!(quick.complete && quick.text() == body && replayed(&quick));
    assert!(finish(slow).text() == body);
    assert_eq!(vendor.accepted.load(Ordering::SeqCst), 1);
}

#[test]
fn a_broken_stream_is_broken_for_all_and_then_forgotten() {
    for garbage in [false, true] {
        let (vendor, tell) = told();
        let gateway = gateway(vendor.address, "");
        let key = gateway.live_key();
        let first = open(&gateway, &key);
        let second = open(&gateway, &key);
        // An empty order closes the connection in the middle.
        tell.send(if garbage { chunks(b"data: <html>\n\n", 100) } else { Vec::new() }).unwrap();
        let (first, second) = (finish(first), finish(second));
        assert!(first.text().contains("\"error\"") && !first.text().contains("[DONE]"), "{}", first.text());
        assert_same(&first, &second);
        assert_eq!(kept(&gateway), Vec::<String>::new());
        if garbage {
            tell.send(Vec::new()).unwrap();
        }
        let third = open(&gateway, &key);
        tell.send(ending()).unwrap();
        let third = finish(third);
        assert_eq!((third.text(), replayed(&third)), ([TOKEN, GOOD_STREAM].concat(), false));
        assert_eq!(vendor.accepted.load(Ordering::SeqCst), 2);
    }
}

#[test]
fn a_drain_waits_for_what_nobody_waits_for() {
    let (vendor, tell) = told();
    let mut stopping = gateway(vendor.address, "");
    let key = stopping.live_key();
    drop(open(&stopping, &key));
    stopping.signal("TERM");
    std::thread::sleep(Duration::from_millis(300));
    tell.send(ending()).unwrap();
    assert_eq!(stopping.wait(Duration::from_secs(10)), Some(0));
    let started = super::crash::start_again(stopping);
    let answer = ask(&started, &key, STREAMED, "k");
    assert_eq!((answer.text(), replayed(&answer)), ([TOKEN, GOOD_STREAM].concat(), true));
}

#[test]
fn a_stop_ends_all_readers_in_the_streams_words() {
    let (vendor, _tell) = told();
    let mut gateway = Gateway::start(&format!(
        "[server]\ndrain_seconds = 1\n{}{}",
        crate::wire::provider("up", vendor.address, ""),
        crate::wire::model(&[("up", 1, 1)])
    ));
    let key = gateway.live_key();
    let (first, second) = (open(&gateway, &key), open(&gateway, &key));
    gateway.signal("TERM");
    for open in [first, second] {
        let answer = finish(open);
        assert_eq!(answer.text().matches("\"code\":\"gateway_stopping\"").count(), 1, "{}", answer.text());
        assert!(answer.complete && !answer.text().contains("[DONE]"));
    }
    assert_eq!(gateway.wait(Duration::from_secs(10)), Some(0));
    assert!(eventually(Duration::from_secs(1), || kept(&gateway).is_empty().then_some(())).is_some());
}
