//! `.kafka_cleanshutdown`: the last one to use the directory closed it cleanly, so nothing needs recovery.

use crate::fault::StorageFault;
use crate::volume::Volume;
use model::planted;

/// The file in the root of a log directory.
const FILE: &str = ".kafka_cleanshutdown";
/// What Kafka 4 writes there, for a broker that has no epoch.
const CONTENTS: &str = "{\"version\":0,\"brokerEpoch\":-1}";

/// Whether the mark is there.
pub(crate) async fn is_there(volume: &Volume) -> Result<bool, StorageFault> {
    Ok(volume.read_small(FILE).await?.is_some())
}

/// Leaves the mark, durably. The last act of a clean stop.
pub(crate) async fn leave(volume: &Volume) -> Result<(), StorageFault> {
    volume.replace("", FILE, CONTENTS.into()).await
}

/// Takes the mark away, durably, before anything is changed or served: a crash from here on is no clean stop.
pub(crate) async fn take_away(volume: &Volume) -> Result<(), StorageFault> {
    if planted!("clean-mark-left-at-start") {
        return Ok(());
    }
    if volume.remove_if_there(FILE).await? {
        volume.sync_directory("").await?;
    }
    Ok(())
}
