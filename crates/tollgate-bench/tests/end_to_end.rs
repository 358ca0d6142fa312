//! The parts of the bench against each other: right answers count, wrong ones are noticed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tollgate-bench");

/// A server of the bench, ended with the test.
struct Server {
    addr: SocketAddr,
    child: Child,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(PROGRAM)
            .args(args)
            .args(["--listen", &addr.to_string(), "--secs", "60"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(addr).is_err() {
            assert!(Instant::now() < deadline, "the server did not start");
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { addr, child }
    }

    fn load(&self, args: &[&str]) -> Value {
        let output = Command::new(PROGRAM)
            .args(["load", "--addr", &self.addr.to_string()])
            .args(["--pid", &self.child.id().to_string()])
            .args(["--warm", "0", "--secs", "20"])
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn every_kind_of_answer_comes_through_every_control() {
    let upstream = Server::start(&["upstream"]);
    let behind = upstream.addr.to_string();
    let hyper = Server::start(&["control", "hyper", "--upstream", &behind]);
    let duties = Server::start(&["control", "duties", "--upstream", &behind]);
    for server in [&upstream, &hyper, &duties] {
        for (args, answers) in [
            (&["--kind", "chat", "--connections", "4", "--requests", "200"][..], 200),
            (&["--kind", "chat", "--rate", "200", "--requests", "20"][..], 20),
            (&["--kind", "stream", "--chunks", "50", "--connections", "3", "--requests", "9"][..], 9),
            (&["--kind", "stream", "--chunks", "5", "--delay-us", "3000", "--requests", "2"][..], 2),
            (&["--kind", "embeddings", "--requests", "2"][..], 2),
        ] {
            let seen = server.load(args);
            assert_eq!(seen["errors"], 0, "{args:?}: {seen}");
            assert_eq!(seen["answers"], answers, "{args:?}: {seen}");
            assert!(seen["memory"]["rss_kib"].as_u64().unwrap() > 0);
        }
    }
}

#[test]
fn streams_are_held_open() {
    let upstream = Server::start(&["upstream"]);
    let behind = upstream.addr.to_string();
    let hyper = Server::start(&["control", "hyper", "--upstream", &behind]);
    let seen = hyper.load(&["--kind", "hold", "--connections", "60"]);
    assert_eq!((&seen["open"], &seen["lost"]), (&Value::from(60), &Value::from(0)));
    assert!(seen["kib_per_stream"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_refused_key_is_an_error() {
    let upstream = Server::start(&["upstream"]);
    let behind = upstream.addr.to_string();
    let duties = Server::start(&["control", "duties", "--upstream", &behind]);
    let seen = duties.load(&["--kind", "chat", "--key", "sk-nobody", "--requests", "3"]);
    assert_eq!((&seen["errors"], &seen["answers"]), (&Value::from(3), &Value::from(0)));
    let said = seen["first_error"].as_str().unwrap();
    assert!(said.contains("401"), "{said}");
}

#[test]
fn a_wrong_command_line_is_refused() {
    for args in [&["load"][..], &["control", "other"], &["upstream", "--no", "1"], &[]] {
        let status = Command::new(PROGRAM).args(args).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(2), "{args:?}");
    }
}
