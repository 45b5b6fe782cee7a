//! What can go wrong with the journal.

use std::io;

/// The journal or the checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalFault {
    /// The disk refused an operation.
    #[error("{path}: {error}")]
    Disk {
        /// The file, relative to the log directory.
        path: String,
        /// What the disk said.
        error: io::Error,
    },
    /// A file holds bytes that no version of this program writes.
    #[error("{path}: {reason}")]
    Corrupt {
        /// The file, relative to the log directory.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file was written by a later version.
    #[error("{path}: written in format {version}, this program reads format {readable}; use the newer program")]
    Newer {
        /// The file, relative to the log directory.
        path: String,
        /// Its format.
        version: u32,
        /// The newest format known here.
        readable: u32,
    },
    /// The checkpoint names a journal, and there are no journal files.
    #[error("the checkpoint needs journal files and there are none: were they deleted?")]
    Missing,
}

impl JournalFault {
    pub(crate) fn disk(path: impl Into<String>) -> impl FnOnce(io::Error) -> JournalFault {
        let path = path.into();
        move |error| JournalFault::Disk { path, error }
    }
}

/// The journal failed for good ([`Journal::failed`](super::Journal::failed) says why), or its writer is gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal failed: {0}")]
pub struct JournalFailed(pub String);
