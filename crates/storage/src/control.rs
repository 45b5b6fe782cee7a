//! What a log needs to know of control batches: which coordinator ended a transaction.

use protocol::records::{BatchView, RecordViews};

/// The types of the markers in a control record's key.
const ABORT: i16 = 0;
const COMMIT: i16 = 1;

/// The epoch of the coordinator that wrote the marker in a control batch; `None` when it is no marker.
pub(crate) fn coordinator_epoch(batch: &[u8]) -> Option<i32> {
    let batch = BatchView::parse(batch).ok()?;
    let record = RecordViews::new(batch.payload(), batch.header.record_count).next()?.ok()?;
    let kind = i16::from_be_bytes(*record.key?.get(2..)?.first_chunk()?);
    let epoch = i32::from_be_bytes(*record.value?.get(2..)?.first_chunk()?);
    matches!(kind, ABORT | COMMIT).then_some(epoch)
}
