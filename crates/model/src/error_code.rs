//! What a broker answers when a request did not work, as numbered on the wire.

use std::fmt;

macro_rules! error_codes {
    ($($code:literal $variant:ident $name:literal $retriable:ident)*) => {
        /// Kafka's error codes. An *outcome*, decided where the state is; never a fault of ours.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        #[allow(missing_docs)] // the names are the documentation
        pub enum ErrorCode { $($variant = $code),* }

        impl ErrorCode {
            /// Every code, in order.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$variant),*];

            /// The name in Kafka's documents, such as `NOT_LEADER_OR_FOLLOWER`.
            pub const fn name(self) -> &'static str {
                match self { $(ErrorCode::$variant => $name),* }
            }

            /// Whether a client may send the same request again.
            pub const fn is_retriable(self) -> bool {
                match self { $(ErrorCode::$variant => error_codes!(@ $retriable)),* }
            }

            /// The code of a number from the wire; `UnknownServerError` for numbers not known here.
            pub const fn from_wire(code: i16) -> ErrorCode {
                match code { $($code => ErrorCode::$variant,)* _ => ErrorCode::UnknownServerError }
            }
        }
    };
    (@ yes) => { true };
    (@ no) => { false };
}

error_codes! {
    -1 UnknownServerError "UNKNOWN_SERVER_ERROR" no
    0 None "NONE" no
    1 OffsetOutOfRange "OFFSET_OUT_OF_RANGE" no
    2 CorruptMessage "CORRUPT_MESSAGE" yes
    3 UnknownTopicOrPartition "UNKNOWN_TOPIC_OR_PARTITION" yes
    4 InvalidFetchSize "INVALID_FETCH_SIZE" no
    5 LeaderNotAvailable "LEADER_NOT_AVAILABLE" yes
    6 NotLeaderOrFollower "NOT_LEADER_OR_FOLLOWER" yes
    7 RequestTimedOut "REQUEST_TIMED_OUT" yes
    8 BrokerNotAvailable "BROKER_NOT_AVAILABLE" no
    9 ReplicaNotAvailable "REPLICA_NOT_AVAILABLE" yes
    10 MessageTooLarge "MESSAGE_TOO_LARGE" no
    11 StaleControllerEpoch "STALE_CONTROLLER_EPOCH" no
    12 OffsetMetadataTooLarge "OFFSET_METADATA_TOO_LARGE" no
    13 NetworkException "NETWORK_EXCEPTION" yes
    14 CoordinatorLoadInProgress "COORDINATOR_LOAD_IN_PROGRESS" yes
    15 CoordinatorNotAvailable "COORDINATOR_NOT_AVAILABLE" yes
    16 NotCoordinator "NOT_COORDINATOR" yes
    17 InvalidTopicException "INVALID_TOPIC_EXCEPTION" no
    18 RecordListTooLarge "RECORD_LIST_TOO_LARGE" no
    19 NotEnoughReplicas "NOT_ENOUGH_REPLICAS" yes
    20 NotEnoughReplicasAfterAppend "NOT_ENOUGH_REPLICAS_AFTER_APPEND" yes
    21 InvalidRequiredAcks "INVALID_REQUIRED_ACKS" no
    22 IllegalGeneration "ILLEGAL_GENERATION" no
    23 InconsistentGroupProtocol "INCONSISTENT_GROUP_PROTOCOL" no
    24 InvalidGroupId "INVALID_GROUP_ID" no
    25 UnknownMemberId "UNKNOWN_MEMBER_ID" no
    26 InvalidSessionTimeout "INVALID_SESSION_TIMEOUT" no
    27 RebalanceInProgress "REBALANCE_IN_PROGRESS" no
    28 InvalidCommitOffsetSize "INVALID_COMMIT_OFFSET_SIZE" no
    29 TopicAuthorizationFailed "TOPIC_AUTHORIZATION_FAILED" no
    30 GroupAuthorizationFailed "GROUP_AUTHORIZATION_FAILED" no
    31 ClusterAuthorizationFailed "CLUSTER_AUTHORIZATION_FAILED" no
    32 InvalidTimestamp "INVALID_TIMESTAMP" no
    33 UnsupportedSaslMechanism "UNSUPPORTED_SASL_MECHANISM" no
    34 IllegalSaslState "ILLEGAL_SASL_STATE" no
    35 UnsupportedVersion "UNSUPPORTED_VERSION" no
    36 TopicAlreadyExists "TOPIC_ALREADY_EXISTS" no
    37 InvalidPartitions "INVALID_PARTITIONS" no
    38 InvalidReplicationFactor "INVALID_REPLICATION_FACTOR" no
    39 InvalidReplicaAssignment "INVALID_REPLICA_ASSIGNMENT" no
    40 InvalidConfig "INVALID_CONFIG" no
    41 NotController "NOT_CONTROLLER" yes
    42 InvalidRequest "INVALID_REQUEST" no
    43 UnsupportedForMessageFormat "UNSUPPORTED_FOR_MESSAGE_FORMAT" no
    44 PolicyViolation "POLICY_VIOLATION" no
    45 OutOfOrderSequenceNumber "OUT_OF_ORDER_SEQUENCE_NUMBER" no
    46 DuplicateSequenceNumber "DUPLICATE_SEQUENCE_NUMBER" no
    47 InvalidProducerEpoch "INVALID_PRODUCER_EPOCH" no
    48 InvalidTxnState "INVALID_TXN_STATE" no
    49 InvalidProducerIdMapping "INVALID_PRODUCER_ID_MAPPING" no
    50 InvalidTransactionTimeout "INVALID_TRANSACTION_TIMEOUT" no
    51 ConcurrentTransactions "CONCURRENT_TRANSACTIONS" yes
    52 TransactionCoordinatorFenced "TRANSACTION_COORDINATOR_FENCED" no
    53 TransactionalIdAuthorizationFailed "TRANSACTIONAL_ID_AUTHORIZATION_FAILED" no
    54 SecurityDisabled "SECURITY_DISABLED" no
    55 OperationNotAttempted "OPERATION_NOT_ATTEMPTED" no
    56 KafkaStorageError "KAFKA_STORAGE_ERROR" yes
    57 LogDirNotFound "LOG_DIR_NOT_FOUND" no
    58 SaslAuthenticationFailed "SASL_AUTHENTICATION_FAILED" no
    59 UnknownProducerId "UNKNOWN_PRODUCER_ID" no
    60 ReassignmentInProgress "REASSIGNMENT_IN_PROGRESS" no
    61 DelegationTokenAuthDisabled "DELEGATION_TOKEN_AUTH_DISABLED" no
    62 DelegationTokenNotFound "DELEGATION_TOKEN_NOT_FOUND" no
    63 DelegationTokenOwnerMismatch "DELEGATION_TOKEN_OWNER_MISMATCH" no
    64 DelegationTokenRequestNotAllowed "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED" no
    65 DelegationTokenAuthorizationFailed "DELEGATION_TOKEN_AUTHORIZATION_FAILED" no
    66 DelegationTokenExpired "DELEGATION_TOKEN_EXPIRED" no
    67 InvalidPrincipalType "INVALID_PRINCIPAL_TYPE" no
    68 NonEmptyGroup "NON_EMPTY_GROUP" no
    69 GroupIdNotFound "GROUP_ID_NOT_FOUND" no
    70 FetchSessionIdNotFound "FETCH_SESSION_ID_NOT_FOUND" yes
    71 InvalidFetchSessionEpoch "INVALID_FETCH_SESSION_EPOCH" yes
    72 ListenerNotFound "LISTENER_NOT_FOUND" yes
    73 TopicDeletionDisabled "TOPIC_DELETION_DISABLED" no
    74 FencedLeaderEpoch "FENCED_LEADER_EPOCH" yes
    75 UnknownLeaderEpoch "UNKNOWN_LEADER_EPOCH" yes
    76 UnsupportedCompressionType "UNSUPPORTED_COMPRESSION_TYPE" no
    77 StaleBrokerEpoch "STALE_BROKER_EPOCH" no
    78 OffsetNotAvailable "OFFSET_NOT_AVAILABLE" yes
    79 MemberIdRequired "MEMBER_ID_REQUIRED" no
    80 PreferredLeaderNotAvailable "PREFERRED_LEADER_NOT_AVAILABLE" yes
    81 GroupMaxSizeReached "GROUP_MAX_SIZE_REACHED" no
    82 FencedInstanceId "FENCED_INSTANCE_ID" no
    83 EligibleLeadersNotAvailable "ELIGIBLE_LEADERS_NOT_AVAILABLE" yes
    84 ElectionNotNeeded "ELECTION_NOT_NEEDED" yes
    85 NoReassignmentInProgress "NO_REASSIGNMENT_IN_PROGRESS" no
    86 GroupSubscribedToTopic "GROUP_SUBSCRIBED_TO_TOPIC" no
    87 InvalidRecord "INVALID_RECORD" no
    88 UnstableOffsetCommit "UNSTABLE_OFFSET_COMMIT" yes
    89 ThrottlingQuotaExceeded "THROTTLING_QUOTA_EXCEEDED" yes
    90 ProducerFenced "PRODUCER_FENCED" no
    91 ResourceNotFound "RESOURCE_NOT_FOUND" no
    92 DuplicateResource "DUPLICATE_RESOURCE" no
    93 UnacceptableCredential "UNACCEPTABLE_CREDENTIAL" no
    94 InconsistentVoterSet "INCONSISTENT_VOTER_SET" no
    95 InvalidUpdateVersion "INVALID_UPDATE_VERSION" no
    96 FeatureUpdateFailed "FEATURE_UPDATE_FAILED" no
    97 PrincipalDeserializationFailure "PRINCIPAL_DESERIALIZATION_FAILURE" no
    98 SnapshotNotFound "SNAPSHOT_NOT_FOUND" no
    99 PositionOutOfRange "POSITION_OUT_OF_RANGE" no
    100 UnknownTopicId "UNKNOWN_TOPIC_ID" yes
    101 DuplicateBrokerRegistration "DUPLICATE_BROKER_REGISTRATION" no
    102 BrokerIdNotRegistered "BROKER_ID_NOT_REGISTERED" no
    103 InconsistentTopicId "INCONSISTENT_TOPIC_ID" yes
    104 InconsistentClusterId "INCONSISTENT_CLUSTER_ID" no
    105 TransactionalIdNotFound "TRANSACTIONAL_ID_NOT_FOUND" no
    106 FetchSessionTopicIdError "FETCH_SESSION_TOPIC_ID_ERROR" yes
    107 IneligibleReplica "INELIGIBLE_REPLICA" no
    108 NewLeaderElected "NEW_LEADER_ELECTED" no
    109 OffsetMovedToTieredStorage "OFFSET_MOVED_TO_TIERED_STORAGE" no
    110 FencedMemberEpoch "FENCED_MEMBER_EPOCH" no
    111 UnreleasedInstanceId "UNRELEASED_INSTANCE_ID" no
    112 UnsupportedAssignor "UNSUPPORTED_ASSIGNOR" no
    113 StaleMemberEpoch "STALE_MEMBER_EPOCH" no
    114 MismatchedEndpointType "MISMATCHED_ENDPOINT_TYPE" no
    115 UnsupportedEndpointType "UNSUPPORTED_ENDPOINT_TYPE" no
    116 UnknownControllerId "UNKNOWN_CONTROLLER_ID" no
    117 UnknownSubscriptionId "UNKNOWN_SUBSCRIPTION_ID" no
    118 TelemetryTooLarge "TELEMETRY_TOO_LARGE" no
    119 InvalidRegistration "INVALID_REGISTRATION" no
    120 TransactionAbortable "TRANSACTION_ABORTABLE" no
    121 InvalidRecordState "INVALID_RECORD_STATE" no
    122 ShareSessionNotFound "SHARE_SESSION_NOT_FOUND" yes
    123 InvalidShareSessionEpoch "INVALID_SHARE_SESSION_EPOCH" yes
    124 FencedStateEpoch "FENCED_STATE_EPOCH" no
    125 InvalidVoterKey "INVALID_VOTER_KEY" no
    126 DuplicateVoter "DUPLICATE_VOTER" no
    127 VoterNotFound "VOTER_NOT_FOUND" no
    128 InvalidRegularExpression "INVALID_REGULAR_EXPRESSION" no
    129 RebootstrapRequired "REBOOTSTRAP_REQUIRED" no
    130 StreamsInvalidTopology "STREAMS_INVALID_TOPOLOGY" no
    131 StreamsInvalidTopologyEpoch "STREAMS_INVALID_TOPOLOGY_EPOCH" no
    132 StreamsTopologyFenced "STREAMS_TOPOLOGY_FENCED" no
    133 ShareSessionLimitReached "SHARE_SESSION_LIMIT_REACHED" yes
}

impl ErrorCode {
    /// The number on the wire.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// Whether this is `NONE`.
    pub const fn is_none(self) -> bool {
        matches!(self, ErrorCode::None)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for ErrorCode {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_from_its_number() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_wire(code.code()), *code);
        }
        assert_eq!(ErrorCode::from_wire(31_000), ErrorCode::UnknownServerError);
    }

    #[test]
    fn names_and_retries_are_those_of_kafka() {
        assert_eq!(ErrorCode::NotLeaderOrFollower.name(), "NOT_LEADER_OR_FOLLOWER");
        assert_eq!(ErrorCode::NotLeaderOrFollower.code(), 6);
        assert!(ErrorCode::NotLeaderOrFollower.is_retriable());
        assert!(!ErrorCode::InvalidRecord.is_retriable());
    }
}
