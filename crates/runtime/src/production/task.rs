//! Tasks.
#![allow(clippy::disallowed_methods)] // this is the replacement that the lint names

pub use tokio::task::yield_now;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A running task. Dropping the handle leaves the task running.
#[derive(Debug)]
pub struct JoinHandle<T>(tokio::task::JoinHandle<T>);

/// The task ended without a result: it panicked or was aborted.
#[derive(Debug)]
pub struct JoinError(String);

impl std::fmt::Display for JoinError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for JoinError {}

impl<T> JoinHandle<T> {
    /// Ends the task at its next await.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(|e| JoinError(e.to_string()))
    }
}

/// Runs `future` beside the caller. The name is for people: the simulator's watchdog and traces show it.
pub fn spawn<F>(_name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    JoinHandle(tokio::spawn(future))
}

/// Runs work that would hold a worker for long (compression, a scan) where it may.
///
/// # Panics
/// When `work` does.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Runs a program's main future on a runtime with `workers` worker threads (0: one a core) until it is done.
///
/// # Errors
/// When threads cannot be started.
pub fn run<F: Future>(workers: usize, future: F) -> std::io::Result<F::Output> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if workers > 0 {
        builder.worker_threads(workers);
    }
    Ok(builder.enable_all().build()?.block_on(future))
}
