//! From file, environment and command line to one checked [`Config`], or to everything that is wrong.
//!
//! Owns the order in which they override each other: defaults, file, `TOLLGATE_…` variables, options. The only
//! place that reads the file. Never touches the process's environment except in [`Sources::from_process`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::ConfigErrors;
use super::fields::{Context, Fields};
use super::written::{Entry, Node, Origin, Table, Value};
use super::{Config, environment, models, prices, process, providers, video, written};
use crate::pricing::PriceBook;

/// A configuration file larger than this is no configuration.
const LARGEST_FILE: u64 = 4 << 20;

/// Where a configuration comes from.
#[derive(Clone, Default)]
pub struct Sources {
    /// The file; `None` for none at all. The default path is the command line's matter.
    pub file: Option<PathBuf>,
    /// The whole environment, for `TOLLGATE_…`, `${NAME}` and the usual variables of vendors.
    pub env: BTreeMap<String, String>,
    /// `--listen`, which wins over file and environment.
    pub listen: Option<String>,
    /// `--data-dir`, which wins over file and environment.
    pub data_dir: Option<PathBuf>,
}

/// Shows names of variables only: their values are secrets.
impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("file", &self.file)
            .field("env", &self.env.keys())
            .field("listen", &self.listen)
            .field("data_dir", &self.data_dir)
            .finish()
    }
}

impl Sources {
    /// A file, if any, and this process's environment. Variables that are not UTF-8 are left out.
    pub fn from_process(file: Option<PathBuf>) -> Self {
        let utf8 = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self { file, env: std::env::vars_os().filter_map(utf8).collect(), listen: None, data_dir: None }
    }
}

impl Config {
    /// Reads and checks everything. Blocks on the file system.
    pub fn load(sources: &Sources) -> Result<Self, ConfigErrors> {
        Self::checked(sources, &written_text(sources)?, None)
    }

    /// The same for a configuration that is to replace another: its prices must not jump from that one's either.
    pub fn reload(sources: &Sources, in_force: &Self) -> Result<Self, ConfigErrors> {
        Self::checked(sources, &written_text(sources)?, Some(&in_force.prices))
    }

    /// [`Config::load`] with the file's text at hand; `sources.file` is only its name in messages.
    pub fn from_text(sources: &Sources, text: &str) -> Result<Self, ConfigErrors> {
        Self::checked(sources, text, None)
    }

    fn checked(sources: &Sources, text: &str, in_force: Option<&PriceBook>) -> Result<Self, ConfigErrors> {
        let path = sources.file.clone();
        let root = written::parse(text)
            .map_err(|errors| ConfigErrors::of_syntax(path.clone().unwrap_or_default(), text, errors))?;
        let ctx = Context::new(&sources.env);
        let config = meant(&ctx, sources, root.clone(), in_force);
        let problems = ctx.into_problems();
        if problems.is_empty() { Ok(config) } else { Err(ConfigErrors::of_meaning(path, text, &root, problems)) }
    }
}

fn written_text(sources: &Sources) -> Result<String, ConfigErrors> {
    sources.file.as_deref().map_or_else(|| Ok(String::new()), read)
}

fn read(path: &Path) -> Result<String, ConfigErrors> {
    let fail = |message: String| ConfigErrors::of_reading(path.to_owned(), message);
    let name = path.display();
    let size = std::fs::metadata(path).map_err(|error| fail(format!("cannot read {name}: {error}")))?;
    if size.len() > LARGEST_FILE {
        return Err(fail(format!("{name} is larger than 4 MiB")));
    }
    let bytes = std::fs::read(path).map_err(|error| fail(format!("cannot read {name}: {error}")))?;
    String::from_utf8(bytes).map_err(|_| fail(format!("{name} is not UTF-8")))
}

fn meant(ctx: &Context<'_>, sources: &Sources, mut root: Table, in_force: Option<&PriceBook>) -> Config {
    environment::overlay(ctx, &mut root);
    if let Some(listen) = &sources.listen {
        option(&mut root, "server", "listen", "--listen", listen);
    }
    let mut fields = Fields::of(ctx, String::new(), Origin::Whole, root);
    let server = process::server(fields.sub("server"));
    let mut storage = process::storage(fields.sub("storage"));
    let timeouts = process::timeouts(fields.sub("timeouts"));
    let tables = |fields: Option<Fields<'_>>| fields.map(Fields::into_entries).unwrap_or_default();
    let written = tables(fields.sub("providers"));
    let providers = providers::read(ctx, written, timeouts, server.listen);
    let models = models::read(ctx, tables(fields.sub("models")), &providers);
    let prices = prices::read(ctx, tables(fields.sub("prices")), in_force);
    let video = video::read(ctx, fields.sub("video"));
    fields.finish();
    if let Some(data_dir) = &sources.data_dir {
        storage.data_dir.clone_from(data_dir);
    }
    let sandbox_timeouts = timeouts.in_force(process::WrittenTimeouts::default(), super::Kind::OpenAi);
    Config { server, storage, sandbox_timeouts, providers: providers.sound, models, prices, video }
}

fn option(root: &mut Table, section: &str, key: &str, name: &'static str, value: &str) {
    let entry = |value: Value| Entry { key: Origin::Option(name), node: Node { origin: Origin::Option(name), value } };
    let table = root.entry(section.to_owned()).or_insert_with(|| entry(Value::Table(Table::new())));
    // A section that is not a table is reported by its reader.
    if let Value::Table(table) = &mut table.node.value {
        table.insert(key.to_owned(), entry(Value::Text(value.to_owned())));
    }
}
