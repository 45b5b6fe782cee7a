//! Logs that the journal speaks of and whose making it has lost: the group that made them has rotted. What they had is not
//! known, so that they stay closed, as all do that a rotten group may have changed (DESIGN section 6, rule 6).

use super::layout;
use super::load::{Found, Loaded};
use crate::fault::{FailedClosed, StorageFault};
use crate::volume::Volume;
use model::{PartitionId, TopicPartition, Uuid, mark};
use std::collections::BTreeSet;

/// Their ids.
pub(super) type Unmade = BTreeSet<(Uuid, PartitionId)>;

/// Takes the directories of `unmade` logs out of those that were `listed`, for they may not be opened as if they had never
/// been journaled. What stays in `unmade` has no directory.
pub(super) async fn close(
    volume: &Volume,
    unmade: &mut Unmade,
    listed: &mut Vec<TopicPartition>,
    find: impl Fn(&TopicPartition) -> Found,
) -> Result<Vec<Loaded>, StorageFault> {
    let mut closed = Vec::new();
    if unmade.is_empty() {
        return Ok(closed);
    }
    for topic_partition in std::mem::take(listed) {
        let found = find(&topic_partition);
        let topic_id = layout::topic_id(volume, &found.directory()).await?;
        if unmade.remove(&(topic_id, topic_partition.partition)) {
            mark!("the making of a log has rotted");
            let reason = "the journal group that made it is corrupt, and later ones changed it".to_owned();
            closed.push(found.failed(topic_id, FailedClosed { reason }));
        } else {
            listed.push(topic_partition);
        }
    }
    Ok(closed)
}
