//! A changed configuration is taken while the gateway runs.

use crate::door::{CHAT, Wire, chat, upstream};
use crate::harness::Gateway;
use std::time::{Duration, Instant};

fn model(name: &str) -> String {
    format!("[models.{name}]\ntargets = [{{ provider = \"openai\", model = \"gpt-5-mini\" }}]\n")
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(8);
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_new_model_works_without_a_restart_and_a_broken_file_changes_nothing() {
    let upstream = upstream();
    let base = upstream.config();
    let gateway = Gateway::start(&base);
    let key = gateway.live_key();
    let file = gateway.dir.path().join("tollgate.toml");
    let status = |name: &str| gateway.chat(&key, &CHAT.replace("\"m\"", &format!("\"{name}\"")), &[]).status;
    let errors = || gateway.log().matches("configuration not taken").count();
    assert_eq!(status("seen"), 404);
    // An open connection is served on.
    let mut wire = Wire::to(gateway.address);
    assert_eq!(wire.send(chat(&key, CHAT)).answer().status, 200);
    std::fs::write(&file, format!("{base}{}", model("seen"))).unwrap();
    until("the file is watched", || status("seen") == 200);
    assert_eq!(wire.send(chat(&key, &CHAT.replace("\"m\"", "\"seen\""))).answer().status, 200);
    // Replaced by a rename, as editors and config managers do.
    let beside = gateway.dir.path().join("new.toml");
    std::fs::write(&beside, format!("{base}{}", model("renamed"))).unwrap();
    std::fs::rename(&beside, &file).unwrap();
    until("a renamed file is seen", || status("renamed") == 200);
    assert_eq!(status("seen"), 404);
    std::fs::write(&file, "[models.renamed\n").unwrap();
    until("a broken file is told", || errors() == 1);
    assert_eq!((status("renamed"), status("m")), (200, 200));
    gateway.signal("HUP");
    until("SIGHUP looks again", || errors() == 2);
    std::fs::write(&file, format!("[server]\nworkers = 3\nbody_limit = \"1KiB\"\n{base}")).unwrap();
    gateway.signal("HUP");
    until("SIGHUP takes it", || status("renamed") == 404);
    assert_eq!(status("m"), 200);
    assert_eq!(gateway.chat(&key, &CHAT.replace("Hi", &"x".repeat(2000)), &[]).status, 413);
    until("what needs a restart is named", || gateway.log().contains("server.workers"));
    assert_eq!(errors(), 2, "{}", gateway.log());
}

#[test]
fn what_only_a_restart_changes_is_named() {
    let gateway = Gateway::start("");
    let keys = ["drain_seconds", "header_timeout", "body_timeout", "keep_alive", "max_connections", "workers"];
    let lines: String = keys
        .iter()
        .map(|key| match *key {
            "drain_seconds" | "max_connections" | "workers" => format!("{key} = 7\n"),
            _ => format!("{key} = \"7s\"\n"),
        })
        .collect();
    std::fs::write(gateway.dir.path().join("tollgate.toml"), format!("[server]\n{lines}")).unwrap();
    gateway.signal("HUP");
    for key in keys {
        until(key, || gateway.log().contains(&format!("server.{key}")));
    }
}
