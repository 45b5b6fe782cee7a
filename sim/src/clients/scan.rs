//! The final read: every partition from its log start to its end, once all is well.

use super::fetched::behind;
use super::routes::Routes;
use super::surroundings::{Client, Surroundings};
use super::wire::Wire;
use crate::plan::Place;
use jepsen_lite::history::{Action, Answer, Outcome, Received};
use model::{ErrorCode, Offset, TopicPartition};
use protocol::messages::fetch::{FetchPartition, FetchTopic};
use protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use protocol::messages::{FetchRequest, ListOffsetsRequest};
use runtime::time::{Duration, Instant};

/// A partition that cannot be read in this time, in peace, is refused.
const PATIENCE: Duration = Duration::from_secs(20);
/// A topic that is not there need not be waited for as long: the broker serves when it is asked.
const PATIENCE_FOR_THE_ABSENT: Duration = Duration::from_secs(3);
const WITHIN: Duration = Duration::from_secs(5);

/// Reads everything.
pub async fn scan(client: Client) {
    let mut routes = Routes::new(client.clone());
    for place in client.around.places() {
        let partition = client.partition(place);
        let operation = client.around.chronicle.invoke(client.process, Action::Scan { partition: partition.clone() });
        let outcome = scan_partition(&client, &mut routes, place, &partition).await;
        client.around.chronicle.complete(operation, outcome);
    }
}

/// Why an attempt did not come to its end.
enum Setback {
    /// The connection broke.
    Connection(String),
    /// The broker said no.
    Refused(ErrorCode),
}

async fn scan_partition(client: &Client, routes: &mut Routes, place: Place, partition: &TopicPartition) -> Outcome {
    let began = Instant::now();
    loop {
        let leader = routes.leader(place).await;
        let wire = match leader {
            None => None,
            Some(leader) => routes.wire(leader).await,
        };
        let setback = match wire {
            None => Setback::Connection("no leader, or no connection to it".into()),
            Some(open) => match attempt(&client.around, open, partition).await {
                Ok(answer) => return Outcome::Ok(answer),
                Err(setback) => setback,
            },
        };
        let (why, patience) = match setback {
            Setback::Connection(why) => {
                leader.into_iter().for_each(|leader| routes.drop_wire(leader));
                (why, PATIENCE)
            }
            Setback::Refused(ErrorCode::UnknownTopicOrPartition) => {
                (ErrorCode::UnknownTopicOrPartition.name().to_owned(), PATIENCE_FOR_THE_ABSENT)
            }
            Setback::Refused(error) => (error.name().to_owned(), PATIENCE),
        };
        routes.forget(place);
        if began.elapsed() > patience {
            return Outcome::Unknown(why);
        }
        client.back_off().await;
    }
}

async fn attempt(around: &Surroundings, wire: &mut Wire, partition: &TopicPartition) -> Result<Answer, Setback> {
    let log_start = list(wire, partition, -2).await?;
    let end = list(wire, partition, -1).await?;
    let mut records: Vec<Received> = Vec::new();
    let mut next = log_start;
    while next < end {
        match read(around, wire, partition, next).await? {
            (Answer::Fetched { records: more, .. }, behind) => {
                if behind == next {
                    return Ok(Answer::Scanned { log_start, end, records }); // a hole up to the end
                }
                next = behind;
                records.extend(more);
            }
            (corrupt, _) => return Ok(corrupt),
        }
    }
    records.retain(|record| record.offset < end);
    Ok(Answer::Scanned { log_start, end, records })
}

async fn list(wire: &mut Wire, partition: &TopicPartition, timestamp: i64) -> Result<Offset, Setback> {
    let data = ListOffsetsPartition { partition_index: partition.partition, timestamp, ..Default::default() };
    let topic = ListOffsetsTopic { name: (&*partition.topic).into(), partitions: vec![data], ..Default::default() };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let response = wire.call(&request, 7, WITHIN).await.map_err(|failure| Setback::Connection(failure.to_string()))?;
    match response.topics.first().and_then(|topic| topic.partitions.first()) {
        Some(found) if found.error_code == 0 => Ok(found.offset),
        Some(found) => Err(Setback::Refused(ErrorCode::from_wire(found.error_code))),
        None => Err(Setback::Connection("no answer for the partition".into())),
    }
}

/// What a fetch brings, and where the next one begins.
async fn read(
    around: &Surroundings,
    wire: &mut Wire,
    partition: &TopicPartition,
    from: Offset,
) -> Result<(Answer, Offset), Setback> {
    let data = FetchPartition {
        partition: partition.partition,
        fetch_offset: from,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topic = FetchTopic { topic: (&*partition.topic).into(), partitions: vec![data], ..Default::default() };
    let request = FetchRequest {
        max_wait_ms: 100,
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    };
    let response = wire.call(&request, 12, WITHIN).await.map_err(|failure| Setback::Connection(failure.to_string()))?;
    match response.responses.first().and_then(|topic| topic.partitions.first()) {
        Some(data) if data.error_code == 0 => Ok((around.read(data, from), behind(data, from))),
        Some(data) => Err(Setback::Refused(ErrorCode::from_wire(data.error_code))),
        None => Err(Setback::Refused(ErrorCode::from_wire(response.error_code))),
    }
}
