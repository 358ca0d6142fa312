//! Errors about video in Google's envelope; the envelope and the common words are those of the text protocol.

use serde_json::{Value, json};

use crate::{
    gemini::error::{self as words, About},
    videos::{Call, Failure, Trouble, Vendor, table::PollFault},
};

/// Google's names of errors and their HTTP status, for `code=`.
const CODES: &[(&str, u16)] = &[
    ("INVALID_ARGUMENT", 400),
    ("UNAUTHENTICATED", 401),
    ("PERMISSION_DENIED", 403),
    ("NOT_FOUND", 404),
    ("RESOURCE_EXHAUSTED", 429),
    ("CANCELLED", 499),
    ("INTERNAL", 500),
    ("UNAVAILABLE", 503),
    ("DEADLINE_EXCEEDED", 504),
];

pub(in crate::videos) fn trouble(call: &Call<'_>, trouble: &Trouble<'_>) -> Failure {
    let key = call.request.credential();
    let named = super::asked(call.request.path).and_then(|(_, asked)| asked.model());
    let model = named.unwrap_or_else(|| "this-model".to_owned());
    let about = About { model: &model, verb: "predictLongRunning", key: &key };
    failure(&match trouble {
        Trouble::NoKey => words::no_key(call.vendor == Vendor::Vertex),
        Trouble::Steer(why) => words::Failure::invalid(why.as_str()),
        Trouble::Code("FAILED_PRECONDITION") => words::Failure {
            name: "FAILED_PRECONDITION",
            ..words::Failure::invalid("User location is not supported for the API use.")
        },
        Trouble::Code(code) => match CODES.iter().find(|(known, _)| known == code) {
            Some((_, status)) => words::of_status(*status, about),
            None => words::Failure::invalid(format!("x-tollgate-sim: `code={code}`: not one of Google's")),
        },
        Trouble::Refused(refusal) => words::refused(*refusal, about),
        Trouble::Status(status) => words::of_status(*status, about),
        Trouble::Parallel | Trouble::Poll(PollFault::TooMany) => words::of_status(429, about),
        Trouble::Poll(PollFault::Broken) | Trouble::Middle => words::of_status(500, about),
        Trouble::WrongMethod => words::no_such_url(call.request.path),
    })
}

/// A 400 with what is wrong.
pub(super) fn invalid(why: &str) -> Failure {
    failure(&words::Failure::invalid(why))
}

/// An operation that is not there.
pub(super) fn no_such_operation(name: &str) -> Failure {
    plain(404, "NOT_FOUND", &format!("The operation {name} is not found."))
}

/// A file that is not there, not the caller's, or not there any more.
pub(super) fn no_such_file(id: &str) -> Failure {
    plain(403, "PERMISSION_DENIED", &format!("You do not have permission to access the File {id} or it may not exist."))
}

pub(super) fn expired_file(id: &str) -> Failure {
    plain(404, "NOT_FOUND", &format!("The File {id} has expired."))
}

/// The store's answer for an object that is not there.
pub(super) fn no_such_object(bucket: &str, object: &str) -> Failure {
    Failure::json(
        404,
        &json!({"error": {"code": 404, "message": format!("No such object: {bucket}/{object}"),
        "errors": [{"message": format!("No such object: {bucket}/{object}"), "domain": "global", "reason": "notFound"}]}}),
    )
}

fn plain(status: u16, name: &'static str, message: &str) -> Failure {
    failure(&words::Failure { status, name, ..words::Failure::invalid(message) })
}

fn failure(words: &words::Failure) -> Failure {
    let mut failure = Failure::json(words.status, &Value::Null);
    failure.body = format!("{:#}\n", words.body());
    failure.content_type = "application/json; charset=UTF-8";
    failure
}
