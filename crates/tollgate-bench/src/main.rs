//! `tollgate-bench`: what tollgate is measured with.
//!
//! One program: a lean static upstream, a load generator that checks every answer, and two control proxies that
//! show what the HTTP library costs without a gateway on top, each on one thread over HTTP/1.1; and what translating
//! costs without any socket. All end by themselves. `scripts/bench.py` puts them together.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod args;
mod clock;
mod control;
mod load;
mod net;
mod process;
mod sample;
mod translate;
mod upstream;
mod wire;

use args::Args;
use std::io::{self, Write as _};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
usage: tollgate-bench <command> [--option value]...

  upstream --listen ADDR [--secs N]
      answers OpenAI chat (plain and streamed) and embeddings from memory

  control hyper|duties --listen ADDR --upstream ADDR [--secs N]
      a bare hyper reverse proxy; `duties` adds a key look-up, the model read from the request and the
      usage read from the answer

  translate [--vendor P] [--caller P] [--rounds N] [--times N]
      CPU time of passing and of translating a request, an answer and a chunk of a stream, for all pairs of
      protocols or the chosen ones; prints one JSON object a pair, medians over the rounds

  load --addr ADDR --kind chat|stream|embeddings|hold [options]
      --protocol P      chat or messages (Anthropic's, for a gateway that translates)  (chat)
      --connections N   connections, and requests in flight at most         (1)
      --rate R          open loop: R requests a second; without it closed loop
      --secs S          length of the measured window                       (5)
      --warm S          time before the window starts                       (1)
      --requests N      stop after N requests                               (no limit)
      --chunks N        streams: content chunks                             (200)
      --delay-us D      streams: microseconds between chunks                (0)
      --model NAME      model to ask for                                    (bench-chat, bench-embed)
      --key KEY         bearer key                                          (the controls' key)
      --check full|status  how far answers are checked                      (full)
      --pid P           process tree whose CPU time and memory are taken
      prints one JSON object; `hold` opens N streams, keeps them open and takes the memory they cost
";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let outcome = match command.as_str() {
        "upstream" => Args::parse(words).and_then(upstream::run),
        "translate" => Args::parse(words).and_then(translate::run),
        "load" => Args::parse(words).and_then(load::run),
        "control" => {
            let kind = words.next().unwrap_or_default();
            Args::parse(words).and_then(|args| control::run(&kind, args))
        }
        "help" | "--help" | "-h" => {
            return match io::stdout().write_all(USAGE.as_bytes()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            };
        }
        other => Err(args::Failure::usage(format!("unknown command {other:?}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "tollgate-bench: {failure}");
            if failure.is_usage() {
                let _ = write!(io::stderr(), "\n{USAGE}");
                return ExitCode::from(2);
            }
            ExitCode::FAILURE
        }
    }
}
