//! What the code logs, with simulated time in front, on stderr. Off unless asked for: formatting costs more than what
//! is simulated.

use std::fmt;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

struct SimulatedTime;

impl FormatTime for SimulatedTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let elapsed = runtime::simulation::elapsed();
        write!(writer, "{:>5}.{:09}", elapsed.as_secs(), elapsed.subsec_nanos())
    }
}

/// Logs what `filter` (as in `RUST_LOG`) lets through.
pub fn begin(filter: &str) {
    let filter = EnvFilter::new(filter);
    tracing_subscriber::fmt()
        .with_timer(SimulatedTime)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .with_env_filter(filter)
        .init();
}
