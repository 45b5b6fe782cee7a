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

/// Waits for SIGINT or SIGTERM. From this call on, not only from the first poll, they do not end the process.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn stop_signal() -> impl Future<Output = io::Result<()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let handlers =
        signal(SignalKind::interrupt()).and_then(|interrupt| Ok((interrupt, signal(SignalKind::terminate())?)));
    async move {
        let (mut interrupt, mut terminate) = handlers?;
        tokio::select! {
            biased;
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    }
}
