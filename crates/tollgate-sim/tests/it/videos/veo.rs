//! Veo on the wire, behind both doors.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::World;

const GEMINI: &str = "/v1beta/models/veo-3.1-generate-preview";
const VERTEX: &str = "/v1/projects/p-1/locations/us-central1/publishers/google/models/veo-3.1-generate-001";

fn wave(parameters: &Value) -> Value {
    json!({"instances": [{"prompt": "A calm ocean wave at sunset"}], "parameters": parameters})
}

fn create(world: &World, model: &str, steer: &str, body: &Value) -> String {
    let got = world.post(&format!("{model}:predictLongRunning"), steer, body);
    assert_eq!(got.status, 200, "{}", got.json());
    assert_eq!(got.json().as_object().unwrap().len(), 1, "a name and nothing else");
    got.json()["name"].as_str().unwrap().to_owned()
}

fn fetch(world: &World, name: &str) -> super::Got {
    world.post(&format!("{VERTEX}:fetchPredictOperation"), "", &json!({"operationName": name}))
}

#[test]
fn an_operation_of_the_gemini_api() {
    let world = World::guarded();
    let key = [("x-goog-api-key", "k1")];
    let call = |method: &str, target: &str, body: &Value| world.call(method, target, &key, body.to_string().as_bytes());
    let created =
        call("POST", &format!("{GEMINI}:predictLongRunning"), &wave(&json!({"sampleCount": 2, "aspectRatio": "9:16"})));
    let name = created.json()["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("models/veo-3.1-generate-preview/operations/"));
    let poll = format!("/v1beta/{name}");
    assert_eq!(call("GET", &poll, &Value::Null).json(), json!({"name": name}), "nothing is said of being done");
    world.pass(3);
    let done = call("GET", &poll, &Value::Null).json();
    assert_eq!((&done["name"], &done["done"]), (&json!(name), &json!(true)));
    let response = &done["response"];
    assert_eq!(response["@type"], "type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse");
    let samples = response["generateVideoResponse"]["generatedSamples"].as_array().unwrap();
    assert_eq!((samples.len(), response["generateVideoResponse"].as_object().unwrap().len()), (2, 1));
    let mut clips = Vec::new();
    for sample in samples {
        let uri = sample["video"]["uri"].as_str().unwrap();
        assert!(uri.contains("/v1beta/files/") && uri.ends_with(":download?alt=media"));
        assert_eq!(world.get(uri).json()["error"]["status"], "PERMISSION_DENIED", "the link wants the key");
        let other = world.call("GET", uri, &[("x-goog-api-key", "k2")], b"");
        assert_eq!(other.status, 403);
        let moved = call("GET", uri, &Value::Null);
        assert_eq!(moved.status, 302);
        let second = moved.header("location");
        assert!(second.contains("/download/v1beta/files/"));
        assert_eq!(world.get(second).status, 403, "and so does the second one");
        let clip = world.call("GET", &format!("{second}&key=k1"), &[], b"");
        assert_eq!((clip.status, clip.header("content-type")), (200, "video/mp4"));
        clips.push(clip.bytes);
    }
    assert_ne!(clips[0], clips[1]);
    let row = &world.tasks()["data"][0];
    assert_eq!(
        (&row["downloads"], &row["polls"], &row["bill"]),
        (&json!(2), &json!(2), &json!({"seconds": 16, "samples": 2}))
    );
    assert_eq!((&row["size"], &row["id"]), (&json!("720x1280"), &json!(name)));
    let foreign = world.call("GET", &poll, &[("x-goog-api-key", "k2")], b"");
    assert_eq!((foreign.status, &foreign.json()["error"]["status"]), (404, &json!("NOT_FOUND")));
    world.pass(2 * 86_400 + 1);
    assert_eq!(call("GET", samples[0]["video"]["uri"].as_str().unwrap(), &Value::Null).status, 404);
    assert_eq!(call("GET", &poll, &Value::Null).status, 404);
}

#[test]
fn an_operation_of_vertex_carries_its_clips() {
    let world = World::new();
    let name = create(&world, VERTEX, "video-bytes=100001", &wave(&json!({"sampleCount": 2, "durationSeconds": 4})));
    let (place, id) = name.rsplit_once("/operations/").unwrap();
    assert_eq!(place, VERTEX.trim_start_matches("/v1/"));
    assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    assert_eq!(fetch(&world, &name).json(), json!({"name": name}));
    world.pass(3);
    let done = fetch(&world, &name).json();
    assert_eq!(done["response"]["@type"], "type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse");
    assert_eq!(done["response"]["raiMediaFilteredCount"], 0);
    let videos = done["response"]["videos"].as_array().unwrap();
    let clips: Vec<Vec<u8>> =
        videos.iter().map(|video| STANDARD.decode(video["bytesBase64Encoded"].as_str().unwrap()).unwrap()).collect();
    assert!(clips.len() == 2 && clips[0] != clips[1]);
    assert!(clips.iter().all(|clip| clip.len() >= 100_001 && &clip[4..8] == b"ftyp"));
    assert!(videos.iter().all(|video| video["mimeType"] == "video/mp4"));
    assert_eq!(world.get(&format!("/v1/{name}")).status, 404, "not by its name");
    assert_eq!(world.tasks()["data"][0]["downloads"], 1);
    let other = VERTEX.replace("veo-3.1-generate-001", "veo-2.0-generate-001");
    let wrong = world.post(&format!("{other}:fetchPredictOperation"), "", &json!({"operationName": name}));
    assert_eq!(wrong.json()["error"]["status"], "INVALID_ARGUMENT", "the operation of another model");
    assert_eq!(fetch(&world, &format!("{place}/operations/00000000-0000-0000-0000-000000000000")).status, 404);
    let again = world.restarted();
    assert_eq!(
        again.post(&format!("{VERTEX}:fetchPredictOperation"), "", &json!({"operationName": name})).json()["response"]
            ["videos"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn an_operation_of_vertex_leaves_its_clips_in_a_store() {
    let world = World::new();
    let name = create(&world, VERTEX, "video-seconds=0", &wave(&json!({"storageUri": "gs://bucket/out/"})));
    let done = fetch(&world, &name).json();
    let uri = done["response"]["videos"][0]["gcsUri"].as_str().unwrap();
    let object = uri.strip_prefix("gs://bucket/").unwrap();
    assert!(object.starts_with("out/") && object.ends_with("/sample_0.mp4"));
    let clip = world.get(&format!("/storage/v1/b/bucket/o/{}?alt=media", object.replace('/', "%2F")));
    assert_eq!((clip.status, &clip.bytes[4..8]), (200, b"ftyp".as_slice()));
    let missing = world.get("/storage/v1/b/bucket/o/out%2F1%2Fsample_0.mp4?alt=media");
    assert_eq!((missing.status, &missing.json()["error"]["code"]), (404, &json!(404)));
}

#[test]
fn every_end_of_an_operation() {
    let world = World::new();
    for (steer, samples, delivered, filtered, code) in [
        ("video=failed", 1, 0, 0, Some(13)),
        ("video=expired", 1, 0, 0, Some(4)),
        ("video=filtered", 2, 0, 2, None),
        ("video-partial", 2, 1, 1, None),
        ("", 4, 4, 0, None),
    ] {
        let steer = format!("{steer};video-seconds=0");
        let body = wave(&json!({"sampleCount": samples}));
        let gemini = world.get(&format!("/v1beta/{}", create(&world, GEMINI, &steer, &body)));
        let vertex = fetch(&world, &create(&world, VERTEX, &steer, &body));
        for (got, list) in [(gemini, "/response/generateVideoResponse/generatedSamples"), (vertex, "/response/videos")]
        {
            let body = got.json();
            assert_eq!((got.status, &body["done"]), (200, &json!(true)), "{steer}");
            assert_eq!(body.pointer("/error/code").and_then(Value::as_i64), code, "{steer}");
            assert_eq!(body.pointer(list).map_or(0, |list| list.as_array().unwrap().len()), delivered, "{steer}");
            let inside = list.rsplit_once('/').unwrap().0;
            let count = body.pointer(&format!("{inside}/raiMediaFilteredCount")).and_then(Value::as_i64).unwrap_or(0);
            assert_eq!(count, filtered, "{steer}");
            let reasons = body.pointer(&format!("{inside}/raiMediaFilteredReasons"));
            assert_eq!(reasons.is_some(), filtered > 0);
        }
        let bill = world.tasks()["data"].as_array().unwrap().last().unwrap()["bill"].clone();
        let wanted = if delivered == 0 { Value::Null } else { json!({"seconds": 8 * delivered, "samples": delivered}) };
        assert_eq!(bill, wanted);
    }
    let one = world.post(&format!("{GEMINI}:predictLongRunning"), "video-partial", &wave(&json!({})));
    assert_eq!(one.json()["error"]["status"], "INVALID_ARGUMENT", "one sample cannot be delivered in part");
}

#[test]
fn refuses_what_the_vendor_refuses() {
    let world = World::new();
    let image = json!({"bytesBase64Encoded": "aGVsbG8=", "mimeType": "image/png"});
    for (model, body) in [
        (GEMINI, json!({})),
        (GEMINI, json!({"instances": []})),
        (GEMINI, json!({"instances": [{}]})),
        (GEMINI, json!({"instances": [{"prompt": "x", "image": image}]})),
        (GEMINI, json!({"instances": [{"prompt": "x", "image": {"gcsUri": "gs://b/a.png", "mimeType": "image/png"}}]})),
        (GEMINI, json!({"instances": [{"prompt": "x", "mask": {}}]})),
        (VERTEX, json!({"instances": [{"prompt": "x", "video": {"uri": "x"}}]})),
        (VERTEX, json!({"instances": [{"prompt": "x", "referenceImages": [1, 2, 3, 4]}]})),
        (GEMINI, wave(&json!({"durationSeconds": 5}))),
        (GEMINI, wave(&json!({"durationSeconds": "8"}))),
        (GEMINI, wave(&json!({"durationSeconds": 4, "resolution": "1080p"}))),
        (GEMINI, wave(&json!({"aspectRatio": "1:1"}))),
        (GEMINI, wave(&json!({"sampleCount": 5}))),
        (GEMINI, wave(&json!({"personGeneration": "all"}))),
        (GEMINI, wave(&json!({"storageUri": "gs://b"}))),
        (GEMINI, wave(&json!({"generateAudio": true}))),
        (GEMINI, wave(&json!({"fps": 24}))),
        (GEMINI, wave(&json!({"seed": 1}))),
        (VERTEX, wave(&json!({"storageUri": "s3://b"}))),
        (VERTEX, wave(&json!({"seed": -1}))),
        (&VERTEX.replace("3.1-generate", "3.0-generate"), wave(&json!({"resolution": "4k"}))),
        (&VERTEX.replace("3.1-generate", "2.0-generate"), wave(&json!({"durationSeconds": 4}))),
    ] {
        let got = world.post(&format!("{model}:predictLongRunning"), "", &body);
        assert_eq!((got.status, &got.json()["error"]["status"]), (400, &json!("INVALID_ARGUMENT")), "{model} {body}");
    }
    assert_eq!(world.tasks()["totals"]["creates"], 0);
    for (model, body) in [
        (GEMINI, json!({"instances": [{"prompt": "x"}]})),
        (
            VERTEX,
            json!({"instances": [{"image": {"gcsUri": "gs://b/a.png", "mimeType": "image/png"}}], "parameters": {"resolution": "4k"}}),
        ),
        (
            VERTEX,
            wave(&json!({"seed": 42, "generateAudio": false, "durationSeconds": 6, "personGeneration": "allow_all"})),
        ),
        (&VERTEX.replace("3.1-generate", "2.0-generate"), wave(&json!({"durationSeconds": 5}))),
    ] {
        create(&world, model, "", &body);
    }
}

#[test]
fn errors_by_name_and_by_code() {
    let world = World::new();
    for (steer, status, name) in [
        ("error=insufficient_quota", 429, "RESOURCE_EXHAUSTED"),
        ("error=invalid_api_key", 400, "INVALID_ARGUMENT"),
        ("error=model_not_found", 404, "NOT_FOUND"),
        ("code=FAILED_PRECONDITION", 400, "FAILED_PRECONDITION"),
        ("code=UNAVAILABLE", 503, "UNAVAILABLE"),
        ("code=1303", 400, "INVALID_ARGUMENT"),
        ("status=403", 403, "PERMISSION_DENIED"),
        ("video-parallel=0", 429, "RESOURCE_EXHAUSTED"),
        ("wobble", 400, "INVALID_ARGUMENT"),
    ] {
        for model in [GEMINI, VERTEX] {
            let got = world.post(&format!("{model}:predictLongRunning"), steer, &wave(&json!({})));
            assert_eq!((got.status, &got.json()["error"]["status"]), (status, &json!(name)), "{steer}");
        }
    }
    let bad = world.post(&format!("{GEMINI}:predictLongRunning"), "error=invalid_api_key", &wave(&json!({}))).json();
    assert_eq!(bad["error"]["details"][0]["reason"], "API_KEY_INVALID");
    let guarded = World::guarded();
    assert_eq!(guarded.post(&format!("{VERTEX}:predictLongRunning"), "", &wave(&json!({}))).status, 401);
    assert_eq!(guarded.post(&format!("{GEMINI}:predictLongRunning"), "", &wave(&json!({}))).status, 403);
    assert_eq!(world.get(&format!("{GEMINI}:predictLongRunning")).status, 404);
    assert_eq!(world.post(&format!("{GEMINI}:fetchPredictOperation"), "", &json!({"operationName": "x"})).status, 404);
}

#[test]
fn polls_that_fail_and_then_do_not() {
    let world = World::new();
    let name = create(&world, VERTEX, "video-poll-429;video-poll-500;video-seconds=0", &wave(&json!({})));
    let states: Vec<u16> = (0..3).map(|_| fetch(&world, &name).status).collect();
    assert_eq!(states, [429, 500, 200]);
}
