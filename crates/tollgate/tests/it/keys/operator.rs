//! The command line beside a running server.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tollgate::cli::keys::{KeysArgs, run};
use tollgate::keys::{KeyError, Keys, watch};

use super::{Gate, text};

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    keys: KeysArgs,
}

async fn keys(dir: &Path, words: &[&str]) -> (u8, String, String) {
    let dir = dir.to_str().unwrap();
    let first = ["keys", "--data-dir", dir];
    let args = Cli::try_parse_from(first.iter().chain(words)).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run(&args.keys, &mut out, &mut err).await;
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn usage(words: &[&str]) -> i32 {
    Cli::try_parse_from(["keys"].iter().chain(words)).unwrap_err().exit_code()
}

async fn within_a_second(keys: &Keys, secret: &str, expected: Option<KeyError>) {
    let start = Instant::now();
    while keys.authenticate(secret.as_bytes()).err() != expected {
        assert!(start.elapsed() < Duration::from_secs(1), "not seen within a second");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_server_sees_changes_within_a_second() {
    let gate = Gate::open().await;
    let stop = CancellationToken::new();
    let index = gate.installation.keys.clone();
    let task = tokio::spawn(watch(gate.installation.store.clone(), index.clone(), stop.clone()));
    let (code, out, err) = keys(gate.dir.path(), &["--json", "create", "--name", "a", "--mode", "test"]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    let made: Value = serde_json::from_str(&out).unwrap();
    let secret = text(&made, "key");
    within_a_second(&index, &secret, None).await;
    let (code, out, _) = keys(gate.dir.path(), &["revoke", &text(&made, "id")]).await;
    assert!(code == 0 && out.starts_with("Revoked key_"), "{out}");
    within_a_second(&index, &secret, Some(KeyError::Revoked)).await;
    let row = &gate.get("/admin/v1/audit?limit=1").await.body["data"][0];
    assert_eq!((text(row, "actor"), text(row, "action")), ("cli".into(), "key.revoke".into()));
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn every_flag_reaches_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let words = [
        "create",
        "--name",
        "batch",
        "--project",
        "proj_default",
        "--model",
        "gpt-*",
        "--model",
        "claude-?",
        "--ip",
        "10.0.0.0/8",
        "--expires",
        "30d",
        "--budget",
        "12.5",
        "--window",
        "week",
        "--budget-mode",
        "soft",
        "--rpm",
        "5",
        "--tpm",
        "6",
        "--concurrency",
        "7",
        "--metadata",
        "a=b=c",
        "--json",
    ];
    let (code, out, _) = keys(dir.path(), &words).await;
    let made: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, text(&made, "mode")), (0, "live".into()));
    assert_eq!(made["allowed_models"], serde_json::json!(["gpt-*", "claude-?"]));
    assert_eq!(made["budget"], serde_json::json!({"limit_usd": "12.500000000", "window": "week", "mode": "soft"}));
    let limits = serde_json::json!({"requests_per_minute": 5, "tokens_per_minute": 6, "concurrency": 7});
    assert_eq!((&made["limits"], text(&made["metadata"], "a")), (&limits, "b=c".into()));
    let days = tollgate::clock::parse(&text(&made, "expires_at")).unwrap() - tollgate::clock::now_ms();
    assert!((2_591_000_000..=2_592_000_000).contains(&days), "{days}");

    let (_, out, _) = keys(dir.path(), &["create", "--name", "second", "--mode", "test"]).await;
    assert_eq!(out.matches("sk-tg-test-").count(), 1);
    assert!(out.contains("shown once"), "{out}");
    let (code, out, _) = keys(dir.path(), &["list"]).await;
    let lines: Vec<_> = out.lines().collect();
    assert_eq!((code, lines.len()), (0, 3), "{out}");
    assert!(
        lines[0].starts_with("ID") && lines[1].contains("second") && lines[2].contains("$12.50 / week, soft"),
        "{out}"
    );
    let (_, out, _) = keys(dir.path(), &["list", "--json", "--project", "proj_default"]).await;
    let list: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    assert!(!out.contains(&text(&made, "key")));
}

#[tokio::test]
async fn faults_have_their_codes() {
    let dir = tempfile::tempdir().unwrap();
    let none = dir.path().join("none");
    let (code, _, err) = keys(&none, &["list"]).await;
    assert!(code == 1 && err.contains("no data dir") && !none.exists(), "{err}");
    let (code, _, err) = keys(&none, &["create", "--name", " "]).await;
    assert!(code == 2 && err.contains("name") && !none.exists(), "{err}");
    let (code, _, err) = keys(dir.path(), &["create", "--name", "a", "--project", "proj_none"]).await;
    assert!(code == 2 && err.contains("project"), "{err}");
    let (code, _, err) = keys(dir.path(), &["create", "--name", "a", "--ip", "here"]).await;
    assert!(code == 2 && err.contains("allowed_ips[0]"), "{err}");
    let (code, out, err) = keys(dir.path(), &["revoke", "key_none"]).await;
    assert_eq!((code, out.as_str(), err.as_str()), (1, "", "error: there is no such key\n"));
    for words in [
        &["create"][..],
        &["create", "--name", "a", "--mode", "other"],
        &["create", "--name", "a", "--budget", "-1"],
        &["create", "--name", "a", "--budget", "1", "--budget-mode", "hard"],
        &["create", "--name", "a", "--budget-mode", "soft"],
        &["create", "--name", "a", "--budget", "1.0000000001"],
        &["create", "--name", "a", "--window", "day"],
        &["create", "--name", "a", "--expires", "0d"],
        &["create", "--name", "a", "--expires", "99999w"],
        &["create", "--name", "a", "--rpm", "0"],
        &["create", "--name", "a", "--metadata", "a"],
        &["revoke"],
        &["rename"],
    ] {
        assert_eq!(usage(words), 2, "{words:?}");
    }
}

#[tokio::test]
async fn a_closed_pipe_never_panics() {
    struct Closed;
    impl io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    for (words, code) in [(&["create", "--name", "a"][..], 1), (&["list"], 0)] {
        let args = Cli::try_parse_from(["keys", "--data-dir", path].iter().chain(words)).unwrap();
        let mut err = Vec::new();
        assert_eq!(run(&args.keys, &mut Closed, &mut err).await, code, "{words:?}");
        assert_eq!(err.is_empty(), code == 0, "a secret that nobody saw is a fault");
    }
}
