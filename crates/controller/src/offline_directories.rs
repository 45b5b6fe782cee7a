//! Log directories that failed under a running broker (KIP-858). They leave its registration until it registers anew.

use crate::machine::View;
use crate::partition_draft::Loss;
use crate::records::Record;
use crate::snapshot::broker_record;
use model::metadata_image::BrokerImage;
use model::{Uuid, mark};

impl View<'_> {
    /// Takes directories out of a broker's registration. Its replicas there keep their claims, since the bytes may be
    /// found again, but are out of sync and may not lead.
    pub(crate) fn lose_directories(&mut self, broker: &BrokerImage, offline: &[Uuid]) {
        if offline.is_empty() || !broker.directories.iter().any(|directory| offline.contains(directory)) {
            return;
        }
        mark!("a log directory went offline");
        let mut after = broker.clone();
        after.directories.retain(|directory| !offline.contains(directory));
        self.records.push(Record::BrokerRegistered(broker_record(&after)));
        self.changed_brokers.insert(broker.id, Some(after));
        let index = self.index;
        for key in index.of_broker(broker.id) {
            let Some(directory) = self.partition(key).and_then(|partition| partition.directory_of(broker.id)) else {
                continue;
            };
            if offline.contains(&directory) {
                self.draft(key);
            } else if directory.is_zero() {
                // Nobody told where it is: it may be gone.
                self.draft(key).lose(broker.id, Loss::Unusable);
            }
        }
    }
}
