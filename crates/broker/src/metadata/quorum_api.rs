//! DescribeQuorum, AddRaftVoter and RemoveRaftVoter (KIP-595, KIP-853), answered by the quorum's leader.

use super::quorum_requests::{Described, QuorumReply, QuorumRequest};
use super::{AskError, Metadata, PATIENCE};
use model::state_machine::Instant as Monotonic;
use model::{ErrorCode, NodeId, Timestamp};
use protocol::Request;
use protocol::messages::add_raft_voter::{AddRaftVoterRequest, AddRaftVoterResponse};
use protocol::messages::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, DescribeQuorumResponsePartitionData,
    DescribeQuorumResponseTopicData, Listener, Node, ReplicaState,
};
use protocol::messages::remove_raft_voter::{RemoveRaftVoterRequest, RemoveRaftVoterResponse};
use raft::{Endpoint, ReplicaKey, ReplicaProgress, Voter, VoterChange};
use runtime::time::{self, Duration, sleep};

/// The only topic that a quorum keeps.
const TOPIC: &str = "__cluster_metadata";
/// How often an addition that waits for the new voter to catch up is tried again.
const AGAIN: Duration = Duration::from_millis(50);

/// A request that the quorum's leader answers itself.
pub(crate) trait OfQuorum: Request + Sync {
    /// The answer of this node, which may not be the leader.
    fn answer(&self, metadata: &Metadata) -> impl Future<Output = Self::Response> + Send;

    /// The answer that says no.
    fn refused(error: ErrorCode) -> Self::Response;

    /// What an answer says.
    fn error(response: &Self::Response) -> ErrorCode;
}

impl Metadata {
    /// Asks the quorum's leader, wherever it is.
    pub(crate) async fn ask_quorum<R: OfQuorum>(&self, request: R) -> R::Response {
        let deadline = time::Instant::now() + PATIENCE;
        loop {
            let response = if self.status().leads {
                request.answer(self).await
            } else {
                match self.to_controller.call(&request, deadline).await {
                    Ok(response) => response,
                    Err(AskError::NotController) => R::refused(ErrorCode::NotLeaderOrFollower),
                    Err(AskError::Unknown) => return R::refused(ErrorCode::RequestTimedOut),
                }
            };
            let moved = R::error(&response) == ErrorCode::NotLeaderOrFollower;
            if !moved || time::Instant::now() >= deadline {
                return response;
            }
            sleep(AGAIN).await;
        }
    }
}

impl OfQuorum for DescribeQuorumRequest {
    async fn answer(&self, metadata: &Metadata) -> DescribeQuorumResponse {
        if !asks_for_the_quorum(self) {
            return unknown_partitions(self);
        }
        let described = match metadata.quorum(QuorumRequest::Describe).await {
            Ok(QuorumReply::Described(Some(described))) => described,
            _ => return Self::refused(ErrorCode::NotLeaderOrFollower),
        };
        let topic = DescribeQuorumResponseTopicData {
            topic_name: TOPIC.into(),
            partitions: vec![partition(&described)],
            ..Default::default()
        };
        DescribeQuorumResponse { topics: vec![topic], nodes: nodes(&described), ..Default::default() }
    }

    fn refused(error: ErrorCode) -> DescribeQuorumResponse {
        DescribeQuorumResponse { error_code: error.code(), ..Default::default() }
    }

    fn error(response: &DescribeQuorumResponse) -> ErrorCode {
        ErrorCode::from_wire(response.error_code)
    }
}

/// A quorum keeps one partition, and only who asks for that one and nothing else is answered.
fn asks_for_the_quorum(request: &DescribeQuorumRequest) -> bool {
    match request.topics.as_slice() {
        [topic] if topic.topic_name == *TOPIC => {
            matches!(topic.partitions.as_slice(), [only] if only.partition_index == 0)
        }
        _ => false,
    }
}

fn unknown_partitions(request: &DescribeQuorumRequest) -> DescribeQuorumResponse {
    let error = ErrorCode::UnknownTopicOrPartition;
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| DescribeQuorumResponsePartitionData {
            partition_index: partition.partition_index,
            error_code: error.code(),
            error_message: Some(error.to_string().into()),
            ..Default::default()
        });
        DescribeQuorumResponseTopicData {
            topic_name: topic.topic_name.clone(),
            partitions: partitions.collect(),
            ..Default::default()
        }
    });
    DescribeQuorumResponse { topics: topics.collect(), ..Default::default() }
}

fn partition(described: &Described) -> DescribeQuorumResponsePartitionData {
    let of = |voters: bool| -> Vec<ReplicaState> {
        let wanted = described.replicas.iter().filter(|replica| replica.is_voter == voters);
        wanted.map(|replica| state(described, replica)).collect()
    };
    DescribeQuorumResponsePartitionData {
        partition_index: 0,
        leader_id: described.leader,
        leader_epoch: described.epoch,
        high_watermark: described.high_watermark,
        current_voters: of(true),
        observers: of(false),
        ..Default::default()
    }
}

fn state(described: &Described, replica: &ReplicaProgress) -> ReplicaState {
    let is_leader = replica.key.id == described.leader;
    let at = |seen: Option<Monotonic>| match seen {
        Some(seen) => wall(described, seen),
        None if is_leader => wall(described, described.now),
        None => -1,
    };
    ReplicaState {
        replica_id: replica.key.id,
        replica_directory_id: replica.key.directory,
        log_end_offset: match replica.log_end_offset {
            Some(offset) => offset,
            None if is_leader => described.log_end_offset,
            None => -1,
        },
        last_fetch_timestamp: at(replica.last_fetch),
        last_caught_up_timestamp: at(replica.last_caught_up),
        ..Default::default()
    }
}

fn wall(described: &Described, at: Monotonic) -> Timestamp {
    let ago = described.now.saturating_since(at).as_millis();
    runtime::clock::now() - i64::try_from(ago).unwrap_or(i64::MAX)
}

fn nodes(described: &Described) -> Vec<Node> {
    let node = |voter: &Voter| Node {
        node_id: voter.key.id,
        listeners: vec![Listener {
            name: "CONTROLLER".into(),
            host: voter.endpoint.host.as_str().into(),
            port: voter.endpoint.port,
            ..Default::default()
        }],
        ..Default::default()
    };
    described.voters.iter().map(node).collect()
}

impl OfQuorum for AddRaftVoterRequest {
    async fn answer(&self, metadata: &Metadata) -> AddRaftVoterResponse {
        if let Some(refused) = other_cluster(metadata, self.cluster_id.as_deref()) {
            return Self::refused(refused);
        }
        let Some(listener) = self.listeners.first() else { return Self::refused(ErrorCode::InvalidRequest) };
        let key = ReplicaKey { id: self.voter_id, directory: self.voter_directory_id };
        let endpoint = Endpoint { host: listener.host.to_string(), port: listener.port };
        let change = VoterChange::Add(Voter { key, endpoint });
        let patience = Duration::from_millis(u64::try_from(self.timeout_ms).unwrap_or(0)).min(PATIENCE);
        let deadline = time::Instant::now() + patience;
        // The new voter may have to catch up first.
        loop {
            match changed(metadata, change.clone()).await {
                Ok(ErrorCode::RequestTimedOut) if time::Instant::now() < deadline => sleep(AGAIN).await,
                Ok(error) | Err(Unknown(error)) => return Self::refused(error),
            }
        }
    }

    fn refused(error: ErrorCode) -> AddRaftVoterResponse {
        // Kafka has words for success too.
        let error_message = Some(error.to_string().into());
        AddRaftVoterResponse { error_code: error.code(), error_message, ..Default::default() }
    }

    fn error(response: &AddRaftVoterResponse) -> ErrorCode {
        ErrorCode::from_wire(response.error_code)
    }
}

impl OfQuorum for RemoveRaftVoterRequest {
    async fn answer(&self, metadata: &Metadata) -> RemoveRaftVoterResponse {
        if let Some(refused) = other_cluster(metadata, self.cluster_id.as_deref()) {
            return Self::refused(refused);
        }
        let key = ReplicaKey { id: self.voter_id, directory: self.voter_directory_id };
        let (Ok(error) | Err(Unknown(error))) = changed(metadata, VoterChange::Remove(key)).await;
        Self::refused(error)
    }

    fn refused(error: ErrorCode) -> RemoveRaftVoterResponse {
        let error_message = Some(error.to_string().into());
        RemoveRaftVoterResponse { error_code: error.code(), error_message, ..Default::default() }
    }

    fn error(response: &RemoveRaftVoterResponse) -> ErrorCode {
        ErrorCode::from_wire(response.error_code)
    }
}

fn other_cluster(metadata: &Metadata, said: Option<&str>) -> Option<ErrorCode> {
    let image = metadata.image();
    let differs = said.is_some_and(|said| image.cluster_id().is_some_and(|id| **id != *said));
    differs.then_some(ErrorCode::InconsistentClusterId)
}

/// What is answered where a change may have been made or not: it must not be tried again.
struct Unknown(ErrorCode);

/// Makes the change and waits until it is committed.
async fn changed(metadata: &Metadata, change: VoterChange) -> Result<ErrorCode, Unknown> {
    match time::timeout(PATIENCE, metadata.quorum(QuorumRequest::Change(change))).await {
        Ok(Ok(QuorumReply::Changed(Ok(_)))) => Ok(ErrorCode::None),
        Ok(Ok(QuorumReply::Changed(Err(error)))) => Ok(error.error_code()),
        Ok(Err(ErrorCode::RequestTimedOut)) | Err(_) => Err(Unknown(ErrorCode::RequestTimedOut)),
        Ok(_) => Ok(ErrorCode::NotLeaderOrFollower),
    }
}

/// Hands the quorum's leadership to another node, where this one has it.
pub(crate) async fn transfer(metadata: &Metadata, to: NodeId) -> bool {
    matches!(metadata.quorum(QuorumRequest::TransferLeadership(to)).await, Ok(QuorumReply::Transferring(true)))
}
