//! What the repair of damage asks of the task that owns the log.

use super::replica::Role;
use super::task::Task;
use bytes::Bytes;
use model::Offset;
use runtime::sync::oneshot;
use std::sync::atomic::Ordering;
use storage::{Damage, RepairError};

/// One step of a repair.
#[derive(Debug)]
pub enum Mending {
    /// Keep in mind that the log is damaged there.
    Note {
        /// Where.
        damage: Damage,
        /// Told when it is done.
        done: oneshot::Sender<()>,
    },
    /// Write batches of another replica over the damage. Answers what is left of it.
    Repair {
        /// Where.
        damage: Damage,
        /// Whole batches from its first offset on.
        records: Bytes,
        /// Where the answer goes.
        done: oneshot::Sender<Result<Option<Damage>, RepairError>>,
    },
    /// The segment is whole again.
    Healed {
        /// Which.
        segment_base_offset: Offset,
        /// Told when it is done.
        done: oneshot::Sender<()>,
    },
    /// Empty the log of a follower, so that all of it is fetched anew. Answers whether that was done.
    BeginAnew(oneshot::Sender<bool>),
}

impl Task {
    pub(super) async fn mend(&mut self, mending: Mending) {
        // Whoever does not wait for an answer has stopped.
        match mending {
            Mending::Note { damage, done } => {
                if let Err(fault) = self.log.note_damage(damage).await {
                    self.cannot("write down what is damaged", &fault);
                }
                self.usability_changed();
                let _ = done.send(());
            }
            Mending::Repair { damage, records, done } => {
                let repaired = self.log.repair(&damage, records).await;
                if let Err(RepairError::Fault(fault)) = &repaired {
                    self.cannot("write what was damaged", fault);
                }
                let _ = done.send(repaired);
            }
            Mending::Healed { segment_base_offset, done } => {
                self.forget_damage(segment_base_offset).await;
                let _ = done.send(());
            }
            Mending::BeginAnew(done) => {
                let _ = done.send(self.begin_anew().await);
            }
        }
    }

    async fn begin_anew(&mut self) -> bool {
        if !matches!(self.partition.replica().role, Role::Following(_)) {
            return false;
        }
        if let Err(fault) = self.log.reset(self.log.log_start_offset()).await {
            self.cannot("begin anew", &fault);
            return false;
        }
        // What it knew to be committed is not here any more: it is no member of the ISR, and learns it anew.
        let regressions = self.partition.high_watermark_regressions();
        self.log_moved();
        self.partition.high_watermark_regressions.store(regressions, Ordering::Release);
        for damage in self.partition.reader.damage() {
            self.forget_damage(damage.segment_base_offset).await;
        }
        true
    }

    async fn forget_damage(&mut self, segment_base_offset: Offset) {
        if let Err(fault) = self.log.forget_damage(segment_base_offset).await {
            self.cannot("forget what was damaged", &fault);
        }
        self.usability_changed();
    }

    fn usability_changed(&mut self) {
        let damaged = !self.partition.reader.damage().is_empty();
        if self.partition.damaged.swap(damaged, Ordering::AcqRel) != damaged {
            self.partition.repairs.usability_changed();
        }
    }
}
