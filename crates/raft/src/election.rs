//! Elections: asking first whether there is a point (pre-vote, KIP-996), then for votes; giving them.

use crate::raft::Standing;
use crate::{Body, HardState, LogEnd, Raft, ReplicaKey};
use model::state_machine::Instant;
use model::{LeaderEpoch, NodeId, Uuid, mark, planted};
use std::collections::BTreeSet;

/// A candidate's state.
#[derive(Debug)]
pub struct Campaign {
    /// It only asks.
    pub pre: bool,
    granted: BTreeSet<ReplicaKey>,
}

impl Raft {
    /// Asks the other voters. A `transfer` was asked for by the leader itself. Its own vote counts where it is a voter.
    pub(crate) fn campaign(&mut self, now: Instant, pre: bool, transfer: bool) {
        let Some(next) = self.epoch().checked_add(1) else { return };
        if !pre {
            self.hard_state = HardState { epoch: next, voted_for: Some(self.me()) };
            self.save_hard_state();
        }
        self.standing = Standing::Campaigning(Campaign { pre, granted: BTreeSet::from([self.me()]) });
        self.leader = None;
        self.election_at = now + self.election_wait();
        self.announce();
        let log = self.log.end();
        for voter in self.other_voters() {
            self.send(voter, if pre { Body::PreVote(log) } else { Body::Vote { log, transfer } });
        }
        self.count_votes(now);
    }

    pub(crate) fn on_pre_vote(
        &mut self,
        now: Instant,
        called: Uuid,
        candidate: ReplicaKey,
        epoch: LeaderEpoch,
        log: LogEnd,
    ) {
        let Some(voter) = self.votes_as(called) else { return };
        let granted = !self.hears_leader(now) && epoch >= self.epoch() && log >= self.votes_above();
        self.answer_candidate(now, voter, candidate, true, granted);
    }

    pub(crate) fn on_vote(
        &mut self,
        now: Instant,
        called: Uuid,
        candidate: ReplicaKey,
        epoch: LeaderEpoch,
        log: LogEnd,
        transfer: bool,
    ) {
        let Some(voter) = self.votes_as(called) else { return };
        let disturbs = epoch > self.epoch() && self.hears_leader(now) && !transfer;
        if disturbs {
            mark!("candidate beside a live leader");
        } else if epoch > self.epoch() {
            self.follow(now, epoch, None);
        }
        let free = self.hard_state.voted_for.is_none_or(|voted_for| voted_for == candidate);
        let granted = epoch == self.epoch() && free && self.leader.is_none() && log >= self.votes_above();
        if granted {
            self.vote_for(now, candidate);
        }
        self.answer_candidate(now, voter, candidate, false, granted);
    }

    /// As whom this replica votes. A blank one is nobody, whatever it is called: before it was wiped it may have given its
    /// vote, or its word for an entry, to somebody else. Nor does one that has learnt something since stand for the
    /// directory that its node had before.
    fn votes_as(&self, called: Uuid) -> Option<ReplicaKey> {
        let called = ReplicaKey { directory: called, ..self.me() };
        if self.is_blank() {
            mark!("blank node asked for its vote");
            return planted!("blank-node-votes").then_some(called);
        }
        if called != self.me() && !called.directory.is_zero() {
            mark!("vote asked of a directory that is gone");
            return planted!("wiped-replica-votes").then_some(called);
        }
        Some(self.me())
    }

    /// How far the log of a candidate goes at least that this replica votes for: as far as its own. One that does not know
    /// itself to be a voter is never counted for entries past what is committed (see [`Raft::matched_by`]), and may have
    /// some that no voter has: with its vote it must not wait for a candidate that has them, too.
    fn votes_above(&self) -> LogEnd {
        match self.log.epoch_before(self.high_watermark) {
            Some(epoch) if !self.is_voter() => LogEnd { epoch, offset: self.high_watermark },
            _ => self.log.end(),
        }
    }

    fn vote_for(&mut self, now: Instant, candidate: ReplicaKey) {
        if self.hard_state.voted_for.is_none() {
            self.hard_state.voted_for = Some(candidate);
            if !planted!("vote-not-saved") {
                self.save_hard_state();
            }
        }
        self.election_at = now + self.election_wait();
    }

    fn answer_candidate(&mut self, now: Instant, voter: ReplicaKey, to: ReplicaKey, pre: bool, granted: bool) {
        let leader = self.leader.filter(|_| self.hears_leader(now));
        self.send_as(voter, to, self.epoch(), Body::Ballot { pre, granted, leader });
    }

    pub(crate) fn on_ballot(
        &mut self,
        now: Instant,
        voter: ReplicaKey,
        epoch: LeaderEpoch,
        pre: bool,
        granted: bool,
        leader: Option<NodeId>,
    ) {
        let Standing::Campaigning(campaign) = &mut self.standing else { return };
        if campaign.pre != pre || (!pre && epoch != self.hard_state.epoch) {
            return;
        }
        if granted {
            campaign.granted.insert(voter);
            self.count_votes(now);
        } else if let Some(leader) = leader {
            // It leads without this replica's hearing of it: perhaps this is no voter any more and does not know.
            mark!("candidate told of a leader");
            self.seek(now, leader);
        }
    }

    fn count_votes(&mut self, now: Instant) {
        let Standing::Campaigning(campaign) = &self.standing else { return };
        let votes = self.log.voters().keys().filter(|voter| campaign.granted.contains(voter)).count();
        if votes < self.log.voters().majority() {
            return;
        }
        if campaign.pre { self.campaign(now, false, false) } else { self.lead(now) }
    }

    pub(crate) fn other_voters(&self) -> Vec<ReplicaKey> {
        self.log.voters().keys().filter(|key| *key != self.me()).collect()
    }
}
