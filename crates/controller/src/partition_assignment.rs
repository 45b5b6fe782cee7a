//! New partitions with their replicas: chosen by an administrator, or placed.

use crate::machine::View;
use crate::records::Partition;
use crate::refusal::Refusal;
use model::{ErrorCode, NodeId, PartitionId, Uuid};

/// More new partitions than this are not made by one request: all of them are one batch of the log.
pub(crate) const MAX_NEW_PARTITIONS: usize = 10_000;

impl View<'_> {
    /// Checks replicas that an administrator chose. `factor` is how many the topic's other partitions have.
    pub(crate) fn check_assignment(&self, replicas: &[NodeId], factor: Option<usize>) -> Result<(), Refusal> {
        let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
        if replicas.is_empty() {
            return refuse("a partition needs at least one replica".to_owned());
        }
        for (at, replica) in replicas.iter().enumerate() {
            if replicas[..at].contains(replica) {
                return refuse(format!("broker {replica} is named twice for one partition"));
            }
            if self.hard.broker(*replica).is_none() {
                return refuse(format!("no broker {replica} is registered"));
            }
        }
        match factor {
            Some(factor) if factor != replicas.len() => refuse(format!(
                "a partition has {} replica(s), but the topic's other partitions have {factor}",
                replicas.len()
            )),
            _ => Ok(()),
        }
    }

    /// A new partition on these replicas, led by the first that may.
    pub(crate) fn new_partition(
        &self,
        topic_id: Uuid,
        partition: PartitionId,
        replicas: Vec<NodeId>,
    ) -> Result<Partition, Refusal> {
        let isr: Vec<NodeId> = replicas.iter().copied().filter(|replica| self.may_lead(*replica)).collect();
        let Some(leader) = isr.first().copied() else {
            let message = format!("every broker chosen for partition {partition} is fenced or about to stop");
            return Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
        };
        Ok(Partition {
            topic_id: topic_id.0,
            partition,
            directories: replicas.iter().map(|replica| self.default_directory(*replica).0).collect(),
            replicas,
            isr,
            eligible_leaders: vec![],
            last_known_eligible_leaders: vec![],
            adding: vec![],
            removing: vec![],
            leader: Some(leader),
            leader_epoch: 0,
            partition_epoch: 0,
        })
    }

    fn may_lead(&self, broker: NodeId) -> bool {
        self.hard.broker(broker).is_some_and(|broker| !broker.fenced && !broker.in_controlled_shutdown)
    }

    /// A broker with one log directory leaves no choice; one with several says later which it took.
    pub(crate) fn default_directory(&self, broker: NodeId) -> Uuid {
        match self.broker(broker).map(|broker| broker.directories.as_slice()) {
            Some([only]) => *only,
            _ => Uuid::ZERO,
        }
    }
}
