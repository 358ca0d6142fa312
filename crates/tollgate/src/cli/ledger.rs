//! `tollgate ledger verify`: do the books add up? Works beside a running gateway, changes nothing, and refuses a database
//! whose schema is not this version's.

use super::progress::Bar;
use crate::config::{Config, Sources};
use crate::ledger::verify::{self, Report};
use crate::store::{DataDir, Store};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `tollgate ledger`.
#[derive(Debug, clap::Args)]
pub struct LedgerArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check every invariant over every entry; exit code 1 if one does not hold
    Verify {
        /// Where data lives [default: as configured]
        #[arg(long)]
        data_dir: Option<PathBuf>,
        /// Configuration file [default: ./tollgate.toml if it exists]
        #[arg(long)]
        config: Option<PathBuf>,
        /// Print the report as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub fn run(args: LedgerArgs) -> ExitCode {
    let Command::Verify { data_dir, config, json } = args.command;
    match report(data_dir, config) {
        Ok(report) => {
            let text = if json { report.to_json().to_string() } else { people(&report) };
            let _ = writeln!(std::io::stdout(), "{text}");
            if report.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err((message, code)) => {
            let _ = writeln!(std::io::stderr(), "tollgate: {}", message.trim_end());
            ExitCode::from(code)
        }
    }
}

fn report(data_dir: Option<PathBuf>, config: Option<PathBuf>) -> Result<Report, (String, u8)> {
    let path = if let Some(path) = data_dir {
        path
    } else {
        let sources = Sources::from_process(config.or_else(super::check::default_file));
        Config::load(&sources).map_err(|errors| (errors.to_string(), 2))?.storage.data_dir
    };
    let fail = |error: &dyn std::error::Error| (error.to_string(), 1);
    let dir = DataDir::existing(&path).map_err(|error| fail(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| fail(&error))?;
    runtime.block_on(async {
        let store = Store::look(&dir).await.map_err(|error| fail(&error))?;
        let mut bar = Bar::new("entries");
        let mut show = |at: verify::Progress| bar.at(at.blocks, at.of_blocks, at.entries);
        let report = verify::verify_showing(&store, &mut show).await.map_err(|error| fail(&error));
        bar.done();
        store.close().await;
        report
    })
}

fn people(report: &Report) -> String {
    let mut text = format!(
        "{} entries ({} recovered after a crash), {} refunds, {} sums checked: ",
        report.entries, report.recovered, report.refunds, report.sums
    );
    if report.is_ok() {
        text.push_str("everything adds up.");
    } else {
        // Writing to a string cannot fail.
        let _ = write!(text, "{} violations.", report.broken);
        for violation in &report.violations {
            let _ = write!(text, "\n  {}  {}", violation.invariant, violation.detail);
        }
    }
    text
}
