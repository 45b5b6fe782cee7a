//! Whether the promise table allows that something seen at one event is not there at a later one.

use super::evidence::{Evidence, Partition, Version};
use crate::history::{Acks, Durability, Fault, Index, OperationId};
use crate::promise_table::{self, Hit, InSync, Keeping, Settings};

/// The reason of the promise table's row that allows it.
pub type Because = &'static str;

/// What was seen, and how firmly it was promised.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// No earlier event can have lost it.
    pub from: Index,
    /// It was there at this event.
    pub to: Index,
    /// The acks of the write, where the observation is its acknowledgement; what was read counts as committed.
    pub acks: Acks,
}

impl Observation {
    /// What operation `id` showed.
    pub fn by(evidence: &Evidence<'_>, id: OperationId) -> Observation {
        let operation = evidence.operation(id);
        let acks = match &operation.action {
            crate::history::Action::Produce(produce) => produce.acks,
            _ => Acks::All,
        };
        Observation { from: operation.invoked.index, to: operation.last_effect(), acks }
    }

    /// The firmest thing known of a version: that it was read, else that it was acknowledged.
    pub fn of(evidence: &Evidence<'_>, version: &Version) -> Observation {
        Observation::by(evidence, version.first_read.or(version.acknowledged).unwrap_or(version.first))
    }
}

impl Evidence<'_> {
    /// Why the newest records of the partition, `seen` among them, may be gone at event `at`; `None` when they may not.
    pub fn may_be_gone(&self, partition: &Partition, seen: Observation, at: Index) -> Option<Because> {
        self.weakest(partition, seen, at, promise_table::keeping, |keeping| keeping >= Keeping::TailMayBeLost)
    }

    /// Why one of two that were seen at the same offset may have been lost and the other written in its place. An answer
    /// may come late, so the one that was shown first need not be the one that was there first.
    pub fn may_be_overwritten(&self, partition: &Partition, one: &Version, other: &Version) -> Option<Because> {
        self.lost_before(partition, one, other).or_else(|| self.lost_before(partition, other, one))
    }

    fn lost_before(&self, partition: &Partition, old: &Version, new: &Version) -> Option<Because> {
        // What was asked for and seen after the other had been seen was not lost before it.
        if self.since(old.last) > self.until(new.first) {
            return None;
        }
        self.may_be_gone(partition, Observation::of(self, old), self.until(new.last))
    }

    /// Why the partition may refuse to serve, in peace, after event `since`.
    pub fn may_refuse(&self, partition: &Partition, since: Index) -> Option<Because> {
        self.struck(partition, since, promise_table::may_refuse)
    }

    /// Why what the checksum of a batch does not cover may be served with other values than were written, after event
    /// `since`.
    pub fn may_show_unchecked_fields_wrongly(&self, partition: &Partition, since: Index) -> Option<Because> {
        self.struck(partition, since, |hit| promise_table::changes_bytes(hit.kind) && promise_table::may_refuse(hit))
    }

    fn struck(&self, partition: &Partition, since: Index, counts: fn(Hit) -> bool) -> Option<Because> {
        let name = partition.name.to_string();
        self.history.faults.iter().filter(|fault| strikes_between(fault, since, Index::MAX)).find_map(|fault| {
            let nature = &fault.nature;
            let elsewhere = nature.partition.as_ref().is_some_and(|hit| *hit != name);
            let hit = Hit { kind: nature.kind, file: nature.file, whole_set: nature.whole_in_sync_set };
            (!elsewhere && counts(hit)).then(|| nature.kind.name())
        })
    }

    /// Why a deletion known at `seen` may be forgotten at event `at`.
    pub fn may_return(&self, partition: &Partition, seen: Observation, at: Index) -> Option<Because> {
        self.weakest(partition, seen, at, promise_table::deletion, |keeping| keeping >= Keeping::TailMayBeLost)
    }

    /// Why metadata known at event `since` may be forgotten at event `at`.
    pub fn metadata_may_be_lost(&self, since: Index, at: Index) -> Option<Because> {
        // No setting of a topic changes what is promised about metadata.
        let settings = Settings {
            durability: Durability::Journaled,
            acks: Acks::All,
            in_sync: InSync::Alone,
            unclean_election: false,
        };
        self.history.faults.iter().filter(|fault| strikes_between(fault, since, at)).find_map(|fault| {
            let whole_set = fault.nature.whole_in_sync_set;
            let hit = Hit { kind: fault.nature.kind, file: fault.nature.file, whole_set };
            let (keeping, row) = promise_table::metadata(settings, hit);
            row.filter(|_| keeping >= Keeping::TailMayBeLost).map(|row| row.because)
        })
    }

    fn weakest(
        &self,
        partition: &Partition,
        seen: Observation,
        at: Index,
        table: fn(Settings, Hit) -> (Keeping, Option<&'static promise_table::Row>),
        enough: fn(Keeping) -> bool,
    ) -> Option<Because> {
        let life = &self.topics.lives[partition.life];
        for fault in self.history.faults.iter().filter(|fault| strikes_between(fault, seen.from, at)) {
            if fault.nature.partition.as_ref().is_some_and(|hit| *hit != partition.name.to_string()) {
                continue;
            }
            let synced = life.journaled_between(seen.to, fault.began.index);
            for topic in life.possible_settings(seen.from, seen.to) {
                let durability = if synced { Durability::Journaled } else { topic.durability };
                let settings = Settings {
                    durability,
                    acks: seen.acks,
                    in_sync: in_sync(life.replicas, topic.min_in_sync),
                    unclean_election: topic.unclean_election,
                };
                let whole_set = fault.nature.whole_in_sync_set || life.replicas == 1;
                let (keeping, row) =
                    table(settings, Hit { kind: fault.nature.kind, file: fault.nature.file, whole_set });
                if let (true, Some(row)) = (enough(keeping), row) {
                    return Some(row.because);
                }
            }
        }
        (seen.acks == Acks::None).then_some(promise_table::KEEPING[0].because)
    }
}

fn in_sync(replicas: i16, min_in_sync: u16) -> InSync {
    match (replicas, min_in_sync) {
        (..=1, _) => InSync::Alone,
        (_, ..=1) => InSync::One,
        _ => InSync::Several,
    }
}

/// Whether a fault can take away at event `at` what was there at event `from`. Wrong bytes that were stored before can
/// still be found later, so a fault that leaves them strikes at any time after it began.
fn strikes_between(fault: &Fault, from: Index, at: Index) -> bool {
    let lasting = promise_table::leaves_wrong_bytes(fault.nature.kind);
    let ended = if lasting { Index::MAX } else { fault.ended.map_or(Index::MAX, |ended| ended.index) };
    fault.began.index <= at && ended >= from
}
