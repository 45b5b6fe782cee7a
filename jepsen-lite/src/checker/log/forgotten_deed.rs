//! Forgotten deed: once all is well, a topic has not the partitions, or a partition not the replicas or the leader, that an
//! administrator was told it would have.
//!
//! Deeds whose outcome nobody knows may come at any later time, and of several at once any may be the last.

use super::evidence::Evidence;
use super::topics::{Home, Life};
use super::witness;
use crate::checker::{Anomaly, Class, Verdict};
use crate::history::{Action, Answer, DescribedPartition, Operation, OperationId, Outcome};
use model::{ErrorCode, NodeId, TopicPartition};

/// Compares each description with the deeds before it.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for (id, operation) in (0..).zip(&evidence.history.operations) {
        let (Some(Answer::Described { partitions }), Home::One(life)) =
            (operation.answer(), evidence.homes[id as usize])
        else {
            continue;
        };
        let told = Told { evidence, id, life };
        if evidence.may_be_old(operation) || !told.life().surely_alive(evidence.since(id), evidence.until(id)) {
            continue;
        }
        if let Some(wrong) = told.count(partitions.len()) {
            told.report(wrong, None, verdict);
        }
        for (number, partition) in (0..).zip(partitions) {
            let name = TopicPartition::new(told.life().topic.as_str(), number);
            let wrong = told.replicas(&name, partition).or_else(|| told.leader(&name, partition));
            if let Some(wrong) = wrong {
                told.report(wrong, Some((&name, partition)), verdict);
            }
        }
    }
}

/// A description of a topic, in one of its lives.
struct Told<'a> {
    evidence: &'a Evidence<'a>,
    id: OperationId,
    life: usize,
}

impl<'a> Told<'a> {
    fn life(&self) -> &'a Life {
        &self.evidence.topics.lives[self.life]
    }

    fn report(&self, wrong: String, of: Option<(&TopicPartition, &DescribedPartition)>, verdict: &mut Verdict) {
        let lost = self.evidence.metadata_may_be_lost(self.life().begins, self.evidence.until(self.id));
        let stays_out = of.filter(|(_, told)| told.moves).and_then(|(name, told)| {
            let there = |it: &&super::evidence::Partition| it.life == self.life && it.name == *name;
            let (partition, since) = (self.evidence.partitions.iter().find(there)?, self.life().begins);
            // A move waits for a leader, which whoever waits for one in vain reports.
            let leads = told.leader >= 0;
            if leads {
                self.evidence.may_stay_out(partition, since)
            } else {
                self.evidence.may_refuse(partition, since)
            }
        });
        if let Some(because) = lost.or(stays_out) {
            return verdict.allow(Class::ForgottenDeed, because);
        }
        let place = of.map_or(self.life().topic.clone(), |(name, _)| name.to_string());
        let witness = format!("{} was told that {place} {wrong}", witness::operation(self.evidence, self.id));
        let partition = of.map(|(name, _)| name.clone());
        verdict.report(Anomaly { class: Class::ForgottenDeed, partition, witness, operations: vec![self.id] });
    }

    /// The operations before the description that were done or may have been.
    fn deeds(&self) -> impl DoubleEndedIterator<Item = (OperationId, &'a Operation)> {
        let operations = &self.evidence.history.operations[..self.id as usize];
        (0..).zip(operations).filter(|(_, operation)| !operation.is_failed()).collect::<Vec<_>>().into_iter()
    }

    fn is_of_this_life(&self, id: OperationId) -> bool {
        self.evidence.homes[id as usize] == Home::One(self.life)
    }

    fn is_done(&self, id: OperationId) -> bool {
        self.evidence.operation(id).is_ok() && self.evidence.until(id) < self.evidence.since(self.id)
    }

    fn count(&self, told: usize) -> Option<String> {
        let Action::CreateTopic(create) = &self.evidence.operation(self.life().create?).action else { return None };
        let (mut least, mut most) = (create.partitions, create.partitions);
        for (id, deed) in self.deeds() {
            match &deed.action {
                Action::AddPartitions { topic, count } if *topic == self.life().topic => {
                    most = most.max(*count);
                    if self.is_done(id) && self.is_of_this_life(id) {
                        least = least.max(*count);
                    }
                }
                _ => {}
            }
        }
        let fits = (least..=most).contains(&(told as i32));
        (!fits).then(|| format!("has {told} partitions, of which there are {least} to {most}"))
    }

    fn replicas(&self, name: &TopicPartition, told: &DescribedPartition) -> Option<String> {
        if told.moves {
            return Some(format!("is, on nodes {:?}, still on its way", told.replicas));
        }
        let moves: Vec<(OperationId, &[NodeId])> =
            self.deeds().filter_map(|(id, deed)| asked(id, deed, name)).collect();
        let (last, target) = moves.iter().rev().find(|(id, _)| self.is_done(*id) && self.is_of_this_life(*id))?;
        let since = self.evidence.since(*last);
        let later = || moves.iter().filter(|(id, _)| id != last && self.evidence.until(*id) > since);
        let is_possible = told.replicas == *target || later().any(|(_, target)| told.replicas == *target);
        if is_possible || target.is_empty() || later().any(|(_, target)| target.is_empty()) {
            return None; // what a move that was given up leaves is not known
        }
        Some(format!("is on nodes {:?}, though it was moved to {target:?} by {}", told.replicas, self.shown(*last)))
    }

    /// An election in peace holds; where the preferred replica led already, it was not needed.
    fn leader(&self, name: &TopicPartition, told: &DescribedPartition) -> Option<String> {
        let operations = &self.evidence.history.operations[..self.id as usize];
        let asked = |(_, one): &(OperationId, &Operation)| {
            let elects = matches!(&one.action, Action::ElectPreferred { partition } if partition == name);
            elects && self.evidence.is_final(one) && one.last_effect() < self.evidence.since(self.id)
        };
        let (id, election) = (0..).zip(operations).filter(asked).last()?;
        let holds = match &election.outcome {
            Outcome::Ok(_) => true,
            Outcome::Fail(error) => error == ErrorCode::ElectionNotNeeded.name(),
            Outcome::Unknown(_) => false,
        };
        let preferred = told.replicas.first()?;
        (holds && told.leader != *preferred)
            .then(|| format!("is led by {}, though {} had node {preferred} lead", told.leader, self.shown(id)))
    }

    fn shown(&self, id: OperationId) -> String {
        witness::operation(self.evidence, id)
    }
}

/// Where a deed moves a partition to, when it does; nowhere in particular when a move is given up.
fn asked<'h>(id: OperationId, deed: &'h Operation, name: &TopicPartition) -> Option<(OperationId, &'h [NodeId])> {
    match &deed.action {
        Action::Reassign { partition, replicas } if partition == name => Some((id, replicas)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::cluster_stories::{strike, three_nodes};
    use crate::checker::log::story::{Story, partition};
    use crate::history::{Action, Answer, DescribedPartition, FaultKind, Outcome};
    use model::NodeId;

    fn described(story: &mut Story, partitions: &[(&[NodeId], bool)]) {
        let partition = |(replicas, moves): &(&[NodeId], bool)| DescribedPartition {
            leader: 1,
            replicas: replicas.to_vec(),
            moves: *moves,
        };
        let partitions = partitions.iter().map(partition).collect();
        story.did(9, Action::DescribeTopic { topic: "t".into() }, Answer::Described { partitions });
    }

    fn reassign(story: &mut Story, replicas: &[NodeId], outcome: Outcome) {
        let id = story.invoke(9, Action::Reassign { partition: partition(), replicas: replicas.to_vec() });
        story.complete(id, outcome);
    }

    #[test]
    fn a_partition_is_where_it_was_moved_to_last_or_where_it_may_go_yet() {
        for (told, found) in [(&[3, 1, 2][..], true), (&[2, 3, 1], false), (&[1, 2, 3], false)] {
            let mut story = three_nodes(&[]);
            reassign(&mut story, &[3, 1, 2], Outcome::Ok(Answer::Done));
            reassign(&mut story, &[2, 3, 1], Outcome::Ok(Answer::Done));
            reassign(&mut story, &[1, 2, 3], Outcome::Unknown("timed out".into()));
            story.healed();
            described(&mut story, &[(told, false)]);
            if found { story.assert_only(Class::ForgottenDeed) } else { story.assert_clean() }
        }
    }

    #[test]
    fn a_partition_does_not_move_for_ever() {
        let mut story = three_nodes(&[]);
        story.healed();
        described(&mut story, &[(&[1, 2, 3], true)]);
        story.assert_only(Class::ForgottenDeed);
    }

    /// Cluster seed 352: no copy in the page cache knows after a power failure what it lacks, and so nobody led who could bring the new ones along.
    #[test]
    fn a_partition_that_may_lack_a_leader_may_be_on_its_way() {
        for (leader, found) in [(-1, false), (1, true)] {
            let mut story = three_nodes(&[("flush.messages", "1000"), ("min.insync.replicas", "2")]);
            story.acknowledged(0, 1);
            for node in 1..=3 {
                strike(&mut story, node, FaultKind::PowerFailure);
            }
            story.healed();
            let partition = DescribedPartition { leader, replicas: vec![1, 2, 3], moves: true };
            let answer = Answer::Described { partitions: vec![partition] };
            story.did(9, Action::DescribeTopic { topic: "t".into() }, answer);
            if found { story.assert_only(Class::ForgottenDeed) } else { story.assert_clean() }
        }
    }

    #[test]
    fn where_a_move_was_given_up_nobody_knows_where_it_is() {
        let mut story = three_nodes(&[]);
        reassign(&mut story, &[3, 1, 2], Outcome::Ok(Answer::Done));
        reassign(&mut story, &[], Outcome::Unknown("timed out".into()));
        story.healed();
        described(&mut story, &[(&[1, 2, 3], false)]);
        story.assert_clean();
    }

    #[test]
    fn partitions_that_were_added_are_there_and_no_others() {
        for (outcome, told, found) in [
            (Outcome::Ok(Answer::Done), 1, true),
            (Outcome::Ok(Answer::Done), 2, false),
            (Outcome::Unknown("timed out".into()), 1, false),
            (Outcome::Unknown("timed out".into()), 2, false),
            (Outcome::Unknown("timed out".into()), 3, true),
        ] {
            let mut story = three_nodes(&[]);
            let id = story.invoke(9, Action::AddPartitions { topic: "t".into(), count: 2 });
            story.complete(id, outcome);
            story.healed();
            described(&mut story, &vec![(&[1, 2, 3][..], false); told]);
            if found { story.assert_only(Class::ForgottenDeed) } else { story.assert_clean() }
        }
    }

    #[test]
    fn whoever_was_elected_in_peace_leads() {
        for (peace, outcome, found) in [
            (false, Outcome::Ok(Answer::Done), false),
            (true, Outcome::Ok(Answer::Done), true),
            (true, Outcome::Fail("ELECTION_NOT_NEEDED".into()), true),
            (true, Outcome::Fail("PREFERRED_LEADER_NOT_AVAILABLE".into()), false),
        ] {
            let mut story = three_nodes(&[]);
            if peace {
                story.healed();
            }
            let id = story.invoke(9, Action::ElectPreferred { partition: partition() });
            story.complete(id, outcome);
            if !peace {
                story.healed();
            }
            described(&mut story, &[(&[2, 1, 3], false)]);
            if found { story.assert_only(Class::ForgottenDeed) } else { story.assert_clean() }
        }
    }
}
