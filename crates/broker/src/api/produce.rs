//! Produce: records into partitions, and the answer when they are as durable and committed as `acks` asks.

use super::{Context, Header, Reply, encode};
use crate::broker::Broker;
use crate::endpoints::{Endpoint, endpoints};
use crate::network::connection::InFlight;
use crate::partition::{AckLevel, Acked, AppendFailure, Command, Partition};
use crate::partitions::HostedTopic;
use bytes::Bytes;
use model::metadata_image::is_internal_topic;
use model::{ErrorCode, PartitionId, Timestamp, Uuid};
use protocol::Message;
use protocol::messages::produce::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceData, PartitionProduceResponse,
    ProduceRequest, ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use protocol::records::validate::{Refusal, validate};
use protocol::records::{BatchHeader, TimestampType};
use protocol::wire::{Reader, Text};
use runtime::sync::oneshot;
use runtime::time::{Duration, Instant, timeout_at};
use std::sync::Arc;

/// How long a request is held for what this broker does alone. Kafka waits for its own disk without end, but nobody should.
const OWN_PATIENCE: Duration = Duration::from_secs(30);

/// Hands the records to their partitions, in order, and returns what will become the answer.
pub async fn accept(broker: &Arc<Broker>, context: &Context, header: Header, mut body: Reader) -> InFlight {
    let request = match ProduceRequest::decode(&mut body, header.version) {
        Ok(request) => request,
        Err(error) => {
            return ready(Reply::Close(format!(
                "malformed {} version {}: {error}",
                ProduceRequest::NAME,
                header.version
            )));
        }
    };
    drop(body);
    let acks = request.acks;
    let topics = Appending::start(broker, request, header.version).await;
    let (broker, listener) = (broker.clone(), context.listener);
    Box::pin(async move {
        let response = topics.finish(&broker, listener, header.version).await;
        if acks != 0 {
            return encode(&header, &response);
        }
        match first_error(&response) {
            // Nothing else can tell a client that waits for no answer.
            Some(error) => Reply::Close(format!("a produce with acks=0 failed: {error}")),
            None => Reply::Nothing,
        }
    })
}

fn ready(reply: Reply) -> InFlight {
    Box::pin(std::future::ready(reply))
}

fn first_error(response: &ProduceResponse) -> Option<ErrorCode> {
    let partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    partitions.map(|partition| ErrorCode::from_wire(partition.error_code)).find(|error| !error.is_none())
}

/// A request whose records are on their way.
struct Appending(Vec<AppendingTopic>);

struct AppendingTopic {
    name: Text,
    id: Uuid,
    partitions: Vec<(PartitionId, State)>,
}

/// What is known of one partition's records.
enum State {
    /// Handed to the partition, which will answer; until when it is waited for.
    Sent(oneshot::Receiver<Result<Acked, AppendFailure>>, Instant),
    /// Not appended.
    Refused(Box<Refusal>, i64),
}

impl Appending {
    async fn start(broker: &Arc<Broker>, request: ProduceRequest, version: i16) -> Appending {
        let transactional = request.transactional_id.is_some();
        let terms = Terms {
            acks: request.acks,
            version,
            transactional,
            lacks_transactional_id: !transactional && is_for_a_transaction(&request),
            now: runtime::clock::now(),
            received: Instant::now(),
            timeout: Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0)),
        };
        broker.wait_for_new(request.topic_data.iter().map(|topic| (&*topic.name, topic.topic_id))).await;
        let mut topics = Vec::with_capacity(request.topic_data.len());
        for topic in request.topic_data {
            topics.push(terms.start_topic(broker, topic).await);
        }
        Appending(topics)
    }

    async fn finish(self, broker: &Broker, listener: usize, version: i16) -> ProduceResponse {
        let mut response = ProduceResponse::default();
        for topic in self.0 {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for (index, state) in topic.partitions {
                partitions.push(answer(index, state).await);
            }
            response.responses.push(TopicProduceResponse {
                name: topic.name,
                topic_id: topic.id,
                partition_responses: partitions,
                ..Default::default()
            });
        }
        if version >= 10 {
            name_leaders(broker, listener, &mut response);
        }
        response
    }
}

/// What holds for all records of a request.
struct Terms {
    acks: i16,
    version: i16,
    transactional: bool,
    /// A batch of the request is of a transaction and the request of none: then nothing of it is taken, as in Kafka.
    lacks_transactional_id: bool,
    now: Timestamp,
    received: Instant,
    /// How long the request may wait for other replicas.
    timeout: Duration,
}

impl Terms {
    async fn start_topic(&self, broker: &Arc<Broker>, topic: TopicProduceData) -> AppendingTopic {
        let by_id = self.version >= 13;
        let hosted =
            if by_id { broker.partitions.topic_by_id(topic.topic_id) } else { broker.partitions.topic(&topic.name) };
        let unknown = if by_id { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition };
        let mut partitions: Vec<(PartitionId, State)> = Vec::with_capacity(topic.partition_data.len());
        for data in only_last_of_each(topic.partition_data) {
            let state = match &hosted {
                _ if self.lacks_transactional_id => {
                    refused(ErrorCode::TransactionalIdAuthorizationFailed, String::new())
                }
                Some(hosted) => self.start_partition(hosted, data.index, data.records).await,
                // The name alone says it, whether the topic is there yet or not.
                None if is_internal_topic(&topic.name) => refused(ErrorCode::InvalidTopicException, String::new()),
                None => refused(unknown, String::new()),
            };
            partitions.push((data.index, state));
        }
        AppendingTopic { name: topic.name, id: topic.topic_id, partitions }
    }

    async fn start_partition(&self, topic: &Arc<HostedTopic>, index: PartitionId, records: Option<Bytes>) -> State {
        let partition = match topic.partition(index) {
            // A partition that there is not is told before what else is wrong; one that is elsewhere after it.
            Err(ErrorCode::UnknownTopicOrPartition) => Err(ErrorCode::UnknownTopicOrPartition),
            _ if !matches!(self.acks, -1..=1) => Err(ErrorCode::InvalidRequiredAcks),
            // Written by brokers only. Kafka has no words beside the code.
            _ if is_internal_topic(&topic.name) => Err(ErrorCode::InvalidTopicException),
            found => found,
        };
        let partition = match partition {
            Ok(partition) => partition,
            Err(error) => return refused(error, String::new()),
        };
        let rules = crate::topic_rules::produce_rules(&topic.config, self.version, self.transactional, self.now);
        let validated = match validate(records.unwrap_or_default(), &rules) {
            Ok(validated) => validated,
            Err(refusal) => {
                let start = if refusal.reached_log { partition.log_start_offset() } else { -1 };
                return State::Refused(Box::new(refusal), start);
            }
        };
        let (reply, answer) = oneshot::channel();
        let log_append_time = match validated.header.timestamp_type() {
            TimestampType::LogAppendTime => validated.header.max_timestamp,
            TimestampType::CreateTime => -1,
        };
        let deadline = self.deadline(partition);
        let level = match self.acks {
            0 => AckLevel::Appended,
            1 => AckLevel::Leader,
            _ => AckLevel::All,
        };
        let command = Command::Append { records: validated.records, log_append_time, level, reply };
        match partition.send(command).await {
            Ok(()) => State::Sent(answer, deadline),
            Err(error) => refused(error, String::new()),
        }
    }

    /// The timeout of a request counts for other replicas, not for what is done here: with none to wait for, even one of
    /// 0 succeeds.
    fn deadline(&self, partition: &Partition) -> Instant {
        let waits_for_others = self.acks == -1 && partition.has_peers();
        self.received + if waits_for_others { self.timeout } else { self.timeout.max(OWN_PATIENCE) }
    }
}

fn is_for_a_transaction(request: &ProduceRequest) -> bool {
    let data = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    let mut records = data.filter_map(|data| data.records.as_ref());
    records.any(|records| BatchHeader::parse(records).is_ok_and(|header| header.is_transactional()))
}

fn refused(error: ErrorCode, message: String) -> State {
    State::Refused(Box::new(Refusal { error, message, record_errors: Vec::new(), reached_log: false }), -1)
}

/// A partition that is named twice counts once, with its last records, as in Kafka.
fn only_last_of_each(mut data: Vec<PartitionProduceData>) -> Vec<PartitionProduceData> {
    let mut at = 0;
    while at < data.len() {
        if data[at + 1..].iter().any(|later| later.index == data[at].index) {
            data.remove(at);
        } else {
            at += 1;
        }
    }
    data
}

async fn answer(index: PartitionId, state: State) -> PartitionProduceResponse {
    match state {
        State::Refused(refusal, log_start_offset) => refusal_response(index, *refusal, log_start_offset),
        State::Sent(answer, deadline) => match timeout_at(deadline, answer).await {
            Ok(Ok(Ok(acked))) => PartitionProduceResponse {
                index,
                base_offset: acked.base_offset,
                log_append_time_ms: acked.log_append_time,
                log_start_offset: acked.log_start_offset,
                ..Default::default()
            },
            Ok(Ok(Err(failure))) => {
                let AppendFailure { error, message, log_start_offset } = failure;
                let refusal = Refusal { error, message, record_errors: Vec::new(), reached_log: true };
                refusal_response(index, refusal, log_start_offset)
            }
            Ok(Err(_)) => failed(index, ErrorCode::NotLeaderOrFollower),
            // The records may be committed later: the client must take this as unknown.
            Err(_) => failed(index, ErrorCode::RequestTimedOut),
        },
    }
}

fn failed(index: PartitionId, error: ErrorCode) -> PartitionProduceResponse {
    PartitionProduceResponse { index, error_code: error.code(), base_offset: -1, ..Default::default() }
}

fn refusal_response(index: PartitionId, refusal: Refusal, log_start_offset: i64) -> PartitionProduceResponse {
    let record_errors = refusal
        .record_errors
        .into_iter()
        .map(|(index, message)| BatchIndexAndErrorMessage {
            batch_index: index,
            batch_index_error_message: Some(message.into()),
            ..Default::default()
        })
        .collect();
    PartitionProduceResponse {
        log_start_offset,
        record_errors,
        error_message: (!refusal.message.is_empty()).then(|| refusal.message.into()),
        ..failed(index, refusal.error)
    }
}

/// Tells who leads where this broker does not (KIP-951).
fn name_leaders(broker: &Broker, listener: usize, response: &mut ProduceResponse) {
    let image = broker.metadata.image();
    let mut leaders = Vec::new();
    for topic in &mut response.responses {
        let known = if topic.topic_id.is_zero() { image.topic(&topic.name) } else { image.topic_by_id(topic.topic_id) };
        for partition in &mut topic.partition_responses {
            if partition.error_code != ErrorCode::NotLeaderOrFollower.code() {
                continue;
            }
            let Some(told) = known.and_then(|topic| topic.partition(partition.index)) else { continue };
            let Some(leader) = told.leader else { continue };
            partition.current_leader =
                LeaderIdAndEpoch { leader_id: leader, leader_epoch: told.leader_epoch, ..Default::default() };
            leaders.push(leader);
        }
    }
    leaders.sort_unstable();
    leaders.dedup();
    for Endpoint { node_id, host, port, rack } in endpoints(broker, &image, listener, &leaders) {
        response.node_endpoints.push(NodeEndpoint { node_id, host, port, rack, ..Default::default() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_named_twice_counts_once_with_its_last_records() {
        let data = |index, records: &'static str| PartitionProduceData {
            index,
            records: Some(Bytes::from_static(records.as_bytes())),
            ..Default::default()
        };
        let kept = only_last_of_each(vec![data(0, "a"), data(1, "b"), data(0, "c")]);
        assert_eq!(kept, [data(1, "b"), data(0, "c")]);
    }
}
