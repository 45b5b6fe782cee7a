//! A log that could not be opened: when others have all that was in it, it goes aside and the replica begins anew.

use super::{Standing, standing_in};
use model::metadata_image::PartitionImage;
use model::{NodeId, TopicPartition, mark};
use storage::LogDirectory;

/// Whether nobody counts on what is in the log on `me`, and another broker leads, from whom it can be fetched.
pub(crate) fn may_begin_anew(partition: &PartitionImage, me: NodeId) -> bool {
    standing_in(partition, me) == Standing::Free && partition.leader.is_some()
}

/// Sets the closed log aside, in whichever directory it is. Says whether there was one.
pub(crate) async fn set_aside(directories: &[LogDirectory], topic_partition: &TopicPartition) -> bool {
    for directory in directories {
        match directory.set_failed_aside(topic_partition).await {
            Ok(to) => {
                mark!("a closed log begins anew");
                tracing::warn!(
                    "{topic_partition}: others have what the closed log had: it is in {to} now, and all is fetched anew"
                );
                return true;
            }
            Err(fault) if fault.is_not_found() => {}
            Err(fault) => tracing::error!("{topic_partition}: the closed log cannot be set aside: {fault}"),
        }
    }
    false
}
