//! Errors, both ways.

use crate::fault::{Fault, FaultKind};
use crate::openai::read_error;
use crate::video::{Meaning, Refusal};
use serde_json::json;

/// What an error answer means. The code decides before the status, by its part before the dot.
pub fn refusal(status: u16, body: &[u8]) -> Refusal {
    let error = read_error(body).unwrap_or_default();
    let code = error.code.or(error.kind).unwrap_or_default();
    let message = error.message.unwrap_or_default();
    let (head, tail) = code.split_once('.').unwrap_or((&code, ""));
    let meaning = match head {
        "AuthenticationError"
        | "InvalidAccountStatus"
        | "AccountOverdueError"
        | "AccessDenied"
        | "OperationDenied"
        | "InvalidSubscription"
        | "SetLimitExceeded" => Meaning::Account,
        // The endpoint is switched off, or the account may not use the model: the operator's concern.
        "InvalidEndpoint" | "ModelNotOpen" => Meaning::Account,
        "InvalidEndpointOrModel" if tail == "ModelIDAccessDisabled" => Meaning::Account,
        // Three meanings by its text: a trial or a plan is used up, or the queue of tasks is full.
        "QuotaExceeded" if status == 429 => {
            let lower = message.to_ascii_lowercase();
            if lower.contains("queue") || lower.contains("running") || lower.contains("concurren") {
                Meaning::Full
            } else {
                Meaning::Account
            }
        }
        "InflightBatchsizeExceeded" => Meaning::Full,
        head if head.ends_with("SensitiveContentDetected") || head.ends_with("RiskDetection") => Meaning::Policy,
        "ContentSecurityDetectionError" => Meaning::Doubtful,
        _ => match status {
            401..=403 => Meaning::Account,
            429 => Meaning::RateLimited,
            404 if is_missing(head) => Meaning::Missing,
            400..=499 => Meaning::Caller,
            _ => Meaning::Doubtful,
        },
    };
    Refusal { meaning, code, message, wait: None }
}

/// An unknown task: `NotFound…`, `ResourceNotFound`, or an empty body.
fn is_missing(head: &str) -> bool {
    head.is_empty() || head.contains("NotFound") && head != "InvalidEndpointOrModel"
}

/// Writes a fault as Ark does.
pub fn write_error(fault: &Fault) -> Vec<u8> {
    let code = match (fault.kind, fault.code.as_ref()) {
        (FaultKind::Rejected(_), code) => code,
        (FaultKind::Unauthenticated, _) => "AuthenticationError",
        (FaultKind::Forbidden, "model_not_allowed" | "ip_not_allowed") => "AccessDenied",
        (FaultKind::NotFound, "model_not_found") => "InvalidEndpointOrModel.NotFound",
        (FaultKind::NotFound, code) if code.starts_with("NotFound") => code,
        (FaultKind::NotFound, _) => "NotFound.Resource",
        (FaultKind::InvalidRequest | FaultKind::MethodNotAllowed | FaultKind::TooLarge, _) => "InvalidParameter",
        (FaultKind::RateLimited, _) => "RateLimitExceeded",
        (FaultKind::Internal, _) => "InternalServiceError",
        (_, code) => code,
    };
    let kind = match fault.status() {
        400 => "BadRequest",
        401 => "Unauthorized",
        402 => "PaymentRequired",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        409 => "Conflict",
        413 => "PayloadTooLarge",
        422 => "UnprocessableEntity",
        429 => "TooManyRequests",
        502 => "BadGateway",
        503 => "ServiceUnavailable",
        504 => "GatewayTimeout",
        _ => "InternalServerError",
    };
    let param = fault.param.as_deref().unwrap_or_default();
    let error = json!({ "code": code, "message": fault.message, "param": param, "type": kind });
    json!({ "error": error }).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(status: u16, code: &str, message: &str) -> Meaning {
        refusal(status, json!({ "error": { "code": code, "message": message } }).to_string().as_bytes()).meaning
    }

    #[test]
    fn the_code_decides_before_the_status() {
        for (status, code, message, wanted) in [
            (400, "InvalidParameter.UnsupportedParameter", "", Meaning::Caller),
            (400, "InputTextSensitiveContentDetected.PolicyViolation", "", Meaning::Policy),
            (400, "InvalidEndpoint.ClosedEndpoint", "", Meaning::Account),
            (400, "ContentSecurityDetectionError", "", Meaning::Doubtful),
            (401, "AuthenticationError", "", Meaning::Account),
            (403, "AccountOverdueError", "", Meaning::Account),
            (404, "InvalidEndpointOrModel.NotFound", "", Meaning::Caller),
            (404, "ResourceNotFound", "", Meaning::Missing),
            (404, "ModelNotOpen", "", Meaning::Account),
            (429, "RateLimitExceeded.EndpointRPMExceeded", "", Meaning::RateLimited),
            (429, "ServerOverloaded", "", Meaning::RateLimited),
            (429, "SetLimitExceeded", "", Meaning::Account),
            (429, "QuotaExceeded", "the task queue is full", Meaning::Full),
            (429, "QuotaExceeded", "free trial quota used up", Meaning::Account),
            (500, "InternalServiceError", "", Meaning::Doubtful),
        ] {
            assert_eq!(meaning(status, code, message), wanted, "{code}");
        }
        assert_eq!(refusal(404, b"").meaning, Meaning::Missing);
        assert_eq!(refusal(503, b"<html>").meaning, Meaning::Doubtful);
    }
}
