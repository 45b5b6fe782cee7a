//! What can go wrong with the metadata's files.

use std::io;
use thiserror::Error;

/// Why the metadata cannot be read or written. Each is a sentence for an operator.
#[derive(Debug, Error)]
pub enum MetadataFault {
    /// Another process has the directory.
    #[error("another process uses {path}: stop it first, or give this one another log.dirs")]
    Locked {
        /// The metadata's directory.
        path: String,
    },
    /// The operating system refused.
    #[error("cannot {what} {path}: {error}")]
    Io {
        /// Such as `read`.
        what: &'static str,
        /// The file or directory.
        path: String,
        /// Its reason.
        error: io::Error,
    },
    /// Bytes that were on stable storage are not what they were. Nothing was changed.
    #[error(
        "{path} is damaged at byte {at}: {why}. Nothing after it can be trusted, so the server does not start; \
         restore the data directory from a copy"
    )]
    Damaged {
        /// The file.
        path: String,
        /// Where.
        at: u64,
        /// What is wrong.
        why: String,
    },
    /// A later version wrote it.
    #[error("{path} was written by a later version of thalweg ({why}): use that version")]
    TooNew {
        /// The file.
        path: String,
        /// What this version does not know.
        why: String,
    },
}

impl MetadataFault {
    /// The operating system's error while doing `what` to `path`.
    pub(super) fn io(what: &'static str, path: impl Into<String>) -> impl FnOnce(io::Error) -> MetadataFault {
        let path = path.into();
        move |error| MetadataFault::Io { what, path, error }
    }
}
