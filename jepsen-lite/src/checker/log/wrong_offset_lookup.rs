//! Wrong offset lookup: ListOffsets names an end below what was acknowledged or seen before, or, for a time, a record
//! that is not the first at or after it. What leaders of a cluster name as the end is judged in `ends_of_epochs.rs` too.

use super::evidence::{Evidence, Partition, Version, bounds};
use super::excuse::Observation;
use super::stale_high_watermark::committed;
use super::sweep::{Rule, sweep};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, Answer, Index, OffsetQuery, Operation, OperationId};
use model::{Offset, Timestamp};

/// Compares each lookup with what was known when it began.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        check_latest(evidence, partition, verdict);
        check_times(evidence, partition, verdict);
    }
}

fn check_latest(evidence: &Evidence<'_>, partition: &Partition, verdict: &mut Verdict) {
    let rule = Rule {
        proves: &|operation| bounds(operation).high_watermark.max(committed(evidence, partition, operation)),
        tells: &|operation| {
            let bounds = bounds(operation);
            bounds.high_watermark.filter(|_| bounds.is_lookup && !evidence.may_be_stale(operation))
        },
        excuse: &|found| {
            let seen = Observation::by(evidence, found.earlier);
            evidence.may_be_gone(partition, seen, evidence.until(found.later))
        },
    };
    sweep(evidence, partition, Class::WrongOffsetLookup, &rule, verdict, |verdict, found| {
        let sentence = format!(
            "{} proved that offset {} is there, and {} was then told that {} is the end",
            witness::operation(evidence, found.earlier),
            found.bound - 1,
            witness::operation(evidence, found.later),
            found.told
        );
        let operations = [found.earlier, found.later];
        verdict.report(witness::anomaly(Class::WrongOffsetLookup, partition, sentence, &operations));
    });
}

/// Records whose timestamps are known, by offset, with the greatest timestamp of each run of 64: finds the first one at
/// or after a time without looking at each.
struct Timeline<'a> {
    greatest_log_start: Offset,
    versions: Vec<(&'a Version, Timestamp)>,
    greatest: Vec<Timestamp>,
}

const RUN: usize = 64;

impl<'a> Timeline<'a> {
    /// Leaves out offsets at which different things were seen.
    fn of(evidence: &Evidence<'_>, partition: &'a Partition) -> Timeline<'a> {
        let told = partition.operations.iter().filter_map(|id| bounds(evidence.operation(*id)).log_start);
        let single = partition.versions.chunk_by(|a, b| a.offset == b.offset).filter(|same| same.len() == 1);
        let versions: Vec<_> = single.filter_map(|v| Some((&v[0], v[0].read?.timestamp))).collect();
        let greatest = versions.chunks(RUN).map(|run| run.iter().map(|(_, t)| *t).max().unwrap_or(-1)).collect();
        Timeline { greatest_log_start: told.max().unwrap_or(Offset::MAX), versions, greatest }
    }

    /// The first at or after place `from` whose timestamp is `time` or later.
    fn first_at(&self, time: Timestamp, from: usize) -> Option<usize> {
        let mut place = from;
        while place < self.versions.len() {
            if place.is_multiple_of(RUN) && self.greatest[place / RUN] < time {
                place += RUN;
            } else if self.versions[place].1 >= time {
                return Some(place);
            } else {
                place += 1;
            }
        }
        None
    }

    fn place_of(&self, offset: Offset) -> usize {
        self.versions.partition_point(|(version, _)| version.offset < offset)
    }
}

fn check_times(evidence: &Evidence<'_>, partition: &Partition, verdict: &mut Verdict) {
    let compacted = evidence.topics.lives[partition.life].maybe(0, Index::MAX, |settings| settings.compacted);
    let timeline = Timeline::of(evidence, partition);
    for id in &partition.operations {
        let Some((time, offset, timestamp)) = time_lookup(evidence.operation(*id)) else { continue };
        let asked = witness::operation(evidence, *id);
        let wrong = if offset >= 0 && timestamp < time {
            Some(format!("{asked} asked for time {time} and got offset {offset} with timestamp {timestamp}"))
        } else if compacted || evidence.may_be_stale(evidence.operation(*id)) {
            None
        } else {
            missed(evidence, partition, &timeline, *id, time, offset).map(|(version, found)| {
                let got = if offset < 0 { "no record".to_owned() } else { format!("offset {offset}") };
                let what = witness::shown(evidence, version);
                format!("{asked} asked for time {time} and got {got}, though {what}, has timestamp {found}")
            })
        };
        if let Some(sentence) = wrong {
            verdict.report(witness::anomaly(Class::WrongOffsetLookup, partition, sentence, &[*id]));
        }
    }
}

fn time_lookup(operation: &Operation) -> Option<(Timestamp, Offset, Timestamp)> {
    match (&operation.action, operation.answer()) {
        (Action::ListOffsets(list), Some(Answer::Offset { offset, timestamp, .. })) => match list.query {
            OffsetQuery::At(time) => Some((time, *offset, *timestamp)),
            _ => None,
        },
        _ => None,
    }
}

/// A record before `offset` that the lookup should have found: surely there, surely not deleted, and late enough.
fn missed<'a>(
    evidence: &Evidence<'_>,
    partition: &Partition,
    timeline: &Timeline<'a>,
    id: OperationId,
    time: Timestamp,
    offset: Offset,
) -> Option<(&'a Version, Timestamp)> {
    let (since, until) = (evidence.since(id), evidence.until(id));
    let mut place = timeline.place_of(surely_kept_from(evidence, partition, timeline, until));
    loop {
        place = timeline.first_at(time, place)?;
        let (version, timestamp) = timeline.versions[place];
        if version.offset >= partition.shown_below(since) || (offset >= 0 && version.offset >= offset) {
            return None;
        }
        let known = version.acknowledged.or(version.first_read).is_some_and(|shown| evidence.until(shown) < since);
        let seen = Observation::of(evidence, version);
        let kept = !may_expire_unseen(evidence, partition, until) || evidence.since(version.last) > until;
        if known && kept && evidence.may_be_gone(partition, seen, until).is_none() {
            return Some((version, timestamp));
        }
        place += 1;
    }
}

/// Whether retention may have taken records that no later answer would tell of: the topic went before it was scanned.
fn may_expire_unseen(evidence: &Evidence<'_>, partition: &Partition, until: Index) -> bool {
    partition.scan.is_none() && evidence.expires(partition, until)
}

/// The first offset that was surely not deleted by event `until`.
fn surely_kept_from(evidence: &Evidence<'_>, partition: &Partition, timeline: &Timeline<'_>, until: Index) -> Offset {
    let asked = partition.asked_to_delete(until);
    if evidence.expires(partition, until) { timeline.greatest_log_start.max(asked) } else { asked }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;
    use crate::history::OffsetQuery;

    fn read_to(end: u32) -> Story {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, end);
        let records: Vec<_> = (0..end).map(|n| (i64::from(n), n)).collect();
        story.poll(1, 0, &records, i64::from(end));
        story
    }

    #[test]
    fn the_latest_offset_is_below_what_was_acknowledged() {
        let mut story = read_to(3);
        story.list(OffsetQuery::Latest, 2, -1);
        story.assert_only(Class::WrongOffsetLookup);
    }

    #[test]
    fn a_time_is_answered_with_an_earlier_a_later_or_no_record() {
        for (offset, timestamp) in [(99, 1099), (101, 1101), (-1, -1)] {
            let mut story = read_to(200);
            story.list(OffsetQuery::At(1100), offset, timestamp);
            story.assert_only(Class::WrongOffsetLookup);
        }
    }

    #[test]
    fn retention_may_take_what_nobody_looks_for_any_more() {
        let mut story = Story::with_topic(&[("retention.bytes", "20000")]);
        story.acknowledged(0, 200);
        let records: Vec<_> = (0..200).map(|n| (i64::from(n), n)).collect();
        story.poll(1, 0, &records, 200);
        story.list(OffsetQuery::At(1100), 150, 1150);
        story.delete_topic();
        story.assert_clean();
    }

    #[test]
    fn right_answers_are_fine() {
        let mut story = read_to(200);
        story.list(OffsetQuery::Latest, 200, -1);
        story.list(OffsetQuery::At(1100), 100, 1100);
        story.list(OffsetQuery::At(5), 0, 1000);
        story.list(OffsetQuery::At(1200), -1, -1);
        story.delete_records(150, 150);
        story.list(OffsetQuery::At(1100), 150, 1150);
        story.assert_clean();
    }
}
