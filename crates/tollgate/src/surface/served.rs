//! Which routes this version answers, for the `OpenAPI` document, the reference and the console.
//!
//! Routes to vendors, video tasks and stored responses are looked up as a request's path is, with a word in each `{place}`; the few
//! others are listed.

use crate::admin;
use crate::gateway::{Asked, Stored, video};

/// What is answered besides the routes to vendors and the admin API, by method and path template.
const OWN: &[(&str, &str)] = &[
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{model}"),
    ("GET", "/v1beta/models"),
    ("GET", "/v1beta/models/{model}"),
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
    let filled = filled(path);
    let stored = || Stored::of(&filled).is_some_and(|stored| stored.methods().split(", ").any(|one| one == method));
    let upstream = || Asked::of(&filled, None).is_some();
    let task = || video::Asked::of(&filled).is_some_and(|task| task.methods().iter().any(|one| one == method));
    OWN.contains(&(method, path))
        || task()
        || (method == "POST" && upstream())
        || stored()
        || admin::serves(method, path)
}

/// A path of this template.
fn filled(template: &str) -> String {
    let mut parts = template.split('{');
    let mut path = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        path.push('x');
        path.push_str(part.split_once('}').map_or("", |(_, rest)| rest));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Route;
    use crate::openapi;

    fn documented(method: &str, path: &str) -> bool {
        openapi::operations().iter().any(|operation| operation.method == method && operation.path == path)
    }

    #[test]
    fn every_route_is_documented() {
        for route in Route::ALL {
            assert!(documented("POST", route.name()), "{}", route.name());
            assert!(serves("POST", route.name()), "{}", route.name());
        }
        for (method, path) in OWN {
            assert!(documented(method, path), "{method} {path}");
        }
        for path in ["", "/cancel", "/input_items"].map(|rest| format!("/v1/responses/{{response_id}}{rest}")) {
            let filled = filled(&path);
            let methods = Stored::of(&filled).map(Stored::methods).unwrap_or_default();
            assert!(!methods.is_empty(), "{path}");
            for method in methods.split(", ").filter(|method| *method != "HEAD") {
                assert!(documented(method, &path), "{method} {path}");
            }
        }
        for (path, methods) in admin::paths() {
            for method in methods {
                assert!(documented(method, &format!("/admin/v1{path}")), "{method} {path}");
            }
        }
    }
}
