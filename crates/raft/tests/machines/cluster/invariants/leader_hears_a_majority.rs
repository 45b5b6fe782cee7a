//! A leader that a majority of the voters has been silent to does not stay one: what it shows is older from day to day.

use super::super::node::Running;
use super::super::shape::Shape;
use super::Violation;
use model::NodeId;
use model::state_machine::Instant;

/// The fetch timeout, until the next heartbeat after it.
pub fn check(node: NodeId, running: &mut Running, shape: &Shape, now: Instant) -> Result<(), Violation> {
    let Some(since) = running.leads_since else { return Ok(()) };
    if !running.raft.voters().keys().eq(running.leads.iter().copied()) {
        // Of another set another majority is asked for from now on.
        running.leads = running.raft.voters().keys().collect();
        running.leads_since = Some(now);
        return Ok(());
    }
    let patience = shape.fetch_timeout + shape.heartbeat_interval * 2;
    let heard = |id: NodeId| {
        let at = running.heard.get(id as usize - 1).copied().unwrap_or(since).max(since);
        id == node || now.saturating_since(at) <= patience
    };
    let voters = running.raft.voters();
    let voices = voters.keys().filter(|key| heard(key.id)).count();
    if voices >= voters.majority() {
        return Ok(());
    }
    let what = format!("node {node} leads and has heard from {voices} of {} for {patience:?}", voters.len());
    Err(Violation::of("leader hears a majority", what))
}
