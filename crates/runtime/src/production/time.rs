//! Monotonic time and waiting.
#![allow(clippy::disallowed_methods)] // this is the replacement that the lint names

pub use std::time::Duration;
pub use tokio::time::Instant;
pub use tokio::time::error::Elapsed;

use std::future::Future;

/// Waits for `duration`.
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Waits until `deadline`.
pub async fn sleep_until(deadline: Instant) {
    tokio::time::sleep_until(deadline).await;
}

/// Runs `future` for at most `duration`.
///
/// # Errors
/// `Elapsed` when it was not done by then; the future is dropped.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    tokio::time::timeout(duration, future).await
}

/// Runs `future` until `deadline` at most.
///
/// # Errors
/// `Elapsed` when it was not done by then; the future is dropped.
pub async fn timeout_at<F: Future>(deadline: Instant, future: F) -> Result<F::Output, Elapsed> {
    tokio::time::timeout_at(deadline, future).await
}
