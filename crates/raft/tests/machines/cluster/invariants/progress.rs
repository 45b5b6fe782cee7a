//! Once all faults have ended there is a leader soon, what is proposed is committed and reaches every node, and wiped
//! voters have their votes again.

use super::super::Cluster;
use super::Violation;
use model::Offset;
use std::time::Duration;

const NAME: &str = "progress";
/// How long until there is a leader that serves.
const LEADER_WITHIN: Duration = Duration::from_secs(15);
/// How long until all have what it proposes then, if there is not much that they lack.
const ALL_WITHIN: Duration = Duration::from_secs(30);
/// So much longer for each entry that there is: one may lack all of them, get one a message, and sync each.
const FOR_EACH: Duration = Duration::from_millis(30);

/// All nodes run and nothing is cut.
pub fn check(cluster: &mut Cluster) -> Result<(), Violation> {
    if !cluster.run_until(LEADER_WITHIN, |cluster| cluster.serving().is_some())? {
        return Err(Violation::of(NAME, format!("no leader within {LEADER_WITHIN:?}: {}", cluster.summary())));
    }
    let all_within = ALL_WITHIN + FOR_EACH * cluster.invariants.history.end() as u32;
    for _ in 0..all_within.as_secs() {
        let offset = cluster.serving().and_then(|leader| cluster.propose(leader));
        cluster.run_for(Duration::from_secs(1))?;
        if offset.is_some_and(|offset| all_have(cluster, offset)) && all_votes_live(cluster) {
            return Ok(());
        }
    }
    Err(Violation::of(NAME, format!("not everywhere within {all_within:?}: {}", cluster.summary())))
}

fn all_have(cluster: &Cluster, offset: Offset) -> bool {
    cluster.nodes.iter().all(|node| node.running.as_ref().is_some_and(|running| running.state.end > offset))
}

/// No vote belongs to a directory that is gone.
fn all_votes_live(cluster: &Cluster) -> bool {
    let Some(leader) = cluster.serving() else { return false };
    let voters = cluster.raft(leader).voters();
    voters.keys().all(|key| cluster.node(key.id).key() == key) && voters.returning().next().is_none()
}
