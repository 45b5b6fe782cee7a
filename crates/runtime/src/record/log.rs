//! The operations of a recorded run.

use super::{CrashPoints, FileId, Image, Volume};
use bytes::Bytes;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One thing that was done to a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A file was made. It has the next free id.
    CreateFile {
        /// Where.
        path: String,
    },
    /// A directory was made. It has the next free id.
    CreateDirectory {
        /// Where.
        path: String,
    },
    /// A file's name was removed.
    RemoveFile {
        /// Its name until then.
        path: String,
    },
    /// An empty directory was removed.
    RemoveDirectory {
        /// Its name until then.
        path: String,
    },
    /// A file or directory got another name.
    Rename {
        /// The old one.
        from: String,
        /// The new one.
        to: String,
    },
    /// Bytes were written into the page cache.
    Write {
        /// The file.
        file: FileId,
        /// Where in it.
        offset: u64,
        /// The bytes, as far as they were written.
        bytes: Bytes,
    },
    /// A file was extended with written zeros.
    Allocate {
        /// The file.
        file: FileId,
        /// Its new length.
        length: u64,
    },
    /// A file was cut, or extended with a hole.
    SetLength {
        /// The file.
        file: FileId,
        /// Its new length.
        length: u64,
    },
    /// A sync of a file or directory began. It has the next free ticket.
    BeginSync {
        /// The file or directory.
        of: FileId,
    },
    /// It ended well.
    EndSync {
        /// The file or directory.
        of: FileId,
        /// Which sync: they are counted.
        ticket: u64,
    },
    /// Something that the test wants to find again, such as "record 7 was acknowledged".
    Note(u64),
}

impl Operation {
    /// Whether a crash after it can leave anything that a crash before it cannot.
    pub fn changes_something(&self) -> bool {
        !matches!(self, Operation::BeginSync { .. } | Operation::Note(_))
    }
}

impl Volume {
    /// Does again what was done.
    ///
    /// # Panics
    /// When it cannot have been done to this volume.
    pub(crate) fn replay(&mut self, operation: &Operation) {
        let done: io::Result<()> = match operation {
            Operation::CreateFile { path } => self.create_file(path).map(drop),
            Operation::CreateDirectory { path } => self.create_directory(path).map(drop),
            Operation::RemoveFile { path } => self.remove_file(path).map(drop),
            Operation::RemoveDirectory { path } => self.remove_directory(path),
            Operation::Rename { from, to } => self.rename(from, to),
            Operation::Write { file, offset, bytes } => self.contents_mut(*file).map(|c| c.write(*offset, bytes)),
            Operation::Allocate { file, length } => self.contents_mut(*file).map(|c| c.allocate(*length)),
            Operation::SetLength { file, length } => self.contents_mut(*file).map(|c| c.set_length(*length)),
            Operation::BeginSync { of } => self.begin_sync(*of).map(drop),
            Operation::EndSync { of, ticket } => {
                self.end_sync(*of, *ticket);
                Ok(())
            }
            Operation::Note(_) => Ok(()),
        };
        done.unwrap_or_else(|error| panic!("{operation:?} was recorded and cannot be done again: {error}"));
    }
}

/// What was done to a data directory, in order, and what it held before.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub(super) initial: Volume,
    pub(super) operations: Arc<[Operation]>,
}

impl Log {
    /// What was done.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// What the directory held when the recording began.
    pub fn initial(&self) -> Image {
        Image::of(self.initial.clone())
    }

    /// The log of a program that did the same but for what is left out, such as a sync that it should have done.
    pub fn without(&self, is_left_out: impl Fn(&Operation) -> bool) -> Log {
        let kept = self.operations.iter().filter(|operation| !is_left_out(operation)).cloned();
        Log { initial: self.initial.clone(), operations: kept.collect() }
    }

    /// The name that a file or directory was made with during the run.
    pub fn first_name(&self, of: FileId) -> Option<&str> {
        let mut made = self.operations.iter().filter_map(|operation| match operation {
            Operation::CreateFile { path } | Operation::CreateDirectory { path } => Some(path.as_str()),
            _ => None,
        });
        let nth = of.0.checked_sub(self.initial.next_id().0)?;
        made.nth(usize::try_from(nth).ok()?)
    }

    /// Every boundary at which a crash can leave something new: before the first operation, and after each that changes
    /// something.
    pub fn crash_points(&self) -> CrashPoints<'_> {
        CrashPoints::new(self)
    }
}

/// Writes down what is done to a data directory. Clones write to the same log.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<Recording>>);

#[derive(Debug, Default)]
pub(crate) struct Recording {
    initial: Volume,
    /// What the directory holds now.
    pub volume: Volume,
    operations: Vec<Operation>,
}

impl Recorder {
    /// A recorder with nothing in it yet.
    pub fn new() -> Recorder {
        Recorder::default()
    }

    /// What was recorded so far.
    pub fn log(&self) -> Log {
        let recording = self.recording();
        Log { initial: recording.initial.clone(), operations: recording.operations.as_slice().into() }
    }

    /// How many operations were recorded so far.
    pub fn count(&self) -> usize {
        self.recording().operations.len()
    }

    /// Adds a mark of the caller's, to be found among the operations.
    pub fn note(&self, note: u64) {
        self.recording().record(Operation::Note(note));
    }

    /// A recording begins, of a directory that holds this.
    pub(crate) fn begin(&self, volume: &Volume) {
        *self.recording() = Recording { initial: volume.clone(), volume: volume.clone(), operations: Vec::new() };
    }

    /// Held while an operation is done, so that the order of the log is the order of what happened.
    pub(crate) fn recording(&self) -> MutexGuard<'_, Recording> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recording {
    pub fn record(&mut self, operation: Operation) {
        self.volume.replay(&operation);
        self.operations.push(operation);
    }

    /// A sync begins; its ticket says so when it ends.
    pub fn begin_sync(&mut self, of: FileId) -> io::Result<u64> {
        let ticket = self.volume.begin_sync(of)?;
        self.operations.push(Operation::BeginSync { of });
        Ok(ticket)
    }
}
