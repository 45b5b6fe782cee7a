//! Lost write: a record was acknowledged, the final log reaches its offset or ends before it, and the record is
//! nowhere in it.

use super::evidence::{Evidence, Partition, Scan, Version};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::RecordId;
use model::map::HashSet;

/// Looks for every acknowledged record.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        if let Some(scan) = partition.scan {
            check_partition(evidence, partition, scan, verdict);
        }
    }
}

fn check_partition(evidence: &Evidence<'_>, partition: &Partition, scan: Scan, verdict: &mut Verdict) {
    let life = &evidence.topics.lives[partition.life];
    let scanned_at = evidence.until(scan.operation);
    if life.maybe(0, scanned_at, |settings| settings.compacted) {
        return; // an older record of a key may go
    }
    let present: HashSet<RecordId> = partition.final_log().map(|version| version.id).collect();
    let deleted_below = partition.asked_to_delete(scanned_at);
    let may_expire = life.maybe(0, scanned_at, |settings| settings.retention);
    let mut lost: Vec<&Version> = Vec::new();
    for version in partition.versions.iter().filter(|version| version.acknowledged.is_some()) {
        if !evidence.was_shown_before(version, scan.operation) {
            continue; // the scan may have gone by before it was written
        }
        verdict.judged += 1;
        let removed = version.offset < scan.log_start && (may_expire || version.offset < deleted_below);
        if removed || present.contains(&version.id) {
            continue;
        }
        match evidence.may_be_lost(partition, version, scanned_at) {
            Some(because) => verdict.allow(Class::LostWrite, because),
            None => lost.push(version),
        }
    }
    report(evidence, partition, scan, &lost, verdict);
}

/// One anomaly for each run of neighbouring offsets.
fn report(evidence: &Evidence<'_>, partition: &Partition, scan: Scan, lost: &[&Version], verdict: &mut Verdict) {
    for run in lost.chunk_by(|a, b| a.offset + 1 == b.offset) {
        let (first, last) = (run[0], run[run.len() - 1]);
        let by = first.acknowledged.unwrap_or(first.first);
        let more =
            if run.len() > 1 { format!(" (and {} more, to {})", run.len() - 1, last.offset) } else { String::new() };
        let why = if first.offset < scan.log_start { ": nobody asked to delete that far" } else { "" };
        let sentence = format!(
            "record {} was acknowledged with offset {}{more} to {}, and is not in the final log from {} to {}{why}",
            first.id,
            first.offset,
            witness::operation(evidence, by),
            scan.log_start,
            scan.end,
        );
        verdict.report(witness::anomaly(Class::LostWrite, partition, sentence, &[by, scan.operation]));
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::{Story, partition};
    use crate::history::{Action, Answer, FaultKind, Outcome};

    #[test]
    fn an_acknowledged_record_that_the_final_log_lacks_is_lost() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 3);
        story.scan(0, 2, &[(0, 0), (1, 1)]);
        let verdict = story.verdict();
        assert_eq!(verdict.counts.get(&Class::LostWrite), Some(&1));
        let witness = &verdict.anomalies[0].witness;
        assert!(witness.contains("record 0/2 was acknowledged with offset 2"), "{witness}");
    }

    #[test]
    fn what_is_there_is_not_lost() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 3);
        story.scan(0, 3, &[(0, 0), (1, 1), (2, 2)]);
        story.assert_clean();
        assert_eq!(story.verdict().judged, 3);
    }

    #[test]
    fn what_was_acknowledged_during_the_scan_or_after_it_need_not_be_in_it() {
        let mut story = Story::with_topic(&[]);
        let beside = story.produce(0, 1);
        let scan = story.invoke(7, Action::Scan { partition: partition() });
        story.acknowledge(beside, 0);
        story.complete(scan, Outcome::Ok(Answer::Scanned { log_start: 0, end: 0, records: Vec::new() }));
        story.acknowledged(1, 1);
        story.poll(1, 0, &[(0, 0), (1, 1)], 2);
        story.assert_clean();
    }

    #[test]
    fn the_last_of_several_scans_counts() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 2);
        story.scan(0, 2, &[(0, 0), (1, 1)]);
        story.assert_clean();
        story.scan(0, 2, &[(0, 0)]);
        story.assert_finds(Class::LostWrite);
        story.assert_finds(Class::Hole);
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 1);
        story.scan(0, 1, &[(0, 0)]);
        story.acknowledged(1, 1);
        story.scan(0, 2, &[(0, 0), (1, 1)]);
        story.assert_clean();
    }

    #[test]
    fn a_power_failure_excuses_page_cache_and_nothing_else() {
        for (configs, kind, clean) in [
            (&[("flush.messages", "100")][..], FaultKind::PowerFailure, true),
            (&[("flush.messages", "100")], FaultKind::ProcessCrash, false),
            (&[], FaultKind::PowerFailure, false),
        ] {
            let mut story = Story::with_topic(configs);
            story.acknowledged(0, 3);
            story.fault(kind, None);
            story.scan(0, 1, &[(0, 0)]);
            let verdict = story.verdict();
            assert_eq!(verdict.is_clean(), clean, "{kind} {configs:?}: {:?}", verdict.anomalies);
            assert_eq!(verdict.allowed.is_empty(), !clean);
        }
    }

    #[test]
    fn a_power_failure_before_the_write_excuses_nothing() {
        let mut story = Story::with_topic(&[("flush.messages", "100")]);
        story.fault(FaultKind::PowerFailure, None);
        story.acknowledged(0, 3);
        story.scan(0, 1, &[(0, 0)]);
        story.assert_only(Class::LostWrite);
    }

    #[test]
    fn a_topic_turned_journaled_is_safe_from_then_on_and_so_is_what_it_held() {
        let mut story = Story::with_topic(&[("flush.messages", "100")]);
        story.acknowledged(0, 3);
        story.alter("flush.messages", Some("1"));
        story.fault(FaultKind::PowerFailure, None);
        story.scan(0, 1, &[(0, 0)]);
        story.assert_only(Class::LostWrite);
    }

    #[test]
    fn records_below_the_log_start_are_lost_unless_someone_asked() {
        for (asked, first_lost) in [(None, Some("0/0")), (Some(1), Some("0/1")), (Some(2), None)] {
            let mut story = Story::with_topic(&[]);
            story.acknowledged(0, 3);
            if let Some(before) = asked {
                story.delete_records(before, before);
            }
            story.scan(2, 3, &[(2, 2)]);
            let verdict = story.verdict();
            let witness = verdict.anomalies.first().map(|anomaly| anomaly.witness.clone());
            assert_eq!(witness.is_some(), first_lost.is_some(), "asked to delete below {asked:?}");
            assert!(witness.is_none_or(|w| w.contains(&format!("record {}", first_lost.unwrap()))));
        }
    }

    #[test]
    fn retention_may_take_what_is_old() {
        let mut story = Story::with_topic(&[("retention.ms", "1000")]);
        story.acknowledged(0, 3);
        story.scan(2, 3, &[(2, 2)]);
        story.assert_clean();
    }
}
