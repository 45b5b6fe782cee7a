//! ConsumerGroupDescribe: consumer groups (KIP-848), their members, what each has and shall have.

use super::ALL_GROUP_OPERATIONS;
use crate::broker::Broker;
use coordinator::group::why::TAG;
use coordinator::group::{Reply, Request};
use protocol::TaggedFields;
use protocol::messages::consumer_group_describe::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse};

/// Asks the coordinator of each group; the answers are in no order. A group's history is for those that ask for it.
pub async fn handle(broker: &Broker, request: ConsumerGroupDescribeRequest) -> ConsumerGroupDescribeResponse {
    let asks_operations = request.include_authorized_operations;
    let asks_history = request.unknown_tagged_fields.get(TAG).is_some();
    let mut response = ConsumerGroupDescribeResponse::default();
    for (partition, groups) in broker.groups.by_coordinator(&broker.metadata.image(), request.group_ids) {
        match broker.groups.ask(partition, Request::ConsumerGroupDescribe { groups }).await {
            Reply::ConsumerGroupDescribe(answers) => response.groups.extend(answers),
            other => unreachable!("the coordinator answers a request with its own reply, not {other:?}"),
        }
    }
    if !asks_history {
        response.groups.iter_mut().for_each(|group| group.unknown_tagged_fields = TaggedFields::default());
    }
    if asks_operations {
        let known = response.groups.iter_mut().filter(|group| group.error_code == 0);
        known.for_each(|group| group.authorized_operations = ALL_GROUP_OPERATIONS);
    }
    response
}
