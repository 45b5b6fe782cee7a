//! What can go wrong between a client and its cluster.

use model::ErrorCode;
use runtime::time::Duration;

/// The result of a call.
pub type Result<T> = std::result::Result<T, ClientError>;

/// Why a call did not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// No connection came about.
    #[error("cannot connect to {address}: {why}")]
    Connect {
        /// `host:port`.
        address: String,
        /// In the words of the operating system, or of the handshake.
        why: String,
    },
    /// The connection ended before the request was written.
    #[error("the request was not sent to {address}: {why}")]
    NotSent {
        /// `host:port`.
        address: String,
        /// Why the connection ended.
        why: String,
    },
    /// The connection ended after the request was written, at least in part, and before its answer.
    #[error("the connection to {address} was lost: {why}")]
    Lost {
        /// `host:port`.
        address: String,
        /// Why the connection ended.
        why: String,
    },
    /// No answer came in time.
    #[error("{address} did not answer {api} within {within:?}")]
    NoAnswer {
        /// `host:port`.
        address: String,
        /// What was asked.
        api: &'static str,
        /// How long was waited.
        within: Duration,
    },
    /// The answer is not one, or not to what was asked.
    #[error("{address} answered {api} with what cannot be read: {why}")]
    Malformed {
        /// `host:port`.
        address: String,
        /// What was asked.
        api: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The broker does not serve this API in a version that is known here.
    #[error("{address} does not serve {api} in a version that this client knows")]
    Unsupported {
        /// `host:port`.
        address: String,
        /// What was to be asked.
        api: &'static str,
    },
    /// The broker said no.
    #[error("{what}: {error}{}", .message.as_ref().map(|m| format!(" ({m})")).unwrap_or_default())]
    Refused {
        /// What was asked, with its subject.
        what: String,
        /// The broker's code.
        error: ErrorCode,
        /// The broker's words.
        message: Option<String>,
    },
    /// Records came that are not what was written: a wrong checksum, offsets out of order, an unreadable payload.
    #[error("{partition} at offset {offset}: {why}")]
    Corrupt {
        /// `topic-partition`.
        partition: String,
        /// Where reading stands.
        offset: i64,
        /// What is wrong.
        why: String,
    },
    /// The log was cut below what was read: what was read and is not there any more was lost (KIP-320).
    #[error("{partition} was read up to offset {position}, but was cut at {end_offset}: what was between is lost")]
    Truncated {
        /// `topic-partition`.
        partition: String,
        /// Where reading stood.
        position: i64,
        /// From where on the log is another.
        end_offset: i64,
    },
    /// The request cannot be built: a null or a value that the broker's version has no field for.
    #[error("{api} cannot be written as version {version}: {why}")]
    Unwritable {
        /// What was to be asked.
        api: &'static str,
        /// The version both sides know.
        version: i16,
        /// What does not fit.
        why: String,
    },
    /// The configuration or the arguments contradict themselves.
    #[error("{0}")]
    Invalid(String),
    /// It was not done within the time allowed, nobody knows how far it came.
    #[error("{what} was not done within {within:?}")]
    TimedOut {
        /// What was to be done.
        what: String,
        /// How long was tried.
        within: Duration,
    },
    /// An attempt was refused, but one before it may have done what was asked.
    #[error("{then} (an attempt before it may have worked: {before})")]
    Doubtful {
        /// What came of the last attempt.
        then: Box<ClientError>,
        /// What became of the one before.
        before: Box<ClientError>,
    },
    /// Nothing says where to read: nothing is committed, and `auto.offset.reset` is not to be used.
    #[error("nothing says where to read {partition}: the group has committed no offset, and auto.offset.reset is none")]
    NoPosition {
        /// `topic-partition`.
        partition: String,
    },
    /// This producer, consumer or cluster was closed.
    #[error("the client is closed")]
    Closed,
}

impl ClientError {
    /// The broker's error, if it is one.
    pub fn error_code(&self) -> Option<ErrorCode> {
        match self {
            ClientError::Refused { error, .. } => Some(*error),
            ClientError::Doubtful { then, .. } => then.error_code(),
            _ => None,
        }
    }

    /// Whether the same call may work later, perhaps on another broker.
    pub fn is_retriable(&self) -> bool {
        match self {
            ClientError::Connect { .. }
            | ClientError::NotSent { .. }
            | ClientError::Lost { .. }
            | ClientError::NoAnswer { .. } => true,
            ClientError::Refused { error, .. } => error.is_retriable(),
            _ => false,
        }
    }

    /// Whether the broker may have done what was asked all the same.
    pub fn may_have_happened(&self) -> bool {
        match self {
            ClientError::Lost { .. }
            | ClientError::NoAnswer { .. }
            | ClientError::Malformed { .. }
            | ClientError::Doubtful { .. }
            | ClientError::TimedOut { .. } => true,
            ClientError::Refused { error, .. } => refusal_may_have_happened(*error),
            _ => false,
        }
    }

    pub(crate) fn refused(what: impl Into<String>, error: ErrorCode, message: Option<&str>) -> ClientError {
        let message = message.filter(|message| !message.is_empty()).map(str::to_owned);
        ClientError::Refused { what: what.into(), error, message }
    }
}

/// Turns an error code from the wire into a result.
pub(crate) fn check(what: impl FnOnce() -> String, error_code: i16, message: Option<&str>) -> Result<()> {
    match ErrorCode::from_wire(error_code) {
        ErrorCode::None => Ok(()),
        error => Err(ClientError::refused(what(), error, message)),
    }
}

/// Whether a broker that answers with `error` may have begun, or even done, what was asked. Codes that are decided
/// before anything is written say no.
pub(crate) fn refusal_may_have_happened(error: ErrorCode) -> bool {
    use ErrorCode as E;
    matches!(
        error,
        E::UnknownServerError
            | E::RequestTimedOut
            | E::NotEnoughReplicasAfterAppend
            | E::NetworkException
            | E::KafkaStorageError
            | E::NotLeaderOrFollower
            | E::LeaderNotAvailable
            | E::FencedLeaderEpoch
            | E::BrokerNotAvailable
            | E::NotController
            | E::CoordinatorNotAvailable
            | E::NotCoordinator
    )
}

/// Why a record was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It is certain that the record is not in the log, and never will be.
    #[error("not written: {0}")]
    NotWritten(ClientError),
    /// The record may be in the log, or may still come there: an answer was lost or did not come in time.
    #[error("it is not known whether it was written: {0}")]
    Unknown(ClientError),
}

impl SendError {
    /// What happened last.
    pub fn cause(&self) -> &ClientError {
        match self {
            SendError::NotWritten(cause) | SendError::Unknown(cause) => cause,
        }
    }
}
