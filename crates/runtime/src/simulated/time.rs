//! Monotonic time and waiting, in simulated time.

pub use super::instant::Instant;
pub use std::time::Duration;

use super::timers::Sleep;
use super::world::World;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// The deadline passed first.
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for std::io::Error {
    fn from(_: Elapsed) -> Self {
        std::io::ErrorKind::TimedOut.into()
    }
}

/// Waits for `duration`.
pub async fn sleep(duration: Duration) {
    Sleep::after(World::current(), duration).await;
}

/// Waits until `deadline`.
pub async fn sleep_until(deadline: Instant) {
    Sleep::until(World::current(), deadline).await;
}

/// Runs `future` for at most `duration`.
///
/// # Errors
/// `Elapsed` when it was not done by then; the future is dropped.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    until(Sleep::after(World::current(), duration), future).await
}

/// Runs `future` until `deadline` at most.
///
/// # Errors
/// `Elapsed` when it was not done by then; the future is dropped.
pub async fn timeout_at<F: Future>(deadline: Instant, future: F) -> Result<F::Output, Elapsed> {
    until(Sleep::until(World::current(), deadline), future).await
}

async fn until<F: Future>(sleep: Sleep, future: F) -> Result<F::Output, Elapsed> {
    let (mut sleep, mut future) = (pin!(sleep), pin!(future));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => sleep.as_mut().poll(cx).map(|()| Err(Elapsed(()))),
    })
    .await
}
