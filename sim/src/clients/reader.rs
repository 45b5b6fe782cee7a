//! Reads here and there, below the log start and beyond the end too.

use super::follower::BY_ID;
use super::routes::Routes;
use super::surroundings::{Client, Phase};
use crate::plan::ReadStep;
use jepsen_lite::history::{Action, Answer, Fetch, Outcome};
use model::{ErrorCode, NodeId, Offset, Uuid};
use protocol::messages::FetchRequest;
use protocol::messages::fetch::{FetchPartition, FetchTopic};
use runtime::time::Duration;

/// Takes the steps.
pub async fn live(client: Client, steps: Vec<ReadStep>) {
    let mut routes = Routes::new(client.clone());
    for step in steps {
        client.pause(step.pause, Phase::Faults).await;
        if client.is_past(Phase::Faults) {
            return;
        }
        let node = match step.replica {
            None => routes.leader(step.place).await,
            Some(number) => routes.replica(step.place, number).await,
        };
        if let Some(node) = node
            && routes.wire(node).await.is_some()
        {
            read(&client, &mut routes, node, step).await;
        }
    }
}

/// Where a fraction of a log is; the last fractions lie beyond its end, the first ones before its start.
pub fn place_in(bounds: (Offset, Offset), at: u16) -> Offset {
    let (log_start, end) = bounds;
    let span = (end - log_start) + 8;
    (log_start - 2 + span * Offset::from(at) / 65_536).max(0)
}

async fn read(client: &Client, routes: &mut Routes, node: NodeId, step: ReadStep) {
    let from = place_in(client.around.bounds_of(step.place), step.at);
    let partition = client.partition(step.place);
    // Both kinds of version, by the place in the log.
    let version = if from % 2 == 0 { 12 } else { BY_ID + 4 };
    let topic_id = (version >= BY_ID).then(|| client.around.id_of(&partition.topic).unwrap_or(Uuid::ZERO));
    let leader_epoch = if step.names_epoch { routes.leader_epoch(step.place, node) } else { None };
    let fetch = Fetch {
        partition: partition.clone(),
        topic_id,
        from,
        continues: false,
        node: client.around.noted(node),
        leader_epoch,
    };
    let data = FetchPartition {
        partition: partition.partition,
        current_leader_epoch: leader_epoch.unwrap_or(-1),
        fetch_offset: from,
        partition_max_bytes: step.max_bytes as i32,
        ..Default::default()
    };
    let topic = FetchTopic {
        topic: (&*partition.topic).into(),
        topic_id: topic_id.unwrap_or(Uuid::ZERO),
        partitions: vec![data],
        ..Default::default()
    };
    let request = FetchRequest {
        max_wait_ms: 0,
        min_bytes: 0,
        max_bytes: step.max_bytes as i32,
        session_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    };
    let operation = client.around.chronicle.invoke(client.process, Action::Fetch(fetch));
    let Some(wire) = routes.wire(node).await else { return };
    let outcome = match wire.call(&request, version, Duration::from_secs(2)).await {
        Err(failure) => {
            routes.drop_wire(node);
            Outcome::Fail(failure.to_string())
        }
        Ok(response) => match response.responses.first().and_then(|topic| topic.partitions.first()) {
            None => Outcome::Fail(ErrorCode::from_wire(response.error_code).name().to_owned()),
            Some(data) if data.error_code != 0 => {
                routes.forget(step.place);
                Outcome::Fail(ErrorCode::from_wire(data.error_code).name().to_owned())
            }
            Some(data) => Outcome::Ok(client.around.read(data, from)),
        },
    };
    if let Outcome::Ok(Answer::Fetched { high_watermark, log_start, .. }) = &outcome {
        client.around.learn(step.place, *log_start, *high_watermark);
    }
    client.around.chronicle.complete(operation, outcome);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_reach_over_both_ends() {
        assert_eq!(place_in((100, 200), 0), 98);
        assert!(place_in((100, 200), 65_535) > 200);
        assert_eq!(place_in((0, 0), 0), 0);
    }
}
