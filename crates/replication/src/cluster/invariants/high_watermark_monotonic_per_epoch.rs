//! Within a leader epoch the high watermark never falls.

use super::{Verdict, require};
use crate::Leader;
use model::{LeaderEpoch, NodeId, Offset};
use std::collections::BTreeMap;

pub(super) fn check(told: &mut BTreeMap<LeaderEpoch, Offset>, id: NodeId, leader: &Leader) -> Verdict {
    let before = told.insert(leader.leader_epoch(), leader.high_watermark());
    require(before.is_none_or(|before| before <= leader.high_watermark()), "high watermark monotonic per epoch", || {
        format!("at {id} in epoch {}: {before:?}, then {}", leader.leader_epoch(), leader.high_watermark())
    })
}
