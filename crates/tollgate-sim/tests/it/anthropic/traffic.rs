//! Recorded requests: what the vendor took the simulator takes, what the vendor refused for its form it refuses.

use crate::{
    ask::send,
    shared::{assert_valid, recorded},
};

#[test]
fn takes_what_the_vendor_took() {
    let mut taken = 0;
    for case in recorded("anthropic", "anthropic-messages") {
        // Other clouds' forms of the protocol, and signatures of others.
        let foreign = case.request.get("anthropic_version").is_some() || !case.path.starts_with("/v1/messages");
        if foreign || case.status != 200 || case.request.get("messages").is_none() {
            continue;
        }
        let mut headers: Vec<(&str, &str)> =
            case.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        headers.push(("anthropic-version", "2023-06-01"));
        let got = send("POST", &case.path, &headers, case.request.to_string().as_bytes());
        let signed = case.request.to_string().contains("\"signature\"")
            || case.request.to_string().contains("redacted_thinking");
        if signed && got.status == 400 {
            assert!(got.text.contains("Invalid `"), "{} {}", case.id, got.text);
            continue;
        }
        assert_eq!(got.status, 200, "{} {}", case.id, got.text);
        if case.request["stream"] == true {
            let events = got.events();
            let described = events.iter().filter(|event| event["type"] != "ping");
            described.for_each(|event| assert_valid("anthropic", "BetaMessageStreamEvent", event));
        } else {
            assert_valid("anthropic", "BetaMessage", &got.json());
        }
        taken += 1;
    }
    println!("{taken} recorded requests answered");
}

#[test]
fn refuses_what_the_vendor_refused_for_its_form() {
    for case in recorded("anthropic", "anthropic-messages") {
        let message = case.answer["error"]["message"].as_str().unwrap_or_default();
        if case.status != 400 || !(message.contains("Input should be 'object'") || message.contains("Circular")) {
            continue;
        }
        let headers = [("anthropic-version", "2023-06-01")];
        let got = send("POST", "/v1/messages", &headers, case.request.to_string().as_bytes());
        assert_eq!(got.status, 400, "{}", case.id);
        println!("vendor: {message}\nsimulator: {}", got.json()["error"]["message"]);
    }
}
