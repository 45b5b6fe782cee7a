//! Why bytes are not a message, or a message cannot be bytes.

use std::fmt;

/// Bytes that are not what they should be. Nothing of the message can be trusted; on a connection it is the end of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct DecodeError {
    /// What is wrong.
    pub problem: DecodeProblem,
    /// The innermost field that was being read, in snake_case; empty outside of fields.
    pub field: &'static str,
    /// How many bytes of the frame had been read before.
    pub offset: usize,
}

impl DecodeError {
    /// A problem found at byte `offset` of the frame.
    #[cold]
    pub fn new(problem: DecodeProblem, offset: usize) -> Self {
        DecodeError { problem, field: "", offset }
    }

    /// The same error, found inside of `field`. The innermost name stays.
    #[cold]
    pub fn within(mut self, field: &'static str) -> Self {
        if self.field.is_empty() {
            self.field = field;
        }
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            "" => write!(f, "byte {}: {}", self.offset, self.problem),
            field => write!(f, "{field} at byte {}: {}", self.offset, self.problem),
        }
    }
}

/// What is wrong with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeProblem {
    /// The frame is shorter than its contents.
    #[error("{needed} bytes are needed, {remaining} are left")]
    CutShort {
        /// How many bytes the value takes at least.
        needed: usize,
        /// How many the frame still holds.
        remaining: usize,
    },
    /// An array announces more elements than the frame can hold.
    #[error("{count} elements cannot fit into the {remaining} bytes left")]
    TooManyElements {
        /// The announced number of elements.
        count: usize,
        /// How many bytes the frame still holds.
        remaining: usize,
    },
    /// A null where this version has none.
    #[error("null is not allowed here")]
    Null,
    /// A string of more than 32,767 bytes.
    #[error("a string of {0} bytes is too long")]
    StringTooLong(usize),
    /// A variable-length number of more than 32 bits.
    #[error("a variable-length number of more than 32 bits")]
    VarintTooLong,
    /// A version of the message that is not defined, or no longer.
    #[error("version {0} is not supported")]
    UnsupportedVersion(i16),
    /// A number that names no API.
    #[error("{0} is no API key")]
    UnknownApiKey(i16),
    /// A record key of a type that is not defined.
    #[error("{0} is no record type")]
    UnknownRecordType(i16),
}

/// A message that has no form in the version asked for. A mistake of whoever built it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct EncodeError {
    /// What is wrong.
    pub problem: EncodeProblem,
    /// The innermost field that was being written, in snake_case; empty outside of fields.
    pub field: &'static str,
}

impl EncodeError {
    /// A problem with the value that is being written.
    #[cold]
    pub fn new(problem: EncodeProblem) -> Self {
        EncodeError { problem, field: "" }
    }

    /// The same error, found inside of `field`. The innermost name stays.
    #[cold]
    pub fn within(mut self, field: &'static str) -> Self {
        if self.field.is_empty() {
            self.field = field;
        }
        self
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            "" => write!(f, "{}", self.problem),
            field => write!(f, "{field}: {}", self.problem),
        }
    }
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeProblem {
    /// A null where this version has none.
    #[error("null is not allowed in this version")]
    Null,
    /// A value other than the default in a field that this version lacks and that may not be dropped silently.
    #[error("version {0} has no such field, and its value is not the default")]
    NotInVersion(i16),
    /// Tagged fields in a version that has none.
    #[error("this version has no tagged fields")]
    NoTaggedFields,
    /// More bytes or elements than the length in front of them can say.
    #[error("{0} bytes or elements are too many")]
    TooLong(usize),
    /// A version of the message that is not defined, or no longer.
    #[error("version {0} is not supported")]
    UnsupportedVersion(i16),
}
