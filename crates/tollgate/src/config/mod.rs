//! The configuration as meant: durations, addresses, resolved secrets, checked relations.
//!
//! Owns the values that the file and the environment decide. Everything that people change daily (keys,
//! projects, budgets) lives in the database and never here. One `Config` is immutable; a changed file yields a
//! whole new one or is refused whole.

mod base_url;
mod credentials;
mod environment;
mod error;
mod fields;
mod headers;
mod kinds;
mod load;
mod mask;
mod models;
mod prices;
mod process;
mod providers;
pub mod reload;
mod secret;
mod shown;
mod substitute;
pub mod units;
mod usual;
mod video;
mod written;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use error::{ConfigError, ConfigErrors, Place};
pub use load::Sources;
pub use models::is_model_name;
pub use secret::Secret;
pub use tollgate_protocol::codec::Protocol;

/// Everything the file and the environment say.
#[derive(Debug, Clone)]
pub struct Config {
    /// Listeners and limits of the front door.
    pub server: Server,
    /// Where data lives.
    pub storage: Storage,
    /// Time-outs of test keys' calls, which no provider's table overrides.
    pub sandbox_timeouts: Timeouts,
    /// Configured vendors by their free name.
    pub providers: BTreeMap<String, Arc<Provider>>,
    /// Public model names and the targets behind them, in the order written.
    pub models: BTreeMap<String, Arc<[Target]>>,
    /// Prices in force: the catalogue's and the operator's own.
    pub prices: Arc<crate::pricing::PriceBook>,
    /// How video tasks are looked after.
    pub video: Video,
}

/// How video tasks are looked after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Video {
    /// From a task's beginning to the first look at it.
    pub first_poll: Duration,
    /// Longest time between two looks.
    pub slowest_poll: Duration,
    /// How long a task is looked for whose beginning was not confirmed.
    pub resolve: Duration,
    /// How long a task may take, before it is given up.
    pub patience: Duration,
    /// Days for which results are kept.
    pub keep_days: u32,
    /// Where callers find this gateway, without a slash at its end; `None` goes by the address that each names itself.
    pub public_url: Option<Arc<str>>,
    /// Networks inside, which webhooks may reach although they are not public.
    pub internal_networks: Vec<ipnet::IpNet>,
}

/// Listeners and limits of the front door. Read once at start; a reload does not move listeners.
#[derive(Debug, Clone)]
pub struct Server {
    /// Address of the data plane.
    pub listen: SocketAddr,
    /// Own address for `/admin`, `/console` and `/metrics`; `None` keeps them on `listen`.
    pub admin_listen: Option<SocketAddr>,
    /// Largest JSON body, in bytes.
    pub body_limit: u64,
    /// Largest multipart upload, in bytes.
    pub upload_limit: u64,
    /// How long open requests may finish after SIGTERM.
    pub drain: Duration,
    /// Certificate chain and key in PEM files; `None` serves plain HTTP.
    pub tls: Option<Tls>,
    /// From the first byte of a request head to its last, and for a new connection's first byte.
    pub header_timeout: Duration,
    /// Longest silence while a request body is being read.
    pub body_timeout: Duration,
    /// Longest wait for the next request on a kept-alive connection.
    pub keep_alive: Duration,
    /// Longest that a caller may leave what was sent to it unread.
    pub send_timeout: Duration,
    /// Open client connections over all workers; more wait in the listen queue.
    pub max_connections: usize,
    /// Worker threads; 0 means one for each core that this process may use.
    pub workers: usize,
}

/// PEM files of the server's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Certificate chain, leaf first.
    pub cert: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// Where data lives.
#[derive(Debug, Clone)]
pub struct Storage {
    /// The data dir; created with mode 0700 if absent.
    pub data_dir: PathBuf,
    /// Whether request and response bodies are kept.
    pub bodies: Bodies,
    /// When a request's entry in the journal is durable enough for the request to be sent.
    pub durability: Durability,
    /// Days for which the request log keeps what the ledger does not need; 0 keeps it for ever.
    pub log_days: u32,
    /// Days for which responses are kept, and which account keeps which.
    pub response_days: u32,
}

/// When a request's entry in the journal is durable enough for the request to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Handed to the kernel: survives the process. On stable storage some milliseconds later, together with others.
    Group,
    /// On stable storage: survives the machine.
    Strict,
}

/// Whether request and response bodies are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bodies {
    /// Never.
    Off,
    /// Only of requests that failed.
    Errors,
    /// Always.
    All,
}

/// Time-outs towards one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP and TLS handshake.
    pub connect: Duration,
    /// Request sent to first meaningful byte.
    pub first_byte: Duration,
    /// Between meaningful bytes of an answer; keep-alives do not count.
    pub idle: Duration,
    /// Whole exchange.
    pub total: Duration,
}

/// Which family of wire formats and quirks a provider has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `api.openai.com`.
    OpenAi,
    /// `api.anthropic.com`.
    Anthropic,
    /// `api.deepseek.com`.
    DeepSeek,
    /// `generativelanguage.googleapis.com`.
    Gemini,
    /// `aiplatform.googleapis.com`.
    Vertex,
    /// Volcengine Ark (Seedance).
    Ark,
    /// Kling.
    Kling,
    /// Anything that speaks `OpenAI` Chat and embeddings.
    OpenAiCompatible,
}

/// One vendor endpoint.
#[derive(Debug, Clone)]
pub struct Provider {
    /// The table's name in the file, or the kind's name for one found in the environment.
    pub name: Arc<str>,
    /// Decides protocol, auth scheme and quirks.
    pub kind: Kind,
    /// Where it is.
    pub base: BaseUrl,
    /// Accounts, in the order written; never empty.
    pub credentials: Vec<Credential>,
    /// In force for this provider, its own overrides applied.
    pub timeouts: Timeouts,
    /// Wire formats it takes, kind's own first.
    pub protocols: Vec<Protocol>,
    /// Which HTTP to speak.
    pub http: HttpVersion,
    /// Whether it may be asked for usage in streams (`stream_options.include_usage`).
    pub stream_usage: bool,
    /// What becomes of an answer whose caller has left.
    pub on_disconnect: OnDisconnect,
    /// Caller's headers that are passed on besides the fixed allow-list, lower-case.
    pub forward_headers: Vec<http::HeaderName>,
    /// Video tasks that may run at the same time on one account; more wait here.
    pub concurrency: Option<u32>,
    /// Google Cloud project; always there for Vertex, never for others.
    pub project: Option<Arc<str>>,
    /// Google Cloud location, as in `us-central1`; always there for Vertex, never for others.
    pub location: Option<Arc<str>>,
    /// Who named it.
    pub found: Found,
}

/// What becomes of an answer whose caller has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDisconnect {
    /// The vendor's connection is closed at once, which ends its bill.
    Cancel,
    /// The vendor would bill the whole answer anyway: it is read on for a while, so that its usage is known.
    Drain,
}

/// Who named a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Found {
    /// A `[providers.…]` table, or `TOLLGATE_PROVIDERS__…` variables.
    Table,
    /// Nobody: it appeared by the usual variables of its kind.
    Variables,
}

/// Which HTTP version goes to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersion {
    /// What ALPN agrees on under TLS, HTTP/1.1 without.
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only, with prior knowledge where there is no TLS.
    Http2,
}

/// Where a provider is, taken apart once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// Whether the scheme is https.
    pub tls: bool,
    /// Name or address, without brackets.
    pub host: String,
    /// Explicit or the scheme's.
    pub port: u16,
    /// Value of the `Host` header.
    pub authority: http::HeaderValue,
    /// Path prefix without a trailing slash; empty for none. Has the version segment already.
    pub path: String,
}

/// One account at a vendor.
#[derive(Debug, Clone)]
pub struct Credential {
    /// How the account proves itself.
    pub auth: Auth,
    /// Share of traffic among the provider's credentials, at least 1.
    pub weight: u32,
}

/// How an account proves itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// One secret sent in the header that the kind uses.
    ApiKey(Secret),
    /// Path of a Google service-account file.
    ServiceAccount(PathBuf),
    /// A short-lived OAuth token given as it is.
    AccessToken(Secret),
    /// Kling's pair, from which a token is made for each request.
    KeyPair {
        /// Names the account.
        access_key: Secret,
        /// Signs the token.
        secret_key: Secret,
    },
}

/// One way of serving a public model name.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where to.
    pub provider: Arc<Provider>,
    /// The vendor's own name of the model.
    pub model: Arc<str>,
    /// Lower goes first; equal ones share by weight.
    pub priority: u32,
    /// Share among targets of one priority, at least 1.
    pub weight: u32,
}
