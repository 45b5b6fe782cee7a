//! Once the faults are over there is a leader, every replica is in sync, everything is committed everywhere, and what
//! the leader has deleted is deleted everywhere.

use super::{Verdict, require};
use crate::cluster::controller::Image;
use crate::cluster::node::{Node, Role};

const NAME: &str = "progress after healing";

pub(super) fn check(nodes: &[Node], image: &Image) -> Verdict {
    let partition = &image.partition;
    let Some(leader) = nodes.iter().find(|node| Some(node.id) == partition.leader) else {
        return require(false, NAME, || format!("no leader: {partition:?}"));
    };
    let leads = leader.leader().is_some_and(|machine| machine.leader_epoch() == partition.leader_epoch);
    require(leads, NAME, || format!("{} does not know that it leads: {partition:?}", leader.id))?;
    require(partition.isr.len() == partition.replicas.len(), NAME, || format!("not all are in sync: {partition:?}"))?;
    for node in nodes.iter().filter(|node| partition.replicas.contains(&node.id)) {
        let follows = matches!(node.role, Role::Leader(_) | Role::Follower(_));
        let (end, high_watermark) = (node.disk.end(), node.high_watermark);
        let same =
            follows && end == leader.disk.end() && high_watermark == end && node.disk.start() >= leader.disk.start();
        require(same, NAME, || {
            format!("{} is at {high_watermark} of {end}: {:?}; its leader: {:?}", node.id, node.role, leader.role)
        })?;
    }
    Ok(())
}
