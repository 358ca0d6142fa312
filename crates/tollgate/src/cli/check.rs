//! `tollgate check`: what a configuration amounts to, or everything that is wrong with it.
//!
//! Owns both presentations, for people and as JSON. Never prints a credential; never starts anything.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Map, Value, json};

use crate::config::{Config, ConfigError, ConfigErrors, Found, Place, Provider, Sources};

/// Arguments of `tollgate check`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Configuration file [default: ./tollgate.toml if it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Checks with this process's environment and prints to its standard streams: 0 if sound, 2 if not.
pub fn run(args: &Args) -> ExitCode {
    let file = args.config.clone().or_else(default_file);
    let sources = Sources::from_process(file);
    let (code, printed) = report(&sources, args.json, &mut io::stdout(), &mut io::stderr());
    // A closed pipe is the reader's choice; the exit code still tells.
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(1),
        _ => ExitCode::from(code),
    }
}

/// `./tollgate.toml`, if it exists.
pub fn default_file() -> Option<PathBuf> {
    let file = Path::new("./tollgate.toml");
    file.exists().then(|| file.to_owned())
}

/// The exit code, and whether printing worked. JSON goes to `out` in either case, errors for people to `err`.
pub fn report(sources: &Sources, as_json: bool, out: &mut impl Write, err: &mut impl Write) -> (u8, io::Result<()>) {
    match Config::load(sources) {
        Ok(config) if as_json => (0, print_json(out, &in_force(sources, &config))),
        Ok(config) => (0, print_config(out, sources, &config)),
        Err(errors) if as_json => (2, print_json(out, &wrong(&errors))),
        Err(errors) => (2, writeln!(err, "{errors}").and_then(|()| err.flush())),
    }
}

fn print_json(out: &mut impl Write, value: &Value) -> io::Result<()> {
    writeln!(out, "{value:#}")?;
    out.flush()
}

fn print_config(out: &mut impl Write, sources: &Sources, config: &Config) -> io::Result<()> {
    let file = sources.file.as_deref();
    let file = file.map_or_else(|| "none".to_owned(), |file| file.display().to_string());
    let server = &config.server;
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    writeln!(out, "configuration  {file}")?;
    writeln!(out, "listen         {scheme}://{}", server.listen)?;
    match server.admin_listen {
        Some(address) => writeln!(out, "admin          {scheme}://{address}")?,
        None => writeln!(out, "admin          on the same address")?,
    }
    writeln!(out, "data dir       {}", config.storage.data_dir.display())?;
    writeln!(out, "\nproviders      {}", config.providers.len())?;
    for provider in config.providers.values() {
        let Provider { name, kind, base, .. } = provider.as_ref();
        let count = provider.credentials.len();
        let noun = if count == 1 { "credential" } else { "credentials" };
        let found = match provider.found {
            Found::Table => "",
            Found::Variables => ", from the environment",
        };
        writeln!(out, "  {name}  {kind}  {base}  {count} {noun}{found}")?;
    }
    writeln!(out, "\nmodels         {}", config.models.len())?;
    for (name, targets) in &config.models {
        writeln!(out, "  {name}")?;
        for target in targets.iter() {
            let (provider, model) = (&target.provider.name, &target.model);
            let (priority, weight) = (target.priority, target.weight);
            writeln!(out, "    {provider}/{model}  priority {priority}, weight {weight}")?;
        }
    }
    out.flush()
}

fn in_force(sources: &Sources, config: &Config) -> Value {
    let mut shown = Map::new();
    shown.insert("ok".into(), true.into());
    shown.insert("file".into(), json!(sources.file));
    shown.extend(config.shown());
    shown.into()
}

fn wrong(errors: &ConfigErrors) -> Value {
    let errors: Vec<Value> = errors.all().iter().map(one_wrong).collect();
    json!({ "ok": false, "errors": errors })
}

fn one_wrong(error: &ConfigError) -> Value {
    let mut value = json!({ "key": error.key, "message": error.message });
    if let Some(help) = &error.help {
        value["help"] = json!(help);
    }
    match &error.place {
        Place::File { path, line, column } => {
            value["file"] = json!(path);
            value["line"] = json!(line);
            value["column"] = json!(column);
        }
        Place::Variable(name) => value["variable"] = json!(name),
        Place::Option(name) => value["option"] = json!(name),
        Place::Nowhere => {}
    }
    value
}
