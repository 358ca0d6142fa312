//! How far long work is: a bar where somebody looks, a line now and then where a log is written. Always on stderr, so that
//! what a command prints stays what it prints.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Between two lines in a log; work that is shorter says nothing.
const EVERY: Duration = Duration::from_secs(5);

/// Shows one piece of work.
pub(super) struct Bar {
    /// What is counted.
    unit: &'static str,
    shown: Option<ProgressBar>,
    last: Instant,
}

impl Bar {
    /// Nothing is shown before the first [`Bar::at`].
    pub(super) fn new(unit: &'static str) -> Self {
        let shown = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            // A template that is wrong gives the plain bar.
            if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3}%  {msg}  {eta} left") {
                bar.set_style(style);
            }
            bar
        });
        Self { unit, shown, last: Instant::now() }
    }

    /// `done` of `all` parts are done, and `count` things in them.
    pub(super) fn at(&mut self, done: u64, all: u64, count: u64) {
        let all = all.max(done);
        if let Some(bar) = &self.shown {
            bar.set_length(all);
            bar.set_position(done);
            bar.set_message(format!("{count} {}", self.unit));
        } else if self.last.elapsed() >= EVERY {
            self.last = Instant::now();
            let percent = done.saturating_mul(100) / all.max(1);
            // Nobody may be reading.
            let _ = writeln!(std::io::stderr(), "{percent} % done, {count} {}", self.unit);
        }
    }

    /// The work is over, well or not: the bar goes.
    pub(super) fn done(self) {
        if let Some(bar) = self.shown {
            bar.finish_and_clear();
        }
    }
}
