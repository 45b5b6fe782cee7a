//! The way from whoever finds damage to the task that repairs it.

use crate::partition::Partition;
use model::Offset;
use runtime::sync::{Notify, mpsc};
use std::sync::Arc;
use storage::Damage;

/// Something that was found.
#[derive(Debug)]
pub(crate) enum Finding {
    /// A read at this offset did not get what was written.
    Suspected(Arc<Partition>, Offset),
    /// The scrubber came to this.
    Damaged(Arc<Partition>, Damage),
    /// An earlier life of the broker left word of damage.
    Known(Arc<Partition>),
}

/// What was found, in order.
pub(crate) type Findings = mpsc::UnboundedReceiver<Finding>;

/// Where findings are told. Clones share it.
#[derive(Clone, Debug)]
pub struct Repairs {
    found: mpsc::UnboundedSender<Finding>,
    changed: Arc<Notify>,
}

impl Repairs {
    pub(crate) fn new() -> (Repairs, Findings) {
        let (found, findings) = mpsc::unbounded_channel();
        (Repairs { found, changed: Arc::default() }, findings)
    }

    pub(crate) fn tell(&self, finding: Finding) {
        let _ = self.found.send(finding); // an error means that the broker stops
    }

    /// A replica became unusable, or usable again.
    pub(crate) fn usability_changed(&self) {
        self.changed.notify_one();
    }

    /// Completes when the controller has something to hear.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}
