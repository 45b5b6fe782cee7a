//! Finds tasks that spin: a million polls during which no timer fires means that somebody polls without waiting for
//! anything, and simulated time will never get anywhere.

use super::world::World;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Polls without a timer firing after which the run fails.
const LIMIT: u64 = 1_000_000;
/// So many of the last polls before that are counted by task, to name the one that spins.
const WITNESSED: u64 = 10_000;

#[derive(Default)]
pub(super) struct Watchdog {
    polls: u64,
    suspects: BTreeMap<&'static str, u64>,
}

impl Watchdog {
    pub fn timer_fired(&mut self) {
        if self.polls > 0 {
            self.polls = 0;
            self.suspects.clear();
        }
    }

    /// # Panics
    /// When too many polls were made since the last timer fired.
    fn polled(&mut self, task: &'static str) {
        self.polls += 1;
        if self.polls <= LIMIT - WITNESSED {
            return;
        }
        *self.suspects.entry(task).or_insert(0) += 1;
        if self.polls > LIMIT {
            let (name, polls) = self.suspects.iter().max_by_key(|(_, polls)| **polls).expect("just counted one");
            panic!("task `{name}` spins: {polls} of the last {WITNESSED} polls of {LIMIT} without any timer firing");
        }
    }
}

/// `future`, each poll counted under `task`. `_alive` goes when the task does.
pub(super) async fn watched<F: Future>(
    world: Arc<World>,
    task: &'static str,
    _alive: Option<Alive>,
    future: F,
) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        world.watchdog().polled(task);
        future.as_mut().poll(cx)
    })
    .await
}

/// Counts the tasks of nodes that are not dropped yet.
pub(super) struct Alive(Arc<AtomicU64>);

impl Alive {
    pub fn new(count: &Arc<AtomicU64>) -> Alive {
        count.fetch_add(1, Ordering::Relaxed);
        Alive(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
