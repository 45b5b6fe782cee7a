//! Producer ids for this broker's clients, from blocks that the controller gives out (KIP-730).

use crate::metadata::Metadata;
use controller::{Reply, Request};
use model::{ErrorCode, NodeId, ProducerId};
use protocol::messages::allocate_producer_ids::AllocateProducerIdsRequest;
use runtime::sync::Mutex;
use std::ops::Range;

/// The rest of the last block.
#[derive(Debug, Default)]
pub(crate) struct ProducerIds(Mutex<Range<ProducerId>>);

impl ProducerIds {
    /// A producer id that nobody was given before.
    pub async fn next(&self, metadata: &Metadata, node_id: NodeId) -> Result<ProducerId, ErrorCode> {
        let mut block = self.0.lock().await;
        if block.is_empty() {
            *block = next_block(metadata, node_id).await?;
        }
        block.next().ok_or(ErrorCode::CoordinatorNotAvailable)
    }
}

async fn next_block(metadata: &Metadata, node_id: NodeId) -> Result<Range<ProducerId>, ErrorCode> {
    let broker_epoch = metadata.image().broker(node_id).map_or(-1, |broker| broker.epoch);
    let request = AllocateProducerIdsRequest { broker_id: node_id, broker_epoch, ..Default::default() };
    match metadata.ask(Request::AllocateProducerIds(request)).await? {
        Reply::AllocateProducerIds(block) if block.error_code == 0 => {
            Ok(block.producer_id_start..block.producer_id_start + ProducerId::from(block.producer_id_len))
        }
        _ => Err(ErrorCode::CoordinatorNotAvailable),
    }
}
