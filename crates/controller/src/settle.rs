//! What a partition comes to when something about it or its brokers has changed: its ISR, who else may lead (KIP-966),
//! whether a reassignment is complete, who leads, and which epochs rise. Everything is decided from the partition as
//! the log has it, because no leader has ever acted on anything in between.
//!
//! A *claim* says that a replica has all that is committed. The members of the ISR have it, and when the ISR is below
//! its minimum, so that nothing more can be committed, those who left it since keep it: the eligible leaders.

use crate::machine::View;
use crate::partition_draft::{Draft, Election, Loss};
use crate::replica_index::PartitionKey;
use crate::topic_rules::TopicRules;
use model::metadata_image::PartitionImage;
use model::{NodeId, Uuid, mark, planted};

/// One partition on its way from `before` to what it will be.
pub(crate) struct Settling<'a, 'v> {
    pub view: &'a View<'v>,
    pub key: PartitionKey,
    pub before: &'a PartitionImage,
    pub draft: &'a Draft,
    pub rules: TopicRules,
}

impl Settling<'_, '_> {
    pub fn settle(&self) -> PartitionImage {
        let mut after = self.assigned();
        after.isr = self.in_sync(&after);
        self.complete_reassignment(&mut after);
        self.keep_eligible(&mut after);
        self.elect(&mut after);
        self.remember_last_leader(&mut after);
        self.raise_epochs(&mut after);
        after
    }

    /// The replicas, and where they are.
    fn assigned(&self) -> PartitionImage {
        let mut after = self.before.clone();
        if let Some(assignment) = &self.draft.assignment {
            after.replicas.clone_from(&assignment.replicas);
            after.adding.clone_from(&assignment.adding);
            after.removing.clone_from(&assignment.removing);
        }
        after.directories = self.directories(&after.replicas);
        after
    }

    fn directories(&self, replicas: &[NodeId]) -> Vec<Uuid> {
        let directory = |replica: &NodeId| {
            let moved = self.draft.directories.get(replica).copied();
            let known = || self.before.directory_of(*replica);
            moved.or_else(known).unwrap_or_else(|| self.view.default_directory(*replica))
        };
        replicas.iter().map(directory).collect()
    }

    /// Who of the ISR goes on in it: those who could lead. When nobody could, they are nowhere else written down unless
    /// there are eligible leaders, so then they stay.
    fn in_sync(&self, after: &PartitionImage) -> Vec<NodeId> {
        let wanted = match &self.draft.isr {
            Some(isr) => isr,
            None if self.before.isr.is_empty() && !self.view.has_eligible_leaders => &self.before.eligible_leaders,
            None => &self.before.isr,
        };
        let claims = |replica: &&NodeId| after.replicas.contains(replica) && !self.has_lost(**replica);
        let members: Vec<NodeId> = wanted.iter().filter(claims).copied().collect();
        let able: Vec<NodeId> = members.iter().filter(|member| self.may_lead(after, **member)).copied().collect();
        if able.is_empty() && !self.view.has_eligible_leaders { members } else { self.those_with_space(able) }
    }

    /// Those that can take more, if there are any: nothing is committed while one without space is in sync.
    fn those_with_space(&self, able: Vec<NodeId>) -> Vec<NodeId> {
        let has_space = |replica: &NodeId| !self.view.soft.is_full(*replica, self.key);
        let roomy: Vec<NodeId> = able.iter().copied().filter(has_space).collect();
        if roomy.is_empty() && !able.is_empty() {
            mark!("nobody who may lead has space");
        }
        if roomy.is_empty() { able } else { roomy }
    }

    /// An unclean stop costs the claim only where a claim outlives the ISR: without eligible leaders there would be
    /// none left after a power failure.
    fn has_lost(&self, replica: NodeId) -> bool {
        match self.draft.lost.get(&replica) {
            Some(Loss::UncleanStop) => self.view.has_eligible_leaders,
            Some(Loss::Unusable | Loss::Wiped) => true,
            None => false,
        }
    }

    /// Whether the broker of a replica is there, with the replica.
    fn may_lead(&self, after: &PartitionImage, replica: NodeId) -> bool {
        let Some(broker) = self.view.broker(replica) else { return false };
        let Some(directory) = after.directory_of(replica) else { return false };
        !broker.fenced
            && !broker.in_controlled_shutdown
            && (directory.is_zero() || broker.directories.contains(&directory))
            && !self.view.soft.is_unusable(replica, self.key)
    }

    /// The new replicas are in sync, and without the old ones as many are as must be: the old ones go.
    fn complete_reassignment(&self, after: &mut PartitionImage) {
        if after.adding.is_empty() && after.removing.is_empty() {
            return;
        }
        let in_sync = |replica: &NodeId| {
            after.isr.contains(replica) || planted!("old replicas go before the new ones are in sync")
        };
        let target: Vec<NodeId> = after.replicas.iter().filter(|r| !after.removing.contains(r)).copied().collect();
        let isr: Vec<NodeId> = target.iter().filter(|replica| in_sync(replica)).copied().collect();
        if !after.adding.iter().all(in_sync) || isr.len() < self.minimum(target.len()).max(1) {
            mark!("a reassignment waits for replicas");
            return;
        }
        mark!("a reassignment is complete");
        after.directories = target.iter().filter_map(|replica| after.directory_of(*replica)).collect();
        after.isr = isr;
        after.replicas = target;
        after.adding.clear();
        after.removing.clear();
    }

    /// How many must be in sync before anything is committed.
    fn minimum(&self, replicas: usize) -> usize {
        self.rules.min_insync_replicas.min(replicas)
    }

    fn keep_eligible(&self, after: &mut PartitionImage) {
        if !self.view.has_eligible_leaders || after.isr.len() >= self.minimum(after.replicas.len()) {
            after.eligible_leaders.clear();
            return;
        }
        mark!("an isr below its minimum keeps eligible leaders");
        let claimed =
            |replica: &&NodeId| self.before.isr.contains(replica) || self.before.eligible_leaders.contains(replica);
        let eligible =
            |replica: &&NodeId| claimed(replica) && !after.isr.contains(replica) && !self.has_lost(**replica);
        after.eligible_leaders = after.replicas.iter().filter(eligible).copied().collect();
    }

    fn elect(&self, after: &mut PartitionImage) {
        let able = |list: &[NodeId]| {
            let may_lead = |replica: &NodeId| list.contains(replica) && self.may_lead(after, *replica);
            self.those_with_space(after.replicas.iter().copied().filter(may_lead).collect()).first().copied()
        };
        let preferred = after.replicas.first().copied().filter(|_| self.draft.election == Election::Preferred);
        let in_sync = |replica: &NodeId| after.isr.contains(replica) && self.may_lead(after, *replica);
        let stays = preferred.filter(in_sync).or_else(|| self.before.leader.filter(in_sync));
        if let Some(leader) = stays.or_else(|| able(&after.isr)) {
            after.leader = Some(leader);
        } else if let Some(leader) = able(&after.eligible_leaders) {
            mark!("an eligible leader outside the isr leads");
            after.leader = Some(leader);
            after.isr = vec![leader];
            self.keep_eligible(after);
        } else {
            after.leader = self.without_claim(after);
            if let Some(leader) = after.leader {
                after.isr = vec![leader];
                after.eligible_leaders.clear();
            }
        }
    }

    /// Who leads though records may be lost by it: anyone where the topic allows it or an administrator asks for it,
    /// else the last leader, when nobody alive or dead has a claim any more.
    fn without_claim(&self, after: &PartitionImage) -> Option<NodeId> {
        let last = match after.last_known_eligible_leaders.as_slice() {
            [last] => Some(*last).filter(|last| after.replicas.contains(last) && !self.is_wiped(*last)),
            _ => None,
        };
        let last = last.filter(|last| self.may_lead(after, *last));
        let allowed = self.draft.election == Election::Unclean || self.rules.unclean_election;
        if allowed || planted!("any live replica may lead") {
            mark!("an unclean election");
            return last.or_else(|| self.anyone(after));
        }
        last.filter(|_| {
            let nobody_claims = after.isr.is_empty() && after.eligible_leaders.is_empty();
            if nobody_claims {
                mark!("the last known leader leads again");
            }
            nobody_claims
        })
    }

    /// Kafka would take a replica that is still being added, too, and lose the whole partition to a restart of its only
    /// full copy: here that takes an administrator's word.
    fn anyone(&self, after: &PartitionImage) -> Option<NodeId> {
        let able = |new: bool| {
            let fits = |replica: &NodeId| after.adding.contains(replica) == new && self.may_lead(after, *replica);
            after.replicas.iter().copied().find(fits)
        };
        able(false).or_else(|| {
            let by_order = self.draft.election == Election::Unclean;
            if by_order { able(true) } else { None }
        })
    }

    fn is_wiped(&self, replica: NodeId) -> bool {
        self.draft.lost.get(&replica) == Some(&Loss::Wiped)
    }

    /// While nobody leads, the last one that did is the best that an administrator can choose.
    fn remember_last_leader(&self, after: &mut PartitionImage) {
        if after.leader.is_some() || !after.isr.is_empty() {
            after.last_known_eligible_leaders.clear();
        } else if let Some(last) = self.before.leader {
            after.last_known_eligible_leaders = vec![last];
        }
        after.last_known_eligible_leaders.retain(|last| after.replicas.contains(last) && !self.is_wiped(*last));
    }

    /// A new leader has a new epoch; so has one that lost replicas, so that what they fetch is refused. A leader that
    /// asks for the ISR it has means to overtake a request of its own that was lost: it must not count when it is late.
    fn raise_epochs(&self, after: &mut PartitionImage) {
        if after == self.before && self.draft.isr.is_none() {
            return;
        }
        let dropped = self.before.replicas.iter().any(|replica| !after.replicas.contains(replica));
        if after.leader != self.before.leader || dropped {
            after.leader_epoch = self.before.leader_epoch.saturating_add(1);
        }
        after.partition_epoch = self.before.partition_epoch.saturating_add(1);
    }
}
