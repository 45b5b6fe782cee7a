//! What a log needs to know of control batches: how a transaction ended, and which coordinator said so.

use protocol::records::{BatchView, ControlKind, EndTransactionMarker, RecordViews};

/// A marker that ends a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    pub is_commit: bool,
    /// The epoch of the coordinator that wrote it.
    pub coordinator_epoch: i32,
}

/// The marker in a control batch; `None` when there is none.
pub(crate) fn marker(batch: &[u8]) -> Option<Marker> {
    let batch = BatchView::parse(batch).ok()?;
    let record = RecordViews::new(batch.payload(), batch.header.record_count).next()?.ok()?;
    let is_commit = match ControlKind::from_key(record.key?)? {
        ControlKind::Commit => true,
        ControlKind::Abort => false,
        _ => return None,
    };
    let coordinator_epoch = EndTransactionMarker::from_value(record.value?)?.coordinator_epoch;
    Some(Marker { is_commit, coordinator_epoch })
}
