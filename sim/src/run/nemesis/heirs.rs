//! A partition loses its leader, and then each that leads in its place: before it has caught up, while it lets followers
//! in, or once it has written alone.

use super::Victims;
use super::process::stop;
use crate::plan::{Place, PlannedFault};
use crate::run::server_node::ServerNode;
use model::LeaderEpoch;
use runtime::time::{Duration, Instant, sleep};

/// An heir is waited for so long: about the longest session.
const HEIR_WITHIN: Duration = Duration::from_secs(10);
/// Shorter than most things a new leader does first.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// More than most partitions have replicas.
const MOST: u32 = 4;

impl Victims {
    /// Ends the leaders of a partition one after the other. Each is given a while, from a millisecond to seconds.
    pub async fn heirs(&self, planned: &PlannedFault, place: Place, lasts: Duration) {
        let mut stopping = Vec::new();
        let mut last = -1;
        for turn in 0..2 + planned.amount as u32 % (MOST - 1) {
            let Some((server, epoch)) = self.heir(place, last).await else { break };
            last = epoch;
            let (server, chronicle) = (server.clone(), self.chronicle.clone());
            stopping.push(runtime::task::spawn("fault of an heir", stop(server, chronicle, planned.kind, lasts)));
            sleep(Duration::from_millis(1 << ((planned.amount >> (4 * turn + 8)) % 12))).await;
        }
        for one in stopping {
            let _ = one.await; // nobody aborts one
        }
    }

    /// Who leads in an epoch after `last`, once somebody does.
    async fn heir(&self, place: Place, last: LeaderEpoch) -> Option<(&ServerNode, LeaderEpoch)> {
        let topic = &self.world.topics[usize::from(place.topic)].name;
        let deadline = self.end.min(Instant::now() + HEIR_WITHIN);
        while Instant::now() < deadline {
            let partition = self.cluster.partition(topic, place).filter(|partition| partition.leader_epoch > last);
            let leader = partition.and_then(|partition| Some((partition.leader?, partition.leader_epoch)));
            if let Some((server, epoch)) = leader.and_then(|(id, epoch)| Some((self.cluster.of(id)?, epoch))) {
                return Some((server, epoch));
            }
            sleep(LOOK_EVERY).await;
        }
        None
    }
}
