//! Who read what: from when to when, and in which epochs.

use crate::history::{CRASHED, GroupMember, Index, LOST, Moment, Operation, OperationId, Outcome, Own};
use model::TopicPartition;
use model::map::HashMap;
use std::collections::BTreeMap;

/// One member's reading of one partition, without a break.
#[derive(Clone, Debug)]
pub struct Span {
    /// The member's id.
    pub member: String,
    /// The name of its place, where that is static.
    pub instance: Option<String>,
    /// The epochs in which it was told that it reads this, each with the moment at which it knew.
    pub epochs: Vec<(Moment, i32)>,
    /// When it began.
    pub from: Moment,
    /// The event at which it ended.
    pub until: Index,
    /// The first operation that says so, and the last.
    pub first: OperationId,
    /// See `first`.
    pub last: OperationId,
}

/// What a member was told at one moment.
#[derive(Clone, Debug)]
pub struct Told {
    /// When it knew.
    pub at: Moment,
    /// The member.
    pub by: GroupMember,
    /// The operation.
    pub operation: OperationId,
    /// All that it reads.
    pub partitions: Vec<TopicPartition>,
    /// Whether it was taken from it in the end, without its having a part in it.
    pub lost: bool,
    /// Whether it ended without the member's having told the group anything, though it did all that it had to.
    pub cut_short: bool,
}

/// All that members of a group read.
#[derive(Debug, Default)]
pub struct Spans {
    /// By partition, in the order of their beginnings.
    pub by_partition: BTreeMap<TopicPartition, Vec<Span>>,
    /// In the order of events.
    pub told: Vec<Told>,
    /// The spans that ended by their members' own doing, by the event of that: places in `by_partition`.
    given_up: HashMap<(TopicPartition, Index), usize>,
}

impl Spans {
    /// Notes what a member reads.
    pub fn take(&mut self, id: OperationId, operation: &Operation, own: &Own) {
        let until = operation.completed.map_or(Index::MAX, |completed| completed.index);
        let lost = matches!(&operation.outcome, Outcome::Unknown(why) if why == LOST);
        let cut_short = matches!(&operation.outcome, Outcome::Unknown(why) if why == LOST || why == CRASHED);
        let given_up = matches!(operation.outcome, Outcome::Ok(_));
        for partition in &own.partitions {
            let spans = self.by_partition.entry(partition.0.clone()).or_default();
            // It goes on where the member is told anew at the event behind its end.
            let just_before = operation.invoked.index.checked_sub(1).map(|event| (partition.0.clone(), event));
            let ended = just_before.and_then(|end| self.given_up.get(&end).copied());
            let goes_on = ended.filter(|place| spans[*place].member == own.by.id);
            if given_up {
                self.given_up.insert((partition.0.clone(), until), goes_on.unwrap_or(spans.len()));
            }
            let epoch = (operation.invoked, own.by.epoch);
            match goes_on.map(|place| &mut spans[place]) {
                Some(span) => {
                    span.epochs.push(epoch);
                    (span.until, span.last) = (until, id);
                }
                None => spans.push(Span {
                    member: own.by.id.clone(),
                    instance: own.by.instance.clone(),
                    epochs: vec![epoch],
                    from: operation.invoked,
                    until,
                    first: id,
                    last: id,
                }),
            }
        }
        let partitions = own.partitions.iter().map(|partition| partition.0.clone()).collect();
        let by = own.by.clone();
        self.told.push(Told { at: operation.invoked, by, operation: id, partitions, lost, cut_short });
    }

    /// Whether somebody else came in the static place of a member after it had been told something at event `at`.
    pub fn is_replaced_after(&self, by: &GroupMember, at: Index) -> bool {
        by.instance.is_some()
            && self
                .told
                .iter()
                .any(|other| other.at.index > at && other.by.id != by.id && other.by.instance == by.instance)
    }

    /// Who was told to read a partition.
    pub fn of(&self, partition: &TopicPartition) -> &[Span] {
        self.by_partition.get(partition).map_or(&[], Vec::as_slice)
    }
}
