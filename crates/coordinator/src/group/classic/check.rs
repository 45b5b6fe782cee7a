//! Whether a request comes from a member of the present generation.

use super::motion::{Classic, State};
use model::{ErrorCode, planted};
use protocol::Text;

/// Whether a static member's old id is fenced when another process comes with its instance id.
pub(super) fn old_static_members_are_fenced() -> bool {
    !planted!("old-static-member-stays")
}

impl Classic {
    /// Whether `member` is in the group, and its instance's present one.
    ///
    /// # Errors
    /// `FENCED_INSTANCE_ID` when another member has its instance id now; `UNKNOWN_MEMBER_ID`.
    pub fn check_member(&self, member: &Text, instance: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            match self.instances.get(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(present) if present != member && old_static_members_are_fenced() => {
                    return Err(ErrorCode::FencedInstanceId);
                }
                Some(_) => {}
            }
        }
        if self.members.contains_key(member) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    /// The same, and that it knows the present generation. Of a group that was a consumer group each member knows its own
    /// epoch until it has joined: as long as it was, nobody else is given what it reads.
    pub fn check_generation(&self, member: &Text, instance: Option<&str>, generation: i32) -> Result<(), ErrorCode> {
        self.check_member(member, instance)?;
        let known = self.members.get(member).and_then(|member| member.epoch).unwrap_or(self.generation);
        if generation == known { Ok(()) } else { Err(ErrorCode::IllegalGeneration) }
    }

    /// Whether offsets may be committed under these names. Without any, only while nobody is in the group.
    pub fn check_commit(&self, member: &Text, instance: Option<&str>, generation: i32) -> Result<(), ErrorCode> {
        if generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        if generation < 0 && member.is_empty() && instance.is_none() {
            let refused = Err(ErrorCode::UnknownMemberId);
            return if planted!("a commit of nobody is taken from a full group") { Ok(()) } else { refused };
        }
        if !planted!("commit-of-any-generation") {
            self.check_generation(member, instance, generation)?;
        }
        // It may have heard of this generation, and must sync before it may speak for it. A generation that a newcomer
        // interrupted never was.
        let may_commit = self.state != State::CompletingRebalance && self.assigned == Some(self.generation);
        if may_commit { Ok(()) } else { Err(ErrorCode::RebalanceInProgress) }
    }
}
