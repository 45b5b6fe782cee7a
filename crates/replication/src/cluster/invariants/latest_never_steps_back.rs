//! A leader that tells where what is committed ends tells no less than leaders of earlier epochs did.

use super::{Verdict, require};
use crate::Leader;
use model::{LeaderEpoch, NodeId, Offset};
use std::collections::BTreeMap;

pub(super) fn check(told: &BTreeMap<LeaderEpoch, Offset>, id: NodeId, leader: &Leader) -> Verdict {
    if !leader.offsets_available() {
        return Ok(());
    }
    let earlier = told.range(..leader.leader_epoch()).map(|(_, offset)| *offset).max();
    require(earlier.is_none_or(|earlier| earlier <= leader.high_watermark()), "latest never steps back", || {
        format!("{id} tells {} in epoch {}, before {earlier:?}", leader.high_watermark(), leader.leader_epoch())
    })
}
