//! Lists, ids and deletions of `/v1/videos`; what belongs to somebody else is not there.

use super::unified::{VIDEOS, ended, make};
use super::*;

fn kling(prompt: &str) -> Value {
    json!({ "model": "kling-v2-6", "prompt": prompt, "seconds": "5", "size": "1280x720" })
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|video| video["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn pages_of_ones_own() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1", None);
    let empty = json!({ "object": "list", "data": [], "first_id": null, "last_id": null, "has_more": false });
    assert_eq!(caller.get(VIDEOS).json(), empty);
    let mut made: Vec<String> = (0..5).map(|number| make(&caller, &kling(&number.to_string()), "").0).collect();
    made.reverse();
    let page = caller.get(VIDEOS).json();
    assert_eq!((ids(&page), &page["has_more"]), (made.clone(), &json!(false)));
    assert_eq!((&page["first_id"], &page["last_id"]), (&json!(made[0]), &json!(made[4])));
    let page = caller.get(&format!("{VIDEOS}?limit=2")).json();
    assert_eq!((ids(&page), &page["has_more"]), (made[..2].to_vec(), &json!(true)));
    let page = caller.get(&format!("{VIDEOS}?limit=2&after={}", made[1])).json();
    assert_eq!(ids(&page), made[2..4]);
    let page = caller.get(&format!("{VIDEOS}?limit=2&after={}", made[3])).json();
    assert_eq!((ids(&page), &page["has_more"]), (made[4..].to_vec(), &json!(false)));
    let page = caller.get(&format!("{VIDEOS}?order=asc&limit=1")).json();
    assert_eq!(ids(&page), made[4..]);
    for (query, field) in [("limit=101", "limit"), ("limit=x", "limit"), ("order=up", "order"), ("after=x", "after")] {
        let answer = caller.get(&format!("{VIDEOS}?{query}"));
        assert_eq!((answer.status, &answer.json()["error"]["param"]), (400, &json!(field)), "{query}");
    }
    // Another key of the project sees them, another project does not, nor do keys of the sandbox.
    assert_eq!(ids(&Caller::live(&gateway).get(VIDEOS).json()), made);
    assert_eq!(Caller::stranger(&gateway, "live").get(VIDEOS).json(), empty);
    assert_eq!(Caller::test(&gateway).get(VIDEOS).json(), empty);
    assert_eq!(sim.tasks()["totals"]["lists"], 0);
}

#[test]
fn what_is_somebody_elses_is_not_there() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=1", None);
    let (id, _) = make(&caller, &json!({ "model": "sora-2", "prompt": "a cat", "seconds": "4" }), "");
    ended(&caller, &id);
    let theirs = sim.newest()["id"].as_str().unwrap().to_owned();
    let before = sim.tasks()["totals"].clone();
    let (stranger, test) = (Caller::stranger(&gateway, "live"), Caller::test(&gateway));
    let mut bodies = Vec::new();
    for (who, id) in [
        (&stranger, id.as_str()),
        (&test, &id),
        (&caller, &theirs),
        (&caller, "video_00000000000000000000000000"),
        (&caller, "x"),
    ] {
        for (method, more) in
            [("GET", ""), ("DELETE", ""), ("GET", "/content"), ("HEAD", "/content"), ("POST", "/remix")]
        {
            let body = if method == "POST" { &br#"{"prompt":"a dog"}"#[..] } else { b"" };
            let answer = who.send(method, &format!("{VIDEOS}/{id}{more}"), &[], body);
            assert_eq!(answer.status, 404, "{method} {id}{more}: {}", answer.text());
            if method != "HEAD" {
                bodies.push(answer.text());
            }
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    // One dialect's id is none in another's.
    assert_eq!(caller.get(&format!("/kling/v1/videos/text2video/{id}")).status, 404);
    assert_eq!(caller.get(&format!("/seedance/v3/contents/generations/tasks/{id}")).status, 404);
    assert_eq!(sim.tasks()["totals"], before);
    assert_eq!(caller.get(&format!("{VIDEOS}/{id}")).status, 200);
}

#[test]
fn what_is_deleted_is_gone() {
    let (sim, gateway) = world();
    let caller = Caller::live(&gateway);
    sim.steer_creates("video-seconds=2", None);
    let (id, request) = make(&caller, &kling("a"), "");
    let path = format!("{VIDEOS}/{id}");
    // The vendor cannot be told to stop.
    let early = caller.delete(&path);
    assert_eq!((early.status, early.code().as_str()), (409, "video_not_finished"), "{}", early.text());
    ended(&caller, &id);
    let gone = || {
        let answer = caller.delete(&path);
        (answer.status == 200).then(|| answer.json())
    };
    let answer = eventually(Duration::from_secs(5), gone).unwrap();
    assert_eq!(answer, json!({ "id": id, "object": "video.deleted", "deleted": true }));
    for answer in [caller.get(&path), caller.delete(&path), caller.get(&format!("{path}/content"))] {
        assert_eq!((answer.status, answer.code().as_str()), (404, "video_not_found"));
    }
    assert!(ids(&caller.get(VIDEOS).json()).is_empty());
    assert_eq!(gateway.paid(&request), 5 * KLING[0].1, "what was delivered stays paid");
    // At a vendor that can, what has not begun is called off.
    sim.steer_creates("video-seconds=60", None);
    let body = json!({ "model": "doubao-seedance-2-0-260128", "prompt": "a cat", "seconds": "5", "size": "1280x720" });
    let (id, request) = make(&caller, &body, "");
    assert_eq!(caller.delete(&format!("{VIDEOS}/{id}")).status, 200);
    assert_eq!((sim.newest()["status"].as_str(), gateway.paid(&request)), (Some("cancelled"), 0));
    gateway.assert_books();
}
