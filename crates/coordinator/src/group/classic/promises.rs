//! Ids that are promised to members before they join (KIP-394), and kept for a session.

use super::join::{Joining, milliseconds};
use super::view::ClassicView;
use crate::group::timers::Timer;
use model::state_machine::Instant;
use model::{ErrorCode, mark};
use protocol::Text;

/// More promised ids than this are not kept; those that end first go. A client that only asks for ids gets no further.
const MOST_PROMISES: usize = 10_000;

impl ClassicView<'_> {
    /// Tells a member the id that it is to join with.
    pub(super) fn promise_id(&mut self, joining: Joining, id: Text) {
        let until = self.now.monotonic + milliseconds(joining.request.session_timeout_ms);
        if self.group.promised.len() >= MOST_PROMISES {
            mark!("too many member ids were promised");
            let first = self.group.promised.iter().min_by_key(|(_, until)| **until).map(|(id, _)| id.clone());
            first.and_then(|first| self.group.promised.remove(&first));
        }
        self.group.promised.insert(id.clone(), until);
        self.arm_promises(until);
        self.refuse_join(joining.ticket, joining.version, id, ErrorCode::MemberIdRequired);
    }

    /// Sees to it that the end of a promise is noticed. One timer is there for all of a group: those of promises that are
    /// kept no more would fill the queue.
    fn arm_promises(&mut self, until: Instant) {
        if self.group.promises_armed.is_none_or(|armed| until < armed) {
            self.group.promises_armed = Some(until);
            self.timers.arm(until, Timer::Promises { group: self.id.clone() });
        }
    }

    /// Some promises may have ended. Nobody waits for those members any more.
    pub fn promises_timer(&mut self, armed: Instant) {
        if self.group.promises_armed != Some(armed) {
            return; // there is another one
        }
        self.group.promises_armed = None;
        let (now, before) = (self.now.monotonic, self.group.promised.len());
        self.group.promised.retain(|_, until| *until > now);
        if let Some(first) = self.group.promised.values().min().copied() {
            self.arm_promises(first);
        }
        if self.group.promised.len() < before {
            mark!("a promised member id was not used in time");
            self.complete_join_if_all_have();
        }
    }
}
