//! Unavailable: after everything was healed, a partition refuses to be read from start to end, and no fault excuses it.

use super::evidence::{Evidence, Partition};
use super::witness;
use crate::checker::{Class, Verdict};
use crate::history::{OperationId, Outcome};

/// Looks at the partitions whose final read was refused.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for partition in &evidence.partitions {
        if let (Some(refused), None) = (partition.refused, partition.scan) {
            check_refused(evidence, partition, refused, verdict);
        }
    }
}

fn check_refused(evidence: &Evidence<'_>, partition: &Partition, refused: OperationId, verdict: &mut Verdict) {
    let life = &evidence.topics.lives[partition.life];
    let (since, until) = (evidence.since(refused), evidence.until(refused));
    if !life.surely_alive(since, until.min(u32::MAX - 1)) {
        return; // its deletion may have been done
    }
    match evidence.may_refuse(partition, life.begins) {
        Some(because) => verdict.allow(Class::Unavailable, because),
        None => {
            let error = match &evidence.operation(refused).outcome {
                Outcome::Fail(error) | Outcome::Unknown(error) => error.as_str(),
                Outcome::Ok(_) => "an answer that is no scan",
            };
            let sentence = format!("{} could not read the final log: {error}", witness::operation(evidence, refused));
            verdict.report(witness::anomaly(Class::Unavailable, partition, sentence, &[refused]));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;
    use crate::history::{FaultKind, FileKind};

    #[test]
    fn a_partition_refuses_to_be_read_after_a_mere_power_failure() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 1);
        story.fault(FaultKind::PowerFailure, None);
        story.refused_scan();
        story.assert_only(Class::Unavailable);
    }

    #[test]
    fn rot_may_be_refused_and_a_deleted_topic_need_not_be_there() {
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 1);
        story.fault(FaultKind::RotAtRest, Some(FileKind::Segment));
        story.refused_scan();
        story.assert_clean();
        let mut story = Story::with_topic(&[]);
        story.acknowledged(0, 1);
        story.delete_topic();
        story.refused_scan();
        story.assert_clean();
    }
}
