//! A replica whose disk has no space: the controller hears of it, and again when there is space.

use super::task::Task;
use model::mark;
use runtime::time::Duration;
use std::sync::atomic::Ordering;

/// Rest before a replica without space is looked at again.
const SPACE_RETRY: Duration = Duration::from_secs(1);

impl Task {
    /// A replica without space asks for others to lead, where there are others.
    pub(super) fn set_full(&mut self, full: bool) {
        let full = full && self.replicas > 1;
        if full {
            self.keep_house_within(SPACE_RETRY);
        }
        if self.partition.full.swap(full, Ordering::AcqRel) == full {
            return;
        }
        let name = &self.partition.topic_partition;
        if full {
            mark!("a replica has no space");
            tracing::warn!("{name}: no space on its disk: others should lead");
        } else {
            mark!("a replica has space again");
            tracing::info!("{name}: there is space on its disk again");
        }
        self.partition.repairs.usability_changed();
    }

    /// Whoever neither leads nor is behind appends nothing, and would never find out.
    pub(super) async fn look_for_space(&mut self) {
        if self.partition.is_full() {
            let full = !self.log.has_space().await;
            self.set_full(full);
        }
    }
}
