//! Has leaders elected, moves partitions between nodes, and adds partitions.

use super::admin::{Admin, change_refused};
use crate::plan::Place;
use jepsen_lite::history::{Action, Answer, Outcome};
use model::{ErrorCode, NodeId};
use protocol::messages::alter_partition_reassignments::{ReassignablePartition, ReassignableTopic};
use protocol::messages::create_partitions::CreatePartitionsTopic;
use protocol::messages::elect_leaders::TopicPartitions;
use protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, CreatePartitionsRequest,
    CreatePartitionsResponse, ElectLeadersRequest, ElectLeadersResponse, MetadataRequest,
};
use runtime::time::Duration;

const WITHIN: Duration = Duration::from_secs(3);
const TIMEOUT_MS: i32 = 3000;
const PREFERRED: i8 = 0;

impl Admin {
    /// Has the preferred replica lead.
    pub async fn elect_preferred(&mut self, place: Place) {
        let partition = self.client.partition(place);
        let partitions = TopicPartitions {
            topic: (&*partition.topic).into(),
            partitions: vec![partition.partition],
            ..Default::default()
        };
        let request = ElectLeadersRequest {
            election_type: PREFERRED,
            topic_partitions: Some(vec![partitions]),
            timeout_ms: TIMEOUT_MS,
            ..Default::default()
        };
        let judge = |response: ElectLeadersResponse| match response
            .replica_election_results
            .first()
            .and_then(|topic| topic.partition_result.first())
        {
            Some(result) => judged(result.error_code),
            None => judged(response.error_code),
        };
        self.attempt(Action::ElectPreferred { partition }, &request, 2, judge).await;
    }

    /// Moves a partition to as many nodes, so many further round; `None` gives up a move that is on its way.
    pub async fn reassign(&mut self, place: Place, shift: Option<u8>) {
        let partition = self.client.partition(place);
        let count = self.topic(place.topic).replicas as usize;
        let nodes = self.client.around.nodes.len();
        let first = (usize::from(place.topic) + usize::from(place.partition)) % nodes;
        let target = |shift: u8| (0..count).map(move |n| ((first + usize::from(shift) + n) % nodes) as NodeId + 1);
        let replicas: Option<Vec<NodeId>> = shift.map(|shift| target(shift).collect());
        let wanted = ReassignablePartition {
            partition_index: partition.partition,
            replicas: replicas.clone(),
            ..Default::default()
        };
        let topic =
            ReassignableTopic { name: (&*partition.topic).into(), partitions: vec![wanted], ..Default::default() };
        let request =
            AlterPartitionReassignmentsRequest { timeout_ms: TIMEOUT_MS, topics: vec![topic], ..Default::default() };
        let judge = |response: AlterPartitionReassignmentsResponse| match response
            .responses
            .first()
            .and_then(|topic| topic.partitions.first())
        {
            Some(result) => judged(result.error_code),
            None => judged(response.error_code),
        };
        let action = Action::Reassign { partition, replicas: replicas.unwrap_or_default() };
        self.attempt(action, &request, 0, judge).await;
    }

    /// Gives a topic one partition more than it has.
    pub async fn add_partition(&mut self, topic: u8) {
        let topic = self.topic(topic).name.clone();
        let Some(count) = self.partitions_of(&topic).await else { return };
        let more = CreatePartitionsTopic { name: topic.as_str().into(), count: count + 1, ..Default::default() };
        let request = CreatePartitionsRequest { topics: vec![more], timeout_ms: TIMEOUT_MS, ..Default::default() };
        let judge = |response: CreatePartitionsResponse| match response.results.first() {
            Some(result) => judged(result.error_code),
            None => Outcome::Unknown("no answer for the topic".into()),
        };
        self.attempt(Action::AddPartitions { topic, count: count + 1 }, &request, 3, judge).await;
    }

    async fn partitions_of(&mut self, topic: &str) -> Option<i32> {
        let request = MetadataRequest { topics: None, allow_auto_topic_creation: false, ..Default::default() };
        let response = self.wire.as_mut()?.call(&request, 12, WITHIN).await;
        let Ok(response) = response else {
            self.wire = None;
            return None;
        };
        let told = response.topics.into_iter().find(|told| told.name.as_deref() == Some(topic) && told.error_code == 0);
        told.map(|told| told.partitions.len() as i32).filter(|count| *count < 8)
    }
}

fn judged(error_code: i16) -> Outcome {
    match ErrorCode::from_wire(error_code) {
        ErrorCode::None => Outcome::Ok(Answer::Done),
        _ => change_refused(error_code),
    }
}
