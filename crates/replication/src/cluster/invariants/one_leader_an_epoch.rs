//! No two nodes lead in one leader epoch.

use super::{Verdict, require};
use crate::Leader;
use model::{LeaderEpoch, NodeId};
use std::collections::BTreeMap;

pub(super) fn check(leaders: &mut BTreeMap<LeaderEpoch, NodeId>, id: NodeId, leader: &Leader) -> Verdict {
    let first = *leaders.entry(leader.leader_epoch()).or_insert(id);
    require(first == id, "one leader an epoch", || {
        format!("{first} and {id} both lead in epoch {}", leader.leader_epoch())
    })
}
