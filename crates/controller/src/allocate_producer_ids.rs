//! AllocateProducerIds: a block of producer ids for one broker (KIP-730). A block is never given out twice, used or not.

use crate::machine::View;
use crate::records::Record;
use model::ErrorCode;
use protocol::messages::allocate_producer_ids::{AllocateProducerIdsRequest, AllocateProducerIdsResponse};

/// How many ids a block has.
pub const PRODUCER_ID_BLOCK: i32 = 1000;

impl View<'_> {
    pub(crate) fn allocate_producer_ids(
        &mut self,
        request: &AllocateProducerIdsRequest,
    ) -> AllocateProducerIdsResponse {
        let failed = |error: ErrorCode| AllocateProducerIdsResponse { error_code: error.code(), ..Default::default() };
        if let Err(refusal) = self.live_broker(request.broker_id, request.broker_epoch) {
            return failed(refusal.error);
        }
        // The first block is never given out: 0 is also what a field has that nobody set.
        let first = self.hard.next_producer_id().max(PRODUCER_ID_BLOCK.into());
        let Some(next) = first.checked_add(PRODUCER_ID_BLOCK.into()) else {
            return failed(ErrorCode::UnknownServerError); // all 2^63 are used up
        };
        self.records.push(Record::ProducerIds { broker: request.broker_id, next });
        AllocateProducerIdsResponse {
            producer_id_start: first,
            producer_id_len: PRODUCER_ID_BLOCK,
            ..Default::default()
        }
    }
}
