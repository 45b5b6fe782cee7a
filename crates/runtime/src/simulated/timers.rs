//! The one timer queue of a run. Madsim's own `Sleep` waits at least a millisecond, adds a timer at every poll and never
//! removes one; this queue waits to the nanosecond and forgets what is cancelled. One task fires it, woken by the few
//! madsim timers that it arms: never more than one earlier than those it has.

use super::instant::Instant;
use super::lifecycle::Node;
use super::network::Delivery;
use super::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// What happens when a timer fires.
pub(super) enum Due {
    /// A task goes on.
    Wake(Waker),
    /// Something arrives on the network.
    Deliver(Delivery),
    /// A node that stalled runs again, if it is still the same process.
    Resume { node: Node, incarnation: u64 },
}

/// A timer that can be cancelled.
pub(super) type TimerKey = (Instant, u64);

#[derive(Default)]
pub(super) struct Timers {
    due: BTreeMap<TimerKey, Due>,
    next: u64,
    /// When madsim will wake the driver anyway.
    armed: BTreeSet<Instant>,
    driver: Option<Waker>,
}

impl World {
    /// Has `due` happen at `at`, or as soon as may be.
    pub fn schedule(&self, at: Instant, due: Due) -> TimerKey {
        let mut timers = self.timers();
        timers.next += 1;
        let key = (at, timers.next);
        timers.due.insert(key, due);
        self.arm(&mut timers);
        key
    }

    /// The same, after a while.
    pub fn schedule_after(&self, after: Duration, due: Due) -> TimerKey {
        self.schedule(self.now() + after, due)
    }

    fn cancel(&self, key: TimerKey) {
        let cancelled = self.timers().due.remove(&key);
        drop(cancelled); // outside the lock: dropping a waker may run a stranger's code
    }

    /// Whether the timer is still to fire; if so it will wake `waker`.
    fn rewake(&self, key: TimerKey, waker: &Waker) -> bool {
        match self.timers().due.get_mut(&key) {
            Some(Due::Wake(old)) => {
                old.clone_from(waker);
                true
            }
            _ => false,
        }
    }

    fn arm(&self, timers: &mut Timers) {
        let (Some((first, _)), Some(driver)) = (timers.due.keys().next(), &timers.driver) else { return };
        if timers.armed.first().is_some_and(|armed| armed <= first) {
            return;
        }
        let mut sleep = self.time.sleep(Duration::ZERO);
        let ahead = first.duration_since(self.now());
        Pin::new(&mut sleep).reset(self.time.now_instant() + ahead); // unlike `sleep_until`, not rounded up to a millisecond
        match Pin::new(&mut sleep).poll(&mut Context::from_waker(driver)) {
            Poll::Ready(()) => driver.wake_by_ref(),
            Poll::Pending => _ = timers.armed.insert(*first),
        }
    }

    fn fire(self: &Arc<Self>, driver: &Waker) {
        loop {
            let now = self.now();
            let fired: Vec<(TimerKey, Due)> = {
                let mut timers = self.timers();
                let later = timers.due.split_off(&(now, u64::MAX));
                let fired = std::mem::replace(&mut timers.due, later);
                if fired.is_empty() {
                    timers.armed = timers.armed.split_off(&(now + Duration::from_nanos(1)));
                    timers.driver = Some(driver.clone());
                    self.arm(&mut timers);
                    return;
                }
                fired.into_iter().collect()
            };
            self.watchdog().timer_fired();
            for ((_, number), due) in fired {
                self.event(Node::SUPERVISOR, "timer", [number, 0, 0]);
                match due {
                    Due::Wake(waker) => waker.wake(),
                    Due::Deliver(delivery) => self.deliver(delivery),
                    Due::Resume { node, incarnation } => self.end_stall(node, incarnation),
                }
            }
        }
    }
}

/// Fires timers for as long as the world stands.
pub(super) async fn drive(world: Arc<World>) {
    poll_fn(|cx| {
        world.fire(cx.waker());
        Poll::<()>::Pending
    })
    .await;
}

/// Waits until a moment; at least until the next timer tick, so that a loop of empty sleeps still lets others run.
pub(super) struct Sleep {
    world: Arc<World>,
    deadline: Instant,
    timer: Option<TimerKey>,
}

impl Sleep {
    pub fn until(world: Arc<World>, deadline: Instant) -> Sleep {
        Sleep { world, deadline, timer: None }
    }

    pub fn after(world: Arc<World>, duration: Duration) -> Sleep {
        let now = world.now();
        // as good as forever
        let deadline = now.checked_add(duration).unwrap_or(now + Duration::from_secs(30 * 365 * 24 * 3600));
        Sleep::until(world, deadline)
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.timer {
            None => {
                self.timer = Some(self.world.schedule(self.deadline, Due::Wake(cx.waker().clone())));
                Poll::Pending
            }
            Some(key) if self.world.rewake(key, cx.waker()) => Poll::Pending,
            Some(_) => Poll::Ready(()),
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.timer {
            self.world.cancel(key);
        }
    }
}
