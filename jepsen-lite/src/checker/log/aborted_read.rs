//! Aborted read: a write was refused, definitely, and someone read it.

use super::evidence::Evidence;
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::Outcome;

/// Looks up the write of everything that was read.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
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
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;
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
}
