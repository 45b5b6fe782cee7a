//! One consumer group: who reads what is as the story says.

use super::serve::Ask;
use super::world::World;
use model::{ErrorCode, Uuid};
use protocol::messages::consumer_group_heartbeat::{Assignment, TopicPartitions};
use protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use std::collections::{BTreeMap, BTreeSet};

/// The group.
#[derive(Default)]
pub struct ConsumerGroup {
    /// What new members are to read: partitions of topic `t`.
    pub target: BTreeSet<i32>,
    pub members: BTreeMap<String, ModernMember>,
    /// Members that left, with the epoch they left with.
    pub left: Vec<(String, i32)>,
}

/// A member.
#[derive(Default)]
pub struct ModernMember {
    pub epoch: i32,
    pub target: BTreeSet<i32>,
    /// What it said last that it reads.
    pub reads: BTreeSet<i32>,
    told: Option<BTreeSet<i32>>,
}

impl ConsumerGroup {
    /// The one member there is.
    pub fn only(&mut self) -> &mut ModernMember {
        assert_eq!(self.members.len(), 1);
        self.members.values_mut().next().expect("one")
    }
}

impl World {
    pub fn consumer_heartbeat(
        &mut self,
        ask: &Ask,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> ConsumerGroupHeartbeatResponse {
        if ask.node != self.coordinating() {
            return Self::refuse_consumer(ErrorCode::NotCoordinator);
        }
        let id = request.member_id.to_string();
        let topic = self.topics["t"].id;
        let group = &mut self.consumers;
        if request.member_epoch < 0 {
            group.members.remove(&id);
            group.left.push((id, request.member_epoch));
            return ConsumerGroupHeartbeatResponse { member_epoch: request.member_epoch, ..Default::default() };
        }
        if request.member_epoch == 0 {
            let target = group.target.clone();
            group.members.insert(id.clone(), ModernMember { epoch: 1, target, ..Default::default() });
        }
        let Some(member) = group.members.get_mut(&id) else {
            return Self::refuse_consumer(ErrorCode::UnknownMemberId);
        };
        if request.member_epoch != 0 && request.member_epoch != member.epoch {
            return Self::refuse_consumer(ErrorCode::FencedMemberEpoch);
        }
        if let Some(reads) = &request.topic_partitions {
            member.reads = reads.iter().flat_map(|topic| topic.partitions.iter().copied()).collect();
        }
        let is_news = member.told.as_ref() != Some(&member.target);
        member.told = Some(member.target.clone());
        ConsumerGroupHeartbeatResponse {
            member_id: Some(id.into()),
            member_epoch: member.epoch,
            heartbeat_interval_ms: 20,
            assignment: is_news.then(|| assignment(topic, &member.target)),
            ..Default::default()
        }
    }

    pub fn refuse_consumer(error: ErrorCode) -> ConsumerGroupHeartbeatResponse {
        ConsumerGroupHeartbeatResponse { error_code: error.code(), ..Default::default() }
    }
}

fn assignment(topic_id: Uuid, partitions: &BTreeSet<i32>) -> Assignment {
    let partitions = partitions.iter().copied().collect();
    let topic = TopicPartitions { topic_id, partitions, ..Default::default() };
    Assignment { topic_partitions: vec![topic], ..Default::default() }
}
