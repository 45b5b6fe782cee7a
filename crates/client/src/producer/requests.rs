//! Produce requests and what their answers say.

use super::batch::Batch;
use super::config::ProducerConfig;
use super::delivery::Place;
use crate::error::ClientError;
use crate::metadata::{BrokerView, LeaderHint};
use model::{ErrorCode, NodeId, TopicPartition, Uuid};
use protocol::messages::produce::{NodeEndpoint, PartitionProduceData, PartitionProduceResponse, TopicProduceData};
use protocol::messages::{ProduceRequest, ProduceResponse};
use std::collections::BTreeMap;

/// A batch on its way, and where to.
#[derive(Debug)]
pub(super) struct Parcel {
    pub to: TopicPartition,
    /// Zero when it is not known.
    pub topic_id: Uuid,
    pub batch: Batch,
}

/// The last version that names topics by name.
const BY_NAME: i16 = 12;

/// The newest version that can carry these parcels.
pub(super) fn highest_version(parcels: &[Parcel]) -> i16 {
    if parcels.iter().any(|parcel| parcel.topic_id.is_zero()) { BY_NAME } else { i16::MAX }
}

/// The request of some batches, at most one a partition.
pub(super) fn request(parcels: &mut [Parcel], config: &ProducerConfig) -> ProduceRequest {
    let mut topic_data: Vec<TopicProduceData> = Vec::new();
    for parcel in parcels {
        let records = Some(parcel.batch.bytes());
        let data = PartitionProduceData { index: parcel.to.partition, records, ..Default::default() };
        match topic_data.iter_mut().find(|topic| topic.name == *parcel.to.topic) {
            Some(topic) => topic.partition_data.push(data),
            None => topic_data.push(TopicProduceData {
                name: (&*parcel.to.topic).into(),
                topic_id: parcel.topic_id,
                partition_data: vec![data],
                ..Default::default()
            }),
        }
    }
    let timeout_ms = crate::cluster::timeout_ms(config.replica_timeout);
    ProduceRequest { acks: config.acks.code(), timeout_ms, topic_data, ..ProduceRequest::default() }
}

/// Who leads, as far as an answer tells where its broker does not (KIP-951): for each parcel it refused, and where the
/// brokers named are.
pub(super) fn hints(parcels: &[Parcel], answer: &ProduceResponse) -> (Vec<LeaderHint>, BTreeMap<NodeId, BrokerView>) {
    let refused = parcels.iter().filter_map(|parcel| Some((parcel, response_of(parcel, answer)?)));
    let hints = refused.filter(|(_, response)| response.error_code != 0 && response.current_leader.leader_id >= 0);
    let hints = hints.map(|(parcel, response)| LeaderHint {
        of: parcel.to.clone(),
        leader: response.current_leader.leader_id,
        leader_epoch: response.current_leader.leader_epoch,
    });
    let broker = |node: &NodeEndpoint| BrokerView {
        host: node.host.to_string(),
        port: node.port,
        rack: node.rack.as_deref().map(str::to_owned),
    };
    (hints.collect(), answer.node_endpoints.iter().map(|node| (node.node_id, broker(node))).collect())
}

fn response_of<'a>(parcel: &Parcel, answer: &'a ProduceResponse) -> Option<&'a PartitionProduceResponse> {
    let topics = answer.responses.iter().filter(|topic| {
        topic.name == *parcel.to.topic || (!topic.topic_id.is_zero() && topic.topic_id == parcel.topic_id)
    });
    let mut partitions = topics.flat_map(|topic| &topic.partition_responses);
    partitions.find(|partition| partition.index == parcel.to.partition)
}

/// What an answer says about one parcel.
pub(super) fn result_of(parcel: &Parcel, answer: &ProduceResponse) -> Result<Place, ClientError> {
    let Some(response) = response_of(parcel, answer) else {
        // Left out of the answer: nobody knows what became of it.
        let what = format!("writing to {}", parcel.to);
        return Err(ClientError::refused(what, ErrorCode::UnknownServerError, Some("the answer leaves it out")));
    };
    match ErrorCode::from_wire(response.error_code) {
        ErrorCode::None => {
            Ok(Place { base_offset: response.base_offset, log_append_time: response.log_append_time_ms })
        }
        error => Err(ClientError::refused(format!("writing to {}", parcel.to), error, words(response).as_deref())),
    }
}

/// The broker's message, with the first record at fault (KIP-467).
fn words(response: &PartitionProduceResponse) -> Option<String> {
    let message = response.error_message.as_deref().filter(|message| !message.is_empty());
    let record = response.record_errors.first().map(|record| {
        let why = record.batch_index_error_message.as_deref().unwrap_or("refused");
        format!("record {} of the batch: {why}", record.batch_index)
    });
    match (message, record) {
        (Some(message), Some(record)) => Some(format!("{message}; {record}")),
        (message, record) => message.map(str::to_owned).or(record),
    }
}
