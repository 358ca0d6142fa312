//! Recorded requests: what the vendor took the simulator takes.

use super::Talk;
use crate::shared::{assert_valid, recorded};

#[test]
fn takes_what_the_vendor_took() {
    let mut taken = 0;
    for case in recorded("openai", "openai-responses") {
        // Names of what others keep.
        let refers = ["previous_response_id", "conversation", "prompt"]
            .iter()
            .any(|name| case.request[*name].is_object() || case.request[*name].is_string());
        if case.status != 200 || refers || case.request.get("input").is_none() {
            continue;
        }
        let got = Talk::new().create("", &case.request);
        // Others' state is no good here.
        if got.status == 400 && got.text.contains("could not be decrypted or parsed") {
            continue;
        }
        assert_eq!(got.status, 200, "{} {}", case.id, got.text);
        if case.request["stream"] == true {
            got.events().iter().for_each(|event| assert_valid("openai", "ResponseStreamEvent", event));
        } else {
            assert_valid("openai", "Response", &got.json());
        }
        taken += 1;
    }
    println!("{taken} recorded requests answered");
}
