//! Sessions: how long each broker has not been heard of. They are soft state in monotonic time; whoever becomes the
//! controller gives every broker a fresh one.

use crate::machine::View;
use model::metadata_image::{BrokerImage, MetadataImage};
use model::state_machine::Instant;
use model::{NodeId, Offset, mark};
use std::collections::BTreeMap;
use std::time::Duration;

/// The session of one broker's life.
#[derive(Clone, Copy, Debug)]
struct Session {
    /// Which life.
    epoch: Offset,
    /// Without a heartbeat it ends here.
    until: Instant,
    /// The last offset of the metadata log that the broker said to have folded.
    seen: Offset,
    /// Where its wish to stop stands in the log.
    stop_asked_at: Option<Offset>,
    /// There is evidence that the life has ended.
    is_over: bool,
}

/// The sessions of all brokers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    by_broker: BTreeMap<NodeId, Session>,
}

impl Sessions {
    /// A broker in its life `epoch` was heard of, and has folded the log up to and with `seen`.
    pub fn touch(&mut self, id: NodeId, epoch: Offset, seen: Offset, until: Instant) {
        let fresh = Session { epoch, until, seen, stop_asked_at: None, is_over: false };
        let session = self.by_broker.entry(id).or_insert(fresh);
        if session.epoch != epoch {
            *session = fresh;
        }
        session.until = session.until.max(until);
        session.seen = session.seen.max(seen);
        session.is_over = false;
    }

    /// There is evidence that a life has ended: another one need not wait for its session.
    pub fn is_over(&mut self, broker: &BrokerImage) {
        if let Some(session) = self.by_broker.get_mut(&broker.id).filter(|session| session.epoch == broker.epoch) {
            session.is_over = true;
        }
    }

    /// Whether this life was heard of lately, and nothing was heard of its end.
    pub fn is_live(&self, broker: &BrokerImage, now: Instant) -> bool {
        self.of(broker).is_some_and(|session| session.until > now && !session.is_over)
    }

    /// When the session of this life ends; none when there is none.
    pub fn until(&self, broker: &BrokerImage) -> Option<Instant> {
        self.of(broker).map(|session| session.until)
    }

    /// When the first session ends of those whose end means something; at once when a broker has none yet.
    pub fn next_end(&self, image: &MetadataImage) -> Option<Instant> {
        let watched = image.brokers().filter(|broker| !broker.fenced);
        watched.map(|broker| self.until(broker).unwrap_or_default()).min()
    }

    /// Where a broker's wish to stop stands in the log; it is at `otherwise` when that was not known.
    pub fn stop_asked_at(&mut self, broker: &BrokerImage, otherwise: Offset) -> Offset {
        match self.by_broker.get_mut(&broker.id).filter(|session| session.epoch == broker.epoch) {
            Some(session) => *session.stop_asked_at.get_or_insert(otherwise),
            None => otherwise,
        }
    }

    /// The last offset that a broker said to have folded; -1 when it said nothing.
    pub fn seen(&self, broker: &BrokerImage) -> Offset {
        self.of(broker).map_or(-1, |session| session.seen)
    }

    fn of(&self, broker: &BrokerImage) -> Option<&Session> {
        self.by_broker.get(&broker.id).filter(|session| session.epoch == broker.epoch)
    }
}

impl View<'_> {
    /// This node is the controller now: nobody can be blamed for silence towards another one.
    pub(crate) fn start_sessions(&mut self) {
        let until = self.now.monotonic + self.session_timeout();
        for broker in self.hard.brokers() {
            self.soft.sessions.touch(broker.id, broker.epoch, -1, until);
        }
        self.plan_rebalance();
    }

    /// A broker was heard of.
    pub(crate) fn touch_session(&mut self, id: NodeId, epoch: Offset, seen: Offset) {
        let until = self.now.monotonic + self.session_timeout();
        self.soft.sessions.touch(id, epoch, seen, until);
    }

    /// Fences every broker that was not heard of for too long, all in one entry.
    pub(crate) fn end_sessions(&mut self) {
        let now = self.now.monotonic;
        let unfenced = self.hard.brokers().filter(|broker| !broker.fenced);
        let (over, unknown): (Vec<_>, Vec<_>) = unfenced
            .filter(|broker| self.soft.sessions.until(broker).is_none_or(|until| until <= now))
            .partition(|broker| self.soft.sessions.until(broker).is_some());
        for broker in unknown {
            self.touch_session(broker.id, broker.epoch, -1);
        }
        let longest_ago = over.iter().filter_map(|broker| self.soft.sessions.until(broker)).min();
        let slept = longest_ago.is_some_and(|until| now.saturating_since(until) > self.session_timeout() / 4);
        for broker in over {
            // If the entry is refused, this is when it is tried again.
            let again = now + self.heartbeat_interval();
            self.soft.sessions.touch(broker.id, broker.epoch, -1, again);
            if slept {
                mark!("the controller slept past the end of a session");
            } else {
                mark!("a session ended");
                self.fence(broker.id);
            }
        }
    }

    fn session_timeout(&self) -> Duration {
        self.milliseconds("broker.session.timeout.ms")
    }

    fn heartbeat_interval(&self) -> Duration {
        self.milliseconds("broker.heartbeat.interval.ms")
    }

    fn milliseconds(&self, name: &str) -> Duration {
        Duration::from_millis(self.settings.number(name).unsigned_abs())
    }
}
