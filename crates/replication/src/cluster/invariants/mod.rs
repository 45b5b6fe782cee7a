//! What must hold at every moment, one file each, over what the nodes and their disks show.

mod acknowledged_survives;
mod committed_is_on_enough_replicas;
mod committed_never_lost;
mod deleted_stays_deleted;
mod followers_keep_what_is_committed;
mod high_watermark_monotonic_per_epoch;
mod history;
mod isr_has_all_committed;
mod latest_never_steps_back;
mod logs_match_below_high_watermark;
mod one_leader_an_epoch;
mod progress_after_healing;

use super::controller::Image;
use super::node::{Node, Waiting};
use model::{LeaderEpoch, NodeId, Offset};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub(super) use history::History;

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's name.
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

pub(super) type Verdict = Result<(), Violation>;

/// Fails the invariant unless `holds`.
fn require(holds: bool, invariant: &'static str, what: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Violation { invariant, what: what() }) }
}

const NEWEST: Offset = 8;

#[derive(Debug, Default)]
pub(super) struct Invariants {
    pub history: History,
    leaders: BTreeMap<LeaderEpoch, NodeId>,
    told: BTreeMap<LeaderEpoch, Offset>,
    /// Who has lost its log on purpose: a disk replaced, a replica taken away.
    pub emptied: BTreeSet<NodeId>,
}

impl Invariants {
    /// Something happened at `at`.
    pub fn node_moved(&mut self, nodes: &[Node], at: usize, least_copies: usize) -> Verdict {
        let node = &nodes[at];
        followers_keep_what_is_committed::check(node)?;
        if let Some(leader) = node.leader() {
            one_leader_an_epoch::check(&mut self.leaders, node.id, leader)?;
            let news = self.told.get(&leader.leader_epoch()).copied();
            if news.is_none() {
                committed_never_lost::check_new_leader(&self.history, node, leader.leader_epoch())?;
            }
            if news.is_none_or(|told| leader.high_watermark() != told) {
                high_watermark_monotonic_per_epoch::check(&mut self.told, node.id, leader)?;
                let before = self.history.end();
                committed_never_lost::commit(&mut self.history, node, leader)?;
                committed_is_on_enough_replicas::check(before, &self.history, nodes, &self.emptied, least_copies)?;
            }
        }
        // The newest part each time; the whole of it in each sample.
        logs_match_below_high_watermark::check(&self.history, node, node.high_watermark - NEWEST)
    }

    /// Anything has happened anywhere.
    pub fn event(&self, nodes: &[Node], image: &Image) -> Verdict {
        deleted_stays_deleted::check(&self.history, nodes, image)
    }

    /// A look at everything.
    pub fn sample(&self, nodes: &[Node], image: &Image) -> Verdict {
        for node in nodes.iter().filter(|node| node.up) {
            logs_match_below_high_watermark::check(&self.history, node, 0)?;
        }
        isr_has_all_committed::check(&self.history, nodes, image)
    }

    /// A leader has told where what is committed ends.
    pub fn latest_told(&self, node: &Node) -> Verdict {
        node.leader().map_or(Ok(()), |leader| latest_never_steps_back::check(&self.told, node.id, leader))
    }

    pub fn acknowledged(&mut self, answered: &[Waiting]) {
        self.history.acknowledged.extend_from_slice(answered);
    }

    /// A client was told that everything below is deleted.
    pub fn deleted(&mut self, below: Option<Offset>) {
        self.history.told_deleted_below = self.history.told_deleted_below.max(below.unwrap_or(0));
    }

    /// The faults are over for long enough.
    pub fn healed(&self, nodes: &[Node], image: &Image) -> Verdict {
        progress_after_healing::check(nodes, image)?;
        acknowledged_survives::check(&self.history, nodes, image)
    }
}
