//! Why a request, or one part of it, was not done.

use model::ErrorCode;
use model::config::InvalidConfig;

/// An error code with a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub error: ErrorCode,
    /// What is wrong, why, and how to fix it; none where Kafka says nothing.
    pub message: Option<String>,
}

impl Refusal {
    /// A refusal with a message.
    pub fn new(error: ErrorCode, message: impl Into<String>) -> Refusal {
        Refusal { error, message: Some(message.into()) }
    }

    /// A refusal that the code says all about.
    pub fn silent(error: ErrorCode) -> Refusal {
        Refusal { error, message: None }
    }
}

impl From<InvalidConfig> for Refusal {
    fn from(invalid: InvalidConfig) -> Refusal {
        Refusal::new(invalid.code, invalid.message)
    }
}
