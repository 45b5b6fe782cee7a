//! Asking the coordinators of many groups, each once for all of its own; again for those whose coordinator has moved or
//! is not ready.

use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::coordinators::is_elsewhere;
use crate::error::{ClientError, Result};
use model::{ErrorCode, NodeId};
use runtime::time::{Instant, sleep_until};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of each group.
pub(super) type ByGroup<T> = BTreeMap<String, Result<T>>;

/// The rounds of one call, `default.api.timeout.ms` in all.
pub(super) struct Rounds<T> {
    left: Vec<Arc<str>>,
    results: ByGroup<T>,
    deadline: Instant,
    backoff: Backoff,
    began: bool,
}

impl<T> Rounds<T> {
    pub fn new(cluster: &Cluster, groups: &[&str]) -> Rounds<T> {
        let mut left: Vec<Arc<str>> = groups.iter().map(|group| Arc::from(*group)).collect();
        left.sort();
        left.dedup();
        Rounds {
            left,
            results: ByGroup::new(),
            deadline: Instant::now() + cluster.config().api_timeout,
            backoff: Backoff::new(cluster.config().retry_backoff),
            began: false,
        }
    }

    /// Whom to ask for which groups next; nobody when all is known or the time is over.
    pub async fn next(&mut self, cluster: &Cluster) -> Option<BTreeMap<NodeId, Vec<Arc<str>>>> {
        loop {
            if self.left.is_empty() {
                return None;
            }
            if std::mem::replace(&mut self.began, true) {
                let until = Instant::now() + self.backoff.next_wait();
                if until >= self.deadline {
                    return None;
                }
                sleep_until(until).await;
            }
            let groups = std::mem::take(&mut self.left);
            let mut nodes: BTreeMap<NodeId, Vec<Arc<str>>> = BTreeMap::new();
            match cluster.find_coordinators(&groups).await {
                Err(error) => self.take(&groups, Err(error)),
                Ok(found) => {
                    for (group, node) in found {
                        match node {
                            Ok(node) => nodes.entry(node).or_default().push(group),
                            Err(error) => self.take(&[group], Err(error)),
                        }
                    }
                }
            }
            if !nodes.is_empty() {
                return Some(nodes);
            }
        }
    }

    /// What a coordinator said of these groups. Those that it left out have an error.
    pub fn take(&mut self, groups: &[Arc<str>], told: Result<ByGroup<T>>) {
        let mut told = told.map_err(Some);
        for group in groups {
            let left_out = || {
                let why = Some("the answer leaves it out");
                Err(ClientError::refused(format!("asking about group {group}"), ErrorCode::UnknownServerError, why))
            };
            let result = match &mut told {
                Ok(told) => told.remove(&**group).unwrap_or_else(left_out),
                Err(error) => Err(error.clone().expect("kept for each")),
            };
            if result.as_ref().is_err_and(may_follow) {
                self.left.push(group.clone());
            }
            self.results.insert(group.to_string(), result);
        }
    }

    /// What became of each group.
    pub fn finish(self) -> ByGroup<T> {
        self.results
    }
}

/// Whether to ask again: what is asked here is the same when it is done twice, or says so.
fn may_follow(error: &ClientError) -> bool {
    is_elsewhere(error) || error.is_retriable() && error.error_code() != Some(ErrorCode::UnknownTopicOrPartition)
}
