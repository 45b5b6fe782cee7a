//! The messages of a producer.

use super::identity::Identity;
use crate::clients::surroundings::Client;
use crate::clients::wire::{Failure, Wire};
use crate::plan::{ProducerHabit, WriteStep};
use bytes::Bytes;
use jepsen_lite::history::{Acks, RecordId, Sent};
use jepsen_lite::workload::Payload;
use model::{ErrorCode, Offset, Sequence, Uuid};
use protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use protocol::messages::{InitProducerIdRequest, ProduceRequest, ProduceResponse};
use protocol::records::{BatchBuilder, BatchOptions, Compression, Header};
use runtime::time::Duration;

/// The first version of Produce that names topics by id.
const BY_ID: i16 = 13;

/// The batch of a step, and its records as the history knows them. Records are numbered from `first` on.
pub fn batch(
    habit: &ProducerHabit,
    step: WriteStep,
    identity: Identity,
    sequence: Sequence,
    first: RecordId,
    is_compacted: bool,
) -> (Bytes, Vec<Sent>) {
    let compression = Compression::from_code(habit.compression).unwrap_or(Compression::None);
    let (producer_id, producer_epoch) = (identity.id, identity.epoch);
    let options =
        BatchOptions { producer_id, producer_epoch, base_sequence: sequence, compression, ..Default::default() };
    let mut builder = BatchBuilder::new(options);
    let now = runtime::clock::now() + i64::from(step.ahead_ms);
    let mut sent = Vec::with_capacity(usize::from(step.records));
    for number in 0..u32::from(step.records) {
        let id = RecordId::new(first.session(), first.number() + number);
        let payload = Payload::of(id, step.shape);
        let headers: Vec<Header> = payload.headers.iter().map(header).collect();
        let timestamp = now + i64::from(number);
        builder.append(timestamp, payload.key.as_deref(), payload.value.as_deref(), &headers);
        let key = payload.named_key().filter(|_| is_compacted);
        sent.push(Sent { id, content: payload.content(), timestamp, key });
    }
    (builder.build(), sent)
}

/// A header as it travels.
pub fn header((name, value): &(String, Option<Vec<u8>>)) -> Header {
    Header { key: Bytes::copy_from_slice(name.as_bytes()), value: value.clone().map(Bytes::from) }
}

/// The topic's id where the habit's version names topics so: zeros when it is not known.
pub fn topic_id(client: &Client, habit: &ProducerHabit) -> Option<Uuid> {
    let topic = &client.around.topics[usize::from(habit.place.topic)].name;
    (habit.version >= BY_ID).then(|| client.around.id_of(topic).unwrap_or(Uuid::ZERO))
}

/// A request of one batch.
pub fn produce(client: &Client, habit: &ProducerHabit, topic_id: Option<Uuid>, batch: &Bytes) -> ProduceRequest {
    let partition = client.partition(habit.place);
    let data = PartitionProduceData { index: partition.partition, records: Some(batch.clone()), ..Default::default() };
    let topic = TopicProduceData {
        name: (&*partition.topic).into(),
        topic_id: topic_id.unwrap_or(Uuid::ZERO),
        partition_data: vec![data],
        ..Default::default()
    };
    let acks = match habit.acks {
        Acks::None => 0,
        Acks::Leader => 1,
        Acks::All => -1,
    };
    ProduceRequest { acks, timeout_ms: habit.request_timeout_ms as i32, topic_data: vec![topic], ..Default::default() }
}

/// The base offset, or the error, of a response to a request of one batch.
pub fn answer(response: &ProduceResponse) -> Result<Offset, ErrorCode> {
    let partition = response.responses.first().and_then(|topic| topic.partition_responses.first());
    let Some(partition) = partition else { return Err(ErrorCode::UnknownServerError) };
    match ErrorCode::from_wire(partition.error_code) {
        ErrorCode::None => Ok(partition.base_offset),
        error => Err(error),
    }
}

/// Asks for a producer id.
pub async fn ask_identity(wire: &mut Wire) -> Result<Identity, Failure> {
    let request = InitProducerIdRequest { transactional_id: None, transaction_timeout_ms: 1000, ..Default::default() };
    let response = wire.call(&request, 4, Duration::from_secs(2)).await?;
    match ErrorCode::from_wire(response.error_code) {
        ErrorCode::None => Ok(Identity { id: response.producer_id, epoch: response.producer_epoch, sequence: 0 }),
        error => Err(Failure(error.name().to_owned())),
    }
}
