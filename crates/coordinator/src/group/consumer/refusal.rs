//! Why a heartbeat was not taken.

use model::ErrorCode;
use protocol::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;

/// An error code with a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// For programs.
    pub error: ErrorCode,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Refusal {
    /// A refusal for this reason.
    pub fn new(error: ErrorCode, message: impl Into<String>) -> Refusal {
        Refusal { error, message: message.into() }
    }

    /// As the answer to a heartbeat.
    pub fn response(self) -> ConsumerGroupHeartbeatResponse {
        ConsumerGroupHeartbeatResponse {
            error_code: self.error.code(),
            error_message: Some(self.message.into()),
            ..Default::default()
        }
    }
}
