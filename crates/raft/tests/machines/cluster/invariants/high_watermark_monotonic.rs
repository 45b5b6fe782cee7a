//! While a process lives its high watermark only moves up, and never past its log.

use super::super::node::Running;
use super::Violation;
use model::NodeId;

pub fn check(node: NodeId, running: &mut Running) -> Result<(), Violation> {
    let (before, after) = (running.last_high_watermark, running.raft.high_watermark());
    let end = running.raft.log_end_offset();
    running.last_high_watermark = after;
    if before <= after && after <= end {
        return Ok(());
    }
    let what = format!("node {node}: {before}, then {after}, of a log up to {end}");
    Err(Violation::of("high watermark monotonic", what))
}
