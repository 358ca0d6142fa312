//! Several accounts at one vendor: which rests, which is refused, and that the caller learns nothing of them.

use super::{accounts, always, ask, bad_account};
use crate::harness::{Gateway, Upstream};
use crate::wire::PLAIN;

const LIMIT: &str = r#"{"error":{"message":"Rate limit reached for org-AbCd1234EfGh","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;
const QUOTA: &str = r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
const BAD_KEY: &str = r#"{"error":{"message":"Incorrect API key provided: sk-bad*****1234. Ask admin@corp.example.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#;

fn seen(upstream: &Upstream, key: &str) -> usize {
    let requests = upstream.requests.lock().unwrap();
    requests.iter().filter(|r| String::from_utf8_lossy(r).contains(&format!("Bearer {key}\r\n"))).count()
}

#[test]
fn another_account_is_used() {
    for (status, body) in [
        ("429 Limit", LIMIT),
        ("429 Quota", QUOTA),
        ("401 Key", BAD_KEY),
        ("402 Pay", QUOTA),
        ("403 No", BAD_KEY),
        ("503 Busy", LIMIT),
        ("500 Oops", "{}"),
    ] {
        let upstream = bad_account("bad-key", status, "", body);
        let gateway = Gateway::start(&accounts(&upstream, &["bad-key", "good-key"]));
        let key = gateway.live_key();
        for _ in 0..8 {
            let answer = ask(&gateway, &key);
            assert_eq!(answer.status, 200, "{status}: {}", answer.text());
        }
        // Once it has failed it goes last.
        assert!(seen(&upstream, "bad-key") <= 1, "{status}");
        assert_eq!(seen(&upstream, "good-key"), 8, "{status}");
    }
}

#[test]
fn a_vendor_s_pause_holds_for_every_model_and_is_passed_on() {
    let in_an_hour = || {
        let now = std::time::SystemTime::now() + std::time::Duration::from_hours(1);
        let time = jiff::Timestamp::try_from(now).unwrap();
        jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap()
    };
    let date = format!("retry-after: {}\r\n", in_an_hour());
    let cases: [(String, std::ops::RangeInclusive<u64>); 6] = [
        ("retry-after: 30\r\n".into(), 28..=30),
        ("retry-after: 2.5\r\n".into(), 2..=3),
        ("retry-after-ms: 20500\r\nretry-after: 1\r\n".into(), 19..=21),
        ("retry-after-ms: -5\r\nretry-after: 20\r\n".into(), 18..=20),
        (date, 590..=3600),
        ("retry-after: 99999999999999\r\n".into(), 590..=86_400),
    ];
    for (header, expected) in cases {
        let header: &'static str = header.leak();
        let upstream = always("429 Limit", header, LIMIT);
        let gateway = Gateway::start(&accounts(&upstream, &["only-key"]));
        let key = gateway.live_key();
        let wait = |answer: &crate::harness::Answer| answer.header("retry-after").unwrap().parse::<u64>().unwrap();
        let first = ask(&gateway, &key);
        assert_eq!((first.status, first.code().as_str()), (429, "upstream_rate_limited"), "{header}");
        assert!(expected.contains(&wait(&first)), "{header}: {}", wait(&first));
        // The other model of the same account is not even asked for.
        let other = gateway.chat(&key, &PLAIN.replace("\"m\"", "\"n\""), &[]);
        assert_eq!((other.status, other.code().as_str()), (429, "upstream_rate_limited"), "{header}");
        assert!(expected.contains(&wait(&other)), "{header}: {}", wait(&other));
        assert_eq!(other.header("x-tollgate-attempts"), Some("0"));
        assert_eq!(upstream.count(), 1, "{header}");
    }
    for nonsense in ["retry-after: soon\r\n", "retry-after: -1\r\n", "retry-after: NaN\r\n", "retry-after: 1e400\r\n"] {
        let upstream = always("429 Limit", nonsense, LIMIT);
        let gateway = Gateway::start(&accounts(&upstream, &["only-key"]));
        let key = gateway.live_key();
        assert_eq!(ask(&gateway, &key).status, 429);
        assert_eq!(ask(&gateway, &key).status, 429);
        assert_eq!(upstream.count(), 2, "{nonsense}");
    }
    let upstream = always("503 Busy", "retry-after: 7\r\n", LIMIT);
    let gateway = Gateway::start(&accounts(&upstream, &["only-key"]));
    let key = gateway.live_key();
    assert_eq!((ask(&gateway, &key).status, ask(&gateway, &key).status), (503, 503));
    assert_eq!(upstream.count(), 1);
}

#[test]
fn a_short_pause_ends() {
    let upstream = always("429 Limit", "retry-after-ms: 300\r\n", LIMIT);
    let gateway = Gateway::start(&accounts(&upstream, &["only-key"]));
    let key = gateway.live_key();
    ask(&gateway, &key);
    ask(&gateway, &key);
    assert_eq!(upstream.count(), 1);
    std::thread::sleep(std::time::Duration::from_millis(400));
    ask(&gateway, &key);
    assert_eq!(upstream.count(), 2);
}

#[test]
fn a_refused_account_is_the_operator_s_affair() {
    for (status, body) in [("401 Key", BAD_KEY), ("402 Pay", QUOTA), ("403 No", BAD_KEY), ("429 Quota", QUOTA)] {
        let upstream = always(status, "", body);
        let gateway = Gateway::start(&accounts(&upstream, &["only-key"]));
        let answer = ask(&gateway, &gateway.live_key());
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_account_error"), "{status}");
        for word in ["sk-", "corp", "quota", "key provided"] {
            assert!(!answer.text().contains(word), "{}", answer.text());
        }
    }
}

#[test]
fn nothing_of_the_account_is_told() {
    let told = r#"{"error":{"message":"In organization org-AbCd1234EfGh,\nproj_AbCd1234EfGh: key plain-secret-key or sk-proj-a****Z9x1 of bob@corp.example, projects/104512345678","type":"invalid_request_error","param":"org-AbCd1234EfGh","code":"bad"}}"#;
    for status in ["400 Bad Request", "404 Not Found", "422 No", "429 Limit", "500 Oops", "503 Busy", "200 OK"] {
        let upstream = always(status, "", told);
        let gateway = Gateway::start(&accounts(&upstream, &["plain-secret-key"]));
        let answer = ask(&gateway, &gateway.live_key());
        assert_ne!(answer.status, 200);
        let text = answer.text();
        for word in ["AbCd1234", "plain-secret", "Z9x1", "bob@", "1045123"] {
            assert!(!text.contains(word), "{status}: {text}");
        }
        assert!(answer.json()["error"]["message"].is_string(), "{status}: {text}");
        assert!(!gateway.log().contains("AbCd1234"), "{}", gateway.log());
    }
}
