//! Keys from outside: the admin API, the command line, first start and freshness, on a real database.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod api;
mod installation;
mod operator;
mod refusals;

use std::net::IpAddr;
use std::path::Path;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use tollgate::accounts::Accounts;
use tollgate::admin::{AdminState, Books, Peer, Running, router};
use tollgate::config::{Config, Secret, Sources};
use tollgate::keys::bootstrap::{self, Installation};
use tollgate::ledger::Ledger;
use tollgate::message::NotExplained;
use tollgate::pricing::PriceBook;
use tollgate::proof::Proofs;
use tollgate::routing::Fleet;
use tollgate::upstream::{Connector, Network};
use tower::ServiceExt as _;

const ADMIN: &str = "an-operator's-own-key";

/// An open installation and its admin API.
struct Gate {
    dir: tempfile::TempDir,
    installation: Installation,
    router: Router,
}

/// An answer.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Gate {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let installation = start(dir.path()).await;
        let prices = PriceBook::catalogue();
        let accounts = Accounts::default();
        let ledger = Ledger::open(dir.path(), 1, false, &installation.store, prices, &accounts).await.unwrap();
        let books = Books { ledger, prices: Arc::new(|| Arc::new(PriceBook::catalogue().clone())) };
        let config = Arc::new(Config::from_text(&Sources::default(), "").unwrap());
        let fleet = Arc::new(Fleet::new(config, None));
        let network = Network::new(Connector::new().unwrap());
        let running = Running {
            fleet: Arc::new(move || Arc::clone(&fleet)),
            network: network.clone(),
            news: Arc::default(),
            links: tollgate::tasks::Links::new(b"links of this test"),
            proofs: Arc::new(Proofs::new(network)),
            tls: false,
            file: None,
            api_base: None,
            routes: Vec::new(),
            explain: Arc::new(|_| Box::pin(async { Err(NotExplained { field: "path", why: "nothing runs here" }) })),
            started_at: 0,
        };
        let router = router(AdminState::of(&installation, books, running));
        Self { dir, installation, router }
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {ADMIN}"))
            .extension(Peer(IpAddr::from([192, 0, 2, 7])));
        self.send(request.body(body).unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    /// Sends a request as it is; every answer of the admin API must be JSON.
    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        assert_eq!(parts.headers["content-type"], "application/json");
        let body = serde_json::from_slice(&bytes).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn create(&self, body: Value) -> Value {
        let answer = self.call("POST", "/admin/v1/keys", Some(body)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body
    }

    async fn live_key(&self) -> (String, String) {
        let made = self.create(json!({"name": "a", "mode": "live"})).await;
        (text(&made, "id"), text(&made, "key"))
    }

    fn opens(&self, secret: &str) -> bool {
        self.installation.keys.authenticate(secret.as_bytes()).is_ok()
    }
}

async fn start(dir: &Path) -> Installation {
    bootstrap::start(dir, Some(&Secret::new(ADMIN))).await.unwrap()
}

fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap().to_owned()
}
