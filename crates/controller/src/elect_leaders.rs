//! ElectLeaders (KIP-183, KIP-460): an administrator wants preferred leaders, or any leader at all.

use crate::machine::View;
use crate::partition_draft::{Draft, Election};
use crate::refusal::Refusal;
use crate::replica_index::PartitionKey;
use model::{ErrorCode, PartitionId, planted};
use protocol::Text;
use protocol::messages::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
};

impl View<'_> {
    /// Elects for each partition named; for all, when none is named, and then tells of every topic but only of those
    /// partitions where something happened.
    pub(crate) fn elect_leaders(&mut self, request: &ElectLeadersRequest) -> ElectLeadersResponse {
        let election = match request.election_type {
            0 => Ok(Election::Preferred),
            1 => Ok(Election::Unclean),
            other => Err(Refusal::new(ErrorCode::InvalidRequest, format!("there is no election of the type {other}"))),
        };
        let error_code = election.as_ref().err().map_or(0, |refusal| refusal.error.code());
        let replica_election_results = match &request.topic_partitions {
            Some(topics) => {
                let results = topics.iter().map(|topic| {
                    let one = |number: &PartitionId| (*number, self.elect_one(&topic.topic, *number, &election));
                    result(&topic.topic, topic.partitions.iter().map(one).collect())
                });
                results.collect()
            }
            None => election.map_or_else(|_| Vec::new(), |election| self.elect_everywhere(election)),
        };
        ElectLeadersResponse { error_code, replica_election_results, ..Default::default() }
    }

    fn elect_everywhere(&mut self, election: Election) -> Vec<ReplicaElectionResult> {
        let mut results = Vec::new();
        let hard = self.hard;
        for topic in hard.topics() {
            let numbers = topic.numbered_partitions().map(|(number, _)| number);
            let mut outcomes: Vec<Outcome> =
                numbers.map(|number| (number, self.elect((topic.id, number), election))).collect();
            let idle = |outcome: &Result<(), Refusal>| matches!(outcome, Err(refusal) if refusal.error == ErrorCode::ElectionNotNeeded);
            outcomes.retain(|(_, outcome)| !idle(outcome));
            results.push(result(&topic.name, outcomes));
        }
        results
    }

    fn elect_one(
        &mut self,
        topic: &str,
        number: PartitionId,
        election: &Result<Election, Refusal>,
    ) -> Result<(), Refusal> {
        let election = election.clone()?;
        let Some(id) = self.hard.topic(topic).map(|topic| topic.id) else {
            let message = format!("there is no topic '{topic}'");
            return Err(Refusal::new(ErrorCode::UnknownTopicOrPartition, message));
        };
        self.elect((id, number), election)
    }

    /// Elects a leader of one partition, if that changes who leads.
    ///
    /// # Errors
    /// `ELECTION_NOT_NEEDED` when the preferred replica leads, or any does and that is all that is asked for;
    /// `PREFERRED_LEADER_NOT_AVAILABLE` or `ELIGIBLE_LEADERS_NOT_AVAILABLE` when whoever should lead cannot.
    pub(crate) fn elect(&mut self, key: PartitionKey, election: Election) -> Result<(), Refusal> {
        let Some(before) = self.partition(key).cloned() else {
            let message = format!("the topic has no partition {}", key.1);
            return Err(Refusal::new(ErrorCode::UnknownTopicOrPartition, message));
        };
        let preferred = before.replicas.first().copied();
        let wants_preferred = election == Election::Preferred;
        let idle = if wants_preferred { before.leader == preferred } else { before.leader.is_some() };
        if idle {
            let who = if wants_preferred { "the preferred replica" } else { "a replica" };
            return Err(Refusal::new(ErrorCode::ElectionNotNeeded, format!("{who} leads already")));
        }
        let draft = Draft { election, ..Draft::default() };
        let leader = self.settled(key, &draft).and_then(|after| after.leader);
        if wants_preferred && leader != preferred {
            let message = "the preferred replica is not in sync, or its broker is not there";
            return Err(Refusal::new(ErrorCode::PreferredLeaderNotAvailable, message));
        }
        if leader.is_none() {
            let message = "no broker that has the partition is there";
            return Err(Refusal::new(ErrorCode::EligibleLeadersNotAvailable, message));
        }
        if !planted!("a preferred election is answered and not held") {
            self.draft(key).election = election;
        }
        Ok(())
    }
}

type Outcome = (PartitionId, Result<(), Refusal>);

fn result(topic: &str, outcomes: Vec<Outcome>) -> ReplicaElectionResult {
    let told = |(partition_id, outcome): Outcome| {
        let (error, message) = match outcome {
            Ok(()) => (ErrorCode::None, None),
            Err(refusal) => (refusal.error, refusal.message.map(Text::from)),
        };
        PartitionResult { partition_id, error_code: error.code(), error_message: message, ..Default::default() }
    };
    ReplicaElectionResult {
        topic: topic.into(),
        partition_result: outcomes.into_iter().map(told).collect(),
        ..Default::default()
    }
}
