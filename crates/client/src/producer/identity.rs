//! Who an idempotent producer is.

use crate::cluster::Cluster;
use crate::error::{Result, check};
use model::{ProducerEpoch, ProducerId, Sequence};
use protocol::messages::InitProducerIdRequest;

/// A producer id with its epoch. A partition knows a producer by it: what an older epoch sends is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub id: ProducerId,
    pub epoch: ProducerEpoch,
}

impl Identity {
    /// The next incarnation under the same id (KIP-360 lets a producer without transactions choose it itself); none
    /// when the epochs are used up.
    pub fn next(self) -> Option<Identity> {
        Some(Identity { id: self.id, epoch: self.epoch.checked_add(1)? })
    }
}

/// Asks any broker for a new producer id.
pub(super) async fn ask(cluster: &Cluster) -> Result<Identity> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX, // not used without a transactional id
        ..InitProducerIdRequest::default()
    };
    let response = cluster.any().await?.call(&request).await?;
    check(|| "asking for a producer id".to_owned(), response.error_code, None)?;
    Ok(Identity { id: response.producer_id, epoch: response.producer_epoch })
}

/// The sequence `count` records after `sequence`: after `i32::MAX` comes 0.
pub(super) fn advance(sequence: Sequence, count: usize) -> Sequence {
    ((i64::from(sequence) + count as i64) & i64::from(i32::MAX)) as Sequence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(advance(0, 3), 3);
        assert_eq!(advance(i32::MAX - 1, 1), i32::MAX);
        assert_eq!(advance(i32::MAX - 1, 4), 2);
    }

    #[test]
    fn epochs_run_out() {
        assert_eq!(Identity { id: 1, epoch: 0 }.next(), Some(Identity { id: 1, epoch: 1 }));
        assert_eq!(Identity { id: 1, epoch: i16::MAX }.next(), None);
    }
}
