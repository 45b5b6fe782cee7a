//! What an error says about a write: that it was definitely not done, or that nobody knows.

use crate::history::Outcome;
use model::ErrorCode;

/// Whether a write that was answered with `error` may be in the log all the same, or come into it later. Codes that a
/// broker gives before it looks at the log say no; codes that may come after the append say yes.
pub const fn may_have_happened(error: ErrorCode) -> bool {
    use ErrorCode as E;
    !matches!(
        error,
        E::UnknownTopicOrPartition
            | E::UnknownTopicId
            | E::InconsistentTopicId
            | E::CorruptMessage
            | E::MessageTooLarge
            | E::RecordListTooLarge
            | E::InvalidTopicException
            | E::NotEnoughReplicas
            | E::InvalidRequiredAcks
            | E::InvalidTimestamp
            | E::InvalidRecord
            | E::UnsupportedCompressionType
            | E::UnsupportedForMessageFormat
            | E::UnsupportedVersion
            | E::InvalidRequest
            | E::PolicyViolation
            | E::OutOfOrderSequenceNumber
            | E::InvalidProducerEpoch
            | E::ProducerFenced
            | E::UnknownProducerId
            | E::InvalidTxnState
            | E::TopicAuthorizationFailed
            | E::ClusterAuthorizationFailed
            | E::ThrottlingQuotaExceeded
    )
}

/// Whether a commit of offsets that was answered with `error` was refused before anything was written.
pub const fn commit_is_refused_for_good(error: ErrorCode) -> bool {
    use ErrorCode as E;
    matches!(
        error,
        E::UnknownMemberId
            | E::IllegalGeneration
            | E::FencedInstanceId
            | E::FencedMemberEpoch
            | E::StaleMemberEpoch
            | E::RebalanceInProgress
            | E::InvalidGroupId
            | E::GroupIdNotFound
            | E::NonEmptyGroup
            | E::GroupSubscribedToTopic
            | E::CoordinatorLoadInProgress
            | E::OffsetMetadataTooLarge
            | E::InvalidCommitOffsetSize
            | E::MessageTooLarge
            | E::UnknownTopicOrPartition
            | E::UnknownTopicId
            | E::UnsupportedVersion
    )
}

/// The outcome of a write whose last attempt was answered with `error`. `lost_answers`: whether an earlier attempt may
/// have arrived without its answer coming back, so that the error speaks of a copy only.
pub fn write_outcome(error: ErrorCode, lost_answers: bool) -> Outcome {
    if lost_answers || may_have_happened(error) {
        Outcome::Unknown(error.name().to_owned())
    } else {
        Outcome::Fail(error.name().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_before_the_log_are_definite_and_all_else_is_unknown() {
        assert!(matches!(write_outcome(ErrorCode::InvalidRecord, false), Outcome::Fail(_)));
        for error in [
            ErrorCode::RequestTimedOut,
            ErrorCode::KafkaStorageError,
            ErrorCode::NotEnoughReplicasAfterAppend,
            ErrorCode::NotLeaderOrFollower,
            ErrorCode::UnknownServerError,
        ] {
            assert!(matches!(write_outcome(error, false), Outcome::Unknown(_)), "{error}");
        }
    }

    #[test]
    fn a_refused_copy_says_nothing_of_the_first_attempt() {
        assert!(matches!(write_outcome(ErrorCode::OutOfOrderSequenceNumber, true), Outcome::Unknown(_)));
    }
}
