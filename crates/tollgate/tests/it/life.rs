//! The life of the process: first start, refusals, drain, reload, crash.

mod drain;
mod reload;
mod start;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The program in this directory, without any variable of ours.
pub fn tollgate(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(args).current_dir(dir).env_clear().stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub fn run(mut command: Command) -> Output {
    command.output().unwrap()
}

/// Exit code and what was printed on standard error.
pub fn failed(command: Command) -> (Option<i32>, String) {
    let output = run(command);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A `serve` whose standard output is of interest. Killed with its owner.
pub struct Serve {
    pub child: Child,
    pub address: SocketAddr,
    /// What was printed up to the ready line.
    pub printed: String,
}

impl Serve {
    pub fn start(command: Command) -> Self {
        let serve = Self::started(command);
        serve.wait_ready();
        serve
    }

    /// As [`Serve::start`], without asking whether it is ready.
    pub fn started(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut printed = String::new();
        // All is printed in one go before the first request is taken.
        while !printed.contains("API:") {
            assert!(lines.read_line(&mut printed).unwrap() > 0, "{printed}");
        }
        let address = printed.split("://").nth(1).unwrap().split("/v1").next().unwrap().parse().unwrap();
        let mut serve = Self { child, address, printed };
        // Standard output stays open; what is there now is all.
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = lines.read(&mut piece) {
                let _ = sender.send(String::from_utf8_lossy(&piece[..count]).into_owned());
            }
        });
        while let Ok(more) = receiver.recv_timeout(Duration::from_millis(200)) {
            serve.printed.push_str(&more);
        }
        serve
    }

    fn wait_ready(&self) {
        let end = Instant::now() + Duration::from_secs(10);
        while crate::harness::request(self.address, "GET", "/readyz", &[], b"").status != 200 {
            assert!(Instant::now() < end, "not ready");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What stands after `label` on its line.
    pub fn after(&self, label: &str) -> Option<String> {
        let line = self.printed.lines().find(|line| line.trim_start().starts_with(label))?;
        Some(line.trim_start().strip_prefix(label)?.trim().to_owned())
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
