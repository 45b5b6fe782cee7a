//! Is told of rebalances, and writes them down.

use super::witness::Witness;
use client::group::Heard;
use client::{Membership, RebalanceListener};
use model::TopicPartition;
use std::sync::Arc;

/// The listener of one member.
pub struct Listener(pub Arc<Witness>);

impl RebalanceListener for Listener {
    fn on_partitions_revoked<'a>(
        &'a mut self,
        membership: &'a mut Membership,
        partitions: &'a [TopicPartition],
    ) -> Heard<'a> {
        Box::pin(async move {
            self.0.commit(membership).await;
            self.0.gives_up(membership, partitions);
        })
    }

    fn on_partitions_assigned<'a>(&'a mut self, membership: &'a mut Membership, _: &'a [TopicPartition]) -> Heard<'a> {
        Box::pin(async move {
            let all = membership.assignment().cloned().collect();
            self.0.reads(membership, all);
        })
    }

    fn on_partitions_lost<'a>(&'a mut self, _: &'a mut Membership, _: &'a [TopicPartition]) -> Heard<'a> {
        Box::pin(async move { self.0.loses() })
    }
}
