//! Forms under an idempotency key: the same parts are the same request, whatever the boundary.

use super::{assert_same, kept, replayed};
use crate::harness::{Answer, Gateway, json_answer, raw};
use crate::wire::{answering, gateway};

const TEXT: &str = r#"{"text":"Hello."}"#;

fn form(boundary: &str, file: &str, content: &[u8], model_first: bool) -> Vec<u8> {
    let disposition = format!("--{boundary}\r\nContent-Disposition: form-data; name=");
    let model = format!("{disposition}\"model\"\r\n\r\nm\r\n").into_bytes();
    let file = format!("{disposition}\"file\"; filename=\"{file}\"\r\nContent-Type: audio/wav\r\n\r\n").into_bytes();
    let file = [&file[..], content, b"\r\n"].concat();
    let parts = if model_first { [model, file] } else { [file, model] };
    [&parts.concat()[..], format!("--{boundary}--\r\n").as_bytes()].concat()
}

fn send(gateway: &Gateway, key: &str, boundary: &str, body: &[u8], idempotency: &str) -> Answer {
    let head = format!(
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: g\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\
         content-type: multipart/form-data; boundary={boundary}\r\ncontent-length: {}\r\n\
         idempotency-key: {idempotency}\r\n\r\n",
        body.len()
    );
    raw(gateway.address, &[head.as_bytes(), body].concat())
}

#[test]
fn a_new_boundary_is_the_same_request() {
    let upstream = answering(|_| json_answer("200 OK", TEXT));
    let gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    let large: Vec<u8> = (0..3_u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (name, content, model_first) in
        [("small", &large[..100], true), ("large", &large, true), ("first", &large, false)]
    {
        let before = upstream.count();
        let first = send(&gateway, &key, "one", &form("one", "a.wav", content, model_first), name);
        assert_eq!((first.status, first.text().as_str()), (200, TEXT));
        // The vendor got what was sent, with its own name of the model.
        let sent = upstream.requests.lock().unwrap().last().unwrap().clone();
        let expected = form("one", "a.wav", content, model_first);
        let at = memchr::memmem::find(&expected, b"\r\n\r\nm\r\n--one").unwrap() + 4;
        let expected = [&expected[..at], b"up-up", &expected[at + 1..]].concat();
        assert!(sent.ends_with(&expected), "{name}");
        let again = send(&gateway, &key, "another", &form("another", "a.wav", content, model_first), name);
        assert_same(&first, &again);
        assert!(replayed(&again) && upstream.count() == before + 1);
        for other in [
            form("one", "b.wav", content, model_first),
            form("one", "a.wav", &content[1..], model_first),
            form("one", "a.wav", content, !model_first),
        ] {
            let refused = send(&gateway, &key, "one", &other, name);
            assert_eq!((refused.status, refused.code().as_str()), (422, "idempotency_key_reused"));
        }
    }
    let spool = std::fs::read_dir(gateway.dir.path().join("data/spool")).unwrap();
    assert_eq!(spool.count(), 0, "nothing is left where uploads wait");
}

#[test]
fn uploads_that_could_not_wait_are_refused() {
    let upstream = answering(|_| json_answer("200 OK", TEXT));
    let gateway = gateway(upstream.address, "");
    let key = gateway.live_key();
    let body = form("one", "a.wav", &vec![1; 64 << 20], true);
    let refused = send(&gateway, &key, "one", &body, "k");
    assert_eq!((refused.status, refused.code().as_str()), (413, "request_too_large"));
    assert!(refused.text().contains("Idempotency-Key"), "{}", refused.text());
    // Chunked it shows only while it comes.
    let head = format!(
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: g\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\
         content-type: multipart/form-data; boundary=one\r\ntransfer-encoding: chunked\r\nidempotency-key: k\r\n\r\n"
    );
    let refused = raw(gateway.address, &[head.as_bytes(), &crate::wire::chunks(&body, 1 << 20), b"0\r\n\r\n"].concat());
    assert_eq!(refused.status, 413);
    assert_eq!((upstream.count(), kept(&gateway)), (0, vec![]));
    // A form that is none is refused by the ordinary way, and the key stays free.
    for (boundary, status) in [("wrong", 400), ("one", 200)] {
        let answer = send(&gateway, &key, boundary, &form("one", "a.wav", b"abc", true), "k");
        assert_eq!((answer.status, replayed(&answer)), (status, false), "{}", answer.text());
    }
}
