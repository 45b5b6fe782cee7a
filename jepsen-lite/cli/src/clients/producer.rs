//! A producer: idempotent, acks=all, pipelined. Each record is an operation of its own, for the library decides what
//! travels together and what is sent again.

use super::{Phase, Surroundings};
use client::{Delivery, Header, Producer, ProducerConfig, ProducerRecord, SendError};
use jepsen_lite::history::{Acks, Action, Answer, OperationId, Outcome, Process, Produce, RecordId, Sent, Session};
use jepsen_lite::workload::{Payload, Shape};
use model::TopicPartition;
use runtime::time::{Duration, Instant, sleep};

/// Between two looks at the clock: what is due by then is sent together.
const TICK: Duration = Duration::from_millis(5);
/// A write is given up after so long: some outcomes have to stay unknown.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(15);

/// Writes at its share of the rate, then waits for what is on its way.
pub async fn live(around: Surroundings, process: Process, producers: u32) {
    let config = ProducerConfig {
        delivery_timeout: GIVEN_UP_AFTER,
        replica_timeout: Duration::from_secs(3),
        max_block: Duration::from_secs(5),
        retry_backoff: around.connect("producer").config().retry_backoff,
        ..ProducerConfig::default()
    };
    let cluster = around.connect(&format!("producer-{process}"));
    let producer = Producer::new(&cluster, config).expect("the settings fit together");
    let session = Session { process, idempotent: true, may_resend: true, producer: None };
    let session = around.chronicle.session(session);
    let partitions = around.partitions();
    let (began, mut number) = (Instant::now(), 0_u32);
    while !around.is_past(Phase::Faults) {
        // Producers are no closed loop: one that was held up does not make up for it all at once.
        let due = began.elapsed().as_secs_f64() * f64::from(around.rate) / f64::from(producers);
        let most = number.saturating_add(around.rate.div_ceil(producers));
        while f64::from(number) < due && number < most && !around.is_past(Phase::Faults) {
            let partition = &partitions[runtime::rand::below(partitions.len() as u64) as usize];
            write(&around, &producer, (process, RecordId::new(session, number)), partition.clone()).await;
            number += 1;
        }
        sleep(TICK).await;
    }
    producer.close().await;
}

async fn write(around: &Surroundings, producer: &Producer, by: (Process, RecordId), partition: TopicPartition) {
    let (process, id) = by;
    let shape = Shape { keys: 0, value_bytes: Some((id.0 * 37 % 400) as u32), headers: (id.0 % 3) as u8 };
    let payload = Payload::of(id, shape);
    let timestamp = runtime::clock::now();
    let record = ProducerRecord {
        topic: partition.topic.clone(),
        partition: Some(partition.partition),
        timestamp: Some(timestamp),
        key: None,
        value: payload.value.clone().map(Into::into),
        headers: payload.headers.iter().map(header).collect(),
    };
    let records = vec![Sent { id, content: payload.content(), timestamp, key: None }];
    let produce = Produce { partition, topic_id: None, acks: Acks::All, one_batch: true, records };
    let operation = around.chronicle.invoke(process, Action::Produce(produce));
    around.chronicle.resent(operation); // that is for the library to decide
    match producer.send(record).await {
        Ok(delivery) => drop(runtime::task::spawn("delivery", resolve(around.clone(), operation, delivery))),
        Err(error) => around.chronicle.complete(operation, outcome(Err(error))),
    }
}

fn header((name, value): &(String, Option<Vec<u8>>)) -> Header {
    Header { key: name.clone().into(), value: value.clone().map(Into::into) }
}

async fn resolve(around: Surroundings, operation: OperationId, delivery: Delivery) {
    let result = delivery.wait().await.map(|written| written.offset);
    around.chronicle.complete(operation, outcome(result));
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
