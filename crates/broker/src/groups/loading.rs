//! A coordinator learns what its log says.

use crate::partition::Partition;
use bytes::Bytes;
use coordinator::group::{GroupCoordinator, decode};
use model::Offset;
use model::state_machine::{Entry, Position, StateMachine};
use protocol::records::{BatchHeader, BatchView, Batches, ControlKind};
use std::sync::Arc;

/// Read in one go.
const STEP: usize = 1 << 20;

/// Bytes that a batch may decompress to.
const DECOMPRESSED_LIMIT: usize = 128 << 20;

/// Replays the whole log up to its end, and gives the machine and that end.
///
/// # Errors
/// The log cannot be read; why.
pub(super) async fn load(partition: &Arc<Partition>, seed: [u64; 4]) -> Result<(GroupCoordinator, Offset), String> {
    let mut machine = GroupCoordinator::new(seed);
    let bounds = partition.reader.bounds();
    let mut at = bounds.log_start_offset;
    while at < bounds.log_end_offset {
        let bytes = partition.reader.read(at, bounds.log_end_offset, STEP, true).await;
        let bytes = bytes.map_err(|error| {
            partition.suspect(at);
            error.to_string()
        })?;
        if bytes.is_empty() {
            break; // a cleaner let the last records go
        }
        for batch in Batches::new(&bytes) {
            let batch = batch.map_err(|error| error.to_string())?;
            at = batch.header.next_offset();
            replay(&mut machine, &bytes, &batch)?;
        }
    }
    Ok((machine, bounds.log_end_offset))
}

fn replay(machine: &mut GroupCoordinator, owner: &Bytes, batch: &BatchView<'_>) -> Result<(), String> {
    let header = &batch.header;
    for record in batch.records_of(owner, DECOMPRESSED_LIMIT).map_err(|error| error.to_string())? {
        let record = record.map_err(|error| error.to_string())?;
        let at = position(header, header.base_offset + i64::from(record.offset_delta), record.timestamp_delta);
        if header.is_control() {
            match record.key.as_deref().and_then(ControlKind::from_key) {
                Some(ControlKind::Commit) => machine.replay(at, Entry::EndTransaction { committed: true }),
                Some(ControlKind::Abort) => machine.replay(at, Entry::EndTransaction { committed: false }),
                _ => {}
            }
            continue;
        }
        let Some(key) = record.key else { continue };
        match decode(&key, record.value.as_ref()) {
            Ok(Some(record)) => machine.replay(at, Entry::Record(&record)),
            Ok(None) => model::mark!("a later version wrote a record of a group"),
            Err(error) => tracing::warn!("offset {} is not a record of a group: {error}", at.offset),
        }
    }
    Ok(())
}

fn position(header: &BatchHeader, offset: Offset, timestamp_delta: i64) -> Position {
    let producer = header.is_transactional().then_some((header.producer_id, header.producer_epoch));
    Position { offset, timestamp: header.timestamp_of(timestamp_delta), producer }
}
