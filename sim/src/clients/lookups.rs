//! Looks offsets up: the first, the last, and by time.

use super::routes::Routes;
use super::surroundings::{Client, Phase};
use crate::plan::{LookupQuery, LookupStep, Place};
use jepsen_lite::history::{Action, Answer, ListOffsets, OffsetQuery, Outcome};
use model::{ErrorCode, NodeId, Offset, Timestamp};
use protocol::messages::ListOffsetsRequest;
use protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use runtime::simulation::elapsed;
use runtime::time::Duration;

/// Takes the steps.
pub async fn live(client: Client, steps: Vec<LookupStep>) {
    let mut routes = Routes::new(client.clone());
    let began = runtime::clock::now();
    for step in steps {
        client.pause(step.pause, Phase::Faults).await;
        if client.is_past(Phase::Faults) {
            return;
        }
        if let Some(leader) = routes.leader(step.place).await
            && routes.wire(leader).await.is_some()
        {
            let now = runtime::clock::now();
            let query = match step.query {
                LookupQuery::Earliest => OffsetQuery::Earliest,
                LookupQuery::Latest => OffsetQuery::Latest,
                LookupQuery::At(fraction) => OffsetQuery::At(began + (now - began) * i64::from(fraction) / 65_536),
            };
            look_up(&client, &mut routes, leader, step.place, query).await;
        }
    }
}

/// Once all is well: looks up the bounds of every partition, its greatest timestamp, and some times between the beginning
/// of the run and now.
pub async fn look_up_bounds_and_times(client: Client) {
    let mut routes = Routes::new(client.clone());
    for place in client.around.places() {
        let (now, lasted) = (runtime::clock::now(), elapsed().as_millis() as Timestamp);
        let some_time = now - runtime::rand::below(lasted.unsigned_abs() + 1) as Timestamp;
        let times = [now - lasted, now - lasted / 2, now - lasted / 4, some_time].map(OffsetQuery::At);
        for query in [OffsetQuery::Latest, OffsetQuery::Earliest, OffsetQuery::MaxTimestamp].into_iter().chain(times) {
            if let Some(leader) = routes.leader(place).await
                && routes.wire(leader).await.is_some()
            {
                look_up(&client, &mut routes, leader, place, query).await;
            }
        }
    }
}

async fn look_up(client: &Client, routes: &mut Routes, leader: NodeId, place: Place, query: OffsetQuery) {
    let partition = client.partition(place);
    let timestamp = match query {
        OffsetQuery::Earliest => -2,
        OffsetQuery::Latest => -1,
        OffsetQuery::At(time) => time,
        OffsetQuery::MaxTimestamp => -3,
        OffsetQuery::EndOfEpoch(_) => unreachable!("that is asked by another request"),
    };
    let data = ListOffsetsPartition { partition_index: partition.partition, timestamp, ..Default::default() };
    let topic = ListOffsetsTopic { name: (&*partition.topic).into(), partitions: vec![data], ..Default::default() };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let action = Action::ListOffsets(ListOffsets { partition, query });
    let operation = client.around.chronicle.invoke(client.process, action);
    let Some(wire) = routes.wire(leader).await else { return };
    let outcome = match wire.call(&request, 7, Duration::from_secs(2)).await {
        Err(failure) => {
            routes.drop_wire(leader);
            Outcome::Fail(failure.to_string())
        }
        Ok(response) => match response.topics.first().and_then(|topic| topic.partitions.first()) {
            Some(found) if found.error_code == 0 => Outcome::Ok(Answer::Offset {
                offset: found.offset,
                timestamp: found.timestamp,
                epoch: found.leader_epoch,
            }),
            Some(found) => {
                routes.forget(place);
                Outcome::Fail(ErrorCode::from_wire(found.error_code).name().to_owned())
            }
            None => Outcome::Fail("no answer for the partition".into()),
        },
    };
    if let Outcome::Ok(Answer::Offset { offset, .. }) = &outcome {
        match query {
            OffsetQuery::Earliest => client.around.learn(place, *offset, -1),
            OffsetQuery::Latest => client.around.learn(place, -1, *offset),
            OffsetQuery::At(_) | OffsetQuery::MaxTimestamp | OffsetQuery::EndOfEpoch(_) => {}
        }
    }
    client.around.chronicle.complete(operation, outcome);
}

/// The end of a partition as its leader tells, when it tells; leaves no trace in the history.
pub async fn look_up_end(client: &Client, routes: &mut Routes, place: Place) -> Option<Offset> {
    let partition = client.partition(place);
    let leader = routes.leader(place).await?;
    let wire = routes.wire(leader).await?;
    let data = ListOffsetsPartition { partition_index: partition.partition, timestamp: -1, ..Default::default() };
    let topic = ListOffsetsTopic { name: (&*partition.topic).into(), partitions: vec![data], ..Default::default() };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let Ok(response) = wire.call(&request, 7, Duration::from_secs(2)).await else {
        routes.drop_wire(leader);
        return None;
    };
    let found = response.topics.first().and_then(|topic| topic.partitions.first())?;
    (found.error_code == 0).then_some(found.offset)
}
