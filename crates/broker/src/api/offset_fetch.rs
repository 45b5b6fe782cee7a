//! OffsetFetch: how far groups have come. Up to version 7 a request names one group, and is answered in its own shape.

use super::Context;
use crate::broker::Broker;
use coordinator::group::{Reply, Request};
use protocol::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};

/// Asks the coordinator of each group.
pub async fn handle(broker: &Broker, context: &Context, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let require_stable = request.require_stable;
    if context.version < 8 {
        let group = of_one_group(request);
        return to_one_group(fetch(broker, context.version, group, require_stable).await);
    }
    let mut groups = Vec::with_capacity(request.groups.len());
    for group in request.groups {
        groups.push(fetch(broker, context.version, group, require_stable).await);
    }
    OffsetFetchResponse { groups, ..Default::default() }
}

async fn fetch(
    broker: &Broker,
    version: i16,
    group: OffsetFetchRequestGroup,
    require_stable: bool,
) -> OffsetFetchResponseGroup {
    let group_id = group.group_id.clone();
    let request = Request::OffsetFetch { group, require_stable, version };
    match broker.groups.ask_for(&broker.metadata.image(), &group_id, request).await {
        Reply::OffsetFetch(answer) => answer,
        other => unreachable!("the coordinator answers a request with its own reply, not {other:?}"),
    }
}

fn of_one_group(request: OffsetFetchRequest) -> OffsetFetchRequestGroup {
    let topic = |topic: OffsetFetchRequestTopic| OffsetFetchRequestTopics {
        name: topic.name,
        partition_indexes: topic.partition_indexes,
        ..Default::default()
    };
    let topics = request.topics.map(|topics| topics.into_iter().map(topic).collect());
    OffsetFetchRequestGroup { group_id: request.group_id, topics, ..Default::default() }
}

fn to_one_group(answer: OffsetFetchResponseGroup) -> OffsetFetchResponse {
    let topics = answer.topics.into_iter().map(|topic| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic
            .partitions
            .into_iter()
            .map(|partition| OffsetFetchResponsePartition {
                partition_index: partition.partition_index,
                committed_offset: partition.committed_offset,
                committed_leader_epoch: partition.committed_leader_epoch,
                metadata: partition.metadata,
                error_code: partition.error_code,
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    });
    OffsetFetchResponse { topics: topics.collect(), error_code: answer.error_code, ..Default::default() }
}
