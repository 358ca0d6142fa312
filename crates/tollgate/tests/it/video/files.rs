//! Files of `/v1/videos`: whole, in parts, not twice; variants; remixes.

use super::unified::{VIDEOS, ended, make};
use super::*;

fn sora() -> Value {
    json!({ "model": "sora-2", "prompt": "a cat", "seconds": "4", "size": "1280x720" })
}

fn kling() -> Value {
    json!({ "model": "kling-v2-6", "prompt": "a cat", "seconds": "5", "size": "1280x720" })
}

#[test]
fn parts_tags_and_heads() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1;video-bytes=300000", None);
    let (id, _) = make(&caller, &kling(), "");
    let path = format!("{VIDEOS}/{id}/content");
    let early = caller.get(&path);
    assert_eq!((early.status, early.code().as_str()), (404, "video_not_ready"));
    ended(&caller, &id);
    let whole = caller.get(&path);
    let length = whole.body.len();
    assert!(whole.status == 200 && whole.complete && length >= 300_000, "{length}");
    assert_eq!(whole.header("content-length"), Some(length.to_string().as_str()));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert!(whole.header("content-disposition").unwrap().starts_with("attachment"));
    let tag = whole.header("etag").unwrap();
    let head = caller.send("HEAD", &path, &[], b"");
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, whole.header("content-length"), 0));
    for (range, from, to) in
        [("bytes=0-99", 0, 100), ("bytes=100000-", 100_000, length), ("bytes=-10", length - 10, length)]
    {
        let part = caller.send("GET", &path, &[("range", range), ("if-range", tag)], b"");
        assert_eq!((part.status, part.body.as_slice()), (206, &whole.body[from..to]), "{range}");
        let told = format!("bytes {from}-{}/{length}", to - 1);
        assert_eq!(part.header("content-range"), Some(told.as_str()));
    }
    let other = caller.send("GET", &path, &[("range", "bytes=0-9"), ("if-range", "\"x\"")], b"");
    assert_eq!((other.status, other.body.len()), (200, length));
    let beyond = caller.send("GET", &path, &[("range", "bytes=9999999-")], b"");
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some(format!("bytes */{length}").as_str())));
    assert_eq!(caller.send("GET", &path, &[("if-none-match", tag)], b"").status, 304);
    let method = caller.send("POST", &path, &[], b"");
    assert_eq!((method.status, method.header("allow")), (405, Some("GET")));
    // Reading costs nothing and asks nobody.
    assert_eq!(sim.tasks()["totals"]["downloads"], 1);
    assert_eq!(gateway.admin("/ledger/entries")["data"].as_array().unwrap().len(), 1);
}

#[test]
fn variants_where_the_vendor_has_them() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1", None);
    let (own, _) = make(&caller, &sora(), "");
    let (other, _) = make(&caller, &kling(), "");
    ended(&caller, &own);
    ended(&caller, &other);
    for (variant, kind) in [("video", "video/mp4"), ("thumbnail", "image/webp"), ("spritesheet", "image/jpeg")] {
        let file = caller.get(&format!("{VIDEOS}/{own}/content?variant={variant}"));
        assert_eq!((file.status, file.header("content-type")), (200, Some(kind)), "{}", file.text());
        let file = caller.get(&format!("{VIDEOS}/{other}/content?variant={variant}"));
        match variant {
            "video" => assert_eq!(file.status, 200),
            _ => assert_eq!((file.status, file.code().as_str()), (400, "variant_not_available")),
        }
    }
    let bad = caller.get(&format!("{VIDEOS}/{own}/content?variant=poster"));
    assert_eq!((bad.status, &bad.json()["error"]["param"]), (400, &json!("variant")));
}

#[test]
fn a_remix_is_made_where_the_first_one_was() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1", None);
    let (first, _) = make(&caller, &sora(), "");
    let path = format!("{VIDEOS}/{first}/remix");
    let early = caller.post(&path, &json!({ "prompt": "a dog" }));
    assert_eq!((early.status, &early.json()["error"]["param"]), (400, &json!("video_id")), "{}", early.text());
    ended(&caller, &first);
    let answer = caller.post(&path, &json!({ "prompt": "a dog" }));
    let video = answer.json();
    assert_eq!((answer.status, &video["remixed_from_video_id"]), (200, &json!(first)), "{video}");
    let id = video["id"].as_str().unwrap();
    assert_ne!(id, first);
    let video = ended(&caller, id);
    assert_eq!((&video["status"], &video["remixed_from_video_id"]), (&json!("completed"), &json!(first)));
    assert_eq!((&video["seconds"], &video["size"]), (&json!("4"), &json!("1280x720")));
    assert_eq!(caller.get(&format!("{VIDEOS}/{id}/content")).status, 200);
    assert_eq!(gateway.paid(answer.header("x-request-id").unwrap()), 400_000_000);
    // Where the vendor has no such thing it is said; where there is no such video, too.
    let (other, _) = make(&caller, &kling(), "");
    ended(&caller, &other);
    let before = sim.creates();
    let refused = caller.post(&format!("{VIDEOS}/{other}/remix"), &json!({ "prompt": "a dog" }));
    assert_eq!((refused.status, refused.code().as_str()), (400, "unsupported_operation"));
    for (body, field) in
        [(json!({}), "prompt"), (json!({ "prompt": "" }), "prompt"), (json!({ "prompt": 1 }), "prompt")]
    {
        let answer = caller.post(&path, &body);
        assert_eq!((answer.status, &answer.json()["error"]["param"]), (400, &json!(field)), "{body}");
    }
    assert_eq!(caller.post(&format!("{VIDEOS}/video_x/remix"), &json!({ "prompt": "a dog" })).status, 404);
    assert_eq!(sim.creates(), before);
    gateway.assert_books();
}

#[test]
fn a_remix_in_the_sandbox() {
    let gateway = Gateway::start("");
    let caller = Caller::test(&gateway);
    let (first, _) = make(&caller, &sora(), "video-seconds=1");
    ended(&caller, &first);
    let steer = [("x-tollgate-sim", "video-seconds=1")];
    let answer = caller.post_with(&format!("{VIDEOS}/{first}/remix"), &json!({ "prompt": "a dog" }), &steer);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(ended(&caller, answer.json()["id"].as_str().unwrap())["status"], "completed");
}

#[test]
fn results_go_when_their_time_is_over() {
    let (sim, mut gateway) = world();
    let key = gateway.live_key();
    sim.steer_creates("video-seconds=1", None);
    let id = {
        let caller = Caller::with(&gateway, &key);
        let (id, _) = make(&caller, &sora(), "");
        ended(&caller, &id);
        assert_eq!(caller.get(&format!("{VIDEOS}/{id}/content")).status, 200);
        id
    };
    gateway.signal("TERM");
    gateway.wait(Duration::from_secs(20));
    let data = gateway.dir.path().join("data");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use sqlx::Connection as _;
        let url = format!("sqlite://{}", data.join("tollgate.db").display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query("update tasks set expires_at = 1000").execute(&mut connection).await.unwrap();
    });
    let gateway = super::crash::again(gateway, &[]);
    let caller = Caller::with(&gateway, &key);
    let gone = || {
        let answer = caller.get(&format!("{VIDEOS}/{id}/content"));
        (answer.status == 410).then(|| answer.code())
    };
    assert_eq!(eventually(Duration::from_secs(10), gone).as_deref(), Some("video_expired"));
    let kept = std::fs::read_dir(gateway.dir.path().join("data/results")).unwrap();
    let files: usize = kept.flatten().map(|dir| std::fs::read_dir(dir.path()).map_or(0, Iterator::count)).sum();
    assert_eq!(files, 0);
    // What it was can still be read.
    assert_eq!(caller.get(&format!("{VIDEOS}/{id}")).json()["status"], "completed");
}
