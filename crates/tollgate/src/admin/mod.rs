//! The admin API: `/admin/v1`, JSON, admin key as bearer.
//!
//! Owns its routes, its error shape and who gets in; what the routes do is other rooms' work. Every path under
//! `/admin` answers in the admin shape, and none answers without the key. Writes are in force when they are answered.

mod audit;
mod auth;
mod body;
mod books;
mod error;
mod keys;
mod page;
mod projects;
mod refunds;
mod strict;
mod tasks;
mod webhooks;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::middleware;
use axum::routing::{get, post};
use tokio::sync::Notify;

use crate::clock;
use crate::keys::Keys;
use crate::keys::admin_key::AdminKeys;
use crate::keys::bootstrap::Installation;
use crate::keys::manage::Actor;
use crate::keys::secret::Pepper;
use crate::ledger::Ledger;
use crate::pricing::PriceBook;
use crate::store::Store;
use crate::webhooks::{Inside, Secrets};
use auth::Throttle;
use error::AdminError;

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
    books: Books,
    secrets: Secrets,
    /// Rings when there is something to be told.
    news: Arc<Notify>,
    inside: Inside,
}

/// The ledger and the prices in force.
#[derive(Clone)]
pub struct Books {
    /// The books.
    pub ledger: Arc<Ledger>,
    /// Gives the prices in force.
    pub prices: Arc<dyn Fn() -> Arc<PriceBook> + Send + Sync>,
}

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Books").finish_non_exhaustive()
    }
}

impl AdminState {
    /// Shares the parts of an open installation. `news` rings when webhooks are to be told something, `inside` gives the
    /// networks in which they may be.
    pub fn of(installation: &Installation, books: Books, news: Arc<Notify>, inside: Inside) -> Self {
        Self {
            store: installation.store.clone(),
            keys: installation.keys.clone(),
            pepper: installation.pepper.clone(),
            admin: installation.admin.clone(),
            throttle: Arc::new(Throttle::default()),
            books,
            secrets: Secrets::new(installation.pepper.clone()),
            news,
            inside,
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

/// All admin routes. Has no fallback of its own outside `/admin`, so it can be merged into another router.
pub fn router(state: AdminState) -> Router {
    let v1 = Router::new()
        .route("/keys", get(keys::list).post(keys::create))
        .route("/keys/{id}", get(keys::get).patch(keys::update).delete(keys::revoke))
        .route("/projects", get(projects::list).post(projects::create))
        .route("/projects/{id}", get(projects::get).patch(projects::update))
        .route("/usage", get(books::usage))
        .route("/requests", get(books::requests))
        .route("/requests/{id}", get(books::request))
        .route("/ledger/entries", get(books::entries))
        .route("/ledger/refunds", post(refunds::create))
        .route("/ledger/verify", get(books::verify))
        .route("/prices", get(books::prices))
        .route("/tasks", get(tasks::list))
        .route("/tasks/{id}", get(tasks::get))
        .route("/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/webhooks/{id}", get(webhooks::get).patch(webhooks::update).delete(webhooks::delete))
        .route("/webhooks/{id}/rotate", post(webhooks::rotate))
        .route("/webhooks/{id}/messages", get(webhooks::messages))
        .route("/webhooks/{id}/messages/{message}/replay", post(webhooks::replay))
        .route("/audit", get(audit::list))
        .method_not_allowed_fallback(error::wrong_method)
        .fallback(error::no_route);
    Router::new()
        .nest("/admin/v1", v1)
        .route("/admin", axum::routing::any(error::no_route))
        .route("/admin/{*rest}", axum::routing::any(error::no_route))
        .layer(middleware::from_fn_with_state(state.clone(), auth::require_admin))
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
