//! This process: its end, and the signals that ask for it.
#![allow(clippy::disallowed_methods)] // this is the replacement that the lint names

use std::io;

/// A fault that no one above can handle: says why on stderr and ends the process at once, without cleaning up, as a
/// crash would. In the simulator it kills the node.
pub async fn halt(reason: &str) -> ! {
    tracing::error!("halt: {reason}");
    eprintln!("thalweg: stopped: {reason}");
    std::process::exit(70)
}

/// Waits for SIGINT or SIGTERM.
///
/// # Errors
/// When the handlers cannot be installed.
pub async fn stop_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        biased;
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
