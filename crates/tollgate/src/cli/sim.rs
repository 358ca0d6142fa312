//! `tollgate sim`: the simulator alone, as an upstream for tests and load.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use tollgate_sim::Simulator;

/// Arguments of `tollgate sim`.
#[derive(Debug, clap::Args)]
pub struct SimArgs {
    /// Address to listen on
    #[arg(long)]
    listen: SocketAddr,
    /// Varies the made-up content
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Secret that tokens of Kling must be signed with; without it signatures are not checked
    #[arg(long, value_name = "SECRET")]
    kling_secret: Option<String>,
}

/// Runs the simulator until it is told to stop.
pub fn run(args: &SimArgs) -> ExitCode {
    let served = tokio::runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind(args.listen).await?;
            let address = listener.local_addr()?;
            let _ = writeln!(std::io::stdout(), "Simulator: http://{address}/v1");
            let simulator = Simulator::new(args.seed).wanting_key();
            let simulator = match &args.kling_secret {
                Some(secret) => simulator.with_kling_secret(secret),
                None => simulator,
            };
            tollgate_sim::serve(listener, Arc::new(simulator), super::serve::stop_signal()).await
        })
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "tollgate sim: {}: {error}", args.listen);
            ExitCode::from(1)
        }
    }
}
