//! InitProducerId: an id for an idempotent producer. Transactional ids come with transactions.

use crate::broker::Broker;
use model::ErrorCode;
use protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

/// Answers with a producer id that nobody had before, in epoch 0.
pub async fn handle(broker: &Broker, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let failed = |error: ErrorCode| InitProducerIdResponse {
        error_code: error.code(),
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    if (request.producer_id == -1) != (request.producer_epoch == -1) {
        return failed(ErrorCode::InvalidRequest); // an id without its epoch, or an epoch of no id
    }
    if request.transactional_id.is_some() {
        return failed(ErrorCode::InvalidRequest); // nobody coordinates transactions: to ask again would not help
    }
    match broker.producer_ids.next(&broker.metadata, broker.node_id).await {
        Ok(producer_id) => InitProducerIdResponse { producer_id, producer_epoch: 0, ..Default::default() },
        Err(error) => failed(error),
    }
}
