//! Leadership returns to preferred replicas by itself, now and then.

use crate::machine::View;
use crate::partition_draft::Election;
use model::mark;
use std::time::Duration;

/// No more partitions than this get another leader at once: clients look for each.
const MOST_AT_ONCE: usize = 1000;

impl View<'_> {
    /// Plans the next time, if it is wanted at all.
    pub(crate) fn plan_rebalance(&mut self) {
        let seconds = self.settings.number("leader.imbalance.check.interval.seconds").unsigned_abs().max(1);
        let wanted = self.settings.boolean("auto.leader.rebalance.enable");
        self.soft.rebalance_at = wanted.then(|| self.now.monotonic + Duration::from_secs(seconds));
    }

    /// Gives each partition back to its preferred replica, where that is in sync.
    pub(crate) fn rebalance_leaders_when_due(&mut self) {
        if self.soft.rebalance_at.is_none_or(|at| at > self.now.monotonic) {
            return;
        }
        self.plan_rebalance();
        let hard = self.hard;
        let mut moved = 0;
        for topic in hard.topics() {
            for (number, partition) in topic.numbered_partitions() {
                let preferred = partition.replicas.first();
                let is_away = partition.leader.is_some() && partition.leader.as_ref() != preferred;
                let is_in_sync = preferred.is_some_and(|preferred| partition.isr.contains(preferred));
                if is_away
                    && is_in_sync
                    && moved < MOST_AT_ONCE
                    && self.elect((topic.id, number), Election::Preferred).is_ok()
                {
                    moved += 1;
                    mark!("leadership returns to a preferred replica");
                }
            }
        }
    }
}
