//! The admin API: `/admin/v1`, JSON, admin key as bearer; and the console's sign-in, whose cookie stands for that key.
//!
//! Owns its routes, its error shape and who gets in; what the routes do is other rooms' work. Every path under
//! `/admin` answers in the admin shape, and none answers without the key. Writes are in force when they are answered.

mod audit;
mod auth;
mod body;
mod books;
mod error;
mod explain;
mod keys;
mod page;
mod probe;
mod projects;
mod providers;
mod refunds;
mod session;
mod settings;
mod strict;
mod tasks;
mod timings;
mod webhooks;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::middleware;
use axum::routing::{MethodRouter, get, post};
use tokio::sync::Notify;

use crate::clock;
use crate::keys::Keys;
use crate::keys::admin_key::AdminKeys;
use crate::keys::bootstrap::Installation;
use crate::keys::manage::Actor;
use crate::keys::secret::Pepper;
use crate::ledger::Ledger;
use crate::message::{NotExplained, Question};
use crate::pricing::PriceBook;
use crate::proof::Proofs;
use crate::routing::Fleet;
use crate::store::Store;
use crate::tasks::Links;
use crate::upstream::Network;
use crate::webhooks::{Inside, Secrets};
use auth::Throttle;
use error::AdminError;
use session::Sessions;

/// Largest request body, in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// The client's address; put into a request's extensions by whoever accepts connections. It goes to the audit log.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// What the routes need. Clones share it.
#[derive(Clone)]
pub struct AdminState {
    store: Store,
    keys: Keys,
    pepper: Pepper,
    admin: AdminKeys,
    throttle: Arc<Throttle>,
    sessions: Arc<Sessions>,
    books: Books,
    secrets: Secrets,
    inside: Inside,
    running: Running,
}

/// The ledger and the prices in force.
#[derive(Clone)]
pub struct Books {
    /// The books.
    pub ledger: Arc<Ledger>,
    /// Gives the prices in force.
    pub prices: Arc<dyn Fn() -> Arc<PriceBook> + Send + Sync>,
}

/// What runs now.
#[derive(Clone)]
pub struct Running {
    /// Gives the fleet in force.
    pub fleet: Arc<dyn Fn() -> Arc<Fleet> + Send + Sync>,
    /// The way to vendors, for tests of providers.
    pub network: Network,
    /// Proofs of accounts, for the same.
    pub proofs: Arc<Proofs>,
    /// Rings when webhooks are to be told something.
    pub news: Arc<Notify>,
    /// Signs links to kept results.
    pub links: Links,
    /// Whether callers come over TLS, so that cookies may insist on it.
    pub tls: bool,
    /// The configuration file, if there is one.
    pub file: Option<PathBuf>,
    /// Where the data plane is, if it is not where the admin API is.
    pub api_base: Option<String>,
    /// The routes of the data plane that this version answers, as `POST /v1/embeddings`.
    pub routes: Vec<String>,
    /// Tells what a data-plane request would do.
    pub explain: Explain,
    /// Unix milliseconds.
    pub started_at: i64,
}

/// What explains a request; the answer is JSON.
pub type Explain =
    Arc<dyn Fn(Question) -> Pin<Box<dyn Future<Output = Result<Bytes, NotExplained>> + Send>> + Send + Sync>;

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Books").finish_non_exhaustive()
    }
}

impl AdminState {
    /// Shares the parts of an open installation.
    pub fn of(installation: &Installation, books: Books, running: Running) -> Self {
        let fleet = Arc::clone(&running.fleet);
        Self {
            store: installation.store.clone(),
            keys: installation.keys.clone(),
            pepper: installation.pepper.clone(),
            admin: installation.admin.clone(),
            throttle: Arc::new(Throttle::keys()),
            sessions: Arc::new(Sessions::new(&installation.pepper, running.tls)),
            books,
            secrets: Secrets::new(installation.pepper.clone()),
            inside: Arc::new(move || fleet().config.video.internal_networks.clone()),
            running,
        }
    }
}

impl fmt::Debug for AdminState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminState").finish_non_exhaustive()
    }
}

/// The actor's name, as authentication found it.
#[derive(Debug, Clone)]
struct Caller(Arc<str>);

/// The id in a route. One that is not even text names nothing: 404 like any other unknown id.
struct Id(String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AdminError> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(id)| Self(id)).map_err(|_| AdminError::not_found("object"))
    }
}

/// The routes below `/admin/v1`: path, methods, who answers.
fn routes() -> Vec<(&'static str, &'static [&'static str], MethodRouter<AdminState>)> {
    vec![
        ("/keys", &["GET", "POST"], get(keys::list).post(keys::create)),
        ("/keys/{key_id}", &["GET", "PATCH", "DELETE"], get(keys::get).patch(keys::update).delete(keys::revoke)),
        ("/projects", &["GET", "POST"], get(projects::list).post(projects::create)),
        ("/projects/{project_id}", &["GET", "PATCH"], get(projects::get).patch(projects::update)),
        ("/usage", &["GET"], get(books::usage)),
        ("/requests", &["GET"], get(books::requests)),
        ("/requests/{request_id}", &["GET"], get(books::request)),
        ("/timings", &["GET"], get(timings::show)),
        ("/ledger/entries", &["GET"], get(books::entries)),
        ("/ledger/refunds", &["POST"], post(refunds::create)),
        ("/ledger/verify", &["GET"], get(books::verify)),
        ("/prices", &["GET"], get(books::prices)),
        ("/providers", &["GET"], get(providers::list)),
        ("/providers/{name}/test", &["POST"], post(providers::test)),
        ("/models", &["GET"], get(providers::models)),
        ("/tasks", &["GET"], get(tasks::list)),
        ("/tasks/{task_id}", &["GET"], get(tasks::get)),
        ("/webhooks", &["GET", "POST"], get(webhooks::list).post(webhooks::create)),
        (
            "/webhooks/{webhook_id}",
            &["GET", "PATCH", "DELETE"],
            get(webhooks::get).patch(webhooks::update).delete(webhooks::delete),
        ),
        ("/webhooks/{webhook_id}/rotate", &["POST"], post(webhooks::rotate)),
        ("/webhooks/{webhook_id}/messages", &["GET"], get(webhooks::messages)),
        ("/webhooks/{webhook_id}/messages/{message_id}/replay", &["POST"], post(webhooks::replay)),
        ("/explain", &["POST"], post(explain::explain)),
        ("/audit", &["GET"], get(audit::list)),
        ("/settings", &["GET"], get(settings::show)),
    ]
}

/// The routes below `/admin/v1`: path template and methods.
pub fn paths() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    routes().into_iter().map(|(path, methods, _)| (path, methods))
}

/// Whether this version answers a method on a path template.
pub fn serves(method: &str, path: &str) -> bool {
    let Some(below) = path.strip_prefix("/admin/v1") else { return false };
    paths().any(|(known, methods)| known == below && methods.contains(&method))
}

/// All admin routes. Has no fallback of its own outside `/admin`, so it can be merged into another router.
pub fn router(state: AdminState) -> Router {
    let v1 = routes()
        .into_iter()
        .fold(Router::new(), |router, (path, _, methods)| router.route(path, methods))
        .method_not_allowed_fallback(error::wrong_method)
        .fallback(error::no_route);
    Router::new()
        .nest("/admin/v1", v1)
        .route("/admin", axum::routing::any(error::no_route))
        .route("/admin/{*rest}", axum::routing::any(error::no_route))
        .layer(middleware::from_fn_with_state(state.clone(), auth::require_admin))
        .route("/console/session", get(session::show).post(session::open).delete(session::close))
        .with_state(state)
}

/// Who writes now. Authentication has run for every route; without its mark nothing is written.
fn actor(request: &Request) -> Result<Actor, AdminError> {
    let caller = request.extensions().get::<Caller>().ok_or_else(AdminError::unauthenticated)?;
    Ok(Actor {
        name: Arc::clone(&caller.0),
        peer: request.extensions().get::<Peer>().map(|peer| peer.0),
        now_ms: clock::now_ms(),
    })
}

/// Runs a write to its end even if the client leaves meanwhile.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, AdminError>> + Send + 'static,
) -> Result<T, AdminError> {
    tokio::spawn(work).await.unwrap_or_else(|_| Err(AdminError::internal()))
}
