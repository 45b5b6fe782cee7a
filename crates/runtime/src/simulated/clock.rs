//! Each node's wall clock: an offset, a drift, jumps and freezes, apart from monotonic time.

use super::world::World;
use model::Timestamp;
use std::time::Duration;

/// Milliseconds since 1970 UTC by this node's wall clock, which may jump either way.
pub fn now() -> Timestamp {
    let world = World::current();
    let elapsed = world.elapsed();
    let node = world.current_node();
    world.nodes().of(node).clock.read(elapsed)
}

/// A wall clock as a function of the time since the simulation began.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    /// Nanoseconds since 1970 at `since`.
    base: i128,
    since: Duration,
    /// How much faster it runs than true time, in millionths.
    drift: i64,
    frozen: bool,
}

impl Clock {
    /// A clock that shows `start` milliseconds since 1970 when the simulation begins, and runs true.
    pub fn new(start: Timestamp) -> Clock {
        Clock { base: i128::from(start) * 1_000_000, since: Duration::ZERO, drift: 0, frozen: false }
    }

    fn nanoseconds(&self, elapsed: Duration) -> i128 {
        if self.frozen {
            return self.base;
        }
        let passed = i128::try_from(elapsed.saturating_sub(self.since).as_nanos()).unwrap_or(i128::MAX);
        self.base + passed + passed * i128::from(self.drift) / 1_000_000
    }

    pub fn read(&self, elapsed: Duration) -> Timestamp {
        let milliseconds = self.nanoseconds(elapsed).div_euclid(1_000_000);
        Timestamp::try_from(milliseconds.max(0)).unwrap_or(Timestamp::MAX)
    }

    /// Moves it by so many milliseconds, either way.
    pub fn jump(&mut self, milliseconds: i64) {
        self.base += i128::from(milliseconds) * 1_000_000;
    }

    pub fn set_drift(&mut self, elapsed: Duration, millionths: i64) {
        self.rebase(elapsed);
        self.drift = millionths;
    }

    /// Stops it, or lets it run on from where it stopped.
    pub fn set_frozen(&mut self, elapsed: Duration, frozen: bool) {
        self.rebase(elapsed);
        self.frozen = frozen;
    }

    fn rebase(&mut self, elapsed: Duration) {
        self.base = self.nanoseconds(elapsed);
        self.since = elapsed;
    }
}
