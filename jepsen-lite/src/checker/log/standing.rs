//! What stands in the final log at the place at which it was known early. Whatever was below it then stands, too: a log
//! loses its newest records, and a replica that has one record of a leader epoch has all that was before it.

use super::evidence::{Evidence, Partition, Version};
use super::excuse::Observation;
use crate::history::{Acks, Action, History, Index, OperationId};
use model::{LeaderEpoch, Offset};

/// By offset, the event by which something there or above it was surely committed that stands in the end.
#[derive(Debug, Default)]
pub struct Standing(Vec<(Offset, Index)>);

impl Standing {
    /// That of one partition.
    pub fn of(history: &History, partition: &Partition) -> Standing {
        let mut standing: Vec<(Offset, Index)> = Vec::new();
        if history.faults.is_empty() {
            return Standing(standing); // nothing will be excused by one
        }
        let epochs = epochs_read(history, partition);
        for version in partition.final_log() {
            standing.push((version.offset, committed_by(history, version, &epochs)));
        }
        let mut least = Index::MAX;
        for (_, by) in standing.iter_mut().rev() {
            least = least.min(*by);
            *by = least;
        }
        Standing(standing)
    }

    /// The event by which something above an offset was known, if it was.
    fn above(&self, offset: Offset) -> Option<Index> {
        let place = self.0.partition_point(|(known, _)| *known <= offset);
        self.0.get(place).map(|(_, by)| *by)
    }
}

/// The leader epochs that were read, by event: only those that are greater than all before.
fn epochs_read(history: &History, partition: &Partition) -> Vec<(LeaderEpoch, Index)> {
    let by_event = |version: &Version| Some((done(history, version.first_read?), version.read?.epoch));
    let mut read: Vec<(Index, LeaderEpoch)> = partition.versions.iter().filter_map(by_event).collect();
    read.sort_unstable();
    let mut epochs: Vec<(LeaderEpoch, Index)> = Vec::new();
    for (at, epoch) in read {
        if epochs.last().is_none_or(|(greatest, _)| epoch > *greatest) {
            epochs.push((epoch, at));
        }
    }
    epochs
}

/// The event by which a version was surely committed, as the very append that stands in the end: a read tells its leader
/// epoch. What was answered and never read may have been lost, and have come again by a request that was held up: but in a
/// later epoch than any that was known then, and than the first.
fn committed_by(history: &History, version: &Version, epochs: &[(LeaderEpoch, Index)]) -> Index {
    let to_all = |id: &OperationId| matches!(&history.operations[*id as usize].action, Action::Produce(p) if p.acks == Acks::All);
    let answered = version.acknowledged.filter(|id| to_all(id) && !history.resent.contains(id)).and_then(|id| {
        let epoch = version.read?.epoch;
        let known = match epoch {
            ..=0 => 0,
            _ => epochs.get(epochs.partition_point(|(known, _)| *known < epoch))?.1,
        };
        Some(known.max(done(history, id)))
    });
    let read = version.first_read.map(|id| done(history, id));
    read.into_iter().chain(answered).min().unwrap_or(Index::MAX)
}

fn done(history: &History, id: OperationId) -> Index {
    history.operations[id as usize].last_effect()
}

impl Evidence<'_> {
    /// Whether a version that is gone was below something that stands, both committed before the first of the faults that
    /// would excuse it. That it was in the tail then says nothing. Not judged where cleaning or deletion may have taken it.
    pub fn is_outlived(&self, partition: &Partition, version: &Version, seen: Observation, at: Index) -> bool {
        let life = &self.topics.lives[partition.life];
        let is_above_the_start = partition.scan.is_some_and(|scan| version.offset >= scan.log_start);
        let Some(stands_by) = partition.standing.above(version.offset) else { return false };
        if version.scanned || !is_above_the_start || life.maybe(0, Index::MAX, |settings| settings.compacted) {
            return false;
        }
        self.tail_is_lost_from(partition, seen, at).is_some_and(|began| seen.to < began && stands_by < began)
    }
}
