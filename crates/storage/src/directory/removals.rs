//! Files and directories that were renamed away and are removed after a delay, so that who still reads them can end.

use crate::volume::{Volume, join};
use runtime::sync::Notify;
use runtime::time::{Duration, Instant};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What waits to be removed.
#[derive(Debug, Default)]
pub(crate) struct Removals {
    queue: Mutex<Queue>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    next: u64,
    by_time: BTreeMap<(Instant, u64), Removal>,
}

#[derive(Debug)]
enum Removal {
    File(String),
    Directory(String),
}

impl Removals {
    /// Removes a file after `delay`.
    pub fn file_after(&self, path: String, delay: Duration) {
        self.push(Removal::File(path), delay);
    }

    /// Removes a directory and the files in it after `delay`.
    pub fn directory_after(&self, path: String, delay: Duration) {
        self.push(Removal::Directory(path), delay);
    }

    fn push(&self, removal: Removal, delay: Duration) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.next += 1;
        let key = (Instant::now() + delay, queue.next);
        queue.by_time.insert(key, removal);
        drop(queue);
        self.news.notify_one();
    }

    /// The next one if it is due, else when it will be.
    fn pop(&self, now: Instant) -> Result<Removal, Option<Instant>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        match queue.by_time.first_entry() {
            Some(first) if first.key().0 <= now => Ok(first.remove()),
            Some(first) => Err(Some(first.key().0)),
            None => Err(None),
        }
    }
}

/// Removes what is due; ends with the directory.
pub(super) async fn run(removals: Arc<Removals>, volume: Volume) {
    loop {
        match removals.pop(Instant::now()) {
            Ok(removal) => remove(&volume, removal).await,
            Err(None) => removals.news.notified().await,
            Err(Some(next)) => runtime::sync::select! {
                biased;
                () = removals.news.notified() => {}
                () = runtime::time::sleep_until(next) => {}
            },
        }
    }
}

async fn remove(volume: &Volume, removal: Removal) {
    let result = match &removal {
        Removal::File(path) => volume.remove_if_there(path).await.map(|_| ()),
        Removal::Directory(path) => remove_directory(volume, path).await,
    };
    if let Err(fault) = result {
        // The next open tries again.
        tracing::warn!("not removed: {fault}");
    }
}

/// Removes a directory with the files in it.
pub(super) async fn remove_directory(volume: &Volume, path: &str) -> Result<(), crate::StorageFault> {
    let disk = volume.disk();
    let entries = match disk.list(path).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(crate::StorageFault::Disk { path: path.to_owned(), error }),
    };
    for entry in entries {
        volume.remove_if_there(&join(path, &entry.name)).await?;
    }
    disk.remove_directory(path).await.map_err(crate::StorageFault::disk(path))
}
