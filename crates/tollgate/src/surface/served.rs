//! Which routes this version answers, as a list: for the OpenAPI document and the reference.

use crate::admin;
use crate::gateway::Route;

/// What is answered besides the routes to vendors and the admin API, by method and path template.
const OWN: &[(&str, &str)] = &[
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{model}"),
    ("GET", "/v1/key"),
    ("GET", "/v1/receipts/{request_id}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/llms.txt"),
];

/// Whether this version answers a method on a path template.
pub fn serves(method: &str, path: &str) -> bool {
    let upstream = method == "POST" && Route::ALL.iter().any(|route| route.name() == path);
    upstream || OWN.contains(&(method, path)) || admin::serves(method, path)
}
