//! An honest controller of one partition, that never fails and never forgets: registrations, sessions, elections from
//! the ISR, ISR changes by partition epoch, reassignments. What the real one does with a quorum below it is its own
//! matter; here it only has to be right.

use super::dice::Dice;
use crate::{IsrAnswer, IsrProposal};
use model::metadata_image::PartitionImage;
use model::state_machine::Instant;
use model::{ErrorCode, NodeId, Offset};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A broker as the controller knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broker {
    pub epoch: Offset,
    pub fenced: bool,
    pub directory: u64,
    incarnation: u64,
    heard_at: Instant,
}

/// What everybody is told.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub version: u64,
    pub partition: PartitionImage,
    pub brokers: BTreeMap<NodeId, Broker>,
}

impl Image {
    /// The epoch of a broker that may be in the ISR.
    pub fn may_be_in_sync(&self, id: NodeId) -> Option<Offset> {
        self.brokers.get(&id).filter(|broker| !broker.fenced).map(|broker| broker.epoch)
    }

    /// Whether the process with this incarnation is the one that is registered.
    pub fn is_registered(&self, id: NodeId, incarnation: u64) -> bool {
        self.brokers.get(&id).is_some_and(|broker| broker.incarnation == incarnation)
    }
}

#[derive(Debug)]
pub(super) struct Controller {
    image: Arc<Image>,
    session: Duration,
    dice: Dice,
    /// An ISR that stands already leaves the partition epoch as it is.
    frugal: bool,
    /// What a reassignment leads to.
    target: Option<Vec<NodeId>>,
}

impl Controller {
    pub fn new(replicas: Vec<NodeId>, session: Duration, frugal: bool, dice: Dice) -> Controller {
        let partition =
            PartitionImage { isr: replicas.clone(), replicas, leader: None, leader_epoch: 0, ..Default::default() };
        let image = Arc::new(Image { version: 1, partition, brokers: BTreeMap::new() });
        Controller { image, session, dice, frugal, target: None }
    }

    pub fn image(&self) -> &Arc<Image> {
        &self.image
    }

    /// A process has started. Its leadership in an earlier life is over, and on another disk so is its place in the
    /// ISR, the last one's too.
    pub fn register(&mut self, now: Instant, id: NodeId, incarnation: u64, directory: u64) {
        let known = self.image.brokers.get(&id).copied();
        if known.is_some_and(|broker| broker.incarnation >= incarnation) {
            return;
        }
        self.fence(id);
        let image = Arc::make_mut(&mut self.image);
        image.version += 1;
        let epoch = image.version as Offset;
        image.brokers.insert(id, Broker { epoch, fenced: true, directory, incarnation, heard_at: now });
        if known.is_some_and(|broker| broker.directory != directory) {
            image.partition.isr.retain(|member| *member != id);
            image.partition.partition_epoch += 1;
        }
    }

    /// A heartbeat; one of the registered process that has seen its registration unfences it.
    pub fn heard(&mut self, now: Instant, id: NodeId, broker_epoch: Offset, seen_version: u64) {
        let image = Arc::make_mut(&mut self.image);
        let Some(broker) = image.brokers.get_mut(&id).filter(|broker| broker.epoch == broker_epoch) else { return };
        broker.heard_at = now;
        if broker.fenced && seen_version as Offset >= broker.epoch {
            broker.fenced = false;
            image.version += 1;
            if image.partition.leader.is_none() {
                self.elect();
            }
        }
    }

    /// Fences whoever was silent for too long.
    pub fn expire(&mut self, now: Instant) {
        let late = |broker: &Broker| !broker.fenced && now.saturating_since(broker.heard_at) > self.session;
        let silent: Vec<NodeId> =
            self.image.brokers.iter().filter(|(_, broker)| late(broker)).map(|(id, _)| *id).collect();
        silent.into_iter().for_each(|id| self.fence(id));
    }

    fn fence(&mut self, id: NodeId) {
        let image = Arc::make_mut(&mut self.image);
        let Some(broker) = image.brokers.get_mut(&id) else { return };
        broker.fenced = true;
        image.version += 1;
        if image.partition.isr.len() > 1 && image.partition.isr.contains(&id) {
            image.partition.isr.retain(|member| *member != id);
            image.partition.partition_epoch += 1;
        }
        if image.partition.leader == Some(id) {
            self.elect();
        }
    }

    /// A leader from the ISR, if one may lead; in any case a new leader epoch.
    fn elect(&mut self) {
        let partition = &self.image.partition;
        let may_lead = |id: &NodeId| self.image.may_be_in_sync(*id).is_some() && partition.replicas.contains(id);
        let candidates: Vec<NodeId> = partition.isr.iter().copied().filter(may_lead).collect();
        let leader = self.dice.pick(&candidates);
        let image = Arc::make_mut(&mut self.image);
        image.partition.leader = leader;
        image.partition.leader_epoch += 1;
        image.partition.partition_epoch += 1;
        image.version += 1;
    }

    /// Moves leadership within the ISR, as a preferred election does.
    pub fn move_leader(&mut self) {
        self.elect();
    }

    /// Other replicas are to hold the partition: the new ones come first, the old ones go when all new ones are in the
    /// ISR.
    pub fn reassign(&mut self, target: Vec<NodeId>) {
        if self.target.is_some() {
            return;
        }
        let image = Arc::make_mut(&mut self.image);
        for id in &target {
            if !image.partition.replicas.contains(id) {
                image.partition.replicas.push(*id);
            }
        }
        image.partition.partition_epoch += 1;
        image.version += 1;
        self.target = Some(target);
        self.complete_reassignment();
    }

    fn complete_reassignment(&mut self) {
        let image = Arc::make_mut(&mut self.image);
        let Some(target) = &self.target else { return };
        if !target.iter().all(|id| image.partition.isr.contains(id)) {
            return;
        }
        image.partition.replicas.clone_from(target);
        image.partition.isr.retain(|id| target.contains(id));
        image.partition.partition_epoch += 1;
        image.version += 1;
        self.target = None;
        if image.partition.leader.is_some_and(|leader| !image.partition.replicas.contains(&leader)) {
            self.elect();
        }
    }

    /// AlterPartition.
    pub fn alter(&mut self, id: NodeId, broker_epoch: Offset, proposal: &IsrProposal) -> IsrAnswer {
        if let Err(error) = self.check(id, broker_epoch, proposal) {
            return IsrAnswer::Refused(error);
        }
        let isr: Vec<NodeId> = proposal.new_isr.iter().map(|(member, _)| *member).collect();
        let stands = isr.len() == self.image.partition.isr.len() && isr.iter().all(|id| self.is_in_sync(*id));
        if !(stands && self.frugal) {
            let image = Arc::make_mut(&mut self.image);
            image.partition.isr = isr;
            image.partition.partition_epoch += 1;
            image.version += 1;
            self.complete_reassignment();
        }
        let partition = &self.image.partition;
        if partition.leader != Some(id) || partition.leader_epoch != proposal.leader_epoch {
            return IsrAnswer::Refused(ErrorCode::NewLeaderElected);
        }
        IsrAnswer::Accepted {
            leader_epoch: partition.leader_epoch,
            partition_epoch: partition.partition_epoch,
            isr: partition.isr.clone(),
        }
    }

    fn is_in_sync(&self, id: NodeId) -> bool {
        self.image.partition.isr.contains(&id)
    }

    fn check(&self, id: NodeId, broker_epoch: Offset, proposal: &IsrProposal) -> Result<(), ErrorCode> {
        let partition = &self.image.partition;
        if self.image.brokers.get(&id).is_none_or(|broker| broker.epoch != broker_epoch) {
            return Err(ErrorCode::StaleBrokerEpoch);
        }
        if proposal.leader_epoch < partition.leader_epoch || partition.leader != Some(id) {
            return Err(ErrorCode::FencedLeaderEpoch);
        }
        if proposal.partition_epoch < partition.partition_epoch {
            return Err(ErrorCode::InvalidUpdateVersion);
        }
        let known = proposal.new_isr.iter().all(|(member, _)| partition.replicas.contains(member));
        if !known || !proposal.new_isr.iter().any(|(member, _)| *member == id) {
            return Err(ErrorCode::InvalidRequest);
        }
        let eligible = |(member, epoch): &(NodeId, Offset)| {
            self.image.may_be_in_sync(*member).is_some_and(|registered| *epoch == -1 || *epoch == registered)
        };
        if proposal.new_isr.iter().all(eligible) { Ok(()) } else { Err(ErrorCode::IneligibleReplica) }
    }
}
