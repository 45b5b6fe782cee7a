//! Tasks of the current node.

use super::simulation;
use super::watchdog::watched;
use super::world::World;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A running task. Dropping the handle leaves the task running.
#[derive(Debug)]
pub struct JoinHandle<T>(pub(super) madsim::task::JoinHandle<T>);

/// The task ended without a result: it was aborted, or its node died.
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
        Pin::new(&mut self.0).poll(cx).map_err(|_| JoinError("the task was cancelled".to_owned()))
    }
}

/// Runs `future` beside the caller. The name is for people: the watchdog and traces show it.
pub fn spawn<F>(name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let world = World::current();
    let alive = world.spawning(world.current_node());
    JoinHandle(madsim::task::Builder::new().name(name).spawn(watched(world, name, alive, Box::pin(future))))
}

/// Lets every other task run that is ready.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs work that would hold a worker for long (compression, a scan). Here it runs at once as a task of its own, which
/// goes on when the caller loses interest, as a thread of the blocking pool would.
///
/// # Panics
/// When `work` does.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let running = spawn("blocking", async move {
        yield_now().await;
        work()
    });
    running.await.expect("a panic would have ended the run")
}

/// Runs a program's main future in a world of its own, seed 1, until it is done. For programs and tests that know
/// nothing of the simulator.
///
/// # Errors
/// Never here.
pub fn run<F: Future>(_workers: usize, future: F) -> std::io::Result<F::Output> {
    Ok(simulation::run_here(&simulation::Settings::new(1), future))
}
