//! Error bodies, one form for each protocol, and the answers that carry them.

use super::schema::{Schema, anything, array, constant, integer, map, object, string};
use serde_json::{Map, Value, json};

/// In whose words a route fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Envelope {
    OpenAi,
    Claude,
    Google,
    Ark,
    Kling,
    Admin,
}

impl Envelope {
    const ALL: [Self; 6] = [Self::OpenAi, Self::Claude, Self::Google, Self::Ark, Self::Kling, Self::Admin];

    fn schema(self) -> &'static str {
        match self {
            Self::OpenAi => "OpenAiError",
            Self::Claude => "ClaudeError",
            Self::Google => "GoogleError",
            Self::Ark => "ArkError",
            Self::Kling => "KlingError",
            Self::Admin => "AdminError",
        }
    }

    /// The name of the answer with this status.
    pub(super) fn response(self, status: u16) -> String {
        format!("{}{status}", self.schema())
    }

    fn example(self, case: &Case) -> Value {
        let Case { code, message, .. } = case;
        match self {
            Self::OpenAi => {
                json!({ "error": { "message": message, "type": case.openai, "param": null, "code": code } })
            }
            Self::Claude => json!({
                "type": "error",
                "error": { "type": case.claude, "message": message },
                "request_id": "req_01m86ve7z2cwqw6skk6cf7a94f",
            }),
            Self::Google => {
                json!({ "error": { "code": case.status, "message": message, "status": case.google, "details": [] } })
            }
            Self::Ark => json!({ "error": { "code": code, "message": message, "param": "", "type": case.openai } }),
            Self::Kling => json!({
                "code": case.kling, "message": message, "request_id": "req_01m86ve7z2cwqw6skk6cf7a94f",
            }),
            Self::Admin => json!({ "error": { "code": case.admin, "message": message } }),
        }
    }
}

/// One way to fail, in everybody's words.
struct Case {
    status: u16,
    code: &'static str,
    message: &'static str,
    about: &'static str,
    openai: &'static str,
    claude: &'static str,
    google: &'static str,
    kling: u16,
    admin: &'static str,
}

/// Sources of the vendors' words: their API references, 2026-08 to 2026-11.
const CASES: [Case; 14] = [
    Case {
        status: 400,
        code: "invalid_request",
        message: "You must give 'model'.",
        about: "The request is malformed, or a field is missing or wrong; or it is refused by the model's provider.",
        openai: "invalid_request_error",
        claude: "invalid_request_error",
        google: "INVALID_ARGUMENT",
        kling: 1201,
        admin: "invalid_request",
    },
    Case {
        status: 401,
        code: "invalid_api_key",
        message: "The API key is not valid. It may have expired or been revoked.",
        about: "No key, or one that is mistyped, unknown, expired or revoked.",
        openai: "invalid_request_error",
        claude: "authentication_error",
        google: "UNAUTHENTICATED",
        kling: 1000,
        admin: "invalid_api_key",
    },
    Case {
        status: 402,
        code: "budget_exceeded",
        message: "The budget of this key is used up.",
        about: "The request may cost more than is left of the key's or its project's budget. Nothing was sent.",
        openai: "insufficient_quota",
        claude: "billing_error",
        google: "FAILED_PRECONDITION",
        kling: 1101,
        admin: "budget_exceeded",
    },
    Case {
        status: 403,
        code: "model_not_allowed",
        message: "This API key may not use this model.",
        about: "The key may not use this model, or not from this address; or it has a budget and the model no price.",
        openai: "permission_error",
        claude: "permission_error",
        google: "PERMISSION_DENIED",
        kling: 1103,
        admin: "forbidden",
    },
    Case {
        status: 404,
        code: "model_not_found",
        message: "There is no such model, or no configured provider serves it here.",
        about: "No such model, object or route. What belongs to another project is not found either.",
        openai: "invalid_request_error",
        claude: "not_found_error",
        google: "NOT_FOUND",
        kling: 1203,
        admin: "not_found",
    },
    Case {
        status: 413,
        code: "request_too_large",
        message: "The request body is too large.",
        about: "The body is above `server.body_limit`, or the upload above `server.upload_limit`.",
        openai: "invalid_request_error",
        claude: "request_too_large",
        google: "INVALID_ARGUMENT",
        kling: 1201,
        admin: "request_too_large",
    },
    Case {
        status: 409,
        code: "conflict",
        message: "The object is not in a state for this.",
        about: "What is there already does not allow it.",
        openai: "invalid_request_error",
        claude: "invalid_request_error",
        google: "FAILED_PRECONDITION",
        kling: 1201,
        admin: "key_revoked",
    },
    Case {
        status: 416,
        code: "range_not_satisfiable",
        message: "The file has no such part.",
        about: "The file has no such part.",
        openai: "invalid_request_error",
        claude: "invalid_request_error",
        google: "OUT_OF_RANGE",
        kling: 1201,
        admin: "invalid_request",
    },
    Case {
        status: 422,
        code: "idempotency_key_reused",
        message: "This Idempotency-Key was used with another body.",
        about: "An `Idempotency-Key` came again with another body; or the provider's own 422.",
        openai: "invalid_request_error",
        claude: "invalid_request_error",
        google: "INVALID_ARGUMENT",
        kling: 1201,
        admin: "invalid_request",
    },
    Case {
        status: 429,
        code: "rate_limit_exceeded",
        message: "The rate limit of this key is reached. Try again later.",
        about: "A limit of the key, its project or the provider is reached; `Retry-After` says when to come back.",
        openai: "rate_limit_error",
        claude: "rate_limit_error",
        google: "RESOURCE_EXHAUSTED",
        kling: 1302,
        admin: "rate_limit_exceeded",
    },
    Case {
        status: 500,
        code: "internal",
        message: "The gateway failed.",
        about: "A fault of the gateway.",
        openai: "server_error",
        claude: "api_error",
        google: "INTERNAL",
        kling: 5000,
        admin: "internal_error",
    },
    Case {
        status: 502,
        code: "upstream_error",
        message: "The provider failed.",
        about: "The provider failed, broke off, or refuses the operator's account.",
        openai: "upstream_error",
        claude: "api_error",
        google: "INTERNAL",
        kling: 5000,
        admin: "upstream_error",
    },
    Case {
        status: 503,
        code: "upstream_unavailable",
        message: "The provider is overloaded.",
        about: "The provider is overloaded or cannot be reached, or the gateway cannot book the request now.",
        openai: "upstream_error",
        claude: "api_error",
        google: "UNAVAILABLE",
        kling: 5001,
        admin: "database_busy",
    },
    Case {
        status: 504,
        code: "upstream_timeout",
        message: "The provider did not answer in time.",
        about: "The provider gave nothing in time. It may still be at work: the gateway does not send again.",
        openai: "upstream_error",
        claude: "timeout_error",
        google: "DEADLINE_EXCEEDED",
        kling: 5002,
        admin: "upstream_timeout",
    },
];

/// The error schemas.
pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    let details = array(map(anything())).about("More, in Google's form.");
    vec![
        (
            "OpenAiError",
            object().about("How OpenAI's routes fail.").need(
                "error",
                object()
                    .need("message", string().about("For people; its words may change."))
                    .need("type", string().about("A class of errors."))
                    .need("param", string().or_null().about("The field that is wrong, where there is one."))
                    .need("code", string().or_null().about("For programs.")),
            ),
        ),
        (
            "ClaudeError",
            object()
                .about("How Anthropic's routes fail.")
                .need("type", constant("error"))
                .need("error", object().need("type", string()).need("message", string()))
                .may("request_id", string().or_null()),
        ),
        (
            "GoogleError",
            object().about("How Gemini's and Vertex's routes fail.").need(
                "error",
                object()
                    .need("code", integer().about("The HTTP status."))
                    .need("message", string())
                    .need("status", string().about("Google's name for it, such as `INVALID_ARGUMENT`."))
                    .may("details", details),
            ),
        ),
        (
            "ArkError",
            object().about("How Volcengine Ark's routes fail.").need(
                "error",
                object().need("code", string()).need("message", string()).may("param", string()).may("type", string()),
            ),
        ),
        (
            "KlingError",
            object()
                .about("How Kling's routes fail.")
                .need("code", integer().about("Kling's service code; 0 means success."))
                .need("message", string())
                .need("request_id", string()),
        ),
        (
            "AdminError",
            object().about("How the admin API fails.").need(
                "error",
                object()
                    .need(
                        "code",
                        string().about("For programs, such as `invalid_request`, `not_found`, `key_revoked`."),
                    )
                    .need("message", string())
                    .may("field", string().about("The field or parameter that is wrong.")),
            ),
        ),
    ]
}

/// The answers that carry them, by name.
pub(super) fn responses() -> Map<String, Value> {
    let mut all = Map::new();
    for envelope in Envelope::ALL {
        for case in &CASES {
            let mut response = json!({
                "description": case.about,
                "content": { "application/json": {
                    "schema": { "$ref": format!("#/components/schemas/{}", envelope.schema()) },
                    "example": envelope.example(case),
                } },
            });
            if case.status == 429 {
                response["headers"] = json!({ "Retry-After": { "$ref": "#/components/headers/Retry-After" } });
            }
            all.insert(envelope.response(case.status), response);
        }
    }
    all
}
