//! `tollgate serve`: puts the rooms together, runs them, and takes them down in order.

use crate::accounts::Accounts;
use crate::admin::{self, AdminState, Books, Running};
use crate::archive::Archive;
use crate::clock;
use crate::config::{Bodies, Config, Durability, Secret, Server, Sources, reload};
use crate::door::{self, Binding, Door, Times};
use crate::face::Face;
use crate::gateway::Gateway;
use crate::keys::bootstrap::{self, FirstRun, Installation};
use crate::ledger::Ledger;
use crate::memory::Memory;
use crate::openapi::{self, Access, Operation};
use crate::proof::Proofs;
use crate::replay::Replays;
use crate::routing::Fleet;
use crate::surface::{self, Planes, Surface};
use crate::tasks::{self, Engine, Links, Tasks};
use crate::telemetry::{self, Log, Telemetry};
use crate::upstream::{self, Connector, Network, Sandbox};
use crate::webhooks;
use arc_swap::ArcSwap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How often idle vendor connections are looked through.
const SWEEP: Duration = Duration::from_secs(5);
/// How long streams that are cut short may take to say so.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Right to retry at the start, in hundredths.
const FIRST_RETRIES: i64 = 1_000;

/// Arguments of `tollgate serve`.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// Configuration file [default: ./tollgate.toml if it exists]
    #[arg(long)]
    config: Option<PathBuf>,
    /// Address of the data plane [default: 127.0.0.1:8080]
    #[arg(long)]
    listen: Option<String>,
    /// Where data lives [default: ./tollgate-data]
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Book nothing: only to measure what booking costs
    #[arg(long, hide = true)]
    without_books: bool,
}

/// Why the gateway could not run.
enum Stop {
    /// Bad usage or configuration (exit code 2).
    Usage(String),
    /// Anything else (exit code 1).
    Other(String),
}

/// Runs the gateway until it is told to stop.
pub fn run(args: ServeArgs) -> ExitCode {
    match serve(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Usage(message)) => {
            let _ = writeln!(std::io::stderr(), "{}", message.trim_end());
            ExitCode::from(2)
        }
        Err(Stop::Other(message)) => {
            let _ = writeln!(std::io::stderr(), "tollgate: {message}");
            ExitCode::from(1)
        }
    }
}

fn other(what: &str) -> impl Fn(&dyn std::error::Error) -> Stop {
    move |error| Stop::Other(format!("{what}: {error}"))
}

fn serve(args: ServeArgs) -> Result<(), Stop> {
    let mut sources = Sources::from_process(args.config.or_else(super::check::default_file));
    sources.listen = args.listen;
    sources.data_dir = args.data_dir;
    let books = !args.without_books;
    let config = Arc::new(Config::load(&sources).map_err(|errors| Stop::Usage(errors.to_string()))?);
    let log = Log::start().map_err(|e| other("cannot start the log")(&e))?;
    telemetry::init(&log);
    raise_file_limit();
    let bindings = Bindings::open(&config.server)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| other("cannot start")(&e))?;
    let result = runtime.block_on(run_on(&config, sources, &log, bindings, books));
    log.flush();
    result
}

async fn run_on(
    config: &Arc<Config>,
    sources: Sources,
    log: &Log,
    bindings: Bindings,
    books: bool,
) -> Result<(), Stop> {
    if !books {
        tracing::warn!("--without-books: nothing is booked; for measuring only");
    }
    if config.storage.bodies != Bodies::Off {
        tracing::warn!("storage.bodies: bodies of requests and answers are not kept yet, whatever it says");
    }
    let mut signals = Signals::new().map_err(|e| other("cannot take signals")(&e))?;
    let admin_key = std::env::var("TOLLGATE_ADMIN_KEY").ok().filter(|key| !key.is_empty()).map(Secret::new);
    let mut installation = bootstrap::start(&config.storage.data_dir, admin_key.as_ref())
        .await
        .map_err(|e| other("cannot open the data dir")(&e))?;
    let accounts = Accounts::default();
    let strict = config.storage.durability == Durability::Strict;
    let lanes = workers(&config.server) + 1;
    let (dir, store) = (&config.storage.data_dir, &installation.store);
    let ledger = Ledger::open(dir, lanes, strict, store, &config.prices, &accounts)
        .await
        .map_err(|e| other("cannot open the ledger")(&e))?;
    let (memory, writer) = Memory::open(installation.store.clone(), installation.pepper.clone())
        .map_err(|e| other("cannot open the memory")(&e))?;
    let (gateway, engine) = build(config, &installation, log, accounts, &ledger, memory, books).await?;
    let file = sources.file.clone();
    let _watcher = {
        let gateway = Arc::clone(&gateway);
        let (runtime, store) = (tokio::runtime::Handle::current(), installation.store.clone());
        reload::watch(sources, Arc::clone(config), move |config| {
            // Remembered beside: a charge at a new price may be booked a moment before its price is.
            let (prices, store) = (Arc::clone(&config.prices), store.clone());
            runtime.spawn(async move {
                if let Err(error) = crate::ledger::remember(&store, &prices).await {
                    tracing::error!(error = &error as &dyn std::error::Error, "new prices could not be kept");
                }
            });
            let fleet = Fleet::new(config, Some(&**gateway.fleet.load()));
            gateway.fleet.store(Arc::new(fleet));
        })
        .map_err(|e| other("cannot watch the configuration")(&e))?
    };
    let stop_watching = CancellationToken::new();
    let watching =
        tokio::spawn(crate::keys::watch(installation.store.clone(), installation.keys.clone(), stop_watching.clone()));
    let remembering = tokio::spawn(writer.run(stop_watching.clone()));
    let forgetting = tokio::spawn(crate::ledger::retention::keep(
        installation.store.clone(),
        config.storage.log_days,
        stop_watching.clone(),
    ));
    let telling = tokio::spawn(
        webhooks::Sender {
            store: installation.store.clone(),
            secrets: webhooks::Secrets::new(installation.pepper.clone()),
            network: gateway.network.clone(),
            news: Arc::clone(&gateway.tasks.news),
            inside: inside(&gateway),
        }
        .run(stop_watching.clone()),
    );
    let cleaning = tokio::spawn(Arc::clone(&gateway.replays).keep_clean());
    let house = House::open(config, &gateway, &installation, &bindings, file)?;
    announce(&bindings, config, &std::mem::take(&mut installation.first_run)).map_err(|e| other("cannot greet")(&e))?;
    // The workers' shares are the only ones from here on: once they stop to listen, nobody does.
    drop(bindings);
    house.ready.store(true, Ordering::Relaxed);
    signals.next().await;
    house.close(config.server.drain, &gateway.replays, &mut signals).await;
    cleaning.abort();
    stop_watching.cancel();
    let _ = watching.await;
    let _ = forgetting.await;
    let _ = remembering.await;
    let _ = telling.await;
    let closing = tokio::task::spawn_blocking(move || {
        engine.close();
        ledger.close();
    });
    let _ = closing.await;
    installation.store.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Worker threads to be started.
fn workers(server: &Server) -> usize {
    match server.workers {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        count => count,
    }
}

async fn build(
    config: &Arc<Config>,
    installation: &Installation,
    log: &Log,
    accounts: Accounts,
    ledger: &Arc<Ledger>,
    memory: Arc<Memory>,
    books: bool,
) -> Result<(Arc<Gateway>, Engine), Stop> {
    let connector = Connector::new().map_err(|e| other("cannot set up TLS")(&e))?;
    let dir = &config.storage.data_dir;
    let (spool, waiting) = (dir.join("spool"), dir.join("waiting"));
    for dir in [&spool, &waiting] {
        std::fs::create_dir_all(dir).map_err(|e| other("cannot make the spool")(&e))?;
    }
    let (network, sandbox) = (Network::new(connector), Sandbox::new(0));
    let fleet = Arc::new(ArcSwap::from_pointee(Fleet::new(Arc::clone(config), None)));
    let proofs = Arc::new(Proofs::new(network.clone()));
    let parts = tasks::Parts {
        store: installation.store.clone(),
        ledger: Arc::clone(ledger),
        accounts: accounts.clone(),
        network: network.clone(),
        proofs: Arc::clone(&proofs),
        sandbox: sandbox.clone(),
        fleet: Arc::clone(&fleet),
        archive: Archive::open(&dir.join("results")).map_err(|e| other("cannot open the kept results")(&e))?,
        links: Links::new(installation.pepper.digest(b"tollgate links to results 1").bytes()),
        waiting,
    };
    let (tasks, engine) = Tasks::open(parts).await.map_err(|e| other("cannot take up the video tasks")(&e))?;
    let gateway = Arc::new(Gateway {
        keys: installation.keys.clone(),
        fleet,
        proofs,
        network,
        sandbox,
        accounts,
        tasks,
        memory,
        ledger: Arc::clone(ledger),
        books,
        telemetry: Arc::new(Telemetry::new(log.clone())),
        spool,
        replays: Replays::open(&config.storage.data_dir.join("idempotency"))
            .map_err(|e| other("cannot open the kept results")(&e))?,
        retries: AtomicI64::new(FIRST_RETRIES),
    });
    Ok((gateway, engine))
}

/// Networks of the operator that may be told of tasks, as the configuration in force has them.
fn inside(gateway: &Arc<Gateway>) -> webhooks::Inside {
    let gateway = Arc::clone(gateway);
    Arc::new(move || gateway.fleet.load().config.video.internal_networks.clone())
}

/// The routes of the data plane, for the console.
fn routes() -> Vec<String> {
    let answered =
        |operation: &Operation| operation.access == Access::Key && surface::serves(operation.method, operation.path);
    let all = openapi::operations().into_iter().filter(answered);
    all.map(|operation| format!("{} {}", operation.method, operation.path)).collect()
}

/// The bound addresses.
struct Bindings {
    data: Binding,
    admin: Option<Binding>,
    tls: bool,
}

impl Bindings {
    fn open(server: &Server) -> Result<Self, Stop> {
        let tls = server
            .tls
            .as_ref()
            .map(door::server_config)
            .transpose()
            .map_err(|e| Stop::Usage(format!("server.tls: {e}")))?;
        let bind = |address| {
            door::bind(address, tls.clone()).map_err(|e| Stop::Other(format!("cannot listen on {address}: {e}")))
        };
        Ok(Self { data: bind(server.listen)?, admin: server.admin_listen.map(bind).transpose()?, tls: tls.is_some() })
    }

    /// Where the data plane is, if operators have a listener of their own.
    fn api_base(&self) -> Option<String> {
        self.admin.as_ref()?;
        let scheme = if self.tls { "https" } else { "http" };
        Some(format!("{scheme}://{}", self.data.address().ok()?))
    }
}

/// The running doors and their workers.
struct House {
    ready: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
    /// Held by each task that accepts connections.
    listening: Arc<()>,
    drain: CancellationToken,
    closing: CancellationToken,
    finished: CancellationToken,
    workers: Vec<JoinHandle<()>>,
}

impl House {
    fn open(
        config: &Config,
        gateway: &Arc<Gateway>,
        installation: &Installation,
        bindings: &Bindings,
        file: Option<PathBuf>,
    ) -> Result<Self, Stop> {
        let server = &config.server;
        let ready = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(AtomicUsize::new(0));
        let (drain, closing, finished) = (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
        let books = Books {
            ledger: Arc::clone(&gateway.ledger),
            prices: Arc::new({
                let gateway = Arc::clone(gateway);
                move || Arc::clone(&gateway.fleet.load().config.prices)
            }),
        };
        let prices = Arc::clone(&books.prices);
        let running = Running {
            fleet: Arc::new({
                let gateway = Arc::clone(gateway);
                move || gateway.fleet.load_full()
            }),
            network: gateway.network.clone(),
            news: Arc::clone(&gateway.tasks.news),
            links: gateway.tasks.links.clone(),
            proofs: Arc::clone(&gateway.proofs),
            tls: bindings.tls,
            file,
            api_base: bindings.api_base(),
            routes: routes(),
            explain: Arc::new({
                let gateway = Arc::clone(gateway);
                move |question| {
                    let gateway = Arc::clone(&gateway);
                    Box::pin(async move { crate::gateway::explain(&gateway, question).await })
                }
            }),
            started_at: clock::now_ms(),
        };
        let admin = admin::router(AdminState::of(installation, books, running));
        let face = Arc::new(Face::new(surface::serves, prices));
        let room = Arc::new(Semaphore::new(server.max_connections));
        let door = |planes| {
            Arc::new(Door {
                handler: Arc::new(Surface {
                    gateway: Arc::clone(gateway),
                    admin: admin.clone(),
                    face: Arc::clone(&face),
                    store: installation.store.clone(),
                    planes,
                    ready: Arc::clone(&ready),
                    connections: Arc::clone(&connections),
                }),
                times: Times {
                    head: server.header_timeout,
                    body: server.body_timeout,
                    keep_alive: server.keep_alive,
                    send: server.send_timeout,
                },
                drain: drain.clone(),
                closing: closing.clone(),
                room: Arc::clone(&room),
                open: Arc::clone(&connections),
            })
        };
        let apart = bindings.admin.is_some();
        let data = door(Planes { data: true, admin: !apart });
        let operators = door(Planes { data: false, admin: true });
        let count = workers(server);
        let mut workers = Vec::with_capacity(count);
        let listening = Arc::new(());
        for index in 0..count {
            let share = |binding: &Binding| binding.share().map_err(|e| other("cannot share a listener")(&e));
            let worker = Worker {
                data: (share(&bindings.data)?, Arc::clone(&data)),
                // Operators' requests are few; the first worker takes them.
                admin: match &bindings.admin {
                    Some(binding) if index == 0 => Some((share(binding)?, Arc::clone(&operators))),
                    _ => None,
                },
                ledger: Arc::clone(&gateway.ledger),
                listening: Arc::clone(&listening),
                finished: finished.clone(),
            };
            let thread = std::thread::Builder::new().name(format!("worker-{index}"));
            workers.push(thread.spawn(move || worker.run()).map_err(|e| other("cannot start a worker")(&e))?);
        }
        Ok(Self { ready, connections, listening, drain, closing, finished, workers })
    }

    /// Takes nothing new, lets what is open finish, ends it when time or patience runs out.
    async fn close(self, drain: Duration, replays: &Replays, signals: &mut Signals) {
        self.ready.store(false, Ordering::Relaxed);
        self.drain.cancel();
        // A request with an `Idempotency-Key` goes on when its callers have left.
        let open = || self.connections.load(Ordering::Relaxed) + replays.running();
        tracing::info!(connections = open(), seconds = drain.as_secs(), "draining");
        let start = Instant::now();
        let idle = async {
            while (open() > 0 || Arc::strong_count(&self.listening) > 1) && start.elapsed() < drain {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = idle => {}
            () = signals.next() => tracing::warn!("second signal: stopping now"),
        }
        // Open streams end in their protocol's words. What then is still open is dropped with its worker's runtime,
        // and settles as it drops.
        self.closing.cancel();
        replays.close();
        let end = Instant::now() + LAST_WORDS;
        while open() > 0 && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.finished.cancel();
        for worker in self.workers {
            // A worker that panicked has said so; the others still end in order.
            let _ = worker.join();
        }
    }
}

/// One thread with its own runtime, listeners and vendor connections.
struct Worker {
    data: (Binding, Arc<Door<Surface>>),
    admin: Option<(Binding, Arc<Door<Surface>>)>,
    ledger: Arc<Ledger>,
    listening: Arc<()>,
    finished: CancellationToken,
}

impl Worker {
    fn run(self) {
        let ledger = Arc::clone(&self.ledger);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            // What was settled in this round goes to the journal before the thread sleeps.
            .on_thread_park(move || ledger.flush_lane())
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!(%error, "a worker could not start");
                return;
            }
        };
        runtime.block_on(async move {
            tokio::spawn(async {
                loop {
                    tokio::time::sleep(SWEEP).await;
                    upstream::sweep();
                }
            });
            if let Some((binding, door)) = self.admin {
                tokio::spawn(accept(binding, door, Arc::clone(&self.listening)));
            }
            accept(self.data.0, self.data.1, self.listening).await;
            self.finished.cancelled().await;
        });
    }
}

async fn accept(binding: Binding, door: Arc<Door<Surface>>, _listening: Arc<()>) {
    if let Err(error) = binding.serve(door).await {
        tracing::error!(%error, "a worker cannot listen");
    }
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Ready at the first SIGTERM or SIGINT.
pub(super) async fn stop_signal() {
    match Signals::new() {
        Ok(mut signals) => signals.next().await,
        Err(_) => std::future::pending().await,
    }
}

/// A gateway holds two descriptors for each open stream; the usual soft limit of 1,024 is soon used up.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

/// One line for each URL, and on the very first start the keys.
fn announce(bindings: &Bindings, config: &Config, first: &FirstRun) -> std::io::Result<()> {
    let scheme = if bindings.tls { "https" } else { "http" };
    let data = bindings.data.address()?;
    let operators = bindings.admin.as_ref().map_or(Ok(data), Binding::address)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "API:      {scheme}://{data}/v1")?;
    writeln!(out, "Admin:    {scheme}://{operators}/admin/v1")?;
    writeln!(out, "Console:  {scheme}://{operators}/console")?;
    writeln!(out, "Docs:     {scheme}://{data}/docs")?;
    writeln!(out, "Metrics:  {scheme}://{operators}/metrics")?;
    if config.providers.is_empty() {
        writeln!(out, "No provider is configured: only test keys are answered, by the sandbox.")?;
    } else {
        let names: Vec<&str> = config.providers.keys().map(String::as_str).collect();
        writeln!(out, "Providers: {}", names.join(", "))?;
    }
    if let Some(admin) = &first.admin {
        writeln!(out, "\nShown only this once:\n  admin key  {}", admin.expose())?;
    }
    if let Some(test) = &first.test {
        writeln!(out, "  test key   {}\n\nTry it:\n", test.expose())?;
        writeln!(out, "{}", curl(&format!("{scheme}://{data}"), test))?;
    }
    out.flush()
}

/// Command lines that work as pasted.
fn curl(base: &str, key: &Secret) -> String {
    let line = |options: &str, more: &str| {
        format!(
            "curl{options} {base}/v1/chat/completions -H 'Authorization: Bearer {}' \
             -H 'Content-Type: application/json' \\\n  \
             -d '{{\"model\": \"gpt-5-mini\"{more}, \"messages\": [{{\"role\": \"user\", \"content\": \"Hello!\"}}]}}'\n",
            key.expose()
        )
    };
    format!("{}\nand streamed:\n\n{}", line("", ""), line(" -N", ", \"stream\": true"))
}
