//! The tollgate command.

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tollgate::cli::{check, keys, ledger, openapi, serve, sim};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An AI gateway: one base URL and one key in front of many model providers
#[derive(Parser)]
#[command(name = "tollgate", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway
    Serve(serve::ServeArgs),
    /// Run the simulator alone, as an upstream for tests and load
    Sim(sim::SimArgs),
    /// Create, list and revoke keys
    Keys(keys::KeysArgs),
    /// Check the configuration and show what is in force
    Check(check::Args),
    /// Check whether the books add up
    Ledger(ledger::LedgerArgs),
    /// Print the description of all routes, as /openapi.json has it
    Openapi(openapi::Args),
}

fn main() -> ExitCode {
    // The only TLS library in the binary; named once, since rustls cannot choose by itself.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match Arguments::parse().command {
        Command::Serve(args) => serve::run(args),
        Command::Sim(args) => sim::run(&args),
        Command::Keys(args) => keys::command(&args),
        Command::Check(args) => check::run(&args),
        Command::Ledger(args) => ledger::run(args),
        Command::Openapi(args) => openapi::run(args),
    }
}
