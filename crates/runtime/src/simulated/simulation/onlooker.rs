//! Somebody who sees a run and leaves no trace in it: no dice, no timers, no tasks. With it and without, the run is the same.

use super::net::Written;
use super::trace::Event;
use crate::half::world::World;
use std::sync::Arc;
use std::time::Duration;

/// Sees what happens. What it keeps is its own; it may not use the simulation's controls.
pub trait Onlooker: Send + Sync {
    /// Something goes into the trace. Locks of the world may be held: this may only be noted.
    fn happened(&self, event: &Event);

    /// Bytes are written to a connection.
    fn written(&self, at: Duration, written: &Written<'_>);

    /// No task is running: the state of every node may be read. Called whenever time has moved on.
    fn pause(&self, at: Duration);
}

/// Has `onlooker` see this world from now on.
///
/// # Panics
/// When there is one already.
pub fn look_on(onlooker: Arc<dyn Onlooker>) {
    assert!(World::current().onlooker.set(onlooker).is_ok(), "there is one onlooker");
}
