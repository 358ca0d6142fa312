//! Recorded requests: what the vendor took the simulator takes, what the vendor refused for its form it refuses.

use crate::{
    ask::send,
    shared::{assert_valid, recorded},
};

#[test]
fn takes_what_the_vendor_took() {
    let mut taken = 0;
    for provider in ["gemini", "vertex"] {
        for case in recorded(provider, "gemini-generate") {
            if case.status != 200 {
                continue;
            }
            let got = send("POST", &case.path, &[("x-goog-api-key", "k")], case.request.to_string().as_bytes());
            // Others' signatures are no good here.
            if got.status == 400 && got.text.contains("Corrupted thought signature") {
                continue;
            }
            assert_eq!(got.status, 200, "{} {}", case.id, got.text);
            let is_stream = case.path.contains(":streamGenerateContent");
            let answers = match is_stream {
                true if got.text.starts_with('[') => got.json().as_array().unwrap().clone(),
                true => got.events(),
                false => vec![got.json()],
            };
            for answer in &answers {
                assert_valid("gemini", "GenerateContentResponse", answer);
            }
            taken += 1;
        }
    }
    println!("{taken} recorded requests answered");
}

#[test]
fn refuses_what_the_vendor_refused_for_its_form() {
    for provider in ["gemini", "vertex"] {
        for case in recorded(provider, "gemini-generate") {
            let message = case.answer["error"]["message"].as_str().unwrap_or_default();
            if case.status != 400 || !(message.contains("valid role") || message.contains("temperature value")) {
                continue;
            }
            let got = send("POST", &case.path, &[], case.request.to_string().as_bytes());
            assert_eq!((got.status, got.json()["error"]["message"].as_str()), (400, Some(message)), "{}", case.id);
        }
    }
}
