//! Starts, and starts that are refused.

use super::{Serve, failed, run, tollgate};
use crate::harness::{ADMIN, Gateway, Upstream, json_answer, request};
use std::io::Write;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

const SERVE: &[&str] = &["serve", "--listen", "127.0.0.1:0"];

#[test]
fn the_first_start_prints_keys_that_work_and_later_ones_print_none() {
    let dir = tempfile::tempdir().unwrap();
    let first = Serve::start(tollgate(dir.path(), SERVE));
    let printed = &first.printed;
    let (admin, test) = (first.after("admin key").unwrap(), first.after("test key").unwrap());
    assert!(admin.starts_with("tg-admin-") && test.starts_with("sk-tg-test-"), "{printed}");
    assert_eq!(printed.matches(&admin).count(), 1, "{printed}");
    let bearer = format!("Bearer {admin}");
    let keys = request(first.address, "GET", "/admin/v1/keys", &[("authorization", &bearer)], b"");
    assert_eq!(keys.status, 200, "{}", keys.text());
    // The curl line as pasted into a shell.
    let line = printed.split_once("curl ").unwrap().1.split_once("\n\n").unwrap().0;
    match Command::new("sh").arg("-c").arg(format!("curl -sS --max-time 10 {line}")).output() {
        Ok(output) if output.status.code() != Some(127) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(text.contains("\"chat.completion\""), "{text} {}", String::from_utf8_lossy(&output.stderr));
        }
        _ => eprintln!("no curl here"),
    }
    drop(first);
    let second = Serve::start(tollgate(dir.path(), SERVE));
    let printed = &second.printed;
    assert!(!printed.contains("tg-admin-") && !printed.contains("sk-tg-") && !printed.contains("curl"), "{printed}");
    let bearer = format!("Bearer {test}");
    let models = request(second.address, "GET", "/v1/models", &[("authorization", &bearer)], b"");
    assert_eq!(models.status, 200, "{}", models.text());
    // With an admin key of one's own nothing secret is printed, not even at first.
    let dir = tempfile::tempdir().unwrap();
    let mut command = tollgate(dir.path(), SERVE);
    command.env("TOLLGATE_ADMIN_KEY", ADMIN);
    let own = Serve::start(command);
    assert!(!own.printed.contains("tg-") && !own.printed.contains("curl"), "{}", own.printed);
}

#[test]
fn the_data_dir_is_for_its_owner_and_holds_no_key() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let serve = Serve::start(tollgate(dir.path(), SERVE));
    let data = dir.path().join("tollgate-data");
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    for secret in [serve.after("admin key").unwrap(), serve.after("test key").unwrap()] {
        assert_eq!(crate::door::files_with(&data, &secret), Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn one_process_for_one_data_dir() {
    let dir = tempfile::tempdir().unwrap();
    let first = Serve::start(tollgate(dir.path(), SERVE));
    let (code, message) = failed(tollgate(dir.path(), SERVE));
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("tollgate-data"), "{message}");
    assert!(message.contains("another") || message.contains("in use"), "{message}");
    drop(first);
    drop(Serve::start(tollgate(dir.path(), SERVE)));
}

#[test]
fn a_port_in_use_is_exit_1() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _holder = TcpListener::bind(taken).unwrap();
    let (code, message) = failed(tollgate(dir.path(), &["serve", "--listen", &taken.to_string()]));
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains(&taken.to_string()), "{message}");
    assert!(!dir.path().join("tollgate-data").exists(), "a start that fails leaves nothing behind");
}

#[test]
fn a_bad_configuration_is_exit_2_and_names_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tollgate.toml");
    let cases: [(&str, &[&str]); 5] = [
        ("[server]\nbody_limit = \"x\"\n", &["tollgate.toml:2", "server.body_limit"]),
        ("[server]\n\nlisten_adr = \"x\"\n", &["tollgate.toml:3", "server.listen_adr"]),
        ("[server\n", &["tollgate.toml:1"]),
        ("[providers.openai]\ncredentials = [{ api_key = \"${NO_SUCH}\" }]\n", &["tollgate.toml:2", "NO_SUCH"]),
        ("[models.a]\ntargets = [{ provider = \"none\", model = \"x\" }]\n", &["tollgate.toml:2", "none"]),
    ];
    for (text, wanted) in cases {
        std::fs::write(&file, text).unwrap();
        for command in ["serve", "check"] {
            let (code, message) = failed(tollgate(dir.path(), &[command]));
            assert_eq!(code, Some(2), "{command} {text}: {message}");
            for part in wanted {
                assert!(message.contains(part), "{command} {text}: {message} lacks {part}");
            }
        }
    }
    assert!(!dir.path().join("tollgate-data").exists());
    std::fs::remove_file(&file).unwrap();
    assert_eq!(failed(tollgate(dir.path(), &["check"])).0, Some(0));
    for args in
        [&["serve", "--config", "none.toml"][..], &["check", "--config", "none.toml"], &["serve", "--listen", "x"]]
    {
        let (code, message) = failed(tollgate(dir.path(), args));
        assert_eq!(code, Some(2), "{args:?}: {message}");
    }
    for args in [&["serve", "--no-such"][..], &["nothing"], &[]] {
        assert_eq!(failed(tollgate(dir.path(), args)).0, Some(2), "{args:?}");
    }
    let mut command = tollgate(dir.path(), &["serve"]);
    command.env("TOLLGATE_SERVER__BODY_LIMIT", "x");
    let (code, message) = failed(command);
    assert_eq!(code, Some(2));
    assert!(message.contains("TOLLGATE_SERVER__BODY_LIMIT"), "{message}");
    // A check that is sound says so and shows no credential.
    std::fs::write(&file, "[providers.openai]\ncredentials = [{ api_key = \"${OPENAI_API_KEY}\" }]\n").unwrap();
    for args in [&["check"][..], &["check", "--json"]] {
        let mut command = tollgate(dir.path(), args);
        command.env("OPENAI_API_KEY", "sk-canary");
        let output = run(command);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0));
        assert!(text.contains("openai") && !text.contains("sk-canary"), "{text}");
    }
}

#[test]
fn providers_from_variables_alone() {
    let upstream = Upstream::start(|_, stream| {
        stream.write_all(&json_answer("200 OK", r#"{"object":"chat.completion","choices":[]}"#)).is_ok()
    });
    let base = format!("http://{}", upstream.address);
    let env = [("OPENAI_API_KEY", "sk-from-env"), ("OPENAI_BASE_URL", base.as_str())];
    let gateway = Gateway::start_in(tempfile::tempdir().unwrap(), "", &env);
    let key = gateway.live_key();
    for model in ["gpt-5-mini", "openai/gpt-5-mini"] {
        let answer = gateway.chat(&key, &format!(r#"{{"model":"{model}","messages":[]}}"#), &[]);
        assert_eq!(answer.status, 200, "{model}: {}", answer.text());
    }
    let sent = upstream.last();
    assert!(sent.starts_with("POST /v1/chat/completions ") && sent.contains("Bearer sk-from-env"), "{sent}");
}

#[test]
fn a_crash_loses_no_key() {
    let mut gateway = Gateway::start("");
    let (test, revoked) = (gateway.test_key(), gateway.test_key());
    let bearer = format!("Bearer {ADMIN}");
    let list = gateway.get("/admin/v1/keys?limit=1", &[("authorization", &bearer)]).json();
    let id = list["data"][0]["id"].as_str().unwrap().to_owned();
    let gone = request(gateway.address, "DELETE", &format!("/admin/v1/keys/{id}"), &[("authorization", &bearer)], b"");
    assert!(gone.status < 300, "{}", gone.text());
    gateway.signal("KILL");
    assert_eq!(gateway.wait(Duration::from_secs(5)), None);
    let dir = std::mem::replace(&mut gateway.dir, tempfile::tempdir().unwrap());
    let start = Instant::now();
    let again = Gateway::start_in(dir, "", &[]);
    eprintln!("start to /readyz after kill -9: {:?}", start.elapsed());
    assert_eq!(again.chat(&test, crate::door::CHAT, &[]).status, 200);
    assert_eq!(again.chat(&revoked, crate::door::CHAT, &[]).status, 401);
}
