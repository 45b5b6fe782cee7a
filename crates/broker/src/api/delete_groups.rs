//! DeleteGroups: groups without members, and what they committed, go.

use crate::broker::Broker;
use coordinator::group::{Reply, Request};
use protocol::Text;
use protocol::messages::delete_groups::{DeleteGroupsRequest, DeleteGroupsResponse};
use std::collections::BTreeSet;

/// Asks the coordinator of each group; the answers are in no order. A group that is named twice has one answer.
pub async fn handle(broker: &Broker, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut response = DeleteGroupsResponse::default();
    let names = each_once(request.groups_names);
    for (partition, groups) in broker.groups.by_coordinator(&broker.metadata.image(), names) {
        match broker.groups.ask(partition, Request::DeleteGroups(groups)).await {
            Reply::DeleteGroups(answers) => response.results.extend(answers),
            other => unreachable!("the coordinator answers a request with its own reply, not {other:?}"),
        }
    }
    response
}

/// The names without repeats, in the order in which they came.
fn each_once(mut names: Vec<Text>) -> Vec<Text> {
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_is_named_twice_is_asked_for_once() {
        let names = ["b", "a", "b", "b", "c", "a"].map(Text::from).to_vec();
        assert_eq!(each_once(names), ["b", "a", "c"].map(Text::from));
    }
}
