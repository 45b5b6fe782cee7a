//! Duplicate: one record at two offsets, though its producer is idempotent or never sent it twice.

use super::evidence::{Evidence, Partition, Version};
use super::excuse::Observation;
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{FaultKind, RecordId};
use crate::promise_table::{self, Copies, copies};

/// Looks for every record that was seen twice.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        let mut by_id: Vec<&Version> = partition.versions.iter().filter(|v| v.id != RecordId::FOREIGN).collect();
        by_id.sort_unstable_by_key(|version| (version.id, version.offset));
        by_id.dedup_by_key(|version| (version.id, version.offset));
        for pair in by_id.windows(2).filter(|pair| pair[0].id == pair[1].id) {
            check_pair(evidence, partition, pair[0], pair[1], verdict);
        }
    }
}

fn check_pair(evidence: &Evidence<'_>, partition: &Partition, a: &Version, b: &Version, verdict: &mut Verdict) {
    let Some(session) = evidence.history.sessions.get(a.id.session() as usize) else { return };
    if copies(session.idempotent, session.may_resend) == Copies::EachResend {
        verdict.allow(Class::Duplicate, "a producer that is not idempotent sent it again");
        return;
    }
    let both_stand = a.scanned && b.scanned;
    if !both_stand && let Some(because) = one_may_be_gone(evidence, partition, a, b) {
        verdict.allow(Class::Duplicate, because);
        return;
    }
    if its_producer_may_be_forgotten(evidence, partition, a, b) {
        let because =
            "what its producer had written was deleted, and a replica that was made since knows nothing of it";
        verdict.allow(Class::Duplicate, because);
        return;
    }
    let sentence = format!(
        "{} is also at offset {}, {}",
        witness::shown(evidence, a),
        b.offset,
        witness::operation(evidence, b.first)
    );
    verdict.report(witness::anomaly(Class::Duplicate, partition, sentence, &[a.first, b.first]));
}

/// Why one copy may have been lost before the other was written.
fn one_may_be_gone(evidence: &Evidence<'_>, partition: &Partition, a: &Version, b: &Version) -> Option<&'static str> {
    let lost = |old: &Version, new: &Version| {
        let in_order = evidence.since(old.first) <= evidence.until(new.last);
        in_order.then(|| evidence.may_be_gone(partition, Observation::of(evidence, old), evidence.until(new.last)))?
    };
    lost(a, b).or_else(|| lost(b, a))
}

/// Whether the one that stands came to a leader that never had the other: it was deleted, and a replica that begins anew
/// learns of producers by the records that are left. Kafka does the same.
fn its_producer_may_be_forgotten(evidence: &Evidence<'_>, partition: &Partition, a: &Version, b: &Version) -> bool {
    let until = evidence.until(b.last);
    let is_below_the_start = match partition.scan {
        Some(scan) => a.offset < scan.log_start,
        // Of a topic that was deleted later nobody can tell where it began.
        None => evidence.expires(partition, until) || a.offset < partition.asked_to_delete(until),
    };
    let is_deleted = !a.scanned && is_below_the_start;
    let moved = partition.moves.iter().any(|(from, _)| *from <= until);
    let begins_anew = |kind| kind == FaultKind::WipedDisk || promise_table::leaves_wrong_bytes(kind);
    let anew = || evidence.history.faults.iter().any(|it| it.began.index <= until && begins_anew(it.nature.kind));
    is_deleted && (moved || anew())
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;
    use crate::history::{FaultKind, Session};

    #[test]
    fn an_idempotent_record_is_in_the_log_twice() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 1);
        story.scan(0, 2, &[(0, 0), (1, 0)]);
        story.assert_only(Class::Duplicate);
    }

    #[test]
    fn reads_alone_show_it_too() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 1);
        story.poll(1, 0, &[(0, 0), (1, 0)], 2);
        story.assert_only(Class::Duplicate);
    }

    #[test]
    fn who_resends_without_a_producer_id_gets_copies_and_who_does_not_resend_does_not() {
        for may_resend in [true, false] {
            let mut story = Story::with_topic(&[]);
            let session = story.recorder.session(Session { process: 0, idempotent: false, may_resend, producer: None });
            assert_eq!(session, 1);
            let mut copy = crate::checker::log::story::received(0, 0);
            copy.id = crate::history::RecordId::new(1, 0);
            let action = crate::history::Action::Produce(crate::history::Produce {
                partition: crate::checker::log::story::partition(),
                topic_id: None,
                acks: crate::history::Acks::All,
                one_batch: true,
                records: vec![crate::history::Sent {
                    id: copy.id,
                    content: copy.content,
                    timestamp: copy.timestamp,
                    key: None,
                }],
            });
            let id = story.invoke(0, action);
            story.acknowledge(id, 1);
            let records = vec![copy, crate::history::Received { offset: 1, ..copy }];
            story.scanned(crate::history::Answer::Scanned { log_start: 0, end: 2, records });
            assert_eq!(story.verdict().is_clean(), may_resend);
        }
    }

    #[test]
    fn a_copy_lost_with_the_page_cache_may_be_sent_again() {
        let mut story = Story::with_topic(&[("flush.messages", "50")]);
        story.acknowledged(0, 3);
        let again = story.produce(3, 1);
        story.poll(1, 3, &[(3, 3)], 4);
        story.fault(FaultKind::PowerFailure, None);
        story.acknowledge(again, 1);
        story.scan(0, 2, &[(0, 0), (1, 3)]);
        story.assert_clean();
    }
}
