//! Corruption: what came back is not what was sent: other bytes, another place, or nothing that anyone sent.

use super::evidence::{Bytes, Evidence, Partition, SentAt, Version, partition_of};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Answer, OperationId};
use model::Timestamp;

/// Compares everything that was read with what was sent.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in evidence.all_that_was_read() {
        for version in &partition.versions {
            if let Some(read) = version.first_read
                && let Some(wrong) = wrong(evidence, partition, version, read)
            {
                let reader = witness::operation(evidence, read);
                let sentence = format!("record {} that {reader} read at offset {} {wrong}", version.id, version.offset);
                verdict.report(witness::anomaly(Class::Corruption, partition, sentence, &[read]));
            }
        }
        for id in &partition.operations {
            check_answer(evidence, partition, *id, verdict);
        }
    }
}

fn wrong(evidence: &Evidence<'_>, partition: &Partition, version: &Version, read: OperationId) -> Option<String> {
    let Some(sent) = evidence.sent.get(&version.id) else {
        // What was written to a topic before the history began is in no history.
        let was_there_before = evidence.topics.lives[partition.life].create.is_none();
        return (!was_there_before).then(|| "was never sent".into());
    };
    let home = partition_of(&evidence.operation(sent.operation).action);
    if let Some(home) = home.filter(|home| **home != partition.name) {
        return Some(format!("was sent to {home}"));
    }
    let Bytes { content, timestamp, .. } = version.read?;
    if content != sent.content {
        return Some("has other bytes than were sent".into());
    }
    let kept = timestamp == sent.timestamp || restamped(evidence, partition, sent, read);
    (!kept).then(|| format!("has timestamp {timestamp} and was sent with {}", sent.timestamp))
}

/// Whether the broker may have put its own timestamp on a record.
fn restamped(evidence: &Evidence<'_>, partition: &Partition, sent: &SentAt, read: OperationId) -> bool {
    const NONE: Timestamp = -1;
    let life = &evidence.topics.lives[partition.life];
    sent.timestamp == NONE || life.maybe(evidence.since(sent.operation), evidence.until(read), |s| s.append_time)
}

fn check_answer(evidence: &Evidence<'_>, partition: &Partition, id: OperationId, verdict: &mut Verdict) {
    if let Some(Answer::Corrupt { offset, what }) = evidence.operation(id).answer() {
        let sentence = format!("{} got bytes at offset {offset} that are {what}", witness::operation(evidence, id));
        verdict.report(witness::anomaly(Class::Corruption, partition, sentence, &[id]));
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::{Story, partition, received};
    use crate::history::{Action, Answer, Fetch, Received, RecordId};
    use model::TopicPartition;

    fn read(configs: &[(&str, &str)], record: Received) -> Story {
        let mut story = Story::with_topic(configs);
        let write = story.produce(0, 1);
        story.acknowledge(write, 0);
        story.poll_answered(1, 0, Answer::Fetched { records: vec![record], high_watermark: 1, log_start: 0 });
        story
    }

    #[test]
    fn other_bytes_come_back() {
        read(&[], Received { content: 5, ..received(0, 0) }).assert_only(Class::Corruption);
    }

    #[test]
    fn a_record_comes_back_that_nobody_sent() {
        read(&[], Received { id: RecordId::FOREIGN, ..received(0, 0) }).assert_finds(Class::Corruption);
    }

    #[test]
    fn a_timestamp_changes_though_the_topic_keeps_what_clients_say() {
        let record = Received { timestamp: 9, ..received(0, 0) };
        read(&[], record).assert_only(Class::Corruption);
        read(&[("message.timestamp.type", "LogAppendTime")], record).assert_clean();
    }

    #[test]
    fn a_record_comes_back_from_a_partition_it_was_not_sent_to() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 1);
        let fetch = Fetch {
            partition: TopicPartition::new("t", 1),
            topic_id: None,
            from: 0,
            continues: false,
            node: None,
            leader_epoch: None,
        };
        let answer = Answer::Fetched { records: vec![received(0, 0)], high_watermark: 1, log_start: 0 };
        story.did(1, Action::Fetch(fetch), answer);
        story.assert_only(Class::Corruption);
    }

    #[test]
    fn bytes_come_back_that_are_no_batch() {
        let mut story = Story::with_topic(&[]);
        let fetch =
            Fetch { partition: partition(), topic_id: None, from: 0, continues: false, node: None, leader_epoch: None };
        story.did(1, Action::Fetch(fetch), Answer::Corrupt { offset: 0, what: "no batch: wrong CRC".into() });
        story.assert_only(Class::Corruption);
    }

    #[test]
    fn what_was_sent_comes_back() {
        read(&[], received(0, 0)).assert_clean();
    }

    #[test]
    fn a_member_of_a_group_is_given_other_bytes() {
        for (content, clean) in [(100, true), (5, false)] {
            let mut story = Story::with_topic(&[]);
            story.acknowledged(0, 1);
            story.consumed(vec![Received { content, ..received(0, 0) }]);
            if clean { story.assert_clean() } else { story.assert_only(Class::Corruption) }
        }
    }

    #[test]
    fn a_topic_that_was_there_before_holds_what_nobody_is_known_to_have_sent() {
        let mut story = Story::new();
        story.poll(1, 0, &[(0, 0)], 1);
        story.assert_clean();
    }
}
