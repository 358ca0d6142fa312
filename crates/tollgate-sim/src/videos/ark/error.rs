//! Errors in Ark's envelope. The codes are the vendor's (docs/82379/1299023, 2026-11), most of the words are ours.

use serde_json::{Value, json};

use crate::{
    content::HEX,
    steer::Refusal,
    videos::{Call, Failure, Trouble, table::PollFault},
};

/// Code, HTTP status, words.
type Known = (&'static str, u16, &'static str);

const INTERNAL: Known = ("InternalServiceError", 500, "The service encountered an unexpected internal error.");
const KEY: Known = ("AuthenticationError", 401, "The API key in the request is missing or invalid.");
const OVERDUE: Known = ("AccountOverdueError", 403, "The request failed because your account has an overdue balance.");
const MODEL: Known =
    ("InvalidEndpointOrModel.NotFound", 404, "The model or endpoint does not exist or you do not have access to it.");
const RPM: Known =
    ("ModelAccountRpmRateLimitExceeded", 429, "Requests to the model exceed your account's limit per minute.");
const BUSY: Known = ("ServerOverloaded", 429, "The service is currently unable to handle more requests.");
const QUEUE: Known =
    ("QuotaExceeded", 429, "The number of your tasks in the queue exceeds the limit; retry when some have finished.");
const QPS: Known = ("AccountRateLimitExceeded", 429, "The requests of your account exceed the limit.");
const CONTEXT: Known = ("OutofContextError", 400, "The request is longer than the model's context.");
const PARAMETER: Known = ("InvalidParameter", 400, "A parameter specified in the request is not valid.");
const DENIED: Known = ("AccessDenied", 403, "The request is not allowed to access the resource.");

/// What `code=` may ask for.
const CODES: &[Known] = &[
    INTERNAL,
    KEY,
    OVERDUE,
    MODEL,
    RPM,
    BUSY,
    QUEUE,
    QPS,
    CONTEXT,
    PARAMETER,
    DENIED,
    ("MissingParameter", 400, "The request failed because it is missing a required parameter."),
    ("InvalidParameter.UnsupportedParameter", 400, "A parameter is not supported by the model."),
    ("InvalidParameter.TaskTypeConstraint", 400, "The content does not fit the type of the task."),
    ("InvalidParameter.TaskTypeMismatch", 400, "The content does not match the type of the task."),
    ("InvalidImageURL.EmptyURL", 400, "The image URL is empty."),
    ("InvalidImageURL.InvalidFormat", 400, "The image could not be parsed."),
    ("InputTextSensitiveContentDetected", 400, "The input text may contain sensitive information."),
    ("InputImageSensitiveContentDetected", 400, "The input image may contain sensitive information."),
    ("InputImageSensitiveContentDetected.PrivacyInformation", 400, "The input image may contain a real person."),
    ("InputVideoSensitiveContentDetected", 400, "The input video may contain sensitive information."),
    ("InputAudioSensitiveContentDetected", 400, "The input audio may contain sensitive information."),
    ("OutputVideoSensitiveContentDetected", 400, "The output video may contain sensitive information."),
    ("SensitiveContentDetected", 400, "The request may contain sensitive information."),
    ("InvalidEndpoint.ClosedEndpoint", 400, "The endpoint is closed."),
    ("ContentSecurityDetectionError", 400, "The content check failed; retry."),
    ("InvalidSubscription", 400, "There is no valid subscription for the request."),
    ("InvalidAccountStatus", 401, "The status of the account is not valid."),
    ("OperationDenied.ServiceNotOpen", 403, "The service has not been opened."),
    ("OperationDenied.ServiceOverdue", 403, "The service is overdue."),
    ("OperationDenied.PermissionDenied", 403, "The operation is not permitted."),
    ("OperationDenied.InvalidState", 403, "The operation is not possible in this state."),
    ("InvalidEndpointOrModel.ModelIDAccessDisabled", 404, "Use the id of an endpoint instead of the model's."),
    (
        "ModelNotOpen",
        404,
        "Your account has not activated the model. Please activate the model service in the Ark Console.",
    ),
    ("UnsupportedModel", 404, "The model does not support this request."),
    ("RateLimitExceeded.EndpointRPMExceeded", 429, "The requests to the endpoint exceed the limit per minute."),
    ("RateLimitExceeded.EndpointTPMExceeded", 429, "The tokens of the endpoint exceed the limit per minute."),
    ("APIAccountRpmRateLimitExceeded", 429, "The requests of your account exceed the limit per minute."),
    ("RequestBurstTooFast", 429, "The requests grow too fast."),
    ("InflightBatchsizeExceeded", 429, "Too many requests are in flight."),
    ("SetLimitExceeded", 429, "The limit that was set for the model is reached; the service is paused."),
];

pub(in crate::videos) fn trouble(call: &Call<'_>, trouble: &Trouble<'_>) -> Failure {
    let known = match trouble {
        Trouble::Steer(why) => return failure(call, 400, PARAMETER.0, why, "x-tollgate-sim"),
        Trouble::Code(code) => match CODES.iter().find(|(known, ..)| known == code) {
            Some(known) => *known,
            None => {
                let why = format!("x-tollgate-sim: `code={code}`: not one of Ark's");
                return failure(call, 400, PARAMETER.0, &why, "x-tollgate-sim");
            }
        },
        Trouble::WrongMethod => ("MethodNotAllowed", 405, "The method is not allowed here."),
        Trouble::NoKey | Trouble::Refused(Refusal::InvalidApiKey) | Trouble::Status(401) => KEY,
        Trouble::Refused(Refusal::InsufficientQuota) | Trouble::Status(402) => OVERDUE,
        Trouble::Refused(Refusal::RateLimit) | Trouble::Status(429) => RPM,
        Trouble::Refused(Refusal::Overloaded) | Trouble::Status(503) => BUSY,
        Trouble::Refused(Refusal::ContextLength) => CONTEXT,
        Trouble::Refused(Refusal::ModelNotFound) | Trouble::Status(404) => MODEL,
        Trouble::Status(403) => DENIED,
        Trouble::Parallel => QUEUE,
        Trouble::Poll(PollFault::TooMany) => QPS,
        Trouble::Poll(PollFault::Broken) | Trouble::Middle | Trouble::Status(500..) => INTERNAL,
        Trouble::Status(_) => PARAMETER,
    };
    let (code, usual, words) = known;
    let status = if let Trouble::Status(status) = trouble { *status } else { usual };
    failure(call, status, code, words, "")
}

/// A parameter with a value that cannot be.
pub(super) fn invalid(call: &Call<'_>, param: &str, why: &str) -> Failure {
    let words = format!("The parameter `{param}` specified in the request is not valid: {why}.");
    failure(call, 400, PARAMETER.0, &words, param)
}

/// A parameter that this model does not have.
pub(super) fn unsupported(call: &Call<'_>, param: &str, model: &str) -> Failure {
    let words = format!("The parameter `{param}` specified in the request is not supported by model {model}.");
    failure(call, 400, "InvalidParameter.UnsupportedParameter", &words, param)
}

pub(super) fn missing(call: &Call<'_>, param: &str) -> Failure {
    let words = format!("The request failed because it is missing the `{param}` parameter.");
    failure(call, 400, "MissingParameter", &words, param)
}

pub(super) fn no_such_task(call: &Call<'_>, id: &str) -> Failure {
    failure(call, 404, "NotFound.TaskId", &format!("The task {id} is not found."), "id")
}

pub(super) fn not_now(call: &Call<'_>, status: &str) -> Failure {
    let words = format!("The task cannot be cancelled or deleted while it is {status}.");
    failure(call, 403, "OperationDenied.InvalidState", &words, "")
}

/// The error inside a task.
pub(super) fn inside(code: &str) -> Value {
    let words = CODES.iter().find(|(known, ..)| *known == code).map_or("", |(.., words)| words);
    json!({"code": code, "message": words})
}

fn failure(call: &Call<'_>, status: u16, code: &str, words: &str, param: &str) -> Failure {
    let kind = match status {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        429 => "TooManyRequests",
        500.. => "InternalServerError",
        _ => "BadRequest",
    };
    let id = format!("02{}{}", call.now, call.letters(HEX, 36));
    let body = json!({"error": {"code": code, "message": format!("{words} Request id: {id}"), "param": param,
        "type": kind}});
    Failure::json(status, &body)
}
