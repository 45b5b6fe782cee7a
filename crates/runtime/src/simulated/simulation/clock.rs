//! Wall clocks that go wrong. Monotonic time never does.

use super::Node;
use crate::half::world::World;
use model::Timestamp;

/// What `node`'s wall clock shows, in milliseconds since 1970 UTC.
pub fn read(node: Node) -> Timestamp {
    let world = World::current();
    let elapsed = world.elapsed();
    world.nodes().of(node).clock.read(elapsed)
}

/// Moves it by so many milliseconds, forward or back.
pub fn jump(node: Node, milliseconds: i64) {
    let world = World::current();
    world.event(node, "clock jumps", [milliseconds as u64, 0, 0]);
    world.nodes().of(node).clock.jump(milliseconds);
}

/// Lets it run so many millionths faster than true time from now on (slower, when negative).
pub fn drift(node: Node, millionths: i64) {
    let world = World::current();
    world.event(node, "clock drifts", [millionths as u64, 0, 0]);
    let elapsed = world.elapsed();
    world.nodes().of(node).clock.set_drift(elapsed, millionths);
}

/// Stops it.
pub fn freeze(node: Node) {
    set_frozen(node, true);
}

/// Lets it run on from where it stopped.
pub fn thaw(node: Node) {
    set_frozen(node, false);
}

fn set_frozen(node: Node, frozen: bool) {
    let world = World::current();
    world.event(node, "clock frozen", [u64::from(frozen), 0, 0]);
    let elapsed = world.elapsed();
    world.nodes().of(node).clock.set_frozen(elapsed, frozen);
}
