//! Errors, both ways: a number in the body decides, also in answers of status 200.

use crate::fault::{Fault, FaultKind};
use crate::json;
use crate::scrub;
use crate::video::{Meaning, Refusal, edit};
use serde_json::json;

/// What an error answer means; `None` for an answer that is none.
pub fn refusal(status: u16, body: &[u8]) -> Option<Refusal> {
    let code = edit::find(body, &["code"]).and_then(json::whole);
    if (200..300).contains(&status) && code == Some(0) {
        return None;
    }
    let meaning = match (code, status) {
        // Failed, empty, invalid, not yet valid, expired; account abnormal, in arrears, package used up, no right.
        (Some(1000..=1004 | 1100..=1103 | 1304), _) => Meaning::Account,
        (Some(1200..=1202), _) => Meaning::Caller,
        (Some(1203), _) => Meaning::Missing,
        (Some(1300 | 1301), _) => Meaning::Policy,
        (Some(1302), _) => Meaning::RateLimited,
        (Some(1303), _) => Meaning::Full,
        (_, 401..=403) => Meaning::Account,
        (_, 404) => Meaning::Missing,
        (_, 429) => Meaning::RateLimited,
        (_, 400..=499) => Meaning::Caller,
        _ => Meaning::Doubtful,
    };
    let message = edit::find(body, &["message"]).and_then(json::string).unwrap_or_default();
    let code = code.map_or_else(String::new, |code| code.to_string());
    Some(Refusal { meaning, code, message: scrub::text(&message), wait: None })
}

/// Writes a fault as Kling does; `reason` says it in the gateway's own words.
pub fn write_error(fault: &Fault, request_id: &str) -> Vec<u8> {
    let code = match fault.kind {
        FaultKind::Rejected(_) => fault.code.parse().unwrap_or(1200),
        FaultKind::Unauthenticated if fault.message.starts_with("No API key") => 1001,
        FaultKind::Unauthenticated => 1002,
        FaultKind::Forbidden => 1103,
        FaultKind::BudgetExceeded => 1102,
        FaultKind::NotFound if fault.code == "unknown_route" => 1202,
        FaultKind::NotFound => 1203,
        FaultKind::MethodNotAllowed => 1202,
        FaultKind::InvalidRequest
        | FaultKind::Conflict
        | FaultKind::Contradiction
        | FaultKind::TooLarge
        | FaultKind::RequestTimeout => 1201,
        FaultKind::RateLimited => 1302,
        FaultKind::UpstreamUnavailable | FaultKind::UpstreamOverloaded | FaultKind::Unavailable => 5001,
        FaultKind::UpstreamTimeout => 5002,
        FaultKind::UpstreamBroken | FaultKind::Internal => 5000,
    };
    let error = json!({ "code": code, "message": fault.message, "request_id": request_id, "reason": fault.code });
    error.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_decides() {
        let meaning = |status, code: u32| {
            let body = json!({ "code": code, "message": "no", "request_id": "r" }).to_string();
            refusal(status, body.as_bytes()).map(|refusal| refusal.meaning)
        };
        for (status, code, wanted) in [
            (200, 0, None),
            (200, 1201, Some(Meaning::Caller)),
            (401, 1004, Some(Meaning::Account)),
            (429, 1101, Some(Meaning::Account)),
            (429, 1102, Some(Meaning::Account)),
            (429, 1302, Some(Meaning::RateLimited)),
            (429, 1303, Some(Meaning::Full)),
            (404, 1203, Some(Meaning::Missing)),
            (400, 1301, Some(Meaning::Policy)),
            (500, 5000, Some(Meaning::Doubtful)),
            (503, 5001, Some(Meaning::Doubtful)),
        ] {
            assert_eq!(meaning(status, code), wanted, "{code}");
        }
        assert_eq!(refusal(502, b"<html>").map(|refusal| refusal.meaning), Some(Meaning::Doubtful));
        assert_eq!(refusal(200, b"").map(|refusal| refusal.meaning), Some(Meaning::Doubtful));
    }
}
