//! Changing the voters, one at a time (KIP-853).

use crate::leading::NotLeader;
use crate::progress::Progress;
use crate::raft::Standing;
use crate::{Payload, Raft, ReplicaKey, Voter, Voters};
use model::state_machine::Instant;
use model::{ErrorCode, Offset, mark};

/// A change of the voters, by one (KIP-853).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VoterChange {
    /// Let an observer in that has caught up.
    Add(Voter),
    /// Take a voter out.
    Remove(ReplicaKey),
    /// A voter is reached elsewhere from now on.
    UpdateEndpoint(Voter),
}

/// Why voters were not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoterChangeError {
    /// NOT_LEADER_OR_FOLLOWER.
    NotLeader(NotLeader),
    /// The last change is not committed yet. Kafka answers REQUEST_TIMED_OUT.
    ChangePending,
    /// DUPLICATE_VOTER: that node id is a voter, with this directory or with another.
    DuplicateVoter,
    /// The observer is not known, or has not caught up. Kafka waits for it and then answers REQUEST_TIMED_OUT.
    NotCaughtUp,
    /// VOTER_NOT_FOUND: that replica (id and directory) is no voter.
    VoterNotFound,
    /// INVALID_REQUEST: nobody would be left.
    LastVoter,
}

impl VoterChangeError {
    /// What Kafka answers.
    pub fn error_code(self) -> ErrorCode {
        match self {
            VoterChangeError::NotLeader(_) => ErrorCode::NotLeaderOrFollower,
            VoterChangeError::ChangePending | VoterChangeError::NotCaughtUp => ErrorCode::RequestTimedOut,
            VoterChangeError::DuplicateVoter => ErrorCode::DuplicateVoter,
            VoterChangeError::VoterNotFound => ErrorCode::VoterNotFound,
            VoterChangeError::LastVoter => ErrorCode::InvalidRequest,
        }
    }
}

impl Raft {
    /// Changes the voters, on the leader. The change counts from its offset on, and is committed like any entry. One at a
    /// time: a majority of the voters before and one of those after have a voter in common. A leader that is taken out
    /// leads until that is committed.
    ///
    /// One change comes by itself. When the node of a voter is back with another directory (it was wiped), has caught up
    /// as an observer, and the old directory has been silent for a fetch timeout, the leader takes the old one out and
    /// then lets the new one in ([`Voters::returning`]); see [`replaceable_voters`](Raft::replaceable_voters).
    pub fn change_voters(&mut self, now: Instant, change: VoterChange) -> Result<Offset, VoterChangeError> {
        self.accepting().map_err(VoterChangeError::NotLeader)?;
        if self.change_is_pending() {
            return Err(VoterChangeError::ChangePending);
        }
        let voters = self.changed(now, change)?;
        Ok(self.append_voters(voters))
    }

    fn changed(&self, now: Instant, change: VoterChange) -> Result<Voters, VoterChangeError> {
        let voters = self.log.voters();
        match change {
            VoterChange::Add(voter) if voters.get(voter.key.id).is_some() => Err(VoterChangeError::DuplicateVoter),
            VoterChange::Add(voter) if !self.may_become_voter(now, voter.key) => Err(VoterChangeError::NotCaughtUp),
            VoterChange::Add(voter) => Ok(voters.with(voter)),
            VoterChange::Remove(key) if !voters.contains(key) => Err(VoterChangeError::VoterNotFound),
            VoterChange::Remove(_) if voters.len() == 1 => Err(VoterChangeError::LastVoter),
            VoterChange::Remove(key) => Ok(voters.without(key.id)),
            VoterChange::UpdateEndpoint(voter) if !voters.contains(voter.key) => Err(VoterChangeError::VoterNotFound),
            VoterChange::UpdateEndpoint(voter) => Ok(voters.with(voter)),
        }
    }

    /// Two changes under way could make two majorities that have nobody in common.
    fn change_is_pending(&self) -> bool {
        self.log.voters_offset() >= self.high_watermark
    }

    fn append_voters(&mut self, voters: Voters) -> Offset {
        let offset = self.append(Payload::Voters(voters));
        self.track_voters();
        offset
    }

    /// A controller that is heard of and has all that is committed.
    fn may_become_voter(&self, now: Instant, key: ReplicaKey) -> bool {
        let Standing::Leading(leading) = &self.standing else { return false };
        let fit = |progress: &Progress| {
            let heard = progress.heard.is_some_and(|at| now.saturating_since(at) < self.config.fetch_timeout);
            progress.may_vote && heard && progress.matched.is_some_and(|matched| matched >= self.high_watermark)
        };
        leading.progress.get(&key).is_some_and(fit)
    }

    /// On the leader: voters whose node came back with another directory, and that one. The leader replaces them by
    /// itself once the new one has caught up and the old one is silent, see [`change_voters`](Raft::change_voters).
    pub fn replaceable_voters(&self) -> Vec<(ReplicaKey, ReplicaKey)> {
        let Standing::Leading(leading) = &self.standing else { return Vec::new() };
        let voters = self.log.voters();
        let pair = |key: &ReplicaKey| {
            let old = voters.get(key.id).map(|voter| voter.key)?;
            (old != *key && old != self.me()).then_some((old, *key))
        };
        leading.progress.keys().filter_map(pair).collect()
    }

    /// Takes one step of replacing a voter whose directory is gone.
    pub(crate) fn replace_wiped_voters(&mut self, now: Instant) {
        if self.accepting().is_err() || self.change_is_pending() {
            return;
        }
        if let Some(voter) = self.returned_voter(now) {
            mark!("wiped voter let in again");
            let voters = self.log.voters().with(voter);
            self.append_voters(voters);
        } else if let Some(old) = self.dead_voter(now) {
            mark!("wiped voter taken out");
            let voters = self.log.voters().expecting(old.id);
            self.append_voters(voters);
        }
    }

    fn returned_voter(&self, now: Instant) -> Option<Voter> {
        let Standing::Leading(leading) = &self.standing else { return None };
        let returning = |key: &&ReplicaKey| self.log.voters().returning().any(|id| id == key.id);
        let key = leading.progress.keys().filter(returning).find(|key| self.may_become_voter(now, **key))?;
        let endpoint = leading.progress.get(key)?.endpoint.clone()?;
        Some(Voter { key: *key, endpoint })
    }

    fn dead_voter(&self, now: Instant) -> Option<ReplicaKey> {
        let Standing::Leading(leading) = &self.standing else { return None };
        let silent = |key: &ReplicaKey| {
            let heard = leading.progress.get(key).and_then(|progress| progress.heard).unwrap_or(leading.since);
            now.saturating_since(heard) >= self.config.fetch_timeout
        };
        let mut pairs = self.replaceable_voters().into_iter();
        pairs.find(|(old, new)| silent(old) && self.may_become_voter(now, *new)).map(|(old, _)| old)
    }

    /// A leader that is no voter any more has led until that was committed.
    pub(crate) fn leave_when_removed(&mut self, now: Instant) {
        if !self.log.voters().contains(self.me()) && !self.change_is_pending() {
            mark!("removed leader leaves");
            self.resign(now);
        }
    }
}
