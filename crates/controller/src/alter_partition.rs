//! AlterPartition (KIP-497, KIP-841, KIP-903): a leader asks for another ISR.

use crate::machine::View;
use crate::partition_draft::Draft;
use crate::refusal::Refusal;
use crate::replica_index::PartitionKey;
use model::metadata_image::PartitionImage;
use model::{ErrorCode, NodeId, Offset, Uuid, mark, planted};
use protocol::messages::alter_partition::{
    AlterPartitionRequest, AlterPartitionResponse, AlterPartitionResponsePartitionData,
    AlterPartitionResponseTopicData, PartitionData,
};

/// `leader_recovery_state` of a leader that lacks nothing that was committed.
const RECOVERED: i8 = 0;
/// Where a request names no epoch for a broker.
const ANY_EPOCH: Offset = -1;

impl View<'_> {
    /// Changes the ISR of each partition for which that is possible. What is answered is the partition as it is then.
    pub(crate) fn alter_partition(&mut self, request: &AlterPartitionRequest) -> AlterPartitionResponse {
        if let Err(refusal) = self.live_broker(request.broker_id, request.broker_epoch) {
            return AlterPartitionResponse { error_code: refusal.error.code(), ..Default::default() };
        }
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for wanted in &topic.partitions {
                let outcome = self.alter_isr(request.broker_id, topic.topic_id, wanted);
                partitions.push(told(wanted, outcome));
            }
            topics.push(AlterPartitionResponseTopicData { topic_id: topic.topic_id, partitions, ..Default::default() });
        }
        AlterPartitionResponse { topics, ..Default::default() }
    }

    fn alter_isr(&mut self, leader: NodeId, topic: Uuid, wanted: &PartitionData) -> Result<PartitionImage, Refusal> {
        let key = (topic, wanted.partition_index);
        if self.hard.topic_by_id(topic).is_none() {
            return Err(Refusal::silent(ErrorCode::UnknownTopicId));
        }
        let before = self.partition(key).ok_or(Refusal::silent(ErrorCode::UnknownTopicOrPartition))?.clone();
        check_epochs(leader, &before, wanted)?;
        if self.drafts.contains_key(&key) {
            // Named twice: the first change has another partition epoch.
            return Err(Refusal::silent(ErrorCode::InvalidUpdateVersion));
        }
        let members = wanted_isr(wanted);
        self.check_members(key, &before, wanted, &members)?;
        let draft = Draft { isr: Some(members.iter().map(|(id, _)| *id).collect()), ..Draft::default() };
        let after = self.settled(key, &draft).ok_or(Refusal::silent(ErrorCode::UnknownTopicOrPartition))?;
        self.drafts.insert(key, draft);
        if after.leader != Some(leader) {
            mark!("an isr change takes its leader away");
            return Err(Refusal::silent(ErrorCode::NewLeaderElected));
        }
        Ok(after)
    }

    fn check_members(
        &self,
        key: PartitionKey,
        before: &PartitionImage,
        wanted: &PartitionData,
        members: &[(NodeId, Offset)],
    ) -> Result<(), Refusal> {
        let invalid = || Err(Refusal::silent(ErrorCode::InvalidRequest));
        for (at, (member, _)) in members.iter().enumerate() {
            let is_twice = members[..at].iter().any(|(other, _)| other == member);
            if is_twice || !before.replicas.contains(member) {
                return invalid();
            }
        }
        // No leader here is ever one that recovers from an unclean election: it may lack records, but says so to nobody.
        if !members.iter().any(|(member, _)| Some(*member) == before.leader)
            || wanted.leader_recovery_state != RECOVERED
        {
            return invalid();
        }
        if members.iter().any(|(member, epoch)| !self.is_eligible(key, before, *member, *epoch)) {
            mark!("a replica may not join the isr");
            return Err(Refusal::silent(ErrorCode::IneligibleReplica));
        }
        Ok(())
    }

    /// Whether a replica may be in an ISR: its broker is there, in the life that the leader means. The bytes that an
    /// earlier life fetched may be gone.
    fn is_eligible(&self, key: PartitionKey, before: &PartitionImage, member: NodeId, epoch: Offset) -> bool {
        let Some(broker) = self.broker(member) else { return false };
        let is_meant =
            epoch == ANY_EPOCH || broker.epoch == epoch || planted!("a past life of a replica joins the isr");
        let directory = before.directory_of(member).unwrap_or(Uuid::ZERO);
        let is_online = directory.is_zero() || broker.directories.contains(&directory);
        let is_there = !broker.fenced && !broker.in_controlled_shutdown && is_online;
        // One without space is in sync only where all are without.
        let has_space = before.isr.contains(&member) || !self.soft.is_full(member, key);
        is_meant && is_there && has_space && !self.soft.is_unusable(member, key)
    }
}

/// A leader that knows more than this controller talks to one that was deposed.
fn check_epochs(leader: NodeId, before: &PartitionImage, wanted: &PartitionData) -> Result<(), Refusal> {
    let refuse = |error: ErrorCode| Err(Refusal::silent(error));
    let is_ahead = wanted.leader_epoch > before.leader_epoch || wanted.partition_epoch > before.partition_epoch;
    if is_ahead && !planted!("a deposed controller changes an isr") {
        mark!("a leader knows more than the controller");
        return refuse(ErrorCode::NotController);
    }
    if wanted.leader_epoch < before.leader_epoch {
        return refuse(ErrorCode::FencedLeaderEpoch);
    }
    if before.leader != Some(leader) {
        return refuse(ErrorCode::InvalidRequest);
    }
    if wanted.partition_epoch < before.partition_epoch {
        return refuse(ErrorCode::InvalidUpdateVersion);
    }
    Ok(())
}

/// The members, with the epochs of their lives from version 3 on.
fn wanted_isr(wanted: &PartitionData) -> Vec<(NodeId, Offset)> {
    if wanted.new_isr_with_epochs.is_empty() {
        return wanted.new_isr.iter().map(|member| (*member, ANY_EPOCH)).collect();
    }
    wanted.new_isr_with_epochs.iter().map(|member| (member.broker_id, member.broker_epoch)).collect()
}

fn told(wanted: &PartitionData, outcome: Result<PartitionImage, Refusal>) -> AlterPartitionResponsePartitionData {
    let partition_index = wanted.partition_index;
    match outcome {
        Ok(partition) => AlterPartitionResponsePartitionData {
            partition_index,
            leader_id: partition.leader.unwrap_or(-1),
            leader_epoch: partition.leader_epoch,
            isr: partition.isr,
            leader_recovery_state: RECOVERED,
            partition_epoch: partition.partition_epoch,
            ..Default::default()
        },
        Err(refusal) => AlterPartitionResponsePartitionData {
            partition_index,
            error_code: refusal.error.code(),
            ..Default::default()
        },
    }
}
