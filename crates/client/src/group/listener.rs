//! Who is told of rebalances.

use super::Membership;
use model::TopicPartition;
use std::pin::Pin;

/// What a listener does, as a future.
pub type Heard<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Is told, within a poll, what a member is given and what is taken from it. The group goes on only when it is done: who
/// takes longer than `max.poll.interval.ms` is taken for gone.
pub trait RebalanceListener: Send {
    /// These are about to be taken away; until this returns they are the member's own, so it can still commit.
    fn on_partitions_revoked<'a>(
        &'a mut self,
        membership: &'a mut Membership,
        partitions: &'a [TopicPartition],
    ) -> Heard<'a> {
        let _ = (membership, partitions);
        Box::pin(async {})
    }

    /// These were added; also told when there are none, as the end of a rebalance. Where one of them is to be read can be
    /// set with [`Membership::seek`].
    fn on_partitions_assigned<'a>(
        &'a mut self,
        membership: &'a mut Membership,
        partitions: &'a [TopicPartition],
    ) -> Heard<'a> {
        let _ = (membership, partitions);
        Box::pin(async {})
    }

    /// The group has taken the member for gone: these may be others' already, and cannot be committed any more.
    fn on_partitions_lost<'a>(
        &'a mut self,
        membership: &'a mut Membership,
        partitions: &'a [TopicPartition],
    ) -> Heard<'a> {
        self.on_partitions_revoked(membership, partitions)
    }
}
