//! What one operation tells of the bounds of a partition.

use crate::history::{Acks, Action, Answer, OffsetQuery, Operation};
use model::Offset;

/// What a completed operation of a partition tells about its bounds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds {
    /// Everything below this was acknowledged by this operation, with these acks.
    pub acknowledged: Option<(Offset, Acks)>,
    /// The end of what can be read, as the broker told.
    pub high_watermark: Option<Offset>,
    /// The first offset, as the broker told.
    pub log_start: Option<Offset>,
    /// Whether the bounds come from a lookup of an offset.
    pub is_lookup: bool,
}

/// Reads the bounds out of an operation.
pub fn bounds(operation: &Operation) -> Bounds {
    let told = |offset: Offset| Some(offset).filter(|offset| *offset >= 0);
    let mut bounds = Bounds::default();
    match (&operation.action, operation.answer()) {
        (Action::Produce(produce), Some(Answer::Produced { base_offset: Some(base) })) => {
            bounds.acknowledged = Some((*base + produce.records.len() as Offset, produce.acks));
        }
        (Action::Fetch(_), Some(Answer::Fetched { high_watermark, log_start, .. })) => {
            bounds.high_watermark = told(*high_watermark);
            bounds.log_start = told(*log_start);
        }
        (Action::Scan { .. }, Some(Answer::Scanned { log_start, end, .. })) => {
            bounds.high_watermark = told(*end);
            bounds.log_start = told(*log_start);
        }
        (Action::ListOffsets(list), Some(Answer::Offset { offset, .. })) => {
            bounds.is_lookup = true;
            match list.query {
                OffsetQuery::Earliest => bounds.log_start = told(*offset),
                OffsetQuery::Latest => bounds.high_watermark = told(*offset),
                OffsetQuery::At(_) | OffsetQuery::MaxTimestamp | OffsetQuery::EndOfEpoch(_) => {}
            }
        }
        (Action::DeleteRecords { .. }, Some(Answer::RecordsDeleted { log_start })) => {
            bounds.log_start = told(*log_start);
        }
        _ => {}
    }
    bounds
}
