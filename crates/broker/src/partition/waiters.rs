//! Fetch requests that wait for data.

use model::Offset;
use runtime::sync::Notify;
use std::sync::{Arc, Mutex, Weak};

/// One waiting fetch. It registers once with each partition; a partition that has something puts itself on the ready
/// list and wakes it, so only ready partitions are read again.
#[derive(Debug, Default)]
pub struct FetchWait {
    ready: Mutex<Vec<usize>>,
    wake: Notify,
}

impl FetchWait {
    /// Marks the partition in `slot` as ready and wakes the fetch.
    pub fn ready(&self, slot: usize) {
        self.ready.lock().expect("no panic inside").push(slot);
        self.wake.notify_one();
    }

    /// Waits until a partition is ready; the slots of those that are, each once.
    pub async fn next(&self) -> Vec<usize> {
        loop {
            let mut ready = std::mem::take(&mut *self.ready.lock().expect("no panic inside"));
            if !ready.is_empty() {
                ready.sort_unstable();
                ready.dedup();
                return ready;
            }
            self.wake.notified().await;
        }
    }
}

#[derive(Debug)]
struct Waiter {
    wait: Weak<FetchWait>,
    slot: usize,
    offset: Offset,
}

/// The fetches that wait at one partition.
#[derive(Debug, Default)]
pub(super) struct FetchWaiters(Mutex<Vec<Waiter>>);

impl FetchWaiters {
    pub(super) fn register(&self, wait: &Arc<FetchWait>, slot: usize, offset: Offset) {
        let mut waiters = self.0.lock().expect("no panic inside");
        // Fetches that ended by their deadline leave their entry behind: sweep before the list grows.
        if waiters.len() == waiters.capacity() {
            waiters.retain(|waiter| waiter.wait.strong_count() > 0);
        }
        waiters.push(Waiter { wait: Arc::downgrade(wait), slot, offset });
    }

    /// Wakes those that wait for an offset below `end`.
    pub(super) fn wake_below(&self, end: Offset) {
        self.0.lock().expect("no panic inside").retain(|waiter| {
            let wakes = waiter.offset < end;
            if wakes && let Some(wait) = waiter.wait.upgrade() {
                wait.ready(waiter.slot);
            }
            !wakes
        });
    }

    pub(super) fn wake_all(&self) {
        self.wake_below(Offset::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_became_readable_wakes_a_fetch() {
        runtime::task::run(1, async {
            let waiters = FetchWaiters::default();
            let wait = Arc::new(FetchWait::default());
            waiters.register(&wait, 0, 5);
            waiters.register(&wait, 1, 9);
            waiters.wake_below(6);
            assert_eq!(wait.next().await, [0]);
            waiters.wake_below(6);
            waiters.wake_below(10);
            assert_eq!(wait.next().await, [1]);
        })
        .expect("a runtime");
    }

    #[test]
    fn entries_of_ended_fetches_are_swept() {
        let waiters = FetchWaiters::default();
        for offset in 0..1000 {
            waiters.register(&Arc::new(FetchWait::default()), 0, offset);
        }
        assert!(waiters.0.lock().unwrap().len() <= 8);
    }
}
