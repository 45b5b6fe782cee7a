//! What can go wrong with a log directory, and what is told to whom.

use crate::journal::JournalFault;
use model::{ErrorCode, NodeId, TopicPartition};
use std::io;

/// A log directory, or something in it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StorageFault {
    /// The disk refused an operation.
    #[error("{path}: {error}")]
    Disk {
        /// File or directory, relative to the log directory.
        path: String,
        /// What the disk said.
        error: io::Error,
    },
    /// A file holds what nobody writes.
    #[error("{path}: {reason}")]
    Corrupt {
        /// The file, relative to the log directory.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The journal or its checkpoint cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalFault),
    /// The directory failed earlier and serves nothing any more.
    #[error("the log directory failed: {0}")]
    Failed(String),
    /// Another process has the directory open.
    #[error("{root} is in use by another process; stop that one, or choose another log directory")]
    Locked {
        /// The log directory.
        root: String,
    },
    /// The directory belongs to another broker.
    #[error(
        "{root} belongs to node {found}, and this is node {expected}; set node.id, or choose another log directory"
    )]
    OtherNode {
        /// The log directory.
        root: String,
        /// This broker's id.
        expected: NodeId,
        /// The id in `meta.properties`.
        found: NodeId,
    },
    /// The directory belongs to another cluster.
    #[error("{root} belongs to cluster {found}, and this is cluster {expected}; choose another log directory")]
    OtherCluster {
        /// The log directory.
        root: String,
        /// This broker's cluster.
        expected: String,
        /// The cluster in `meta.properties`.
        found: String,
    },
    /// The partition is there already.
    #[error("{0} exists already")]
    Exists(TopicPartition),
    /// An offset outside what the operation allows.
    #[error("{topic_partition}: offset {offset} is outside the log, which is {start} to {end}")]
    OffsetOutOfRange {
        /// The log.
        topic_partition: TopicPartition,
        /// The offset asked for.
        offset: i64,
        /// Log start offset.
        start: i64,
        /// Log end offset.
        end: i64,
    },
}

impl StorageFault {
    pub(crate) fn disk(path: impl Into<String>) -> impl FnOnce(io::Error) -> StorageFault {
        let path = path.into();
        move |error| StorageFault::Disk { path, error }
    }

    pub(crate) fn corrupt(path: impl Into<String>, reason: impl Into<String>) -> StorageFault {
        StorageFault::Corrupt { path: path.into(), reason: reason.into() }
    }

    /// Whether the disk, or the quota, is full: what was tried may work once space is made.
    pub fn is_out_of_space(&self) -> bool {
        match self {
            StorageFault::Disk { error, .. } | StorageFault::Journal(JournalFault::Disk { error, .. }) => {
                is_out_of_space(error)
            }
            _ => false,
        }
    }

    /// Whether a file or directory is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, StorageFault::Disk { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Whether a write failed for want of space. A short write counts: disks say it just before they say "full".
pub(crate) fn is_out_of_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::WriteZero)
}

/// Why an append was not made. Nothing of it is in the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// An answer for the client; the log is as good as before.
    #[error("{error}: {message}")]
    Outcome {
        /// What to answer.
        error: ErrorCode,
        /// Why, for people.
        message: String,
    },
    /// The log directory failed: this log takes nothing any more.
    #[error("{0}")]
    Fault(String),
}

impl AppendError {
    pub(crate) fn outcome(error: ErrorCode, message: impl Into<String>) -> AppendError {
        AppendError::Outcome { error, message: message.into() }
    }

    /// What a client is told.
    pub fn error_code(&self) -> ErrorCode {
        match self {
            AppendError::Outcome { error, .. } => *error,
            AppendError::Fault(_) => ErrorCode::KafkaStorageError,
        }
    }
}

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The offset is below the log start or above the log end.
    #[error("the offset is outside the log")]
    OffsetOutOfRange,
    /// The bytes there are not the batches that were written.
    #[error("corrupt: {0}")]
    Corrupt(String),
    /// The disk refused.
    #[error(transparent)]
    Fault(#[from] StorageFault),
}

/// A partition whose files contradict what was promised. It stays closed over restarts until it is repaired from its
/// peers or deleted; its files are kept as they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("closed for safety: {reason}")]
pub struct FailedClosed {
    /// What contradicts what.
    pub reason: String,
}
