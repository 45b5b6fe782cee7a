//! The metadata quorum as its leader sees it (KIP-595, KIP-836).

use super::Admin;
use crate::error::{ClientError, Result, check};
use crate::retries::Call;
use model::{ErrorCode, LeaderEpoch, NodeId, Offset, Timestamp, Uuid};
use protocol::messages::describe_quorum::{PartitionData, ReplicaState, TopicData};
use protocol::messages::{DescribeQuorumRequest, DescribeQuorumResponse};

/// The topic whose log is the metadata.
const METADATA: &str = "__cluster_metadata";

/// The metadata quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumDescription {
    /// The leading controller.
    pub leader: NodeId,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
    /// The offset below which the metadata is committed.
    pub high_watermark: Offset,
    /// Those who elect, and who commit.
    pub voters: Vec<QuorumReplica>,
    /// Those who only read along.
    pub observers: Vec<QuorumReplica>,
}

/// A replica of the metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumReplica {
    /// Its node.
    pub node: NodeId,
    /// Its directory; zero when it is not told (KIP-853).
    pub directory: Uuid,
    /// Where its log ends, as far as the leader knows; -1 when it does not.
    pub log_end_offset: Offset,
    /// When it last fetched, in milliseconds since 1970; -1 when it is not known.
    pub last_fetch: Timestamp,
    /// When it last had all that the leader had; -1 when it is not known.
    pub last_caught_up: Timestamp,
}

impl QuorumDescription {
    /// Where the leader's log ends.
    pub fn log_end_offset(&self) -> Offset {
        let leader = self.voters.iter().find(|voter| voter.node == self.leader);
        leader.map_or(self.high_watermark, |leader| leader.log_end_offset)
    }
}

impl Admin {
    /// The metadata quorum: leader, voters and observers, with how far each is.
    ///
    /// # Errors
    /// No broker answered, or no controller leads.
    pub async fn describe_quorum(&self) -> Result<QuorumDescription> {
        let partitions = vec![PartitionData::default()];
        let topics = vec![TopicData { topic_name: METADATA.into(), partitions, ..Default::default() }];
        let request = DescribeQuorumRequest { topics, ..Default::default() };
        let mut retries = self.cluster.retries(Call::Question);
        loop {
            let attempt = async { described(&self.cluster.any().await?.call(&request).await?) };
            if let Some(result) = retries.attempt(attempt).await {
                return result;
            }
        }
    }
}

fn described(answer: &DescribeQuorumResponse) -> Result<QuorumDescription> {
    let what = || "describing the metadata quorum".to_owned();
    check(what, answer.error_code, answer.error_message.as_deref())?;
    let Some(quorum) = answer.topics.iter().flat_map(|topic| &topic.partitions).next() else {
        return Err(ClientError::refused(what(), ErrorCode::UnknownServerError, Some("the answer leaves it out")));
    };
    check(what, quorum.error_code, quorum.error_message.as_deref())?;
    Ok(QuorumDescription {
        leader: quorum.leader_id,
        leader_epoch: quorum.leader_epoch,
        high_watermark: quorum.high_watermark,
        voters: quorum.current_voters.iter().map(replica).collect(),
        observers: quorum.observers.iter().map(replica).collect(),
    })
}

fn replica(state: &ReplicaState) -> QuorumReplica {
    QuorumReplica {
        node: state.replica_id,
        directory: state.replica_directory_id,
        log_end_offset: state.log_end_offset,
        last_fetch: state.last_fetch_timestamp,
        last_caught_up: state.last_caught_up_timestamp,
    }
}
