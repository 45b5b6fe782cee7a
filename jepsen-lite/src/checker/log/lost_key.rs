//! Lost key: a record of a compacted topic was there, and a later read of its place, or the final log, is without it, though
//! no newer record of its key can be there; or it deleted its key, and `delete.retention.ms` were not over.
//!
//! Who reads a compacted topic from its start sees the last value of every key, and of each key that was deleted that it
//! was, if the reading takes no longer than that.

use super::evidence::{Evidence, Partition, Scan, Version};
use super::excuse::Observation;
use super::internal_poll_skip::read;
use super::keys::{Keys, key_of};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{FaultKind, Index, Key, OperationId, Received, RecordId};
use model::Offset;
use model::map::HashSet;

/// Milliseconds that the clocks of two nodes, and the moments at which they look at them, may be apart.
const APART_MS: u64 = 2000;
/// Kafka's default of `delete.retention.ms`.
const DAY_MS: u64 = 24 * 3600 * 1000;

/// Looks at the final log and at every read of each compacted partition.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        if !evidence.topics.lives[partition.life].maybe(0, Index::MAX, |settings| settings.compacted) {
            continue;
        }
        let Some(keys) = Keys::of(evidence, partition) else { continue };
        let judge = Judge { evidence, partition, keys, kept_ms: kept_ms(evidence, partition) };
        if let Some(scan) = partition.scan {
            judge.final_log(scan, verdict);
        }
        for id in &partition.operations {
            if let Some((from, records)) = read(evidence.operation(*id)) {
                judge.read(*id, from, records, verdict);
            }
        }
    }
}

/// For how long the mark of a deletion stays, at least.
fn kept_ms(evidence: &Evidence<'_>, partition: &Partition) -> u64 {
    let life = &evidence.topics.lives[partition.life];
    let values = life.possible_values("delete.retention.ms", 0, Index::MAX).into_iter();
    values.map(|value| value.and_then(|value| value.parse().ok()).unwrap_or(DAY_MS)).min().unwrap_or(DAY_MS)
}

struct Judge<'e, 'h> {
    evidence: &'e Evidence<'h>,
    partition: &'e Partition,
    keys: Keys,
    kept_ms: u64,
}

impl Judge<'_, '_> {
    fn final_log(&self, scan: Scan, verdict: &mut Verdict) {
        let (evidence, partition) = (self.evidence, self.partition);
        let until = evidence.until(scan.operation);
        let present: HashSet<RecordId> = partition.final_log().map(|version| version.id).collect();
        let deleted_below = partition.asked_to_delete(until);
        let may_expire = evidence.expires(partition, until);
        for version in &partition.versions {
            let was_there = evidence.was_shown_before(version, scan.operation);
            let Some(key) = key_of(evidence, version.id).filter(|_| was_there) else { continue };
            verdict.judged += 1;
            let removed = version.offset < scan.log_start && (may_expire || version.offset < deleted_below);
            let replaced = self.keys.is_replaced_in_the_end(key, version.offset);
            if removed || replaced || present.contains(&version.id) {
                continue;
            }
            if !self.may_be_forgotten(version, key, scan.operation) {
                self.missing(version, key, scan.operation, verdict);
            }
        }
    }

    /// A read goes over all that is between its beginning and the last record that it brings.
    fn read(&self, id: OperationId, from: Offset, records: &[Received], verdict: &mut Verdict) {
        let (evidence, versions) = (self.evidence, &self.partition.versions);
        let Some(last) = records.last() else { return };
        let (first, end) = (
            versions.partition_point(|version| version.offset < from),
            versions.partition_point(|version| version.offset < last.offset),
        );
        let mut next = 0;
        for version in versions.get(first..end).unwrap_or_default() {
            while records.get(next).is_some_and(|record| record.offset < version.offset) {
                next += 1;
            }
            let is_there = records.get(next).is_some_and(|record| record.offset == version.offset);
            let proof = version.acknowledged.or(version.first_read);
            let was_there = proof.is_some_and(|proof| evidence.until(proof) < evidence.since(id));
            let Some(key) = key_of(evidence, version.id).filter(|_| was_there && !is_there) else { continue };
            let until = evidence.until(id);
            let is_scanned = self.partition.scan.is_some();
            if self.keys.may_be_replaced(key, version.offset, until, is_scanned)
                || self.may_be_forgotten(version, key, id)
            {
                continue;
            }
            self.missing(version, key, id, verdict);
            return; // one tells of all
        }
    }

    /// Whether the record deletes its key, and the time for which that is remembered may be over.
    fn may_be_forgotten(&self, version: &Version, key: Key, by: OperationId) -> bool {
        let evidence = self.evidence;
        let Some(sent) = evidence.sent.get(&version.id) else { return key.deletes };
        if !key.deletes {
            return false;
        }
        let looked = evidence.operation(by).completed.map_or(u64::MAX, |completed| completed.at);
        let kept_until =
            evidence.operation(sent.operation).invoked.at.saturating_add(self.kept_ms.saturating_mul(1_000_000));
        let clock = |kind| {
            matches!(
                kind,
                FaultKind::ClockForward | FaultKind::ClockBack | FaultKind::ClockDrift | FaultKind::ClockFreeze
            )
        };
        let clocks_are_right =
            !evidence.history.faults.iter().any(|fault| clock(fault.nature.kind) && fault.began.at <= looked);
        !clocks_are_right || looked.saturating_add(APART_MS * 1_000_000) >= kept_until
    }

    fn missing(&self, version: &Version, key: Key, by: OperationId, verdict: &mut Verdict) {
        let (evidence, partition) = (self.evidence, self.partition);
        let (seen, until) = (Observation::of(evidence, version), evidence.until(by));
        let newer_is_gone = || {
            // What replaced it was lost afterwards, and so nothing in the end tells that it was there.
            let end = evidence.until(partition.scan?.operation);
            let had_newer = self.keys.may_have_newer(key, version.offset, until);
            evidence.may_be_gone(partition, Observation::by(evidence, by), end).filter(|_| had_newer)
        };
        if let Some(because) = evidence.may_be_gone(partition, seen, until).or_else(newer_is_gone) {
            verdict.allow(Class::LostKey, because);
            return;
        }
        let sentence = format!(
            "{} went over the place of {}, and there was neither that nor anything newer of its key",
            witness::operation(evidence, by),
            witness::shown(evidence, version)
        );
        verdict.report(witness::anomaly(Class::LostKey, partition, sentence, &[version.first, by]));
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::{Story, sent};
    use crate::history::{FaultKind, Key, OperationId, Outcome, Sent};

    const COMPACTED: (&str, &str) = ("cleanup.policy", "compact");

    /// Writes record `number` of a key.
    fn put(story: &mut Story, number: u32, name: u64, deletes: bool) -> OperationId {
        story.produce_records(vec![Sent { key: Some(Key { name, deletes }), ..sent(number) }])
    }

    fn done(story: &mut Story, number: u32, name: u64, deletes: bool) {
        let id = put(story, number, name, deletes);
        story.acknowledge(id, i64::from(number));
    }

    /// Keys 1, 2, 1.
    fn written() -> Story {
        let mut story = Story::with_topic(&[COMPACTED]);
        for (number, name) in [(0, 1), (1, 2), (2, 1)] {
            done(&mut story, number, name, false);
        }
        story
    }

    #[test]
    fn the_last_value_of_each_key_stays_and_others_may_go() {
        let mut story = written();
        story.poll(1, 0, &[(1, 1), (2, 2)], 3);
        story.scan(0, 3, &[(1, 1), (2, 2)]);
        story.assert_clean();
    }

    #[test]
    fn the_last_value_of_a_key_is_gone() {
        let mut story = written();
        story.scan(0, 3, &[(2, 2)]);
        story.assert_only(Class::LostKey);
        let mut story = written();
        story.poll(1, 0, &[(2, 2)], 3);
        story.scan(0, 3, &[(1, 1), (2, 2)]);
        story.assert_only(Class::LostKey);
    }

    #[test]
    fn a_key_that_was_written_after_the_final_read_need_not_be_in_it() {
        let mut story = written();
        story.scan(0, 3, &[(1, 1), (2, 2)]);
        done(&mut story, 3, 3, false);
        story.assert_clean();
    }

    #[test]
    fn a_value_went_in_favour_of_one_that_never_was() {
        for (deletes, clean) in [(false, false), (true, true)] {
            let mut story = written();
            let doubtful = put(&mut story, 3, 2, deletes);
            story.complete(doubtful, Outcome::Unknown("timed out".into()));
            story.poll(1, 0, &[(2, 2)], 3);
            story.scan(0, 3, &[(2, 2)]);
            assert_eq!(story.verdict().is_clean(), clean, "{:?}", story.verdict().anomalies);
        }
    }

    /// Groups seed 762: a newer value of which nobody was told was compacted for, and went with its leader's log.
    #[test]
    fn a_value_went_in_favour_of_one_that_was_lost_after_it() {
        for (flush, clean) in [("9", true), ("1", false)] {
            let mut story = Story::with_topic(&[COMPACTED, ("flush.messages", flush)]);
            done(&mut story, 0, 1, false);
            done(&mut story, 1, 2, false);
            let doubtful = put(&mut story, 2, 1, false);
            story.complete(doubtful, Outcome::Unknown("timed out".into()));
            story.poll(1, 0, &[(1, 1)], 3);
            story.fault(FaultKind::PowerFailure, None);
            // One of its copies had not been cleaned yet.
            story.scan(0, 2, &[(0, 0), (1, 1)]);
            assert_eq!(story.verdict().is_clean(), clean, "{:?}", story.verdict().anomalies);
        }
    }

    #[test]
    fn what_was_written_later_does_not_replace_what_was_read_before() {
        let mut story = written();
        story.poll(1, 0, &[(2, 2)], 3);
        done(&mut story, 3, 2, false);
        story.scan(0, 4, &[(2, 2), (3, 3)]);
        story.assert_only(Class::LostKey);
    }

    #[test]
    fn the_mark_of_a_deletion_stays_for_its_time() {
        // Each operation takes two milliseconds in a story.
        for (kept, fault, clean) in
            [("86400000", None, false), ("86400000", Some(FaultKind::ClockForward), true), ("1000", None, true)]
        {
            let mut story = Story::with_topic(&[COMPACTED, ("delete.retention.ms", kept)]);
            done(&mut story, 0, 1, false);
            done(&mut story, 1, 1, true);
            done(&mut story, 2, 2, false);
            fault.into_iter().for_each(|kind| story.fault(kind, None));
            story.poll(1, 0, &[(2, 2)], 3);
            story.scan(0, 3, &[(2, 2)]);
            let verdict = story.verdict();
            assert_eq!(verdict.is_clean(), clean, "{kept} {fault:?}: {:?}", verdict.anomalies);
        }
    }

    #[test]
    fn a_power_failure_excuses_page_cache() {
        for (flush, clean) in [("9", true), ("1", false)] {
            let mut story = Story::with_topic(&[COMPACTED, ("flush.messages", flush)]);
            done(&mut story, 0, 1, false);
            story.fault(FaultKind::PowerFailure, None);
            story.scan(0, 0, &[]);
            assert_eq!(story.verdict().is_clean(), clean);
        }
    }

    #[test]
    fn a_deletion_may_be_kept_for_ever() {
        let mut story = Story::with_topic(&[COMPACTED, ("delete.retention.ms", "18446744073709551615")]);
        done(&mut story, 0, 1, true);
        done(&mut story, 1, 2, false);
        story.scan(0, 2, &[(1, 1)]);
        story.assert_only(Class::LostKey);
    }
}
