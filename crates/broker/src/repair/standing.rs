//! What a damaged replica may do, by what the metadata says of it.

use crate::partition::Partition;
use model::NodeId;
use model::metadata_image::{MetadataImage, PartitionImage};
use model::planted;

/// How a replica stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// There is no other.
    Only,
    /// It leads, and nobody else has all that is committed.
    LeadsAlone,
    /// It is one of those that may lead.
    Claims,
    /// Nobody counts on it.
    Free,
}

/// How the replica on `me` stands.
pub(crate) fn standing_in(partition: &PartitionImage, me: NodeId) -> Standing {
    let claims = || partition.isr.iter().chain(&partition.eligible_leaders);
    if partition.replicas.len() == 1 {
        Standing::Only
    } else if partition.leader == Some(me) && claims().all(|replica| *replica == me) {
        Standing::LeadsAlone
    } else if partition.leader == Some(me) || claims().any(|replica| *replica == me) {
        Standing::Claims
    } else {
        Standing::Free
    }
}

/// Whether the controller is to hear that the replica cannot be counted on.
pub(crate) fn is_unusable(partition: &Partition, image: &MetadataImage, me: NodeId) -> bool {
    if !partition.is_damaged() || planted!("a damaged replica stays in sync") {
        return false;
    }
    let number = partition.topic_partition.partition;
    let shown = image.topic_by_id(partition.topic_id).and_then(|topic| topic.partition(number));
    shown.is_some_and(|shown| matches!(standing_in(shown, me), Standing::Claims | Standing::Free))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(replicas: &[NodeId], isr: &[NodeId], eligible: &[NodeId], leader: Option<NodeId>) -> PartitionImage {
        PartitionImage {
            replicas: replicas.to_vec(),
            directories: vec![model::Uuid::ZERO; replicas.len()],
            isr: isr.to_vec(),
            eligible_leaders: eligible.to_vec(),
            last_known_eligible_leaders: Vec::new(),
            adding: Vec::new(),
            removing: Vec::new(),
            leader,
            leader_epoch: 0,
            partition_epoch: 0,
        }
    }

    #[test]
    fn only_a_leader_without_anyone_to_hand_over_to_keeps_what_it_has() {
        let of = |replicas, isr, eligible, leader| standing_in(&partition(replicas, isr, eligible, leader), 1);
        assert_eq!(of(&[1], &[1], &[], Some(1)), Standing::Only);
        assert_eq!(of(&[1], &[1], &[], None), Standing::Only);
        assert_eq!(of(&[1, 2, 3], &[1], &[], Some(1)), Standing::LeadsAlone);
        assert_eq!(of(&[1, 2, 3], &[1], &[2], Some(1)), Standing::Claims);
        assert_eq!(of(&[1, 2, 3], &[1, 2], &[], Some(1)), Standing::Claims);
        assert_eq!(of(&[1, 2, 3], &[1, 2], &[], Some(2)), Standing::Claims);
        assert_eq!(of(&[1, 2, 3], &[2], &[1], Some(2)), Standing::Claims);
        assert_eq!(of(&[1, 2, 3], &[1], &[], None), Standing::Claims, "it is not elected, even as the last");
        assert_eq!(of(&[1, 2, 3], &[2, 3], &[], Some(2)), Standing::Free);
        assert_eq!(of(&[1, 2, 3], &[], &[], None), Standing::Free);
    }
}
