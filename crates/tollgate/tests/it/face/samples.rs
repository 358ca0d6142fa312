//! The reference's request samples are programs: those whose language is on this machine are run against the sandbox.

use super::docs::operations;
use crate::harness::{ADMIN, Gateway};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

/// A language that can be run here.
struct Runner {
    name: &'static str,
    /// What must be there, with arguments that make it say so.
    probe: &'static [&'static str],
    /// The file that the sample is written into.
    file: &'static str,
    /// What runs it, as a shell says it.
    run: &'static str,
    /// Whether it is quick enough for every route.
    quick: bool,
}

const RUNNERS: [Runner; 8] = [
    Runner { name: "shell", probe: &["curl", "--version"], file: "ask.sh", run: "bash -eu ask.sh", quick: true },
    Runner { name: "javascript", probe: &["node", "--version"], file: "ask.mjs", run: "node ask.mjs", quick: true },
    Runner { name: "python", probe: &["python3", "--version"], file: "ask.py", run: "python3 ask.py", quick: true },
    Runner { name: "ruby", probe: &["ruby", "--version"], file: "ask.rb", run: "ruby ask.rb", quick: true },
    Runner { name: "php", probe: &["php", "-r", "curl_version();"], file: "ask.php", run: "php ask.php", quick: true },
    Runner { name: "go", probe: &["go", "version"], file: "ask.go", run: "go run ask.go", quick: false },
    Runner { name: "java", probe: &["java", "--version"], file: "Ask.java", run: "java Ask.java", quick: false },
    Runner {
        name: "c",
        probe: &["curl-config", "--version"],
        file: "ask.c",
        run: "cc -Wall -Werror -o ask ask.c $(curl-config --libs) && ./ask",
        quick: false,
    },
];

/// What slow languages are asked for: JSON, a form with a file, nothing.
const SLOW: [&str; 3] = ["createChatCompletion", "createTranscription", "listModels"];
/// Routes whose answers the sandbox makes of the request alone: all languages get the same, but for ids and times, which
/// come from the request's exact bytes.
const SAME: [&str; 4] = ["Chat completions", "Messages", "Gemini", "Embeddings"];
/// Routes whose first example names something that a fresh installation has not.
const ABSENT: [&str; 2] = ["createRefund", "fetchPredictOperation"];

fn there(runner: &Runner) -> bool {
    let (program, arguments) = runner.probe.split_first().unwrap();
    let done = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    done.is_ok_and(|status| status.success())
}

/// What a sample prints, or how it failed.
fn run(gateway: &Gateway, runner: &Runner, id: &str, key: &str, dir: &Path) -> Result<String, String> {
    let sample = gateway.get(&format!("/docs/samples/{id}/{}", runner.name), &[]);
    assert_eq!(sample.status, 200, "{id} {}", runner.name);
    let text = sample.text().replace("http://127.0.0.1:8080", &format!("http://{}", gateway.address));
    std::fs::write(dir.join(runner.file), &text).unwrap();
    let done = Command::new("timeout")
        .args(["60", "bash", "-c", runner.run])
        .current_dir(dir)
        .env("TOLLGATE_KEY", key)
        .env("TOLLGATE_ADMIN_KEY", ADMIN)
        .env("GOFLAGS", "-mod=mod")
        .env("GOCACHE", dir.join("go-cache"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&done.stdout).into_owned();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let failed =
        printed.starts_with("{\"error\":") || printed.contains("data: {\"error\":") || printed.contains("event: error");
    let good = done.status.success() && !printed.trim().is_empty() && !failed;
    if good { Ok(printed) } else { Err(format!("{id} in {}: {}\n{printed}{said}\n{text}", runner.name, done.status)) }
}

/// What is the same for the same question.
fn content(printed: &str) -> Value {
    let Ok(mut value) = serde_json::from_str::<Value>(printed) else { return printed.into() };
    for name in ["id", "created", "system_fingerprint", "responseId"] {
        value.as_object_mut().and_then(|object| object.remove(name));
    }
    value
}

/// Runs the samples of every live route that is `wanted` and needs no id of something made before; gives how many ran.
fn run_all(wanted: impl Fn(&str) -> bool) -> usize {
    let gateway = Gateway::start("");
    let key = gateway.test_key();
    let (here, missing): (Vec<_>, Vec<_>) = RUNNERS.iter().partition(|runner| there(runner));
    for runner in missing {
        println!("skipped: samples in {} ({} is not on this machine)", runner.name, runner.probe[0]);
    }
    let runs = |path: &str, operation: &Value| {
        let id = operation["operationId"].as_str().unwrap();
        operation["x-tollgate-live"] == true
            && wanted(path)
            && !ABSENT.contains(&id)
            && !gateway.get(&format!("/docs/samples/{id}/shell"), &[]).text().contains("YOUR_")
    };
    let all = operations(&gateway).into_iter().filter(|(_, path, operation)| runs(path, operation));
    let all: Vec<Value> = all.map(|(_, _, operation)| operation).collect();
    let ids = || all.iter().map(|operation| operation["operationId"].as_str().unwrap());
    let printed: Vec<Vec<(&str, Result<String, String>)>> = std::thread::scope(|scope| {
        let each = here.iter().map(|runner| {
            let (gateway, key, ids) = (&gateway, &key, &ids);
            scope.spawn(move || {
                let dir = tempfile::tempdir().unwrap();
                std::fs::write(dir.path().join("speech.wav"), silence()).unwrap();
                let ids = ids().filter(|id| runner.quick || SLOW.contains(id));
                ids.map(|id| (id, run(gateway, runner, id, key, dir.path()))).collect()
            })
        });
        let each: Vec<_> = each.collect();
        each.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut failed: Vec<&String> = Vec::new();
    let mut differ = Vec::new();
    for operation in &all {
        let id = operation["operationId"].as_str().unwrap();
        let results = printed.iter().flatten().filter(|(of, _)| *of == id);
        let good: Vec<&String> = results.clone().filter_map(|(_, result)| result.as_ref().ok()).collect();
        failed.extend(results.filter_map(|(_, result)| result.as_ref().err()));
        let same = operation["tags"][0].as_str().is_some_and(|tag| SAME.contains(&tag));
        let streamed = good.first().is_some_and(|printed| printed.starts_with("data:"));
        if same && !streamed && good.windows(2).any(|two| content(two[0]) != content(two[1])) {
            differ.push(id);
        }
    }
    let ran = printed.iter().map(Vec::len).sum();
    assert!(
        failed.is_empty(),
        "{} of {ran}:\n{}",
        failed.len(),
        failed.iter().map(|why| why.as_str()).collect::<String>()
    );
    assert!(differ.is_empty(), "answers differ by language: {differ:?}");
    println!("{ran} samples ran");
    ran
}

/// Ten seconds of it, as a wave file.
fn silence() -> Vec<u8> {
    let mut wave =
        b"RIFF\x24\x71\x02\x00WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\0\x71\x02\0"
            .to_vec();
    wave.resize(wave.len() + 160_000, 0);
    wave
}

#[test]
fn samples_of_the_data_plane_run_and_get_the_same_answers() {
    assert!(run_all(|path| !path.starts_with("/admin")) >= 40);
}

#[test]
fn samples_of_the_admin_api_run() {
    assert!(run_all(|path| path.starts_with("/admin")) >= 20);
}
