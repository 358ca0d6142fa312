//! Errors in Kling's envelope, by its service codes.

use serde_json::{Value, json};

use crate::{
    content::BASE62,
    steer::Refusal,
    videos::{Call, Failure, Trouble, table::PollFault},
};

/// Service code, HTTP status, words (the vendor's where they are known, 2026-11).
const CODES: &[(u16, u16, &str)] = &[
    (1000, 401, "Authentication failed"),
    (1001, 401, "Authorization is empty"),
    (1002, 401, "Authorization is invalid"),
    (1003, 401, "Authorization is not yet valid"),
    (1004, 401, "Authorization has expired"),
    (1100, 429, "Account exception"),
    (1101, 429, "Account in arrears"),
    (1102, 429, "Account balance not enough"),
    (1103, 403, "No permission for the requested resource"),
    (1200, 400, "Invalid request parameters"),
    (1201, 400, "Invalid parameters"),
    (1202, 404, "The requested method is invalid"),
    (1203, 404, "The requested resource does not exist"),
    (1300, 400, "The request triggers the platform's policy"),
    (1301, 400, "Risk control: the content was rejected"),
    (1302, 429, "API request rate limit exceeded"),
    (1303, 429, "parallel task over resource pack limit"),
    (1304, 429, "The IP is not in the allow list"),
    (5000, 500, "Internal server error"),
    (5001, 503, "Server temporarily unavailable"),
    (5002, 504, "Server internal timeout"),
];

pub(in crate::videos) fn trouble(call: &Call<'_>, trouble: &Trouble<'_>) -> Failure {
    let (code, status) = match trouble {
        Trouble::Steer(why) => return invalid(call, why),
        Trouble::Code(code) => match code.parse::<u16>().ok().filter(|code| CODES.iter().any(|known| known.0 == *code))
        {
            Some(code) => (code, None),
            None => return invalid(call, &format!("x-tollgate-sim: `code={code}`: not one of Kling's")),
        },
        Trouble::NoKey => (1001, None),
        Trouble::WrongMethod => (1202, None),
        Trouble::Parallel => (1303, None),
        Trouble::Poll(PollFault::TooMany) | Trouble::Refused(Refusal::RateLimit) => (1302, None),
        Trouble::Poll(PollFault::Broken) | Trouble::Middle => (5000, None),
        Trouble::Refused(Refusal::InsufficientQuota) => (1102, None),
        Trouble::Refused(Refusal::InvalidApiKey) => (1002, None),
        Trouble::Refused(Refusal::Overloaded) => (5001, None),
        Trouble::Refused(Refusal::ContextLength) => return invalid(call, "prompt is too long"),
        Trouble::Refused(Refusal::ModelNotFound) => return invalid(call, "model_name is not supported"),
        Trouble::Status(status) => {
            let code = match status {
                400 => 1201,
                401 => 1000,
                402 => 1101,
                403 => 1103,
                404 => 1203,
                429 => 1302,
                503 => 5001,
                504 => 5002,
                500.. => 5000,
                _ => 1200,
            };
            (code, Some(*status))
        }
    };
    by_code(call, code, status)
}

pub(super) fn by_code(call: &Call<'_>, code: u16, status: Option<u16>) -> Failure {
    let known = CODES.iter().find(|known| known.0 == code);
    let (usual, words) = known.map_or((500, ""), |(_, status, words)| (*status, *words));
    failure(call, code, status.unwrap_or(usual), words)
}

/// 1201, with what is wrong.
pub(super) fn invalid(call: &Call<'_>, why: &str) -> Failure {
    failure(call, 1201, 400, why)
}

fn failure(call: &Call<'_>, code: u16, status: u16, words: &str) -> Failure {
    Failure::json(status, &json!({"code": code, "message": words, "request_id": request_id(call)}))
}

/// `{"code":0,…,"data":…}`
pub(super) fn success(call: &Call<'_>, data: &Value) -> Value {
    json!({"code": 0, "message": "SUCCEED", "request_id": request_id(call), "data": data})
}

fn request_id(call: &Call<'_>) -> String {
    format!("Cm{}", call.letters(BASE62, 16))
}
