//! A data directory on a real file system. Paths are relative to its root, with `/` between names.
//!
//! Small writes into the page cache and reads from it run inline on the worker, ten times cheaper than a hop to another
//! thread; what may wait for the device (syncs, reads of what is not cached, large writes, writes while the device is
//! behind, changes of names that free space) runs on a blocking thread, and goes on when its future is dropped.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // this is the replacement that the lint names

pub use super::file::File;

use super::pressure::Pressure;
use crate::record::{Operation, Recorder};
use crate::task::blocking;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A data directory.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Root>);

#[derive(Debug)]
struct Root {
    path: PathBuf,
    pressure: Arc<Pressure>,
    recorder: Option<Recorder>,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// It exists; for reading.
    Read,
    /// It exists; for reading and writing.
    Existing,
    /// For reading and writing; made empty when it does not exist.
    OrCreate,
    /// For reading and writing; it must not exist.
    New,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The last part of the path.
    pub name: String,
    /// A directory or a file.
    pub is_directory: bool,
}

/// Holds a lock file until dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: std::fs::File,
}

impl Disk {
    /// The directory at `root`, made with its parents, durably, when it does not exist.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn open(root: impl Into<PathBuf>) -> io::Result<Disk> {
        Disk::open_with(root.into(), None).await
    }

    /// The same, with everything that is done there written down by `recorder`, for tests of crashes. A recorded
    /// directory does one operation at a time.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub async fn open_recorded(root: impl Into<PathBuf>, recorder: &Recorder) -> io::Result<Disk> {
        let disk = Disk::open_with(root.into(), Some(recorder.clone())).await?;
        recorder.begin(super::image_files::read(&disk.0.path)?.volume());
        Ok(disk)
    }

    async fn open_with(path: PathBuf, recorder: Option<Recorder>) -> io::Result<Disk> {
        if !path.is_dir() {
            let path = path.clone();
            blocking(move || create_durably(&path)).await?;
        }
        Ok(Disk(Arc::new(Root { path, pressure: Arc::default(), recorder })))
    }

    /// Where it is, for messages.
    pub fn root(&self) -> &Path {
        &self.0.path
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.0.path.join(relative)
    }

    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists`, `PermissionDenied`, out of space or of file descriptors.
    pub async fn open_file(&self, path: &str, open: Open) -> io::Result<File> {
        let mut options = std::fs::OpenOptions::new();
        options.read(true);
        match open {
            Open::Read => &mut options,
            Open::Existing => options.write(true),
            Open::OrCreate => options.write(true).create(true).truncate(false),
            Open::New => options.write(true).create_new(true),
        };
        let Some(recorder) = &self.0.recorder else {
            return Ok(File::new(options.open(self.path(path))?, &self.0.pressure, None));
        };
        let mut recording = recorder.recording();
        let file = options.open(self.path(path))?;
        if recording.volume.find_file(path).is_err() {
            recording.record(Operation::CreateFile { path: path.to_owned() });
        }
        let id = recording.volume.find_file(path)?;
        drop(recording);
        Ok(File::new(file, &self.0.pressure, Some((recorder.clone(), id))))
    }

    /// Makes a directory in one that exists. The name is durable after [`Disk::sync_directory`] of the parent.
    ///
    /// # Errors
    /// `AlreadyExists`, `NotFound`, out of space.
    pub async fn create_directory(&self, path: &str) -> io::Result<()> {
        let full = self.path(path);
        self.named(Operation::CreateDirectory { path: path.to_owned() }, || std::fs::create_dir(full))
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `NotFound`, or it is not empty.
    pub async fn remove_directory(&self, path: &str) -> io::Result<()> {
        let (this, full, path) = (self.clone(), self.path(path), path.to_owned());
        blocking(move || this.named(Operation::RemoveDirectory { path }, || std::fs::remove_dir(full))).await
    }

    /// The names in a directory (`""` is the root), sorted.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(self.path(path))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            entries.push(Entry { name, is_directory: entry.file_type()?.is_dir() });
        }
        entries.sort();
        Ok(entries)
    }

    /// Renames a file or directory, over what has that name. Both names are durable after their directories are synced.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (this, full_from, full_to) = (self.clone(), self.path(from), self.path(to));
        let operation = Operation::Rename { from: from.to_owned(), to: to.to_owned() };
        blocking(move || this.named(operation, || std::fs::rename(full_from, full_to))).await
    }

    /// Removes a file's name. Open handles keep its bytes.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn remove_file(&self, path: &str) -> io::Result<()> {
        let (this, full, path) = (self.clone(), self.path(path), path.to_owned());
        blocking(move || this.named(Operation::RemoveFile { path }, || std::fs::remove_file(full))).await
    }

    /// Makes the names in a directory (`""` is the root) durable.
    ///
    /// # Errors
    /// An I/O error; what is durable is then unknown.
    pub async fn sync_directory(&self, path: &str) -> io::Result<()> {
        let full = self.path(path);
        let begun = match &self.0.recorder {
            None => None,
            Some(recorder) => {
                // Looked up in a statement of its own: the guard must be gone when the sync takes the lock again.
                let directory = recorder.recording().volume.find(path)?;
                Some(super::file::begin_sync(recorder, directory)?)
            }
        };
        blocking(move || {
            std::fs::File::open(full)?.sync_all()?;
            super::file::end_sync(begun);
            Ok(())
        })
        .await
    }

    /// Does something with names, and writes it down where that is asked for.
    fn named(&self, operation: Operation, action: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let Some(recorder) = &self.0.recorder else { return action() };
        let mut recording = recorder.recording();
        action()?;
        recording.record(operation);
        Ok(())
    }

    /// Bytes that may still be written.
    ///
    /// # Errors
    /// As the operating system says.
    #[allow(unsafe_code)] // statvfs has no safe wrapper in std
    pub async fn available(&self) -> io::Result<u64> {
        use std::os::unix::ffi::OsStrExt;
        let path = std::ffi::CString::new(self.0.path.as_os_str().as_bytes())?;
        let mut stat: libc::statvfs = unsafe { std::mem::zeroed() };
        // SAFETY: the path is a C string and `stat` is written before it is read.
        if unsafe { libc::statvfs(path.as_ptr(), &mut stat) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Takes the lock file `path`, made when it does not exist.
    ///
    /// # Errors
    /// `WouldBlock` when another process holds it.
    pub async fn lock(&self, path: &str) -> io::Result<Lock> {
        let file = self.open_file(path, Open::OrCreate).await?.into_std()?;
        file.try_lock()?;
        Ok(Lock { _file: file })
    }
}

/// Makes a directory and the parents it lacks so that a power failure leaves their names. Without the syncs, a whole new
/// data directory may be gone with everything that was acknowledged.
fn create_durably(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return std::fs::create_dir(path),
    };
    if !parent.is_dir() {
        create_durably(parent)?;
    }
    match std::fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => return Err(error),
        _ => {}
    }
    std::fs::File::open(parent)?.sync_all()
}
