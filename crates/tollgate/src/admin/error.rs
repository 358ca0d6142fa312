//! The one shape of admin errors: `{"error":{"code","message","field"?}}`.
//!
//! Messages never repeat a caller's values, name a table or tell what the database said; causes go to the log once.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use crate::keys::Invalid;
use crate::keys::manage::ManageError;
use crate::store::StoreError;

/// An answer that is not the one that was asked for.
#[derive(Debug)]
pub(super) struct AdminError {
    status: StatusCode,
    code: &'static str,
    message: String,
    field: Option<String>,
}

impl AdminError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), field: None }
    }

    pub(super) fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_api_key",
            "send a valid admin key as \"Authorization: Bearer tg-admin-…\"",
        )
    }

    /// At the sign-in.
    pub(super) fn wrong_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_api_key", "this is not an admin key of this gateway")
    }

    /// A request for the console that does not come from it.
    pub(super) fn foreign() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "this route is for the console's own pages")
    }

    pub(super) fn throttled() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", "too many wrong admin keys; try again later")
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }

    pub(super) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    pub(super) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::invalid(message) }
    }

    pub(super) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", "the body is above 1 MiB")
    }

    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "the gateway failed; its log says why")
    }
}

impl From<Invalid> for AdminError {
    fn from(invalid: Invalid) -> Self {
        Self::field(invalid.field, invalid.message)
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "admin request failed in the database");
        match error {
            StoreError::Busy(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_busy", "the database is busy; try again")
            }
            StoreError::DataDir(_)
            | StoreError::OldSqlite(_)
            | StoreError::Migrate(_)
            | StoreError::Schema { .. }
            | StoreError::Conflict(_)
            | StoreError::Unreadable(_)
            | StoreError::Interrupted
            | StoreError::Database(_) => Self::internal(),
        }
    }
}

impl From<ManageError> for AdminError {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::Invalid(invalid) => invalid.into(),
            ManageError::NotFound(what) => Self::not_found(what),
            ManageError::Revoked => {
                Self::new(StatusCode::CONFLICT, "key_revoked", "the key is revoked and cannot be changed")
            }
            ManageError::NoRandomness(_) => Self::internal(),
            ManageError::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let mut error = Map::new();
        error.insert("code".into(), self.code.into());
        error.insert("message".into(), self.message.into());
        if let Some(field) = self.field {
            error.insert("field".into(), field.into());
        }
        let mut body = Map::new();
        body.insert("error".into(), Value::Object(error));
        let mut response = (self.status, Json(Value::Object(body))).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

pub(super) async fn no_route() -> AdminError {
    AdminError::not_found("route")
}

pub(super) async fn wrong_method() -> AdminError {
    AdminError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this route does not take this method")
}
