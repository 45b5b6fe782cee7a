//! One member of a classic group, as its coordinator sees it.

use crate::group::machine::Client;
use bytes::Bytes;
use model::planted;
use model::state_machine::{Instant, Now, Ticket};
use protocol::Text;
use std::time::Duration;

/// A member.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// `group.instance.id` of a static member (KIP-345).
    pub instance: Option<Text>,
    pub client: Client,
    pub rebalance_timeout: Duration,
    pub session_timeout: Duration,
    /// What it supports, the most wanted first, each with what it says about itself in it.
    pub protocols: Vec<(Text, Bytes)>,
    pub assignment: Bytes,
    /// Its epoch from when the group was a consumer group, while it has not been told of a generation since (KIP-848).
    pub epoch: Option<i32>,
    /// Its JoinGroup that waits, and that request's version.
    pub joining: Option<(Ticket, i16)>,
    /// Its SyncGroup that waits.
    pub syncing: Option<Ticket>,
    /// It has asked for its assignment in this generation.
    pub synced: bool,
    /// It joined and was not answered yet, so that it cannot send heartbeats.
    pub is_new: bool,
    /// When it was last heard of.
    pub heard: Now,
    /// The earliest entry for its session in the queue of timers.
    pub armed: Option<Instant>,
}

/// A new member has no id to send heartbeats with; its join ends after this long, and a living client asks again.
const NEW_MEMBER_JOINS_WITHIN: Duration = Duration::from_secs(300);

impl Member {
    /// When its session ends.
    pub fn deadline(&self) -> Instant {
        self.heard.monotonic + self.patience()
    }

    /// Whether it was silent for too long. One whose request waits here cannot be blamed, unless it is new.
    pub fn is_overdue(&self, now: Now) -> bool {
        let waits_here = !self.is_new && (self.joining.is_some() || self.syncing.is_some());
        !waits_here && self.silent_for(now) >= self.patience()
    }

    /// What it says about itself in this protocol.
    pub fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols
            .iter()
            .find(|(name, _)| name == protocol)
            .map(|(_, metadata)| metadata.clone())
            .unwrap_or_default()
    }

    fn patience(&self) -> Duration {
        if self.is_new { NEW_MEMBER_JOINS_WITHIN } else { self.session_timeout }
    }

    fn silent_for(&self, now: Now) -> Duration {
        if planted!("session-by-the-wall-clock") {
            return Duration::from_millis(now.wall.saturating_sub(self.heard.wall).max(0).unsigned_abs());
        }
        now.monotonic.saturating_since(self.heard.monotonic)
    }
}
