//! Where the replicas of new partitions go: evenly over brokers, and over racks before a rack has two.

use crate::refusal::Refusal;
use model::dice::Dice;
use model::metadata_image::MetadataImage;
use model::{ErrorCode, NodeId};
use std::collections::BTreeMap;
use std::sync::Arc;

type Rack = Option<Arc<str>>;

/// The replicas of `count` new partitions, `factor` each; the first of each may lead at once.
///
/// # Errors
/// `INVALID_REPLICATION_FACTOR` when there are not as many brokers, or none that may lead.
pub(crate) fn place(
    image: &MetadataImage,
    count: usize,
    factor: usize,
    dice: &mut Dice,
) -> Result<Vec<Vec<NodeId>>, Refusal> {
    let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidReplicationFactor, message));
    let registered = image.brokers().len();
    if factor > registered {
        return refuse(format!(
            "a replication factor of {factor} needs as many brokers, and {registered} are registered"
        ));
    }
    let ring = Ring::of(image, false);
    if ring.brokers.is_empty() {
        return refuse("every broker is fenced: none may lead a new partition".to_owned());
    }
    let spares = Ring::of(image, true);
    let (start, mut shift) = (dice.below(ring.brokers.len()), dice.below(ring.brokers.len()));
    let mut placed = Vec::with_capacity(count);
    for number in 0..count {
        let leader = start + number;
        if number > 0 && number % ring.brokers.len() == 0 {
            shift += 1; // each broker led once with the same shift: the next round gives it other followers
        }
        let mut replicas = ring.replicas(leader, shift, factor);
        replicas.extend(spares.from(number).take(factor - replicas.len()));
        placed.push(replicas);
    }
    Ok(placed)
}

/// Brokers in an order in which neighbours are in different racks, as far as there are racks.
struct Ring {
    brokers: Vec<(NodeId, Rack)>,
    racks: usize,
}

impl Ring {
    fn of(image: &MetadataImage, fenced: bool) -> Ring {
        let mut by_rack: BTreeMap<Rack, Vec<NodeId>> = BTreeMap::new();
        for broker in image.brokers().filter(|broker| broker.fenced == fenced) {
            by_rack.entry(broker.rack.clone()).or_default().push(broker.id);
        }
        let rounds = by_rack.values().map(Vec::len).max().unwrap_or(0);
        let brokers = (0..rounds)
            .flat_map(|round| {
                by_rack.iter().filter_map(move |(rack, ids)| ids.get(round).map(|id| (*id, rack.clone())))
            })
            .collect();
        Ring { brokers, racks: by_rack.len() }
    }

    /// The leader's place and then others, a new rack each while there are some; at most as many as there are brokers.
    fn replicas(&self, leader: usize, shift: usize, factor: usize) -> Vec<NodeId> {
        let size = self.brokers.len();
        let mut chosen: Vec<&(NodeId, Rack)> = vec![&self.brokers[leader % size]];
        let candidates: Vec<&(NodeId, Rack)> =
            (0..size - 1).map(|step| &self.brokers[(leader + 1 + (shift + step) % (size - 1)) % size]).collect();
        while chosen.len() < factor.min(size) {
            let fresh_rack =
                candidates.iter().find(|(_, rack)| self.racks > 1 && chosen.iter().all(|(_, taken)| taken != rack));
            let any = || candidates.iter().find(|(id, _)| chosen.iter().all(|(taken, _)| taken != id));
            let next = fresh_rack.or_else(any).expect("fewer are chosen than there are");
            chosen.push(next);
        }
        chosen.into_iter().map(|(id, _)| *id).collect()
    }

    fn from(&self, start: usize) -> impl Iterator<Item = NodeId> + '_ {
        (0..self.brokers.len()).map(move |step| self.brokers[(start + step) % self.brokers.len()].0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Uuid;
    use model::metadata_image::BrokerImage;

    fn cluster(brokers: &[(NodeId, &str, bool)]) -> MetadataImage {
        let mut image = MetadataImage::default();
        for (id, rack, fenced) in brokers {
            image.put_broker(BrokerImage {
                id: *id,
                epoch: 0,
                incarnation: Uuid::ZERO,
                endpoints: vec![],
                rack: (!rack.is_empty()).then(|| Arc::from(*rack)),
                directories: vec![],
                fenced: *fenced,
                in_controlled_shutdown: false,
            });
        }
        image
    }

    fn placed(image: &MetadataImage, count: usize, factor: usize) -> Vec<Vec<NodeId>> {
        place(image, count, factor, &mut Dice::new([7, 1, 2, 3])).expect("enough brokers")
    }

    #[test]
    fn leaders_and_replicas_are_spread_evenly() {
        let image = cluster(&[(1, "", false), (2, "", false), (3, "", false), (4, "", false), (5, "", false)]);
        let partitions = placed(&image, 50, 3);
        for broker in 1..=5 {
            assert_eq!(partitions.iter().filter(|replicas| replicas[0] == broker).count(), 10);
            assert_eq!(partitions.iter().flatten().filter(|replica| **replica == broker).count(), 30);
        }
        for replicas in &partitions {
            let mut distinct = replicas.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), 3, "{replicas:?}");
        }
    }

    #[test]
    fn each_rack_has_one_replica_before_any_has_two() {
        let image = cluster(&[(1, "a", false), (2, "a", false), (3, "a", false), (4, "b", false), (5, "c", false)]);
        for replicas in placed(&image, 20, 3) {
            let racks: Vec<_> = replicas.iter().map(|id| image.broker(*id).and_then(|b| b.rack.clone())).collect();
            assert!(racks[0] != racks[1] && racks[1] != racks[2] && racks[0] != racks[2], "{replicas:?}");
        }
    }

    #[test]
    fn fenced_brokers_follow_only_where_the_others_do_not_suffice() {
        let image = cluster(&[(1, "", false), (2, "", true), (3, "", false)]);
        assert!(placed(&image, 10, 2).iter().flatten().all(|replica| *replica != 2));
        assert!(placed(&image, 10, 3).iter().all(|replicas| replicas[0] != 2 && replicas.contains(&2)));
    }

    #[test]
    fn too_many_replicas_or_no_broker_that_may_lead_is_refused() {
        let refused = |image: &MetadataImage, factor| {
            let refusal = place(image, 1, factor, &mut Dice::new([1; 4])).expect_err("not possible");
            assert_eq!(refusal.error, ErrorCode::InvalidReplicationFactor);
        };
        refused(&cluster(&[(1, "", false)]), 2);
        refused(&cluster(&[(1, "", true)]), 1);
        refused(&cluster(&[]), 1);
    }
}
