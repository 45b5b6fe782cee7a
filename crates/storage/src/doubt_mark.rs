//! `sync-failed`: a sync in this directory failed. The kernel takes the pages for written then, so until the next power
//! failure the page cache shows what the disk may not have, and no later sync would tell (fsyncgate). While the mark is
//! there, recovery writes again what it would else only sync. The mark need not be durable: after a power failure reads
//! see what the disk has.

use crate::fault::StorageFault;
use crate::volume::Volume;
use model::mark;
use runtime::disk::{Disk, Open};

/// The file in the root of a log directory. Ours.
const FILE: &str = "sync-failed";

/// Leaves the mark, as well as a failing disk can.
pub(crate) async fn leave(disk: &Disk) {
    mark!("sync failed");
    if let Err(error) = disk.open_file(FILE, Open::OrCreate).await {
        tracing::error!("{FILE}: {error}: what was not synced may be lost with the power after the next start");
    }
}

/// Whether the mark is there.
pub(crate) async fn is_there(volume: &Volume) -> Result<bool, StorageFault> {
    Ok(volume.read_small(FILE).await?.is_some())
}

/// Takes the mark away: everything was written again, and synced.
pub(crate) async fn take_away(volume: &Volume) -> Result<(), StorageFault> {
    volume.remove_if_there(FILE).await.map(|_| ())
}
