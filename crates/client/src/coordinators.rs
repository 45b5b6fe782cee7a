//! Which broker coordinates which group.

use crate::cluster::Cluster;
use crate::connection::Connection;
use crate::error::{ClientError, Result, check};
use crate::metadata::BrokerView;
use model::{ErrorCode, NodeId};
use protocol::messages::FindCoordinatorRequest;
use protocol::messages::find_coordinator::Coordinator as Told;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The first version of FindCoordinator that finds several at once (KIP-699).
const BATCHED: i16 = 4;
/// Kafka's number of groups among the kinds of things that have coordinators.
const GROUP: i8 = 0;

/// The coordinator of one group, as far as it is known. A clone is the same.
#[derive(Clone, Debug)]
pub(crate) struct Coordinator {
    group: Arc<str>,
    known: Arc<Mutex<Option<NodeId>>>,
}

impl Coordinator {
    /// Of which nothing is known.
    pub fn of(group: &Arc<str>) -> Coordinator {
        Coordinator { group: group.clone(), known: Arc::default() }
    }

    /// A connection to it over `cluster`'s; it is looked for when it is not known.
    ///
    /// # Errors
    /// Nobody tells who it is, or it cannot be reached.
    pub async fn connection(&self, cluster: &Cluster) -> Result<Connection> {
        let known = *self.known.lock().expect("no panic inside");
        let node = match known {
            Some(node) => node,
            None => {
                let mut found = cluster.find_coordinators(std::slice::from_ref(&self.group)).await?;
                let node = found.remove(&self.group).unwrap_or_else(|| Err(left_out(&self.group)))?;
                *self.known.lock().expect("no panic inside") = Some(node);
                node
            }
        };
        let connection = cluster.node(node).await;
        if let Err(error) = &connection {
            self.learn(error);
        }
        connection
    }

    /// Forgets who it is, if `error` says that it may be another one by now.
    pub fn learn(&self, error: &ClientError) {
        if is_elsewhere(error) {
            model::mark!("a coordinator is looked for anew");
            *self.known.lock().expect("no panic inside") = None;
        }
    }
}

/// Whether the coordinator may be another broker by now.
pub(crate) fn is_elsewhere(error: &ClientError) -> bool {
    use ErrorCode as E;
    match error {
        ClientError::Connect { .. }
        | ClientError::NotSent { .. }
        | ClientError::Lost { .. }
        | ClientError::NoAnswer { .. }
        | ClientError::Malformed { .. } => true,
        ClientError::Refused { error, .. } => {
            matches!(error, E::NotCoordinator | E::CoordinatorNotAvailable | E::RequestTimedOut)
        }
        _ => false,
    }
}

impl Cluster {
    /// Who coordinates each of these groups; asked for once. Each has a result.
    ///
    /// # Errors
    /// No broker answered.
    pub(crate) async fn find_coordinators(&self, groups: &[Arc<str>]) -> Result<BTreeMap<Arc<str>, Result<NodeId>>> {
        let mut found = BTreeMap::new();
        let mut left = groups;
        while let Some((first, others)) = left.split_first() {
            let (version, answer) = self.ask_any(|version| request(version, first, left)).await?;
            if version >= BATCHED {
                for told in &answer.coordinators {
                    found.insert(Arc::from(&*told.key), self.coordinator(told));
                }
                break;
            }
            let told = Told {
                key: (&**first).into(),
                node_id: answer.node_id,
                host: answer.host.clone(),
                port: answer.port,
                error_code: answer.error_code,
                error_message: answer.error_message.clone(),
                ..Told::default()
            };
            found.insert(first.clone(), self.coordinator(&told));
            left = others;
        }
        for group in groups {
            found.entry(group.clone()).or_insert_with(|| Err(left_out(group)));
        }
        Ok(found)
    }

    fn coordinator(&self, told: &Told) -> Result<NodeId> {
        let what = || format!("finding the coordinator of group {}", told.key);
        check(what, told.error_code, told.error_message.as_deref())?;
        let known = self.view().brokers.get(&told.node_id).and_then(|broker| broker.rack.clone());
        let broker = BrokerView { host: told.host.to_string(), port: told.port, rack: known };
        self.learn_broker(told.node_id, broker);
        Ok(told.node_id)
    }
}

fn request(version: i16, first: &Arc<str>, all: &[Arc<str>]) -> FindCoordinatorRequest {
    if version >= BATCHED {
        let coordinator_keys = all.iter().map(|group| (&**group).into()).collect();
        return FindCoordinatorRequest { key_type: GROUP, coordinator_keys, ..Default::default() };
    }
    FindCoordinatorRequest { key: (&**first).into(), ..Default::default() }
}

fn left_out(group: &str) -> ClientError {
    let what = format!("finding the coordinator of group {group}");
    ClientError::refused(what, ErrorCode::UnknownServerError, Some("the answer leaves it out"))
}
