//! The load generator: prebuilt requests over plain sockets, every answer checked.

mod check;
mod connection;
mod hold;
mod plan;
mod tally;
mod workers;

use crate::args::{Args, Failure};
use crate::net;
use crate::process::Tree;
use plan::{Kind, Plan};
use std::io::{self, Write as _};
use std::rc::Rc;

/// Runs one load and prints what it saw as one line of JSON.
pub(crate) fn run(mut args: Args) -> Result<(), Failure> {
    let plan = Rc::new(Plan::take(&mut args)?);
    let watched = args.take("pid")?.map(Tree::of);
    args.finish()?;
    let seen = net::block_on(async {
        Ok(match plan.kind {
            Kind::Hold => hold::run(&plan, watched.as_ref()).await,
            _ => workers::run(&plan, watched.as_ref()).await,
        })
    })?;
    writeln!(io::stdout(), "{seen}")?;
    Ok(())
}
