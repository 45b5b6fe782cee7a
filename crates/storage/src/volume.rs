//! The disk of a log directory, with its two laws: a failed or overlong sync is the end of the directory and is never
//! tried again (DESIGN "Errors"), and every operation names the file it was about.

use crate::fault::{StorageFault, is_out_of_space};
use bytes::Bytes;
use model::{mark, planted};
use runtime::disk::{Disk, File, Open};
use runtime::sync::watch;
use runtime::time::{Duration, timeout};
use std::io;
use std::sync::Arc;

/// How long the mark of a failed sync may take.
const MARK_DEADLINE: Duration = Duration::from_secs(1);

/// A log directory's disk.
#[derive(Clone, Debug)]
pub(crate) struct Volume {
    disk: Disk,
    failed: Arc<watch::Sender<Option<String>>>,
    sync_deadline: Duration,
}

impl Volume {
    pub fn new(disk: Disk, sync_deadline: Duration) -> Volume {
        Volume { disk, failed: Arc::new(watch::Sender::new(None)), sync_deadline }
    }

    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Becomes `Some(why)` when the directory fails, for good.
    pub fn failed(&self) -> watch::Receiver<Option<String>> {
        self.failed.subscribe()
    }

    /// Refuses when the directory has failed.
    pub fn check(&self) -> Result<(), StorageFault> {
        match &*self.failed.borrow() {
            Some(reason) => Err(StorageFault::Failed(reason.clone())),
            None => Ok(()),
        }
    }

    /// The directory serves nothing from now on. The first reason stays.
    pub fn fail(&self, reason: String) {
        if planted!("keep-appending-after-write-error") {
            return;
        }
        mark!("log directory failed");
        self.failed.send_if_modified(|failed| {
            let first = failed.is_none();
            if first {
                tracing::error!(root = %self.disk.root().display(), "log directory failed: {reason}");
                *failed = Some(reason);
            }
            first
        });
    }

    /// What a failed write means: out of space is for the caller to handle, anything else is the end.
    pub fn write_failed(&self, path: &str, error: io::Error) -> StorageFault {
        if is_out_of_space(&error) {
            mark!("write out of space");
        } else {
            self.fail(format!("write {path}: {error}"));
        }
        StorageFault::Disk { path: path.to_owned(), error }
    }

    /// Makes a file's bytes and length durable.
    pub async fn sync_file(&self, file: &File, path: &str) -> Result<(), StorageFault> {
        self.check()?;
        let result = timeout(self.sync_deadline, file.sync()).await;
        self.synced(path, result.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))).await
    }

    /// Makes the names in a directory (`""` is the root) durable.
    pub async fn sync_directory(&self, path: &str) -> Result<(), StorageFault> {
        self.check()?;
        let result = timeout(self.sync_deadline, self.disk.sync_directory(path)).await;
        self.synced(path, result.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))).await
    }

    async fn synced(&self, path: &str, result: io::Result<()>) -> Result<(), StorageFault> {
        let Err(error) = result else { return Ok(()) };
        // Before anybody hears of the failure: the process may end at once. A disk that hangs must not keep it secret.
        let _ = timeout(MARK_DEADLINE, crate::doubt_mark::leave(&self.disk)).await;
        let what = if path.is_empty() { "the directory itself" } else { path };
        self.fail(format!("sync of {what}: {error}"));
        Err(StorageFault::Disk { path: path.to_owned(), error })
    }

    pub async fn open(&self, path: &str, open: Open) -> Result<File, StorageFault> {
        self.disk.open_file(path, open).await.map_err(StorageFault::disk(path))
    }

    /// The whole of a small file; `None` when there is none.
    pub async fn read_small(&self, path: &str) -> Result<Option<Bytes>, StorageFault> {
        let file = match self.disk.open_file(path, Open::Read).await {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StorageFault::Disk { path: path.to_owned(), error }),
        };
        read_all(&file, path).await.map(Some)
    }

    /// The whole of a small text file; `None` when there is none.
    pub async fn read_text(&self, path: &str) -> Result<Option<String>, StorageFault> {
        let Some(bytes) = self.read_small(path).await? else { return Ok(None) };
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(StorageFault::corrupt(path, "not a text file")),
        }
    }

    /// Writes a new file's bytes into the page cache, over a file of that name.
    pub async fn write_new(&self, path: &str, contents: Bytes) -> Result<File, StorageFault> {
        let file = self.open(path, Open::OrCreate).await?;
        file.set_length(0).await.map_err(StorageFault::disk(path))?;
        file.write_at(&[contents], 0).await.map_err(|error| self.write_failed(path, error))?;
        Ok(file)
    }

    /// Replaces a file's contents at once and durably: temporary file, sync, rename, sync of `directory` (`""` is the
    /// root). After a crash the file is the old one or the new one.
    pub async fn replace(&self, directory: &str, name: &str, contents: Bytes) -> Result<(), StorageFault> {
        self.check()?;
        let path = join(directory, name);
        let temporary = format!("{path}.tmp");
        let file = self.write_new(&temporary, contents).await?;
        self.sync_file(&file, &temporary).await?;
        self.disk.rename(&temporary, &path).await.map_err(StorageFault::disk(&path))?;
        self.sync_directory(directory).await
    }

    /// Removes a file if it is there.
    pub async fn remove_if_there(&self, path: &str) -> Result<bool, StorageFault> {
        match self.disk.remove_file(path).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StorageFault::Disk { path: path.to_owned(), error }),
        }
    }
}

/// `name` below `directory`, which may be the root.
pub(crate) fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// All bytes of a file that the caller knows to be small.
pub(crate) async fn read_all(file: &File, path: &str) -> Result<Bytes, StorageFault> {
    const LARGEST: u64 = 256 << 20;
    let length = file.length().await.map_err(StorageFault::disk(path))?;
    if length > LARGEST {
        return Err(StorageFault::corrupt(path, format!("{length} bytes are more than such a file ever has")));
    }
    let mut bytes = vec![0; length as usize];
    let read = file.read_at(&mut bytes, 0).await.map_err(StorageFault::disk(path))?;
    bytes.truncate(read);
    Ok(bytes.into())
}
