//! Another replica, from which batches are fetched as a consumer fetches: only what is committed there.

use crate::broker::Broker;
use crate::replication::fetch_round::VERSION;
use bytes::Bytes;
use client::{ClientConfig, Connection};
use model::metadata_image::{MetadataImage, PartitionImage};
use model::{ErrorCode, LeaderEpoch, NodeId, Offset, PartitionId, Uuid};
use protocol::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use protocol::records::BatchHeader;
use runtime::time::Duration;
use storage::Damage;

/// Fetched at once, but for a batch that is larger.
const MOST: u64 = 1 << 20;
/// How long an answer may take: the range is there, and nothing is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why nothing came.
#[derive(Debug)]
pub(super) enum NoRecords {
    /// The replica has other records there, or none any more.
    Differs(String),
    /// It may have them another time.
    NotNow(String),
}

/// One replica.
pub(super) struct Source {
    connection: Connection,
}

/// What is fetched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub topic_id: Uuid,
    pub partition: PartitionId,
    pub leader_epoch: LeaderEpoch,
    /// The epoch of the record before the damage; -1 where that is not known.
    pub epoch_before: LeaderEpoch,
    pub damage: &'a Damage,
}

/// Where the damaged replica on `me` may look for what it has lost: at the leader, then at who is in sync with it.
pub(super) fn candidates(partition: &PartitionImage, image: &MetadataImage, me: NodeId) -> Vec<NodeId> {
    let mut candidates: Vec<NodeId> = Vec::new();
    for replica in partition.leader.iter().chain(&partition.isr).chain(&partition.replicas) {
        if *replica != me && image.is_unfenced(*replica) && !candidates.contains(replica) {
            candidates.push(*replica);
        }
    }
    candidates
}

impl Source {
    pub async fn connect(broker: &Broker, image: &MetadataImage, node: NodeId) -> Result<Source, NoRecords> {
        let listener = broker.config.cluster.inter_broker_listener.as_deref().unwrap_or("");
        let endpoint = image.broker(node).and_then(|found| found.endpoint(listener));
        let endpoint = endpoint.ok_or_else(|| NoRecords::NotNow(format!("broker {node} has no address")))?;
        let config = ClientConfig {
            client_id: format!("broker-{}-repair", broker.node_id),
            request_timeout: PATIENCE,
            connect_timeout: Duration::from_secs(2),
            ..ClientConfig::default()
        };
        let address = crate::metadata::address(&endpoint.host, endpoint.port);
        let connection = Connection::connect(&address, &config).await;
        Ok(Source { connection: connection.map_err(|error| NoRecords::NotNow(error.to_string()))? })
    }

    /// The batches from the first damaged offset on, whole ones, one at least, and none behind the damage.
    pub async fn fetch(&self, wanted: Wanted<'_>) -> Result<Bytes, NoRecords> {
        let not_now = |error: client::ClientError| NoRecords::NotNow(error.to_string());
        // From version 13 on partitions are known by their topic's id.
        let version = self.connection.version_of::<FetchRequest>(VERSION).map_err(not_now)?;
        let answer = self.connection.start(&request(wanted), version).map_err(not_now)?;
        read(answer.wait().await.map_err(not_now)?, wanted.damage)
    }
}

fn request(wanted: Wanted<'_>) -> FetchRequest {
    let most = i32::try_from(wanted.damage.length.min(MOST)).unwrap_or(i32::MAX);
    let partition = FetchPartition {
        partition: wanted.partition,
        current_leader_epoch: wanted.leader_epoch,
        fetch_offset: wanted.damage.first_offset,
        last_fetched_epoch: wanted.epoch_before,
        // Where a segment is too short nobody knows how much is missing.
        partition_max_bytes: if most == 0 { MOST as i32 } else { most },
        ..Default::default()
    };
    let topic = FetchTopic { topic_id: wanted.topic_id, partitions: vec![partition], ..Default::default() };
    FetchRequest { max_wait_ms: 0, min_bytes: 1, topics: vec![topic], ..Default::default() }
}

fn read(response: FetchResponse, damage: &Damage) -> Result<Bytes, NoRecords> {
    let answered = ErrorCode::from_wire(response.error_code);
    let data = response.responses.into_iter().next().and_then(|topic| topic.partitions.into_iter().next());
    let Some(data) = data.filter(|_| answered.is_none()) else {
        return Err(NoRecords::NotNow(format!("it answers {answered}")));
    };
    match ErrorCode::from_wire(data.error_code) {
        ErrorCode::None => {}
        ErrorCode::OffsetOutOfRange => return Err(NoRecords::Differs("it does not have these offsets".to_owned())),
        error => return Err(NoRecords::NotNow(format!("it answers {error}"))),
    }
    if data.diverging_epoch.epoch >= 0 || data.diverging_epoch.end_offset >= 0 {
        return Err(NoRecords::Differs("its log parts from ours before these offsets".to_owned()));
    }
    let records = up_to(data.records.unwrap_or_default(), damage.next_offset, data.high_watermark);
    if records.is_empty() {
        return Err(NoRecords::NotNow("it has nothing committed there".to_owned()));
    }
    Ok(records)
}

/// The batches that end at or below `next_offset`, or the first one; none that is not committed.
fn up_to(records: Bytes, next_offset: Offset, high_watermark: Offset) -> Bytes {
    let mut end = 0;
    while let Ok(header) = BatchHeader::parse(&records[end..]) {
        let after = end + header.size_in_bytes();
        let is_wanted = end == 0 || header.next_offset() <= next_offset;
        if after > records.len() || !is_wanted || header.next_offset() > high_watermark {
            break;
        }
        end = after;
    }
    records.slice(..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use protocol::records::{BatchBuilder, BatchOptions, set_base_offset};

    fn batch(base_offset: Offset) -> Bytes {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        for _ in 0..10 {
            builder.append(1000, None, Some(b"value"), &[]);
        }
        let mut bytes = BytesMut::from(&builder.build()[..]);
        set_base_offset(&mut bytes, base_offset);
        bytes.freeze()
    }

    #[test]
    fn what_is_not_committed_or_lies_behind_the_damage_is_not_taken() {
        let three = Bytes::from([batch(10), batch(20), batch(30)].concat());
        let size = batch(10).len();
        let taken = |next_offset, high_watermark| up_to(three.clone(), next_offset, high_watermark).len() / size;
        assert_eq!(taken(40, 40), 3);
        assert_eq!(taken(30, 40), 2);
        assert_eq!(taken(15, 40), 1, "the first shows that the damage was measured wrong");
        assert_eq!(taken(40, 39), 2);
        assert_eq!(taken(40, 19), 0);
        assert_eq!(up_to(three.slice(..2 * size - 1), 40, 40).len(), size, "whole batches");
        assert_eq!(up_to(Bytes::new(), 40, 40).len(), 0);
    }
}
