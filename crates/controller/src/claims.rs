//! What a new life of a broker means for its replicas: which still have what they had, and in which directory.

use crate::machine::View;
use crate::partition_draft::Loss;
use crate::register_broker::FoundReplicas;
use crate::replica_index::PartitionKey;
use model::metadata_image::{BrokerImage, PartitionImage};
use model::{NodeId, Uuid, mark, planted};

/// What is known of a life that begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewLife<'a> {
    pub id: NodeId,
    /// The log directories it found.
    pub directories: &'a [Uuid],
    /// The registration of the life before.
    pub before: Option<&'a BrokerImage>,
    /// What it found of its replicas.
    pub found: &'a FoundReplicas,
    /// No other broker is registered.
    pub is_alone: bool,
}

impl View<'_> {
    /// Settles what the broker led or was in sync with, less the claims that its bytes do not bear out any more.
    pub(crate) fn judge_claims(&mut self, life: NewLife<'_>) {
        let index = self.index;
        for key in index.of_broker(life.id) {
            self.judge_claim(life, key);
        }
    }

    fn judge_claim(&mut self, life: NewLife<'_>, key: PartitionKey) {
        let Some(partition) = self.partition(key).cloned() else { return };
        let known = partition.directory_of(life.id).unwrap_or(Uuid::ZERO);
        let is_wiped = life.is_wiped(known) && !planted!("a wiped replica keeps its claim");
        let directory = life.directory_now(known);
        if directory != known {
            self.draft(key).directories.insert(life.id, directory);
        }
        if !has_claim(&partition, life.id) {
            return;
        }
        if is_wiped {
            mark!("a wiped replica loses its claim");
            self.draft(key).lose(life.id, Loss::Wiped);
        } else if life.is_alone {
            // Nobody has more than it has. It goes on leading in a new epoch, which its registration raises.
        } else if life.found.unsynced.contains(&key) || self.may_lack_records(life, key) {
            mark!("an unclean stop costs a claim");
            self.draft(key).lose(life.id, Loss::UncleanStop);
        } else {
            self.draft(key);
        }
    }

    /// By the topic's rules, as this controller knows them: the broker's log may have been in another mode, and then the
    /// broker says so.
    fn may_lack_records(&mut self, life: NewLife<'_>, key: PartitionKey) -> bool {
        !life.found.stop_was_clean && !self.topic_rules(key.0).is_journaled
    }
}

/// Whether the replica is believed to have what others may lack: it is in sync, or the last to have been so.
pub(crate) fn has_claim(partition: &PartitionImage, replica: NodeId) -> bool {
    partition.leader == Some(replica)
        || [&partition.isr, &partition.eligible_leaders, &partition.last_known_eligible_leaders]
            .iter()
            .any(|list| list.contains(&replica))
}

impl NewLife<'_> {
    /// A replica is gone with its directory. One whose directory nobody told may have been in any: it is believed to be
    /// there when all are, and where nobody else could have it when some are.
    fn is_wiped(&self, directory: Uuid) -> bool {
        if !directory.is_zero() {
            return !self.directories.contains(&directory);
        }
        let Some(before) = self.before else { return true };
        let mut known = before.directories.iter().map(|known| self.directories.contains(known));
        if self.is_alone { !known.any(|is_there| is_there) } else { known.any(|is_there| !is_there) }
    }

    /// Where the replica is now, or will be made anew: where there is one directory that needs no telling.
    fn directory_now(&self, known: Uuid) -> Uuid {
        match self.directories {
            _ if self.directories.contains(&known) => known,
            [only] => *only,
            _ => Uuid::ZERO,
        }
    }
}
