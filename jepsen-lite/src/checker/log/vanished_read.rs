//! Vanished read: a record was read, so it was committed, and the final log does not hold it. Its write need not have
//! been acknowledged; when it was, that is a lost write.

use super::evidence::{Evidence, Partition, Scan};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::RecordId;
use model::map::HashSet;

/// Looks for every record that was read.
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
        return;
    }
    let present: HashSet<RecordId> = partition.final_log().map(|version| version.id).collect();
    let may_expire = life.maybe(0, scanned_at, |settings| settings.retention);
    let deleted_below = partition.asked_to_delete(scanned_at);
    for version in &partition.versions {
        let Some(read) = version.first_read.filter(|_| version.acknowledged.is_none() && !version.scanned) else {
            continue;
        };
        if !evidence.was_shown_before(version, scan.operation) {
            continue; // the scan may have gone by before it was written
        }
        let removed = version.offset < scan.log_start && (may_expire || version.offset < deleted_below);
        if removed || present.contains(&version.id) {
            continue;
        }
        match evidence.may_be_lost(partition, version, scanned_at) {
            Some(because) => verdict.allow(Class::VanishedRead, because),
            None => {
                let sentence = format!(
                    "{} is not in the final log from {} to {}",
                    witness::shown(evidence, version),
                    scan.log_start,
                    scan.end
                );
                verdict.report(witness::anomaly(Class::VanishedRead, partition, sentence, &[read, scan.operation]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;
    use crate::history::{FaultKind, Outcome};

    fn read_and_gone(configs: &[(&str, &str)]) -> Story {
        let mut story = Story::with_topic(configs);
        let write = story.produce(0, 1);
        story.poll(1, 0, &[(0, 0)], 1);
        story.complete(write, Outcome::Unknown("timed out".into()));
        story.fault(FaultKind::PowerFailure, None);
        story.scan(0, 0, &[]);
        story
    }

    #[test]
    fn a_reader_saw_an_unacknowledged_write_that_then_vanished() {
        read_and_gone(&[]).assert_finds(Class::VanishedRead);
    }

    #[test]
    fn what_was_read_after_the_scan_need_not_be_in_it() {
        let mut story = Story::with_topic(&[]);
        story.produce(0, 1);
        story.scan(0, 0, &[]);
        story.poll(1, 0, &[(0, 0)], 1);
        story.assert_clean();
    }

    #[test]
    fn from_page_cache_it_may_vanish_with_the_power() {
        read_and_gone(&[("flush.messages", "9")]).assert_clean();
    }
}
