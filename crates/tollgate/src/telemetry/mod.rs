//! What people on call see: logs without secrets or bodies, metrics, one record for each request.

mod line;
mod log;
mod metrics;
mod record;

pub use log::{Log, init};
pub use metrics::{Levels, Metrics};
pub use record::{Record, Stage, Telemetry};
