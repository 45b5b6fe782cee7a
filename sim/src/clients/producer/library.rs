//! A producer that is the `client` crate's own: what users get, with its batches, retries and epochs, in this weather.
//! Each record is an operation of its own, for the library decides what travels together.

use super::requests::header;
use crate::clients::surroundings::{Client, Phase};
use crate::plan::{LibraryHabit, WriteStep};
use client::{ClientConfig, Cluster, Compression, Delivery, Producer, ProducerConfig, ProducerRecord, SendError};
use jepsen_lite::history::{Acks, Action, Answer, OperationId, Outcome, Produce, RecordId, Sent, Session};
use jepsen_lite::workload::Payload;
use model::Timestamp;
use runtime::time::Duration;

/// Takes the steps, then waits for what is on its way.
pub async fn live(client: Client, habit: LibraryHabit, steps: Vec<WriteStep>) {
    let cluster = Cluster::new(settings(&client));
    let producer = Producer::new(&cluster, producer_settings(&habit)).expect("the settings fit together");
    let session = Session { process: client.process, idempotent: true, may_resend: true, producer: None };
    let session = client.around.chronicle.session(session);
    let (mut number, mut turn) = (0, 0);
    for step in steps {
        client.pause(step.pause, Phase::Faults).await;
        if client.is_past(Phase::Faults) {
            break;
        }
        let place = habit.places[turn % habit.places.len()];
        turn += 1;
        for _ in 0..step.records {
            let id = RecordId::new(session, number);
            number += 1;
            let partition = client.partition(place);
            let payload = Payload::of(id, step.shape);
            let timestamp = runtime::clock::now() + i64::from(step.ahead_ms);
            let record = ProducerRecord {
                topic: partition.topic.clone(),
                partition: Some(partition.partition),
                ..record(&payload, timestamp)
            };
            let is_compacted = client.around.topics[usize::from(place.topic)].is_compacted();
            let key = payload.named_key().filter(|_| is_compacted);
            let records = vec![Sent { id, content: payload.content(), timestamp, key }];
            let action = Produce { partition, topic_id: None, acks: Acks::All, one_batch: true, records };
            let operation = client.around.chronicle.invoke(client.process, Action::Produce(action));
            client.around.chronicle.resent(operation); // that is for the library to decide
            match producer.send(record).await {
                Ok(delivery) => drop(runtime::task::spawn("delivery", resolve(client.clone(), operation, delivery))),
                Err(error) => client.around.chronicle.complete(operation, outcome(Err(error))),
            }
        }
    }
    producer.close().await;
}

async fn resolve(client: Client, operation: OperationId, delivery: Delivery) {
    let result = delivery.wait().await.map(|written| written.offset);
    client.around.chronicle.complete(operation, outcome(result));
}

fn outcome(result: Result<i64, SendError>) -> Outcome {
    match result {
        // A duplicate whose place the broker has forgotten is there all the same: where, nobody tells.
        Ok(-1) => Outcome::Unknown("written, and the offset is not known".into()),
        Ok(offset) => Outcome::Ok(Answer::Produced { base_offset: Some(offset) }),
        Err(SendError::NotWritten(why)) => Outcome::Fail(why.to_string()),
        Err(SendError::Unknown(why)) => Outcome::Unknown(why.to_string()),
    }
}

fn record(payload: &Payload, timestamp: Timestamp) -> ProducerRecord {
    ProducerRecord {
        timestamp: Some(timestamp),
        key: payload.key.clone().map(Into::into),
        value: payload.value.clone().map(Into::into),
        headers: payload.headers.iter().map(header).collect(),
        ..Default::default()
    }
}

/// Less patience than people have: a run is a minute.
fn settings(client: &Client) -> ClientConfig {
    ClientConfig {
        client_id: client.name.clone(),
        request_timeout: Duration::from_secs(2),
        api_timeout: Duration::from_secs(4),
        connect_timeout: Duration::from_millis(1500),
        ..ClientConfig::of(&client.around.nodes.join(","))
    }
}

fn producer_settings(habit: &LibraryHabit) -> ProducerConfig {
    ProducerConfig {
        linger: Duration::from_millis(u64::from(habit.linger_ms)),
        batch_size: habit.batch_bytes as usize,
        compression: Compression::from_code(habit.compression).unwrap_or(Compression::None),
        max_in_flight: usize::from(habit.in_flight),
        delivery_timeout: Duration::from_millis(u64::from(habit.delivery_timeout_ms)),
        max_block: Duration::from_secs(4),
        ..ProducerConfig::default()
    }
}
