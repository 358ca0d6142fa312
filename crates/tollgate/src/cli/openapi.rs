//! `tollgate openapi`: the document that `/openapi.json` serves.

use crate::openapi::{self, Operation};
use crate::surface;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Arguments of `tollgate openapi`.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Args {
    /// Print JSON on one line
    #[arg(long)]
    json: bool,
}

/// Prints the document.
pub fn run(args: Args) -> ExitCode {
    let document = openapi::document(&|operation: &Operation| surface::serves(operation.method, operation.path));
    let text = if args.json { document.to_string() } else { format!("{document:#}") };
    let mut out = io::stdout();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        // A closed pipe is the reader's choice.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(1),
        _ => ExitCode::SUCCESS,
    }
}
