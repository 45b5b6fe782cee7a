//! Who coordinates which group, as one client believes.

use crate::clients::routes::Routes;
use crate::clients::surroundings::Client;
use model::NodeId;
use protocol::messages::FindCoordinatorRequest;
use protocol::{Request, wire::Text};
use runtime::time::Duration;
use std::collections::BTreeMap;

/// How long an answer may take.
pub const WITHIN: Duration = Duration::from_secs(3);
/// A version that takes several groups at once.
const BATCHED: i16 = 4;

/// See the module's text.
pub struct Coordinators {
    client: Client,
    routes: Routes,
    known: BTreeMap<String, NodeId>,
}

impl Coordinators {
    /// Nothing is known yet.
    pub fn new(client: Client) -> Coordinators {
        Coordinators { routes: Routes::new(client.clone()), client, known: BTreeMap::new() }
    }

    /// The coordinator of a group, as far as is known or can be found out at once.
    pub async fn of(&mut self, group: &str) -> Option<NodeId> {
        if !self.known.contains_key(group) {
            self.ask(group).await;
        }
        self.known.get(group).copied()
    }

    /// Any node.
    pub fn any(&self) -> NodeId {
        runtime::rand::below(self.client.around.nodes.len() as u64) as NodeId + 1
    }

    /// What was believed of a group has proved wrong.
    pub fn forget(&mut self, group: &str) {
        self.known.remove(group);
    }

    /// Asks a node. After a failure nothing is believed of it any more.
    pub async fn call<R: Request>(&mut self, node: NodeId, request: &R, version: i16) -> Result<R::Response, String> {
        let Some(wire) = self.routes.wire(node).await else { return Err("no connection".into()) };
        let answer = wire.call(request, version, WITHIN).await;
        answer.map_err(|failure| {
            self.routes.drop_wire(node);
            self.known.retain(|_, known| *known != node);
            failure.to_string()
        })
    }

    async fn ask(&mut self, group: &str) {
        let coordinator_keys = vec![Text::from(group)];
        let request = FindCoordinatorRequest { key_type: 0, coordinator_keys, ..Default::default() };
        let answer = self.call(self.any(), &request, BATCHED).await;
        let told = answer.ok().and_then(|answer| answer.coordinators.into_iter().next());
        match told.filter(|told| told.error_code == 0) {
            Some(told) => drop(self.known.insert(group.to_owned(), told.node_id)),
            None => self.client.back_off().await,
        }
    }
}
