//! The walls that the compiler does not guard: who imports whom, how long a file may be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// For each room, the rooms of this crate that it may import besides itself.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("accounts", &["keys"]),
    (
        "admin",
        &[
            "catalogue",
            "clock",
            "config",
            "ids",
            "keys",
            "ledger",
            "lines",
            "message",
            "money",
            "outcome",
            "pricing",
            "proof",
            "routing",
            "store",
            "tasks",
            "upstream",
            "webhooks",
        ],
    ),
    ("archive", &["message"]),
    ("catalogue", &["config", "glob"]),
    (
        "cli",
        &[
            "accounts",
            "admin",
            "archive",
            "clock",
            "config",
            "door",
            "face",
            "gateway",
            "keys",
            "ledger",
            "memory",
            "money",
            "openapi",
            "proof",
            "replay",
            "routing",
            "store",
            "surface",
            "tasks",
            "telemetry",
            "upstream",
            "webhooks",
        ],
    ),
    ("clock", &[]),
    ("config", &["catalogue", "money", "pricing"]),
    ("door", &["clock", "config", "http1", "message"]),
    ("estimate", &[]),
    ("face", &["catalogue", "clock", "message", "money", "openapi", "pricing"]),
    (
        "gateway",
        &[
            "accounts",
            "archive",
            "catalogue",
            "clock",
            "config",
            "estimate",
            "http1",
            "ids",
            "journal",
            "keys",
            "ledger",
            "lines",
            "memory",
            "message",
            "money",
            "outcome",
            "pricing",
            "proof",
            "replay",
            "routing",
            "store",
            "tasks",
            "telemetry",
            "upstream",
        ],
    ),
    ("glob", &[]),
    ("http1", &["lines"]),
    ("ids", &[]),
    ("journal", &[]),
    ("keys", &["clock", "glob", "config", "ids", "money", "store"]),
    ("ledger", &["accounts", "clock", "estimate", "ids", "journal", "keys", "money", "outcome", "pricing", "store"]),
    ("lines", &[]),
    ("memory", &["clock", "keys", "store"]),
    ("message", &["lines"]),
    ("money", &[]),
    ("openapi", &[]),
    ("outcome", &[]),
    ("pricing", &["clock", "config", "money"]),
    ("proof", &["clock", "config", "lines", "routing", "upstream"]),
    ("replay", &["clock", "ids", "lines"]),
    ("routing", &["catalogue", "clock", "config", "lines", "upstream"]),
    ("store", &["clock", "config"]),
    (
        "surface",
        &[
            "accounts",
            "admin",
            "catalogue",
            "clock",
            "door",
            "face",
            "gateway",
            "http1",
            "keys",
            "ledger",
            "lines",
            "message",
            "money",
            "openapi",
            "routing",
            "store",
        ],
    ),
    (
        "tasks",
        &[
            "accounts", "archive", "clock", "config", "ids", "keys", "ledger", "lines", "money", "outcome", "pricing",
            "proof", "routing", "store", "upstream",
        ],
    ),
    ("telemetry", &["clock", "ids", "outcome"]),
    ("upstream", &["clock", "config", "http1", "lines"]),
    ("webhooks", &["clock", "ids", "keys", "lines", "store", "upstream"]),
];

/// External crates that only some rooms may name.
const ONLY: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("axum", &["admin", "surface", "cli"]),
    ("tollgate_sim", &["upstream", "cli"]),
    ("hyper", &["door", "upstream"]),
    ("hyper_util", &["door", "upstream"]),
    ("httparse", &["http1"]),
    ("notify", &["config"]),
    ("prometheus_client", &["telemetry"]),
    ("tiktoken_rs", &["estimate"]),
];

/// Longest source file, in lines, its tests included.
const MAX_LINES: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file without its test module and its comments.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// First path segments that follow `prefix` anywhere in the code, `{a, b::c}` lists included.
fn named(code: &str, prefix: &str) -> Vec<String> {
    let word = |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    code.match_indices(prefix)
        .flat_map(|(at, _)| {
            let rest = &code[at + prefix.len()..];
            match rest.strip_prefix('{') {
                Some(list) => list.split('}').next().unwrap_or_default().split(',').map(word).collect::<Vec<String>>(),
                None => vec![word(rest)],
            }
        })
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn rooms_import_only_what_they_may() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut wrong = Vec::new();
    for file in &files {
        let inside = file.strip_prefix(&src).unwrap().to_string_lossy().into_owned();
        let room = inside.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        if matches!(room.as_str(), "lib" | "main") {
            continue;
        }
        let code = code(file);
        let may = allowed.get(room.as_str()).unwrap_or_else(|| panic!("no rule for the room {room}"));
        for name in named(&code, "crate::") {
            let is_room = allowed.contains_key(name.as_str());
            if is_room && name != room && !may.contains(&name.as_str()) {
                wrong.push(format!("{inside} imports crate::{name}"));
            }
        }
        for (external, rooms) in ONLY {
            if !rooms.contains(&room.as_str()) && code.contains(&format!("{external}::")) {
                wrong.push(format!("{inside} names {external}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_pure_crate_and_the_simulator_stay_apart() {
    for (krate, banned) in [
        ("tollgate-protocol", &["tokio", "http", "hyper", "sqlx", "tracing", "tollgate"][..]),
        ("tollgate-sim", &["tollgate", "tollgate-protocol", "hyper"]),
    ] {
        let manifest = std::fs::read_to_string(root().join("crates").join(krate).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let dependencies = manifest["dependencies"].as_table().unwrap();
        for name in banned {
            assert!(!dependencies.contains_key(*name), "{krate} depends on {name}");
        }
    }
}

#[test]
fn files_can_be_read_at_a_sitting() {
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    let long: Vec<_> = files
        .iter()
        .map(|file| (std::fs::read_to_string(file).unwrap().lines().count(), file))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn the_map_names_every_room() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for (room, _) in MAY_IMPORT {
        assert!(
            map.contains(&format!("`{room}/`")) || map.contains(&format!("`{room}`")),
            "ARCHITECTURE.md does not name {room}"
        );
    }
}
