//! What happened so far: its hash, and the last of it.

pub use crate::half::trace::Event;

use crate::half::world::World;

/// The hash of all events so far. Equal for equal runs.
pub fn hash() -> u64 {
    World::current().trace().hash()
}

/// How many events there were.
pub fn count() -> u64 {
    World::current().trace().count()
}

/// Adds an event of the caller's, such as a client's result, to the current node's.
pub fn record(kind: &'static str, values: [u64; 3]) {
    let world = World::current();
    world.event(world.current_node(), kind, values);
}

/// The last events, oldest first, as many as are kept.
pub fn last() -> Vec<Event> {
    World::current().trace().last().copied().collect()
}
