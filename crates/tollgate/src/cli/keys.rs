//! `tollgate keys create|list|revoke`: works on the database itself, whether or not `serve` runs.
//!
//! A running `serve` sees changes within a second. Prints a secret only when it has just been made. Writes through
//! the writers it is given and never panics on a closed pipe.

mod print;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use crate::clock;
use crate::config::Secret;
use crate::keys::bootstrap::{self, BootError};
use crate::keys::manage::{self, Actor, ManageError};
use crate::keys::{Budget, BudgetMode, Invalid, KeySpec, Limits, Mode, Window, view};
use crate::money;
use crate::store::keys::KeyRow;
use crate::store::{self, DataDir, Store, StoreError};

/// Make, list and revoke keys.
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// Data dir of the installation
    #[arg(long, global = true, value_name = "DIR", default_value = "tollgate-data")]
    pub data_dir: PathBuf,
    /// Print data as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key and print its secret, once
    Create(Box<CreateArgs>),
    /// List all keys, newest first
    List {
        /// Only keys of this project
        #[arg(long, value_name = "PROJECT")]
        project: Option<String>,
    },
    /// Revoke a key for ever
    Revoke {
        /// The key's id (key_…)
        id: String,
    },
}

/// What the new key is like.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Name, for people
    #[arg(long)]
    pub name: String,
    /// Live keys reach providers, test keys the built-in sandbox
    #[arg(long, default_value = "live", value_parser = mode)]
    pub mode: Mode,
    /// Project that it belongs to [default: `proj_default`]
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<String>,
    /// Models that it may use, with * and ?; repeat for more [default: all]
    #[arg(long = "model", value_name = "GLOB")]
    pub models: Vec<String>,
    /// Addresses or ranges that it may be used from; repeat for more [default: all]
    #[arg(long = "ip", value_name = "CIDR")]
    pub ips: Vec<String>,
    /// When it ends: 2027-01-31T00:00:00Z, or from now: 90m, 12h, 30d, 8w
    #[arg(long, value_name = "WHEN", value_parser = expiry)]
    pub expires: Option<i64>,
    /// Money that it may spend, in USD
    #[arg(long, value_name = "USD", value_parser = usd)]
    pub budget: Option<i64>,
    /// When the budget starts anew: total (never), day, week or month (UTC) [default: total]
    #[arg(long, requires = "budget", value_parser = window)]
    pub window: Option<Window>,
    /// When it is used up: strict (refuse what may not fit), soft (refuse once it is spent) or meter (only count)
    /// [default: strict]
    #[arg(long, value_name = "MODE", requires = "budget", value_parser = budget_mode)]
    pub budget_mode: Option<BudgetMode>,
    /// Requests in a minute
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rpm: Option<u32>,
    /// Tokens in a minute
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=i64::MAX.unsigned_abs()))]
    pub tpm: Option<u64>,
    /// Requests at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub concurrency: Option<u32>,
    /// Free metadata; repeat for more
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub metadata: Vec<(String, String)>,
}

/// Runs the command on the process's own output.
pub fn command(args: &KeysArgs) -> std::process::ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(io::stderr(), "tollgate keys: {error}");
            return std::process::ExitCode::from(1);
        }
    };
    std::process::ExitCode::from(runtime.block_on(run(args, &mut io::stdout(), &mut io::stderr())))
}

/// Runs the command and gives the exit code: 0 done, 2 bad usage, 1 anything else.
pub async fn run(args: &KeysArgs, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let (code, message) = match execute(args, out).await {
        Ok(()) => return 0,
        // The reader has seen enough (`| head`). A new secret that nobody could read is a fault, though.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe && !making(args) => {
            return 0;
        }
        Err(Failure::Usage(invalid)) => (2, invalid.to_string()),
        Err(Failure::Output(error)) => (1, format!("cannot write the output: {error}")),
        Err(Failure::Other(message)) => (1, message),
    };
    // Nowhere is left to say that the error output is closed.
    let _ = writeln!(err, "error: {message}");
    code
}

fn making(args: &KeysArgs) -> bool {
    matches!(args.command, KeysCommand::Create(_))
}

enum Failure {
    Usage(Invalid),
    Output(io::Error),
    Other(String),
}

async fn execute(args: &KeysArgs, out: &mut dyn Write) -> Result<(), Failure> {
    // Only making a key may make a data dir: a mistyped one is an error for the rest.
    let dir = match &args.command {
        KeysCommand::Create(create) => {
            spec(create).check()?;
            DataDir::create(&args.data_dir)
        }
        KeysCommand::List { .. } | KeysCommand::Revoke { .. } => DataDir::existing(&args.data_dir),
    };
    let (store, pepper) = bootstrap::open(&dir.map_err(BootError::from)?).await?;
    let actor = Actor { name: "cli".into(), peer: None, now_ms: clock::now_ms() };
    let done = match &args.command {
        KeysCommand::Create(create) => {
            let (row, secret) = manage::create_key(&store, &pepper, &spec(create), &actor).await?;
            created(args.json, &row, &secret, out)
        }
        KeysCommand::List { project } => list(args.json, &store, project.as_deref(), out).await,
        KeysCommand::Revoke { id } => {
            let row = manage::revoke_key(&store, id, &actor).await?;
            revoked(args.json, &row, out)
        }
    };
    store.close().await;
    done?;
    Ok(out.flush()?)
}

fn spec(create: &CreateArgs) -> KeySpec {
    let mut spec = KeySpec::new(create.name.clone(), create.mode);
    if let Some(project) = &create.project {
        spec.project.clone_from(project);
    }
    spec.allowed_models.clone_from(&create.models);
    spec.allowed_ips.clone_from(&create.ips);
    spec.expires_at = create.expires;
    spec.budget = create.budget.map(|limit_nano_usd| Budget {
        limit_nano_usd,
        window: create.window.unwrap_or(Window::Total),
        mode: create.budget_mode.unwrap_or_default(),
    });
    spec.limits =
        Limits { requests_per_minute: create.rpm, tokens_per_minute: create.tpm, concurrency: create.concurrency };
    spec.metadata = create.metadata.iter().cloned().collect();
    spec
}

fn created(json: bool, row: &KeyRow, secret: &Secret, out: &mut dyn Write) -> Result<(), Failure> {
    if json {
        let mut object = Map::new();
        object.insert("id".into(), row.id.as_str().into());
        object.insert("key".into(), secret.expose().into());
        object.extend(view::key(row, clock::now_ms())?);
        writeln!(out, "{}", Value::Object(object))?;
        return Ok(());
    }
    let mode = &row.mode;
    writeln!(out, "Made the {mode} key {} ({}) of {}.\n", row.id, row.name, row.project_id)?;
    writeln!(out, "  {}\n", secret.expose())?;
    writeln!(out, "This is shown once; keep it now. Use it as \"Authorization: Bearer …\", x-api-key or")?;
    writeln!(out, "x-goog-api-key, or set it as the API key of any SDK whose base URL is the gateway.")?;
    Ok(())
}

async fn list(json: bool, store: &Store, project: Option<&str>, out: &mut dyn Write) -> Result<(), Failure> {
    const PAGE: usize = 1000;
    let mut rows = Vec::new();
    loop {
        let after = rows.last().map(|row: &KeyRow| row.id.clone());
        let page = store::keys::page(store, project, after.as_deref(), 1000).await?;
        let last = page.len() < PAGE;
        rows.extend(page);
        if last {
            break;
        }
    }
    let now = clock::now_ms();
    let views = rows.iter().map(|row| view::key(row, now)).collect::<Result<Vec<_>, _>>()?;
    if json {
        let mut object = Map::new();
        object.insert("data".into(), views.into_iter().map(Value::Object).collect());
        writeln!(out, "{}", Value::Object(object))?;
    } else {
        print::table(&views, out)?;
    }
    Ok(())
}

fn revoked(json: bool, row: &KeyRow, out: &mut dyn Write) -> Result<(), Failure> {
    if json {
        writeln!(out, "{}", Value::Object(view::key(row, clock::now_ms())?))?;
    } else {
        writeln!(out, "Revoked {} ({}). A running gateway refuses it within a second.", row.id, row.name)?;
    }
    Ok(())
}

fn mode(text: &str) -> Result<Mode, &'static str> {
    Mode::parse(text).ok_or("must be live or test")
}

fn window(text: &str) -> Result<Window, &'static str> {
    Window::parse(text).ok_or("must be total, day, week or month")
}

fn budget_mode(text: &str) -> Result<BudgetMode, &'static str> {
    BudgetMode::parse(text).ok_or("must be strict, soft or meter")
}

fn usd(text: &str) -> Result<i64, money::MoneyError> {
    money::parse(text)
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A time, or a span from now, in unix milliseconds.
fn expiry(text: &str) -> Result<i64, &'static str> {
    const WRONG: &str = "must be a time such as 2027-01-31T00:00:00Z or a span such as 12h or 30d";
    if let Ok(ms) = clock::parse(text) {
        return Ok(ms);
    }
    let unit = match text.as_bytes().last() {
        Some(b's') => 1_000,
        Some(b'm') => 60_000,
        Some(b'h') => 3_600_000,
        Some(b'd') => 86_400_000,
        Some(b'w') => 604_800_000,
        _ => return Err(WRONG),
    };
    let count: u32 = text.get(..text.len() - 1).and_then(|n| n.parse().ok()).ok_or(WRONG)?;
    let span = i64::from(count).checked_mul(unit).filter(|span| *span > 0).ok_or(WRONG)?;
    // A thousand years: beyond that a time could not be written any more.
    if span > 31_557_600_000_000 {
        return Err("is too far away");
    }
    Ok(clock::now_ms().saturating_add(span))
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::Usage(invalid)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Other(causes(&error))
    }
}

impl From<BootError> for Failure {
    fn from(error: BootError) -> Self {
        Self::Other(causes(&error))
    }
}

impl From<ManageError> for Failure {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::Invalid(invalid) => Self::Usage(invalid),
            other => Self::Other(causes(&other)),
        }
    }
}

/// An error and what it came from, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        // A wrapper's text may end with its cause's already.
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}
