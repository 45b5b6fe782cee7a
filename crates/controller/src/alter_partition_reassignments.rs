//! AlterPartitionReassignments (KIP-455): partitions move to other brokers. Old replicas stay until the new ones are in
//! sync.

use crate::claims::has_claim;
use crate::machine::View;
use crate::partition_draft::{Assignment, Draft};
use crate::refusal::Refusal;
use crate::replica_index::PartitionKey;
use model::metadata_image::PartitionImage;
use model::{ErrorCode, NodeId, PartitionId};
use protocol::Text;
use protocol::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition,
    ReassignablePartitionResponse, ReassignableTopic, ReassignableTopicResponse,
};

impl View<'_> {
    /// Begins, changes or cancels the reassignment of each partition for which that is possible.
    pub(crate) fn alter_partition_reassignments(
        &mut self,
        request: &AlterPartitionReassignmentsRequest,
    ) -> AlterPartitionReassignmentsResponse {
        let may_resize = request.allow_replication_factor_change;
        let responses = request.topics.iter().map(|topic| self.reassign_topic(topic, may_resize)).collect();
        AlterPartitionReassignmentsResponse {
            allow_replication_factor_change: may_resize,
            error_message: None,
            responses,
            ..Default::default()
        }
    }

    fn reassign_topic(&mut self, topic: &ReassignableTopic, may_resize: bool) -> ReassignableTopicResponse {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            let outcome = self.reassign_partition(&topic.name, wanted, may_resize);
            partitions.push(told(wanted.partition_index, outcome));
        }
        ReassignableTopicResponse { name: topic.name.clone(), partitions, ..Default::default() }
    }

    fn reassign_partition(
        &mut self,
        topic: &str,
        wanted: &ReassignablePartition,
        may_resize: bool,
    ) -> Result<(), Refusal> {
        let unknown = |message: String| Refusal::new(ErrorCode::UnknownTopicOrPartition, message);
        let id = self.hard.topic(topic).map(|topic| topic.id);
        let id = id.ok_or_else(|| unknown(format!("there is no topic '{topic}'")))?;
        let key = (id, wanted.partition_index);
        let before = self.partition(key).cloned();
        let before = before.ok_or_else(|| unknown(format!("the topic has no partition {}", wanted.partition_index)))?;
        if self.drafts.contains_key(&key) {
            return Err(Refusal::new(ErrorCode::InvalidRequest, "the request names this partition twice"));
        }
        match &wanted.replicas {
            Some(target) => self.reassign(key, &before, target, may_resize),
            None => self.cancel(key, &before),
        }
    }

    fn reassign(
        &mut self,
        key: PartitionKey,
        before: &PartitionImage,
        target: &[NodeId],
        may_resize: bool,
    ) -> Result<(), Refusal> {
        self.check_assignment(target, None)?;
        let wanted_before = before.replicas.len() - before.removing.len().min(before.replicas.len());
        if !may_resize && target.len() != wanted_before {
            let message = format!("the partition has {wanted_before} replica(s), and {} are wanted", target.len());
            return Err(Refusal::new(ErrorCode::InvalidReplicationFactor, message));
        }
        // A replica that was on its way in, is not wanted any more and has nothing that others lack goes at once.
        let useless = |replica: &NodeId| before.adding.contains(replica) && !has_claim(before, *replica);
        let is_old = |replica: &&NodeId| !target.contains(replica) && !useless(replica);
        let removing: Vec<NodeId> = before.replicas.iter().filter(is_old).copied().collect();
        let is_new = |replica: &&NodeId| !before.replicas.contains(replica) || before.adding.contains(replica);
        let adding = target.iter().filter(is_new).copied().collect();
        let replicas = target.iter().chain(&removing).copied().collect();
        self.draft(key).assignment = Some(Assignment { replicas, adding, removing });
        Ok(())
    }

    fn cancel(&mut self, key: PartitionKey, before: &PartitionImage) -> Result<(), Refusal> {
        if before.adding.is_empty() && before.removing.is_empty() {
            return Err(Refusal::silent(ErrorCode::NoReassignmentInProgress));
        }
        let without_new = |list: &[NodeId]| -> Vec<NodeId> {
            list.iter().filter(|replica| !before.adding.contains(replica)).copied().collect()
        };
        let (isr, replicas) = (without_new(&before.isr), without_new(&before.replicas));
        let rules = self.topic_rules(key.0);
        // Kafka goes back to a single old copy of what new ones have acknowledged, too.
        let minimum = rules.min_insync_replicas.min(replicas.len()).max(1);
        let loses_copies = isr.len() < minimum && isr.len() < before.isr.len();
        if (isr.is_empty() || loses_copies) && !rules.unclean_election {
            let message = format!(
                "of the old replicas {} are in sync and {minimum} must be: going back could lose records, and the topic does not allow it",
                isr.len()
            );
            return Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
        }
        let assignment = Some(Assignment { replicas, adding: Vec::new(), removing: Vec::new() });
        *self.draft(key) = Draft { isr: Some(isr), assignment, ..Draft::default() };
        Ok(())
    }
}

fn told(partition_index: PartitionId, outcome: Result<(), Refusal>) -> ReassignablePartitionResponse {
    let (error, error_message) = match outcome {
        Ok(()) => (ErrorCode::None, None),
        Err(refusal) => (refusal.error, refusal.message.map(Text::from)),
    };
    ReassignablePartitionResponse { partition_index, error_code: error.code(), error_message, ..Default::default() }
}
