//! Whether the promise table allows that a group has forgotten something: what it knows is records of its partition of
//! `__consumer_offsets`, written with acks=all.

use super::evidence::{Group, Groups};
use crate::checker::log::excuse::{Because, Observation};
use crate::history::{Acks, Index, OperationId};

impl Groups<'_> {
    /// Why what operation `seen` showed of a group may be forgotten at event `at`; `None` when it may not.
    pub fn may_be_forgotten(&self, group: &Group, seen: OperationId, at: Index) -> Option<Because> {
        let home = group.home.as_ref()?;
        let operation = self.operation(seen);
        // Reading is over when it ends; what was told was there when it began.
        let to = match &operation.action {
            crate::history::Action::Own(_) => operation.invoked.index,
            _ => operation.last_effect(),
        };
        let from = match &operation.action {
            // Written some time before the member knew of it.
            crate::history::Action::Own(_) => self.log.topics.lives[home.life].begins,
            _ => operation.invoked.index,
        };
        self.log.may_be_gone(home, Observation { from, to, acks: Acks::All }, at)
    }

    /// Why a group may be refused, in peace.
    pub fn may_refuse(&self, group: &Group) -> Option<Because> {
        let home = group.home.as_ref()?;
        self.log.may_refuse(home, self.log.topics.lives[home.life].begins)
    }
}
