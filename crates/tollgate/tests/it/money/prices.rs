//! Prices in a running gateway: listed, overridden, changed while running, refused when they jump.

use super::{ANSWER, HELLO, eventually};
use crate::harness::{Gateway, Upstream, json_answer};
use crate::life::{failed, tollgate};
use std::io::Write;

#[test]
fn the_list_has_every_model_with_its_price_or_without() {
    let gateway = Gateway::start("[prices.\"kling/kling-v3\"]\nvideo_per_second = { default = \"0.1\" }\n");
    let one = |query: &str| {
        let answer = gateway.admin(&format!("/prices?{query}"));
        let rows = answer["data"].as_array().unwrap();
        assert_eq!((rows.len(), answer["next"].is_null()), (1, true), "{answer}");
        rows[0].clone()
    };
    let mini = one("provider=openai&model=gpt-5-mini");
    assert_eq!(mini["rates"]["input_per_million"], "0.250000000");
    assert_eq!(mini["rates"]["cache_read_per_million"], "0.025000000");
    assert_eq!((mini["source"].as_str(), mini["state"].as_str()), (Some("catalogue"), Some("priced")));
    let version = mini["version"].as_str().unwrap();
    let (date, check) = version.split_once('.').unwrap();
    assert!(date.len() == 10 && check.len() == 8 && check.bytes().all(|b| b.is_ascii_hexdigit()), "{version}");
    let pro = one("provider=vertex&model=gemini-2.5-pro");
    assert_eq!(pro["tiers"][0]["above_input_tokens"], 200_000);
    assert_eq!(pro["tiers"][0]["rates"]["output_per_million"], "15.000000000");
    let own = one("model=kling-v3");
    assert_eq!(
        (own["source"].as_str(), own["rates"]["video_per_second"]["default"].as_str()),
        (Some("config"), Some("0.100000000"))
    );
    let unknown = one("model=kling-v2-6");
    assert_eq!((unknown["state"].as_str(), unknown.get("rates")), (Some("unpriced"), None));
    // Page by page, every row once.
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = gateway.admin(&format!("/prices?limit=100&after={after}"));
        let rows = page["data"].as_array().unwrap();
        seen.extend(
            rows.iter().map(|row| format!("{}/{}", row["provider"].as_str().unwrap(), row["model"].as_str().unwrap())),
        );
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    let mut once = seen.clone();
    once.sort();
    once.dedup();
    assert_eq!(once, seen);
    assert!(seen.len() > 300);
}

#[test]
fn a_changed_price_counts_from_the_next_request_and_a_jump_does_not() {
    let upstream = Upstream::start(|_, socket| socket.write_all(&json_answer("200 OK", ANSWER)).is_ok());
    let base = upstream.config();
    let gateway = Gateway::start(&base);
    let (key, file) = (gateway.live_key(), gateway.dir.path().join("tollgate.toml"));
    let cost = || gateway.chat(&key, HELLO, &[]).header("x-tollgate-cost-usd").unwrap_or_default().to_owned();
    let price = |input: &str, more: &str| {
        let table = "[prices.\"openai/gpt-5-mini\"]";
        let text = format!(
            "{base}\n{table}\ninput_per_million = \"{input}\"\ncache_read_per_million = \"0.1\"\noutput_per_million = \"2\"\n{more}"
        );
        std::fs::write(&file, text).unwrap();
    };
    assert_eq!(cost(), super::COST);
    // 800 × 1 + 200 × 0.1 + 300 × 2 millionths.
    price("1", "");
    eventually("the price is taken", || cost() == "0.001420000");
    price("10", "");
    eventually("the jump is told", || gateway.log().contains("input_per_million goes from"));
    assert_eq!(cost(), "0.001420000");
    price("10", "confirm_jump = true\n");
    eventually("the confirmed price is taken", || cost() == "0.008620000");
    let row = &gateway.admin("/prices?provider=openai&model=gpt-5-mini")["data"][0];
    assert_eq!(row["rates"]["input_per_million"], "10.000000000");
    // What was booked before is still right by the price it was admitted at.
    gateway.assert_books_add_up();
}

#[test]
fn a_start_with_a_jump_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[prices.\"anthropic/claude-sonnet-4-5\"]\noutput_per_million = \"150\"\n";
    std::fs::write(dir.path().join("tollgate.toml"), text).unwrap();
    let (code, shown) = failed(tollgate(dir.path(), &["serve", "--listen", "127.0.0.1:0"]));
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.contains("tollgate.toml:1") && shown.contains("from 15.000000000 to 150.000000000"), "{shown}");
}
