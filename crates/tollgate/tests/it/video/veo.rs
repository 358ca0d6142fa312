//! Google's long-running predictions through the gateway, in both forms, under every prefix.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PREFIXES: [&str; 4] = ["/v1", "/v1beta", "/veo/v1", "/veo/v1beta"];
const VERTEX: &str = "projects/any/locations/us-central1/publishers/google/models";
/// A second at 720p.
const RATE: i64 = 400_000_000;

fn ask(more: &Value) -> Value {
    json!({ "instances": [{ "prompt": "a whale" }], "parameters": more })
}

/// Makes videos; gives the operation's name and the request's id.
fn make(caller: &Caller<'_>, path: &str, body: &Value, steer: &str) -> (String, String) {
    let answer = caller.post_with(&format!("{path}:predictLongRunning"), body, &[("x-tollgate-sim", steer)]);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    let made = answer.json();
    assert_eq!(made.as_object().unwrap().len(), 1, "{made}");
    (made["name"].as_str().unwrap().to_owned(), answer.header("x-request-id").unwrap().to_owned())
}

/// An operation once it has ended, by its name under a prefix.
fn ended(caller: &Caller<'_>, prefix: &str, name: &str) -> Value {
    let look = || {
        let answer = caller.get(&format!("{prefix}/{name}"));
        assert_eq!(answer.status, 200, "{prefix}/{name}: {}", answer.text());
        let operation = answer.json();
        assert_eq!(operation["name"], name, "{operation}");
        (operation["done"] == true).then_some(operation)
    };
    eventually(Duration::from_secs(20), look)
        .unwrap_or_else(|| panic!("{name} has not ended: {}", caller.gateway.log()))
}

fn fetch(caller: &Caller<'_>, path: &str, name: &str) -> Answer {
    caller.post(&format!("{path}:fetchPredictOperation"), &json!({ "operationName": name }))
}

fn samples(operation: &Value) -> Vec<String> {
    let list = operation["response"]["generateVideoResponse"]["generatedSamples"].as_array();
    list.into_iter().flatten().map(|sample| sample["video"]["uri"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_prefix_and_form_at_both_doors() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1", None);
    let mut made = Vec::new();
    for prefix in PREFIXES {
        for (model, provider) in [("g-veo", "gemini"), ("v-veo", "vertex")] {
            for parent in [format!("models/{model}"), format!("{VERTEX}/{model}")] {
                let path = format!("{prefix}/{parent}");
                let (name, request) = make(&caller, &path, &ask(&json!({ "durationSeconds": 4 })), "");
                let (own, id) = name.split_once("/operations/").unwrap();
                assert_eq!(own, parent, "the name is one that the caller's library can take apart");
                assert!(!name.contains("secret-project") && !id.contains('/'), "{name}");
                made.push((prefix, path, name, request, provider));
            }
        }
    }
    for (prefix, path, name, request, provider) in &made {
        let operation = ended(&caller, prefix, name);
        assert!(!operation.to_string().contains("secret-project"));
        let links = samples(&operation);
        assert_eq!(links.len(), 1, "{operation}");
        assert!(links[0].starts_with(&format!("http://{}/v1beta/files/", gateway.address)), "{links:?}");
        let whole = fetch(&caller, path, name);
        let vertex = whole.json();
        assert_eq!(
            (whole.status, whole.complete, &vertex["done"], &vertex["name"]),
            (200, true, &json!(true), &json!(name))
        );
        let video = &vertex["response"]["videos"][0];
        assert_eq!(
            (&video["mimeType"], &vertex["response"]["raiMediaFilteredCount"]),
            (&json!("video/mp4"), &json!(0))
        );
        let bytes = STANDARD.decode(video["bytesBase64Encoded"].as_str().unwrap()).unwrap();
        assert_eq!(bytes.get(4..8), Some(&b"ftyp"[..]), "{provider}");
        // The file takes the caller's key, as a header or in the query, and is the same.
        let link = links[0].replace(&format!("http://{}", gateway.address), "");
        let file = caller.get(&link);
        assert_eq!((file.status, file.header("content-type"), &file.body), (200, Some("video/mp4"), &bytes));
        assert_eq!(gateway.get(&link, &[]).status, 401);
        let key = caller.bearer.strip_prefix("Bearer ").unwrap();
        assert_eq!(gateway.get(&format!("{link}&key={key}"), &[]).status, 200);
        assert_eq!(gateway.get(&link, &[("x-goog-api-key", key), ("range", "bytes=4-7")]).body, b"ftyp");
        assert_eq!(gateway.paid(request), 4 * RATE);
    }
    let vendors: Vec<Value> = sim.tasks()["data"].as_array().unwrap().clone();
    let at = |vendor: &str| vendors.iter().filter(|task| task["vendor"] == vendor && task["downloads"] == 1).count();
    assert_eq!((at("veo/gemini"), at("veo/vertex")), (8, 8), "each was fetched once, whoever asked how often");
    gateway.assert_books();
}

#[test]
fn several_samples_are_paid_as_delivered() {
    let (sim, gateway) = world();
    for model in ["g-veo", "v-veo"] {
        let key = gateway.key(r#"{"name":"b","mode":"live","budget":{"limit_usd":"100","window":"total"}}"#);
        let caller = Caller::with(&gateway, &key);
        let path = format!("/v1beta/models/{model}");
        let budget = || caller.get("/v1/key").json()["budget"].clone();
        sim.steer_creates("video-seconds=1;video-partial", None);
        let body = ask(&json!({ "durationSeconds": 4, "sampleCount": 2 }));
        let (name, request) = make(&caller, &path, &body, "");
        assert_eq!(nano(&budget()["held_usd"]), 8 * RATE);
        let operation = ended(&caller, "/v1beta", &name);
        let inner = &operation["response"]["generateVideoResponse"];
        assert_eq!((samples(&operation).len(), &inner["raiMediaFilteredCount"]), (1, &json!(1)), "{operation}");
        let vertex = fetch(&caller, &path, &name).json();
        assert_eq!(vertex["response"]["videos"].as_array().unwrap().len(), 1);
        assert_eq!(vertex["response"]["raiMediaFilteredCount"], 1);
        assert_eq!(gateway.paid(&request), 4 * RATE, "{model}: half");
        let released = || (nano(&budget()["held_usd"]) == 0).then(|| nano(&budget()["spent_usd"]));
        assert_eq!(eventually(Duration::from_secs(5), released), Some(4 * RATE));
        sim.steer_creates("video-seconds=1", None);
        let (name, request) = make(&caller, &path, &ask(&json!({ "durationSeconds": 4, "sampleCount": 3 })), "");
        let links = samples(&ended(&caller, "/v1beta", &name));
        assert_eq!(links.len(), 3, "{links:?}");
        let files: Vec<Answer> =
            links.iter().map(|link| caller.get(&link.replace(&format!("http://{}", gateway.address), ""))).collect();
        assert!(files.iter().all(|file| file.status == 200) && files[0].body != files[1].body);
        let vertex = fetch(&caller, &path, &name).json();
        for (video, file) in vertex["response"]["videos"].as_array().unwrap().iter().zip(&files) {
            assert_eq!(STANDARD.decode(video["bytesBase64Encoded"].as_str().unwrap()).unwrap(), file.body);
        }
        assert_eq!(gateway.paid(&request), 12 * RATE);
    }
    gateway.assert_books();
}

#[test]
fn what_was_not_made_is_said_as_google_says_it() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    for model in ["g-veo", "v-veo"] {
        let path = format!("/v1beta/models/{model}");
        sim.steer_creates("video=filtered;video-seconds=1", None);
        let (name, request) = make(&caller, &path, &ask(&json!({ "sampleCount": 2 })), "");
        let operation = ended(&caller, "/v1beta", &name);
        let inner = &operation["response"]["generateVideoResponse"];
        assert_eq!((&inner["raiMediaFilteredCount"], samples(&operation).len()), (&json!(2), 0), "{operation}");
        assert!(inner["raiMediaFilteredReasons"][0].as_str().unwrap().contains("can't create videos"), "{operation}");
        let vertex = fetch(&caller, &path, &name).json();
        assert_eq!(
            (&vertex["done"], &vertex["response"]["raiMediaFilteredCount"]),
            (&json!(true), &json!(2)),
            "{vertex}"
        );
        assert!(vertex["response"]["videos"].as_array().is_none_or(Vec::is_empty), "{vertex}");
        assert_eq!(gateway.paid(&request), 0);
        for (steer, code) in [("video=failed", 13), ("video=expired", 4)] {
            sim.steer_creates(&format!("{steer};video-seconds=1"), None);
            let (name, request) = make(&caller, &path, &ask(&json!({})), "");
            let operation = ended(&caller, "/v1beta", &name);
            assert_eq!(operation["error"]["code"], code, "{operation}");
            assert!(!operation["error"]["message"].as_str().unwrap().is_empty() && operation.get("response").is_none());
            assert_eq!(fetch(&caller, &path, &name).json(), operation);
            assert_eq!(gateway.paid(&request), 0);
        }
    }
    gateway.assert_books();
}

#[test]
fn an_operation_is_its_projects_own() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1", None);
    let (name, _) = make(&caller, "/v1beta/models/g-veo", &ask(&json!({})), "");
    let link = samples(&ended(&caller, "/v1beta", &name))[0].replace(&format!("http://{}", gateway.address), "");
    let theirs = sim.newest()["id"].as_str().unwrap().to_owned();
    let before = sim.tasks()["totals"].clone();
    let stranger = Caller::stranger(&gateway, "live");
    let test = Caller::test(&gateway);
    let mut bodies = Vec::new();
    for (who, name) in [
        (&stranger, name.as_str()),
        (&test, &name),
        (&caller, &theirs),
        (&caller, "models/g-veo/operations/00000000000000000000000000"),
        (&caller, "models/g-veo/operations/x"),
    ] {
        let answers = [who.get(&format!("/v1beta/{name}")), fetch(who, "/v1beta/models/g-veo", name)];
        for answer in answers {
            let error = answer.json()["error"].clone();
            assert_eq!((answer.status, &error["status"]), (404, &json!("NOT_FOUND")), "{name}: {error}");
            bodies.push(error.to_string().replace(answer.header("x-request-id").unwrap(), ""));
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    for who in [&stranger, &test] {
        assert_eq!(who.get(&link).status, 404);
    }
    assert_eq!(sim.tasks()["totals"], before);
}

#[test]
fn wrong_requests_name_their_field_and_reach_nobody() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    let picture = STANDARD.encode(png(640, 640));
    let image = json!({ "bytesBase64Encoded": picture, "mimeType": "image/png" });
    let create = |model: &str, body: &Value| caller.post(&format!("/v1beta/models/{model}:predictLongRunning"), body);
    for (model, body, field) in [
        ("g-veo", json!({}), "instances"),
        ("g-veo", json!({ "instances": [] }), "instances"),
        ("g-veo", json!({ "instances": [{}] }), "prompt"),
        ("g-veo", json!({ "instances": [{ "prompt": "a" }, { "prompt": "b" }] }), "instances"),
        ("g-veo", json!({ "instances": [{ "prompt": "a", "lastFrame": image }] }), "lastFrame"),
        ("g-veo", json!({ "instances": [{ "prompt": "a", "image": { "gcsUri": "gs://b/o" } }] }), "gcsUri"),
        ("g-veo", ask(&json!({ "durationSeconds": 5 })), "durationSeconds"),
        ("g-veo", ask(&json!({ "sampleCount": 5 })), "sampleCount"),
        ("g-veo", ask(&json!({ "aspectRatio": "4:3" })), "aspectRatio"),
        ("g-veo", ask(&json!({ "resolution": "8k" })), "resolution"),
        ("g-veo", ask(&json!({ "storageUri": "gs://mine/" })), "storageUri"),
        ("v-veo", ask(&json!({ "storageUri": "gs://mine/" })), "storageUri"),
        ("v-veo", ask(&json!({ "pubsubTopic": "t" })), "pubsubTopic"),
        ("v-veo", ask(&json!({ "seed": -1 })), "seed"),
        ("v-veo", ask(&json!({ "personGeneration": "some" })), "personGeneration"),
        ("v-veo", ask(&json!({ "resolution": "1080p", "durationSeconds": 4 })), "durationSeconds"),
        // Only Vertex takes these.
        ("g-veo", ask(&json!({ "generateAudio": false })), "generateAudio"),
        ("g-veo", ask(&json!({ "fps": 24 })), "fps"),
        ("g-veo", ask(&json!({ "compressionQuality": "lossless" })), "compressionQuality"),
    ] {
        let answer = create(model, &body);
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, &error["status"]), (400, &json!("INVALID_ARGUMENT")), "{model} {body}: {error}");
        assert!(error["message"].as_str().unwrap().contains(field), "{field}: {error}");
    }
    for body in [json!({}), json!({ "operationName": 1 })] {
        let answer = caller.post("/v1/models/g-veo:fetchPredictOperation", &body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
    }
    assert_eq!(create("no-such", &ask(&json!({}))).status, 404);
    assert_eq!(create("openai/gpt-5-mini", &ask(&json!({}))).status, 404);
    assert_eq!(gateway.post("/v1beta/models/g-veo:predictLongRunning", &[], "{}").status, 401);
    assert_eq!(sim.tasks()["totals"]["creates"], 0);
    assert!(gateway.admin("/ledger/entries")["data"].as_array().unwrap().is_empty());
}

#[test]
fn pictures_and_sound_reach_the_vendor() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1", None);
    let image = json!({ "bytesBase64Encoded": STANDARD.encode(png(1280, 720)), "mimeType": "image/png" });
    for model in ["g-veo", "v-veo"] {
        let path = format!("/v1beta/models/{model}");
        for instance in [
            json!({ "image": image }),
            json!({ "prompt": "a", "image": image, "lastFrame": image }),
            json!({ "prompt": "a", "referenceImages": [{ "image": image, "referenceType": "asset" }] }),
        ] {
            let body = json!({ "instances": [instance], "parameters": { "durationSeconds": 8 } });
            let (name, _) = make(&caller, &path, &body, "");
            assert_eq!(samples(&ended(&caller, "/v1beta", &name)).len(), 1);
        }
    }
    let body = ask(&json!({ "generateAudio": false, "seed": 7, "resolution": "1080p", "aspectRatio": "9:16" }));
    let (name, _) = make(&caller, "/v1/models/v-veo", &body, "");
    let theirs = sim.newest();
    assert_eq!((&theirs["audio"], &theirs["size"]), (&json!(false), &json!("1080x1920")), "{theirs}");
    ended(&caller, "/v1", &name);
    gateway.assert_books();
}

#[test]
fn a_result_of_many_megabytes_is_not_held_in_memory() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    const BYTES: u64 = 48 << 20;
    sim.steer_creates(&format!("video-seconds=1;video-bytes={BYTES}"), None);
    let before = crate::wire::rss(gateway.pid());
    let (name, request) = make(&caller, "/v1/models/v-veo", &ask(&json!({})), "");
    let operation = ended(&caller, "/v1", &name);
    assert_eq!(samples(&operation).len(), 1);
    let answer = fetch(&caller, "/v1/models/v-veo", &name);
    let text = answer.json()["response"]["videos"][0]["bytesBase64Encoded"].as_str().unwrap().len();
    assert!(answer.complete && text as u64 >= BYTES / 3 * 4, "{text}");
    let grown = crate::wire::rss(gateway.pid()).saturating_sub(before);
    assert!(grown < 24 << 10, "grown by {grown} KiB");
    assert_eq!(gateway.paid(&request), 8 * RATE);
}

#[test]
fn the_sandbox_speaks_both_forms() {
    let gateway = Gateway::start("");
    let caller = Caller::test(&gateway);
    for path in [
        "/v1beta/models/gemini/veo-3.1-generate-001".to_owned(),
        format!("/veo/v1/{VERTEX}/veo-3.1-generate-001"),
        "/v1/models/veo-2.0-generate-001".to_owned(),
    ] {
        let (name, request) = make(&caller, &path, &ask(&json!({})), "video-seconds=1");
        let operation = ended(&caller, "/v1", &name);
        let link = samples(&operation)[0].replace(&format!("http://{}", gateway.address), "");
        let file = caller.get(&link);
        assert_eq!((file.status, file.body.get(4..8)), (200, Some(&b"ftyp"[..])), "{path}");
        assert_eq!(fetch(&caller, &path, &name).json()["response"]["videos"].as_array().unwrap().len(), 1);
        assert_eq!(gateway.charged(&request)[0]["book"], "test");
        let (name, _) = make(&caller, &path, &ask(&json!({})), "video=filtered;video-seconds=1");
        assert_eq!(samples(&ended(&caller, "/v1", &name)).len(), 0);
    }
    gateway.assert_books();
}
