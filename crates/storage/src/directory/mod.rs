//! A log directory: one `log.dirs` entry, its logs, its journal, and the tasks behind them.

mod barrier;
mod checkpoints;
mod close;
mod core;
mod create;
mod delete;
mod fail_closed;
mod layout;
mod load;
mod load_journaled;
mod load_scanned;
mod open;
mod parallel;
mod removals;
mod replay;
mod swaps;
mod syncer;
mod unmade;

pub(crate) use self::core::{BeingCleaned, Core};
pub(crate) use barrier::Barrier;
pub use open::{Opened, OpenedLog};

use crate::fault::StorageFault;
use crate::meta_properties;
use model::Uuid;
use runtime::disk::Disk;
use runtime::sync::watch;
use std::sync::Arc;

/// A log directory that is open. Clones share it. When the last clone and the last log are gone without
/// [`LogDirectory::close`], the next open finds it as after a crash.
#[derive(Clone, Debug)]
pub struct LogDirectory {
    pub(crate) core: Arc<Core>,
}

impl LogDirectory {
    /// The cluster that the directory at the root of `disk` belongs to, without opening it; none when it is blank.
    ///
    /// # Errors
    /// The disk refused, or its `meta.properties` cannot be read.
    pub async fn cluster_of(disk: &Disk) -> Result<Option<String>, StorageFault> {
        meta_properties::cluster_id(disk).await
    }

    /// An id for a directory that is to be made.
    pub fn new_id() -> Uuid {
        meta_properties::random_id()
    }

    /// The cluster that the directory belongs to.
    pub fn cluster_id(&self) -> &str {
        &self.core.properties.cluster_id
    }

    /// The directory's own id.
    pub fn directory_id(&self) -> Uuid {
        self.core.properties.directory_id
    }

    /// Becomes `Some(why)` when the directory fails: a write or sync that cannot be tried again. Nothing in it is
    /// served after that.
    pub fn failed(&self) -> watch::Receiver<Option<String>> {
        self.core.reading.volume.failed()
    }

    /// Writes Kafka's files of recovery points, log start offsets and high watermarks, where they changed.
    ///
    /// # Errors
    /// The disk refused.
    pub async fn checkpoint(&self) -> Result<(), StorageFault> {
        self.core.checkpoints.write_offsets(&self.core).await
    }

    /// Bytes that the logs and the free space make up together, and bytes that are free.
    ///
    /// # Errors
    /// As the operating system says.
    pub async fn usage(&self) -> Result<(u64, u64), StorageFault> {
        let volume = &self.core.reading.volume;
        let usable = volume.disk().available().await.map_err(StorageFault::disk(""))?;
        let used: u64 = self.core.logs().iter().map(|log| log.size()).sum();
        Ok((used + usable, usable))
    }
}
