//! This process: its end, and the signals that ask for it. A simulated process is all tasks of its node.

use super::lifecycle::Exit;
use super::world::World;
use std::future::pending;
use std::io;

/// A fault that no one above can handle: ends the node's process at once, without cleaning up, as a crash would.
///
/// # Panics
/// On node 0, the simulation itself, which nobody could restart.
pub async fn halt(reason: &str) -> ! {
    let world = World::current();
    let node = world.current_node();
    assert!(!node.is_supervisor(), "halt: {reason}");
    world.end_process(node, Exit::Halted(reason.to_owned()));
    loop {
        pending::<()>().await;
    }
}

/// Waits for the request to stop, [`Node::stop`](crate::simulation::Node::stop) in place of SIGTERM.
///
/// # Errors
/// Never here.
pub async fn stop_signal() -> io::Result<()> {
    let world = World::current();
    let node = world.current_node();
    let mut requests = {
        let mut nodes = world.nodes();
        let state = nodes.of(node);
        state.handles_stop = true;
        state.stop.subscribe()
    };
    while !*requests.borrow_and_update() {
        if requests.changed().await.is_err() {
            pending::<()>().await; // the process ended meanwhile
        }
    }
    Ok(())
}
