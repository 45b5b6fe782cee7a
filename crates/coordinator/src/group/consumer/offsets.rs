//! Who may commit and fetch offsets of a consumer group.

use super::member::Member;
use super::state::ConsumerGroup;
use model::{ErrorCode, PartitionId, Uuid};
use std::sync::Arc;

/// The first version of OffsetCommit that members of the consumer protocol may use: it knows their errors.
const FIRST_COMMIT: i16 = 9;

/// The epoch of requests that are not of a member.
const NO_EPOCH: i32 = -1;

impl ConsumerGroup {
    /// Whether a commit is of a member of this group, in its present epoch; or in an earlier one, in which it held each
    /// of these partitions already and has held them since (KIP-1251): it has not heard of the new epoch yet.
    ///
    /// `partitions` are named by topic id, [`Uuid::ZERO`] for a topic that is not known. `version` is that of
    /// OffsetCommit; none for a commit in a transaction.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, `UNSUPPORTED_VERSION`, and `STALE_MEMBER_EPOCH` (`ILLEGAL_GENERATION` for a member of the
    /// classic protocol).
    pub fn check_commit(
        &self,
        member_id: &str,
        epoch: i32,
        version: Option<i16>,
        partitions: impl IntoIterator<Item = (Uuid, PartitionId)>,
    ) -> Result<(), ErrorCode> {
        let is_simple = epoch < 0 && self.is_empty();
        let is_memberless_transaction = version.is_none() && epoch == NO_EPOCH && member_id.is_empty();
        if is_simple || is_memberless_transaction {
            return Ok(());
        }
        let member = self.member(member_id).ok_or(ErrorCode::UnknownMemberId)?;
        if !member.is_classic() && version.is_some_and(|version| version < FIRST_COMMIT) {
            return Err(ErrorCode::UnsupportedVersion);
        }
        let holds = |(topic, partition): (Uuid, PartitionId)| {
            let (assigned, revoking) = (&member.current.assigned, &member.current.revoking);
            let since = assigned.since(topic, partition).or_else(|| revoking.since(topic, partition));
            since.is_some_and(|since| since <= epoch)
        };
        if epoch == member.current.epoch || model::planted!("commit-of-any-member-epoch") {
            return Ok(());
        }
        if epoch < member.current.epoch && partitions.into_iter().all(holds) {
            model::mark!("a commit of an earlier member epoch was taken");
            return Ok(());
        }
        Err(stale(member))
    }

    /// Whether a fetch of offsets is of a member in its present epoch, or of nobody in particular: then it has no member
    /// id, not even an empty one.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, and `STALE_MEMBER_EPOCH` (`ILLEGAL_GENERATION` for a member of the classic protocol).
    pub fn check_fetch(&self, member_id: Option<&str>, epoch: i32) -> Result<(), ErrorCode> {
        if epoch < 0 && member_id.is_none() {
            return Ok(());
        }
        let member = self.member(member_id.unwrap_or_default()).ok_or(ErrorCode::UnknownMemberId)?;
        if epoch == member.current.epoch { Ok(()) } else { Err(stale(member)) }
    }
}

fn stale(member: &Arc<Member>) -> ErrorCode {
    if member.is_classic() { ErrorCode::IllegalGeneration } else { ErrorCode::StaleMemberEpoch }
}
