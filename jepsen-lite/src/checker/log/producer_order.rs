//! Producer order: the records of an idempotent producer are in the log in the order it sent them, acknowledged or not.

use super::evidence::{Evidence, Partition, Version};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::RecordId;
use crate::promise_table::{Copies, copies};
use std::collections::BTreeMap;

/// Walks through each final log.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        let mut last: BTreeMap<u32, &Version> = BTreeMap::new();
        for version in partition.final_log().filter(|version| version.id != RecordId::FOREIGN) {
            let Some(session) = evidence.history.sessions.get(version.id.session() as usize) else { continue };
            if copies(session.idempotent, session.may_resend) != Copies::OnceInOrder {
                continue;
            }
            match last.insert(version.id.session(), version) {
                Some(before) if before.id > version.id => report(evidence, partition, before, version, verdict),
                _ => {}
            }
        }
    }
}

fn report(evidence: &Evidence<'_>, partition: &Partition, before: &Version, after: &Version, verdict: &mut Verdict) {
    let sentence = format!(
        "record {} at offset {} was sent after record {}, which follows it at offset {}; {}",
        before.id,
        before.offset,
        after.id,
        after.offset,
        witness::operation(evidence, after.last)
    );
    verdict.report(witness::anomaly(Class::ProducerOrder, partition, sentence, &[before.first, after.first]));
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;

    #[test]
    fn two_records_in_flight_changed_places() {
        let mut story = Story::with_topic(&[]);
        let (a, b) = (story.produce(0, 1), story.produce(1, 1));
        story.acknowledge(b, 0);
        story.acknowledge(a, 1);
        story.scan(0, 2, &[(0, 1), (1, 0)]);
        story.assert_only(Class::ProducerOrder);
    }

    #[test]
    fn a_record_may_be_missing_when_nobody_was_told_it_was_there() {
        let mut story = Story::with_topic(&[]);
        story.produce(0, 1);
        story.produce(1, 1);
        story.produce(2, 1);
        story.scan(0, 2, &[(0, 0), (1, 2)]);
        story.assert_clean();
    }
}
