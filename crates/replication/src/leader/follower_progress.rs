//! One follower, as the leader knows it.

use crate::{FollowerFetch, OwnLog};
use model::state_machine::Instant;
use model::{NodeId, Offset, planted};
use std::time::Duration;

/// What a follower has and since when.
#[derive(Clone, Debug)]
pub(super) struct FollowerProgress {
    pub id: NodeId,
    /// Up to where its log is like the leader's, durably so in a journaled partition; `None` before its first fetch.
    pub progress: Option<Offset>,
    /// Where its log starts, by its last fetch.
    pub log_start_offset: Option<Offset>,
    /// The registration that fetched last. The progress is of that one's log and of no other's.
    pub fetched_by: Option<Offset>,
    /// The broker's registration while it may be in the ISR.
    pub may_be_in_sync: Option<Offset>,
    /// The newest registration that was heard of.
    newest: Option<Offset>,
    /// When it last had everything that the leader had.
    pub caught_up_at: Option<Instant>,
    /// Its last fetch, and where the leader's log ended then.
    last_fetch: Option<(Instant, Offset)>,
    /// It surely followed this leader at that time: a fetch that came was sent after it.
    followed_at: Option<Instant>,
    /// By its last fetch it had all that there was at the one before.
    pub keeps_up: bool,
    /// Its last fetch was made under the assignment that the leader knows. A replica that was taken away and given back
    /// may have begun anew in between.
    pub confirmed: bool,
    pub claim: Claim,
}

/// Why a follower counts for the high watermark.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Claim {
    /// The controller has said so: it is in the ISR.
    pub committed: bool,
    /// It is in the ISR that was proposed and not yet answered, with this registration; -1 where none is known.
    pub proposed: Option<Offset>,
    /// It was in a proposal that was lost, with this registration: the controller may have taken it, or may yet.
    pub in_doubt: Option<Offset>,
    /// An answer has told that it is not in the ISR any more, and the image has not: with that image the minimum may be
    /// another, for which it may still lead.
    pub leaving: bool,
}

impl Claim {
    /// In the ISR, as the controller knows it or may know it.
    pub fn is_counted(self) -> bool {
        self.committed || self.proposed.is_some() || self.in_doubt.is_some() || self.leaving
    }
}

impl FollowerProgress {
    pub fn new(id: NodeId) -> FollowerProgress {
        FollowerProgress {
            id,
            progress: None,
            log_start_offset: None,
            fetched_by: None,
            may_be_in_sync: None,
            newest: None,
            caught_up_at: None,
            last_fetch: None,
            followed_at: None,
            keeps_up: false,
            confirmed: false,
            claim: Claim::default(),
        }
    }

    /// Whether a fetch is of a registration that another one has followed (KIP-903).
    pub fn is_stale(&self, broker_epoch: Offset) -> bool {
        broker_epoch >= 0 && self.newest.is_some_and(|newest| broker_epoch < newest)
    }

    /// It has fetched, from a log that is like the leader's.
    pub fn fetched(&mut self, now: Instant, fetch: &FollowerFetch, log: &OwnLog) {
        let log_end = log.log_end_offset;
        // A follower of a journaled partition that does not tell what is durable has not become journaled yet.
        let progress = match fetch.durable_end {
            _ if planted!("count what a fetch is about to bring") => log_end,
            _ if !log.asks_stable_storage => fetch.fetch_offset,
            Some(durable) => fetch.fetch_offset.min(durable),
            None => fetch.log_start_offset.min(fetch.fetch_offset),
        };
        let fetched_by = Some(fetch.broker_epoch).filter(|epoch| *epoch >= 0);
        if fetched_by != self.fetched_by {
            // What an earlier process had says nothing about how fast this one is.
            (self.last_fetch, self.followed_at) = (None, None);
        }
        // It has what there was when it fetched last: under steady writes it never has more.
        let had_all_at = self.last_fetch.filter(|(_, end)| progress >= *end).map(|(at, _)| at);
        let has_all_at = Some(now).filter(|_| progress >= log_end).or(had_all_at);
        self.keeps_up = has_all_at.is_some();
        self.caught_up_at = self.caught_up_at.max(has_all_at);
        self.progress = Some(progress);
        self.log_start_offset = Some(fetch.log_start_offset).filter(|start| *start >= 0);
        self.last_fetch = Some((now, log_end));
        self.followed_at = self.followed_at.max(fetch.sent_after);
        self.fetched_by = fetched_by;
        self.newest = self.newest.max(self.fetched_by);
    }

    /// Its broker may be in the ISR with this registration, or may not.
    pub fn registered(&mut self, broker_epoch: Option<Offset>) {
        self.may_be_in_sync = broker_epoch;
        self.newest = self.newest.max(broker_epoch);
        // A controller refuses what names an earlier registration, however late it comes.
        self.claim.in_doubt = self.claim.in_doubt.filter(|claimed| self.newest.is_none_or(|newest| newest <= *claimed));
    }

    /// The controller has said whether it is in the ISR. Who is new there has the full time to catch up: what is
    /// committed it has, but a high watermark that rested may be far behind the log's end.
    pub fn settle(&mut self, now: Instant, in_isr: bool) {
        if in_isr && !self.claim.committed {
            self.caught_up_at = Some(now);
        }
        self.claim = Claim { committed: in_isr, ..Claim::default() };
    }

    /// The registration to propose for it: the one whose log was compared under the present
    /// assignment.
    pub fn claimed_epoch(&self) -> Option<Offset> {
        if planted!("propose whichever registration there is") {
            return self.may_be_in_sync;
        }
        self.fetched_by.filter(|_| self.confirmed || self.claim.committed)
    }

    /// Whether it has followed this leader since then. When a fetch comes does not tell: it may have waited behind a cut,
    /// or in this node's own buffers, while its sender came to follow another.
    pub fn has_followed_since(&self, asked: Instant) -> bool {
        self.followed_at.is_some_and(|at| at > asked)
    }

    /// Whether the controller would take it into the ISR.
    pub fn may_join(&self) -> bool {
        self.may_be_in_sync.is_some() && self.claimed_epoch() == self.may_be_in_sync
    }

    /// When it will have been behind for `lag`; `None` when it is not behind.
    pub fn late_at(&self, log_end: Offset, lag: Duration) -> Option<Instant> {
        if self.progress.is_some_and(|progress| progress >= log_end) {
            return None;
        }
        self.caught_up_at.map(|at| at + lag)
    }

    /// Whether it has everything, or had it less than `lag` ago.
    pub fn is_caught_up(&self, now: Instant, log_end: Offset, lag: Duration) -> bool {
        self.progress.is_some_and(|progress| progress >= log_end) || self.caught_up_at.is_some_and(|at| now < at + lag)
    }
}
