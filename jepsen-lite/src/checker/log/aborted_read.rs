//! Aborted read: a write was refused, definitely, and someone read it; or a read brought what was not committed, as it says
//! itself: a record at or above the high watermark that it tells.

use super::evidence::{Evidence, Partition};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{Answer, OperationId, Outcome};

/// Looks up the write of everything that was read.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in evidence.all_that_was_read() {
        for version in &partition.versions {
            let (Some(read), Some(sent)) = (version.first_read, evidence.sent.get(&version.id)) else { continue };
            let Outcome::Fail(error) = &evidence.operation(sent.operation).outcome else { continue };
            let sentence = format!(
                "record {} was refused ({error}) in {}, and was read at offset {} by {}",
                version.id,
                witness::operation(evidence, sent.operation),
                version.offset,
                witness::operation(evidence, read)
            );
            verdict.report(witness::anomaly(Class::AbortedRead, partition, sentence, &[sent.operation, read]));
        }
        partition.operations.iter().for_each(|id| above_the_end(evidence, partition, *id, verdict));
    }
}

/// Whoever answers, a leader or a replica that lags, gives out nothing above what it knows to be committed.
fn above_the_end(evidence: &Evidence<'_>, partition: &Partition, read: OperationId, verdict: &mut Verdict) {
    let Some(Answer::Fetched { records, high_watermark, .. }) = evidence.operation(read).answer() else { return };
    let above = records.iter().find(|record| *high_watermark >= 0 && record.offset >= *high_watermark);
    let Some(record) = above else { return };
    let begins = evidence.topics.lives[partition.life].begins;
    if let Some(because) = evidence.may_show_unchecked_fields_wrongly(partition, begins) {
        return verdict.allow(Class::AbortedRead, because); // the offset is such a field
    }
    let sentence = format!(
        "record {} was read at offset {}, though only what is below {high_watermark} was committed, by {}",
        record.id,
        record.offset,
        witness::operation(evidence, read)
    );
    verdict.report(witness::anomaly(Class::AbortedRead, partition, sentence, &[read]));
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::{Story, received};
    use crate::history::Outcome;

    fn read_after(outcome: Outcome) -> Story {
        let mut story = Story::with_topic(&[]);
        let write = story.produce(0, 1);
        story.complete(write, outcome);
        story.poll(1, 0, &[(0, 0)], 1);
        story
    }

    #[test]
    fn a_refused_write_is_read() {
        read_after(Outcome::Fail("MESSAGE_TOO_LARGE".into())).assert_only(Class::AbortedRead);
    }

    #[test]
    fn a_write_that_timed_out_may_be_read() {
        read_after(Outcome::Unknown("timed out".into())).assert_clean();
    }

    #[test]
    fn of_a_record_that_was_tried_again_all_attempts_must_have_been_refused() {
        for (first, clean) in
            [(Outcome::Unknown("timed out".into()), true), (Outcome::Fail("MESSAGE_TOO_LARGE".into()), false)]
        {
            let mut story = Story::with_topic(&[]);
            let write = story.produce(0, 1);
            story.complete(write, first);
            let again = story.produce(0, 1);
            story.complete(again, Outcome::Fail("MESSAGE_TOO_LARGE".into()));
            story.poll(1, 0, &[(0, 0)], 1);
            if clean { story.assert_clean() } else { story.assert_only(Class::AbortedRead) }
        }
    }

    #[test]
    fn a_member_of_a_group_is_given_a_refused_write() {
        let mut story = Story::with_topic(&[]);
        let write = story.produce(0, 1);
        story.complete(write, Outcome::Fail("MESSAGE_TOO_LARGE".into()));
        story.consumed(vec![received(0, 0)]);
        story.assert_only(Class::AbortedRead);
    }

    #[test]
    fn a_read_brings_what_is_not_committed_yet() {
        for (high_watermark, clean) in [(1, true), (-1, true), (0, false)] {
            let mut story = Story::with_topic(&[]);
            story.produce(0, 1);
            story.poll(1, 0, &[(0, 0)], high_watermark);
            if clean { story.assert_clean() } else { story.assert_only(Class::AbortedRead) }
        }
    }
}
