//! Who a producer is to the broker, from one life to the next.

use crate::plan;
use model::{ProducerEpoch, ProducerId, Sequence};

/// A producer id, its epoch, and the next sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The producer id; -1 for none.
    pub id: ProducerId,
    /// The epoch; -1 for none.
    pub epoch: ProducerEpoch,
    /// The sequence of the next record; -1 for none.
    pub sequence: Sequence,
}

/// Not idempotent.
pub const NOBODY: Identity = Identity { id: -1, epoch: -1, sequence: -1 };

impl Identity {
    /// The first identity of a producer that brings its own, or is nobody; `None` when it has to ask.
    pub fn first(plan: plan::Identity) -> Option<Identity> {
        match plan {
            plan::Identity::None => Some(NOBODY),
            plan::Identity::Asked => None,
            plan::Identity::Brought { id, epoch, sequence } => Some(Identity { id, epoch, sequence }),
        }
    }

    /// The identity after one whose records were given up: the next epoch, from sequence 0; after the last epoch,
    /// another producer id. `None` when it has to ask.
    pub fn next(self, plan: plan::Identity) -> Option<Identity> {
        match (plan, self.epoch.checked_add(1)) {
            (plan::Identity::None, _) => Some(NOBODY),
            (plan::Identity::Asked, _) => None,
            (plan::Identity::Brought { .. }, Some(epoch)) => Some(Identity { id: self.id, epoch, sequence: 0 }),
            (plan::Identity::Brought { .. }, None) => Some(Identity { id: self.id + 1000, epoch: 0, sequence: 0 }),
        }
    }

    /// Takes sequences for `count` records; after `i32::MAX` comes 0.
    pub fn take(&mut self, count: u8) -> Sequence {
        let first = self.sequence;
        if first >= 0 {
            let next = i64::from(first) + i64::from(count);
            self.sequence = (next % (i64::from(Sequence::MAX) + 1)) as Sequence;
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROUGHT: plan::Identity = plan::Identity::Brought { id: 5, epoch: i16::MAX - 1, sequence: i32::MAX - 1 };

    #[test]
    fn sequences_wrap_to_zero() {
        let mut identity = Identity::first(BROUGHT).unwrap();
        assert_eq!(identity.take(1), i32::MAX - 1);
        assert_eq!(identity.take(3), i32::MAX);
        assert_eq!(identity.take(1), 2);
    }

    #[test]
    fn epochs_end_and_another_id_begins() {
        let first = Identity::first(BROUGHT).unwrap();
        let second = first.next(BROUGHT).unwrap();
        assert_eq!((second.id, second.epoch, second.sequence), (5, i16::MAX, 0));
        let third = second.next(BROUGHT).unwrap();
        assert_eq!((third.id, third.epoch, third.sequence), (1005, 0, 0));
        assert_eq!(first.next(plan::Identity::Asked), None);
    }
}
