//! The one timer queue of a run. Madsim's own `Sleep` waits at least a millisecond, adds a timer at every poll and never
//! removes one; this queue waits to the nanosecond and forgets what is cancelled. One task fires it, woken by the few
//! madsim timers that it arms: never more than one earlier than those it has.
//!
//! Half of all timers are deadlines that are cancelled. So they wait in a heap, whose entries of cancelled timers are
//! left there until they come up or are more than the others: half the work of a tree that is kept exact.

use super::instant::Instant;
use super::lifecycle::Node;
use super::network::Delivery;
use super::world::World;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
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

/// A timer that can be cancelled: its place and its number.
pub(super) type TimerKey = (usize, u64);

#[derive(Default)]
pub(super) struct Timers {
    /// The soonest first: when, number, place. Those of one moment fire in the order they were made in.
    order: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    /// What happens, by place. A place is used again once its timer has fired or was cancelled.
    places: Vec<Option<(u64, Due)>>,
    free: Vec<usize>,
    last: u64,
    /// When madsim will wake the driver anyway.
    armed: BTreeSet<Instant>,
    driver: Option<Waker>,
}

impl Timers {
    fn add(&mut self, at: Instant, due: Due) -> TimerKey {
        self.last += 1;
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[place] = Some((self.last, due));
        self.order.push(Reverse((at, self.last, place)));
        (place, self.last)
    }

    fn take(&mut self, (place, number): TimerKey) -> Option<Due> {
        let (_, due) = self.places[place].take_if(|(there, _)| *there == number)?;
        self.free.push(place);
        Some(due)
    }

    fn cancel(&mut self, key: TimerKey) -> Option<Due> {
        let cancelled = self.take(key)?;
        let pending = self.places.len() - self.free.len();
        if self.order.len() > 2 * pending + 64 {
            let Timers { order, places, .. } = self;
            order.retain(|Reverse((_, number, place))| is_there(&places[*place], *number));
        }
        Some(cancelled)
    }

    /// When the next one is due.
    fn first(&mut self) -> Option<Instant> {
        while let Some(Reverse((at, number, place))) = self.order.peek() {
            if is_there(&self.places[*place], *number) {
                return Some(*at);
            }
            self.order.pop();
        }
        None
    }

    /// The next one that is due by `now`, and its number.
    fn next_due(&mut self, now: Instant) -> Option<(u64, Due)> {
        if self.first()? > now {
            return None;
        }
        let Reverse((_, number, place)) = self.order.pop()?;
        Some((number, self.take((place, number))?))
    }
}

/// Whether the timer of this number still is what this place holds.
fn is_there(place: &Option<(u64, Due)>, number: u64) -> bool {
    place.as_ref().is_some_and(|(there, _)| *there == number)
}

impl World {
    /// Has `due` happen at `at`, or as soon as may be.
    pub fn schedule(&self, at: Instant, due: Due) -> TimerKey {
        let mut timers = self.timers();
        let key = timers.add(at, due);
        self.arm(&mut timers);
        key
    }

    /// The same, after a while.
    pub fn schedule_after(&self, after: Duration, due: Due) -> TimerKey {
        self.schedule(self.now() + after, due)
    }

    fn cancel(&self, key: TimerKey) {
        let cancelled = self.timers().cancel(key);
        drop(cancelled); // outside the lock: dropping a waker may run a stranger's code
    }

    /// Whether the timer is still to fire; if so it will wake `waker`.
    fn rewake(&self, key: TimerKey, waker: &Waker) -> bool {
        let (place, number) = key;
        match &mut self.timers().places[place] {
            Some((there, Due::Wake(old))) if *there == number => {
                old.clone_from(waker);
                true
            }
            _ => false,
        }
    }

    fn arm(&self, timers: &mut Timers) {
        let (Some(first), Some(driver)) = (timers.first(), &timers.driver) else { return };
        if timers.armed.first().is_some_and(|armed| *armed <= first) {
            return;
        }
        let mut sleep = self.time.sleep(Duration::ZERO);
        let ahead = first.duration_since(self.now());
        Pin::new(&mut sleep).reset(self.time.now_instant() + ahead); // unlike `sleep_until`, not rounded up to a millisecond
        match Pin::new(&mut sleep).poll(&mut Context::from_waker(driver)) {
            Poll::Ready(()) => driver.wake_by_ref(),
            Poll::Pending => _ = timers.armed.insert(first),
        }
    }

    fn fire(self: &Arc<Self>, driver: &Waker) {
        let now = self.now();
        if let Some(onlooker) = self.onlooker.get() {
            onlooker.pause(self.elapsed());
        }
        while let Some((number, due)) = self.next_due(now) {
            self.watchdog().timer_fired();
            self.event(Node::SUPERVISOR, "timer", [number, 0, 0]);
            match due {
                Due::Wake(waker) => waker.wake(),
                Due::Deliver(delivery) => self.deliver(delivery),
                Due::Resume { node, incarnation } => self.end_stall(node, incarnation),
            }
        }
        let mut timers = self.timers();
        while timers.armed.first().is_some_and(|armed| *armed <= now) {
            timers.armed.pop_first();
        }
        timers.driver = Some(driver.clone());
        self.arm(&mut timers);
    }

    fn next_due(&self, now: Instant) -> Option<(u64, Due)> {
        self.timers().next_due(now)
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
