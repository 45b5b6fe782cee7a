//! Wrong offset lookup, once all is well: a lookup of a time, or of the greatest one, contradicts the final log. The log only
//! grows between the two.

use super::evidence::{Evidence, Partition, Scan, Version};
use super::excuse::Observation;
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Action, Answer, Index, OffsetQuery, Operation, OperationId};
use model::{Offset, Timestamp};

/// Compares each lookup that began once all was well with the log that was read after it.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        let Some(scan) = partition.scan else { continue };
        // A cleaner may take away between the two what was found.
        if evidence.topics.lives[partition.life].maybe(0, Index::MAX, |settings| settings.compacted) {
            continue;
        }
        for id in &partition.operations {
            let operation = evidence.operation(*id);
            let is_before = evidence.until(*id) < evidence.since(scan.operation);
            let Some(lookup) = Lookup::of(operation).filter(|_| evidence.is_final(operation) && is_before) else {
                continue;
            };
            let wrong = lookup.found_otherwise(partition, scan).or_else(|| {
                let later = lookup.missed(evidence, partition, scan, *id)?;
                Some(format!("though {} has a later one", witness::shown(evidence, later)))
            });
            if let Some(wrong) = wrong {
                report(evidence, partition, (*id, scan), &lookup, &wrong, verdict);
            }
        }
    }
}

fn report(
    evidence: &Evidence<'_>,
    partition: &Partition,
    (id, scan): (OperationId, Scan),
    lookup: &Lookup,
    wrong: &str,
    verdict: &mut Verdict,
) {
    let seen = Observation::by(evidence, id);
    if let Some(because) = evidence.may_be_gone(partition, seen, evidence.until(scan.operation)) {
        return verdict.allow(Class::WrongOffsetLookup, because);
    }
    let Lookup { offset, timestamp, .. } = lookup;
    let sentence = format!(
        "{} was told of offset {offset} with timestamp {timestamp}, {wrong}, as {} found",
        witness::operation(evidence, id),
        witness::operation(evidence, scan.operation)
    );
    verdict.report(witness::anomaly(Class::WrongOffsetLookup, partition, sentence, &[id, scan.operation]));
}

/// The answer to a lookup by time.
struct Lookup {
    greatest: bool,
    offset: Offset,
    timestamp: Timestamp,
}

impl Lookup {
    fn of(operation: &Operation) -> Option<Lookup> {
        let (Action::ListOffsets(list), Some(Answer::Offset { offset, timestamp, .. })) =
            (&operation.action, operation.answer())
        else {
            return None;
        };
        let greatest = match list.query {
            OffsetQuery::At(_) => false,
            OffsetQuery::MaxTimestamp => true,
            _ => return None,
        };
        Some(Lookup { greatest, offset: *offset, timestamp: *timestamp })
    }

    /// What the final log holds at the offset, when it is not what was told. Retention may have gone beyond it since.
    fn found_otherwise(&self, partition: &Partition, scan: Scan) -> Option<String> {
        if self.offset < scan.log_start {
            return None;
        }
        match partition.final_log().find(|version| version.offset == self.offset).and_then(|version| version.read) {
            Some(read) if read.timestamp == self.timestamp => None,
            Some(read) => Some(format!("though the record there has timestamp {}", read.timestamp)),
            None => Some("though no record is there".to_owned()),
        }
    }

    /// A record that was there before the lookup, and has a greater timestamp than the greatest. Where records were deleted,
    /// the greatest may be that of one of them.
    fn missed<'p>(
        &self,
        evidence: &Evidence<'_>,
        partition: &'p Partition,
        scan: Scan,
        id: OperationId,
    ) -> Option<&'p Version> {
        if !self.greatest || !partition.deletions.is_empty() {
            return None;
        }
        let later = |version: &&Version| version.read.is_some_and(|read| read.timestamp > self.timestamp);
        let there = |version: &&Version| version.offset >= scan.log_start && evidence.was_shown_before(version, id);
        partition.final_log().filter(there).find(later)
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;
    use crate::history::OffsetQuery;

    /// Records 0 to 2 were read, and all is well.
    fn healed() -> Story {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 3);
        story.poll(1, 0, &[(0, 0), (1, 1), (2, 2)], 3);
        story.healed();
        story
    }

    #[test]
    fn the_greatest_timestamp_is_that_of_another_record() {
        for (offset, timestamp) in [(1, 1001), (-1, -1), (2, 1003), (3, 1002)] {
            let mut story = healed();
            story.list(OffsetQuery::MaxTimestamp, offset, timestamp);
            story.scan(0, 3, &[(0, 0), (1, 1), (2, 2)]);
            story.assert_only(Class::WrongOffsetLookup);
        }
    }

    #[test]
    fn a_time_is_told_that_the_record_has_not() {
        let mut story = healed();
        story.list(OffsetQuery::At(1001), 1, 1002);
        story.scan(0, 3, &[(0, 0), (1, 1), (2, 2)]);
        story.assert_only(Class::WrongOffsetLookup);
    }

    #[test]
    fn right_answers_are_fine_and_so_is_what_came_later() {
        let mut story = healed();
        story.list(OffsetQuery::MaxTimestamp, 2, 1002);
        story.list(OffsetQuery::At(1001), 1, 1001);
        story.list(OffsetQuery::At(2000), -1, -1);
        story.acknowledged(3, 1);
        story.scan(0, 4, &[(0, 0), (1, 1), (2, 2), (3, 3)]);
        story.assert_clean();
    }
}
