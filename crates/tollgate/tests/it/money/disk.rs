//! A data dir on a disk that is full.

use super::*;
use crate::harness::{Upstream, json_answer};
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Runs what follows with a small disk of its own as `data`.
const SMALL_DISK: [&str; 6] = [
    "unshare",
    "--map-root-user",
    "--mount",
    "sh",
    "-c",
    "mount -t tmpfs -o size=30m tmpfs data && exec \"$0\" \"$@\"",
];

/// Whether this machine lets us mount one.
fn can_mount() -> bool {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("data")).unwrap();
    let mut command = Command::new(SMALL_DISK[0]);
    command.args(&SMALL_DISK[1..]).arg("true").current_dir(dir.path()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// New requests are refused before anything is sent, one that runs ends and is booked, and all goes on by itself when
/// there is room again.
#[test]
fn a_full_disk_refuses_what_is_new_and_books_what_runs() {
    if !can_mount() {
        println!("skipped: this user may not mount a file system, so there is no small disk to fill");
        return;
    }
    let goes_on = std::sync::Arc::new(AtomicBool::new(false));
    let wait = std::sync::Arc::clone(&goes_on);
    let upstream = Upstream::start(move |request, socket| {
        if !String::from_utf8_lossy(request).contains("\"stream\":true") {
            return socket.write_all(&json_answer("200 OK", ANSWER)).is_ok();
        }
        let chunk = r#"{"id":"c","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}"#;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let _ = socket.write_all(format!("{head}data: {chunk}\n\n").as_bytes());
        while !wait.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
            let _ = socket.write_all(b": still here\n\n");
        }
        let usage = r#"{"id":"c","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16}}"#;
        let stop = r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
        let _ = socket.write_all(format!("data: {stop}\n\ndata: {usage}\n\ndata: [DONE]\n\n").as_bytes());
        false
    });
    // A long name, so that the journal fills sooner.
    let name = "m".repeat(190);
    let config =
        format!("[server]\nworkers = 1\n{}", upstream.config().replace("[models.m]", &format!("[models.{name}]")));
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("data")).unwrap();
    let gateway = Gateway::start_by(&SMALL_DISK, dir, &config, &[("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")]);
    let key = gateway.live_key();
    let body = |stream: bool| {
        format!(r#"{{"model":"{name}","stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#)
    };
    assert_eq!(gateway.chat(&key, &body(false), &[]).status, 200);
    let (id, mut running) = open_stream(&gateway, &key, &body(true));
    running.read_exact(&mut [0; 20]).unwrap();

    // As the gateway sees it.
    let filler = PathBuf::from(format!("/proc/{}/root", gateway.pid()))
        .join(gateway.dir.path().join("data/filler").strip_prefix("/").unwrap());
    let mut file = std::fs::File::create(&filler).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    let (answered, refused) = (AtomicUsize::new(1), AtomicBool::new(false));
    let end = Instant::now() + Duration::from_secs(120);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !refused.load(Ordering::Relaxed) && Instant::now() < end {
                    let answer = gateway.chat(&key, &body(false), &[]);
                    match answer.status {
                        200 => drop(answered.fetch_add(1, Ordering::Relaxed)),
                        _ => {
                            assert_eq!((answer.status, answer.code().as_str()), (503, "ledger_unavailable"));
                            assert!(answer.header("retry-after").is_some());
                            refused.store(true, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let answered = answered.into_inner();
    assert!(refused.into_inner(), "{answered} answers, and the disk is full");
    let asked = upstream.count();
    assert_eq!(gateway.chat(&key, &body(false), &[]).status, 503);
    assert_eq!((upstream.count(), asked), (asked, answered + 1), "what was refused was sent");
    assert!(gateway.get("/metrics", &[]).text().contains("tollgate_ledger_open 0\n"));

    goes_on.store(true, Ordering::SeqCst);
    let mut rest = String::new();
    while !rest.ends_with("data: [DONE]\n") {
        assert!(running.read_line(&mut rest).unwrap() > 0, "{rest}");
    }

    drop(file);
    std::fs::remove_file(&filler).unwrap();
    eventually("not open again", || gateway.chat(&key, &body(false), &[]).status == 200);
    eventually("not booked", || !gateway.booked(&id).is_empty());
    let entry = &gateway.booked(&id)[0];
    assert_eq!((entry["basis"].as_str(), entry["usage"]["output_tokens"].as_u64()), (Some("provider"), Some(7)));
    let sums = &gateway.admin("/usage")["data"][0];
    // The answers, the stream, and the one at the end. What was admitted and then refused counts at nothing.
    let due = nano(COST) * i64::try_from(answered + 1).unwrap() + nano(entry["amount_usd"].as_str().unwrap());
    assert_eq!(nano(sums["cost_usd"].as_str().unwrap()), due, "{sums}");
    gateway.assert_books_add_up();
}
