//! Writing what is known to be on stable storage: our checkpoint, which recovery goes by, and Kafka's offset files.
//!
//! Order (DESIGN section 6, rule 4): segments, epochs, producers; directories; Kafka's files; the checkpoint; then the
//! journal's tail.

use super::{Barrier, Core};
use crate::checkpoint::{Checkpoint, CheckpointLine, Mode};
use crate::fault::StorageFault;
use crate::log::{Capture, Claim, Progress, Shared};
use crate::offset_checkpoint::{CLEANER, HIGH_WATERMARKS, LOG_STARTS, Offsets, RECOVERY_POINTS, encode};
use model::{Offset, PartitionId, TopicPartition, Uuid, planted};
use runtime::sync::Mutex;
use runtime::time::timeout;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The checkpoint as it is on the disk; one writer at a time.
#[derive(Debug, Default)]
pub(crate) struct Checkpoints {
    written: Mutex<Written>,
    /// Counts what was asked of [`Checkpoints::write_ahead`].
    asked: AtomicU64,
    /// There is a file of the cleaner's offsets.
    has_cleaned: AtomicBool,
}

type Lines = BTreeMap<(Uuid, PartitionId), CheckpointLine>;

#[derive(Debug, Default)]
struct Written {
    /// The journal's generation in the checkpoint. The first of a generation is written even when nothing is hosted:
    /// without it, recovery could not tell whose groups count.
    generation: Option<u64>,
    lines: Lines,
    /// The last text of each of Kafka's files.
    texts: BTreeMap<&'static str, String>,
    /// The last journal group that nobody needs, as the checkpoint says: it may be written over.
    tail_sequence: u64,
    /// Up to here what was asked is in the files.
    answered: u64,
}

impl Checkpoints {
    /// Writes the lines of logs whose captures are synced. A capture that a cut overtook is given up. Without any, a journal
    /// that fills up still gets rid of groups that nobody needs, such as an empty one.
    pub async fn cover(&self, core: &Core, captures: Vec<(Arc<Shared>, Capture)>) -> Result<(), StorageFault> {
        let is_filling_up = core.is_journal_half_full() && !planted!("only logs move the tail of the journal");
        if captures.is_empty() && core.dropped().is_empty() && !is_filling_up {
            return Ok(());
        }
        let mut written = self.written.lock().await;
        let mut covered = Vec::new();
        let mut lines = Vec::new();
        for (shared, capture) in captures {
            // Looked at under the lock: a barrier writes its line under it too.
            let mut progress = shared.progress();
            match progress.captured(&capture) {
                Some(claim) => {
                    lines.extend(line(&shared, Mode::of(capture.journaled), claim));
                    drop(progress);
                    covered.push((shared, capture, claim));
                }
                None => shared.give_up_locked(&mut progress, capture),
            }
        }
        let claims = covered.iter().map(|(shared, _, claim)| (shared.clone(), *claim)).collect();
        let result = written.write(core, lines, claims, Progress::uncovered_by_capture).await;
        core.checkpoint_ended(&result);
        for (shared, capture, claim) in covered {
            match result {
                Ok(_) => shared.progress().covered(claim),
                Err(_) => shared.give_up(capture),
            }
        }
        if let Some(free) = result? {
            core.journal.release(free);
        }
        Ok(())
    }

    /// Writes the lines of logs whose owners wait at a barrier. The first time, when the directory is opened, it also
    /// begins the journal's generation: before it, no group of that generation counts.
    pub async fn write_barriers(&self, core: &Core, barriers: Vec<Barrier>) -> Result<(), StorageFault> {
        let mut written = self.written.lock().await;
        let lines = barriers.iter().filter_map(|b| line(&b.shared, b.mode, b.claim)).collect();
        let claims = barriers.iter().map(|b| (b.shared.clone(), b.claim)).collect();
        let result = written.write(core, lines, claims, |_| None).await;
        core.checkpoint_ended(&result);
        let free = result?;
        for barrier in &barriers {
            barrier.shared.progress().all_covered(barrier.mode == Mode::Journaled, barrier.claim);
        }
        if let Some(free) = free {
            core.journal.release(free);
        }
        Ok(())
    }

    /// For a log that is not journaled: its recovery point, which was lowered, and its log start are durable in
    /// Kafka's files before anything is cut. Those who ask at the same time are answered with one write.
    pub async fn write_ahead(&self, core: &Core, shared: &Shared, start: Offset) -> Result<(), StorageFault> {
        shared.set_start_to_write(start);
        self.write_once(core, false).await
    }

    /// Whether the file of the cleaner's offsets had any when the directory was opened.
    pub fn found_cleaned(&self, found: bool) {
        self.has_cleaned.store(found, Ordering::Release);
    }

    /// Makes durable how far the cleaner has come, and that offsets may be missing in what is compacted.
    pub async fn write_cleaned(&self, core: &Core) -> Result<(), StorageFault> {
        core.reading.volume.check()?;
        self.write_once(core, false).await
    }

    /// Takes a log that is gone out of Kafka's files.
    pub async fn forget(&self, core: &Core) -> Result<(), StorageFault> {
        self.write_once(core, true).await
    }

    /// Writes Kafka's files for all who ask until the write begins.
    async fn write_once(&self, core: &Core, high_watermarks: bool) -> Result<(), StorageFault> {
        let asked = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        let mut written = self.written.lock().await;
        if written.answered >= asked {
            return Ok(());
        }
        let all_asked = self.asked.load(Ordering::Acquire);
        written.write_offsets(core, &[]).await?;
        if high_watermarks || all_asked > asked {
            written.write_high_watermarks(core).await?;
        }
        written.answered = all_asked;
        Ok(())
    }

    /// Writes Kafka's files, where they changed.
    pub async fn write_offsets(&self, core: &Core) -> Result<(), StorageFault> {
        core.reading.volume.check()?;
        let mut written = self.written.lock().await;
        written.write_offsets(core, &[]).await?;
        written.write_high_watermarks(core).await
    }
}

impl Written {
    /// Writes the checkpoint with other `lines`, and without those of deleted logs. `uncovered` says which journal
    /// group a log with a claim needs once the claim is written. Gives the last group that nobody needs; none when the
    /// checkpoint says all of it already.
    async fn write(
        &mut self,
        core: &Core,
        lines: Vec<CheckpointLine>,
        claims: Vec<(Arc<Shared>, Claim)>,
        uncovered: fn(&Progress) -> Option<u64>,
    ) -> Result<Option<u64>, StorageFault> {
        core.reading.volume.check()?;
        // First what is durable, then who needs what: a log that submits in between is in a later group. And first the
        // logs, then the dropped ones: one that is dropped in between is still seen.
        let durable = core.journal_durable();
        let logs = core.logs();
        let dropped = core.dropped();
        let claimed: BTreeSet<&TopicPartition> = claims.iter().map(|(log, _)| &log.topic_partition).collect();
        let gone = |log: &Arc<Shared>| dropped.iter().any(|dropped| Arc::ptr_eq(dropped, log));
        let needed = logs.into_iter().filter(|log| !gone(log)).filter_map(|log| {
            let progress = log.progress();
            if claimed.contains(&log.topic_partition) { uncovered(&progress) } else { progress.first_uncovered() }
        });
        let tail_sequence = needed.min().map_or(durable, |first| first.saturating_sub(1).min(durable));
        assert!(tail_sequence >= self.tail_sequence, "a journal group is needed that was given away");
        let generation = core.journal.generation();
        let is_as_written = self.generation == Some(generation) && self.tail_sequence == tail_sequence;
        if is_as_written && lines.is_empty() && claims.is_empty() && dropped.is_empty() {
            return Ok(None);
        }
        core.sync_root().await?;
        self.write_offsets(core, &claims).await?;
        let new = self.with_lines(lines, &dropped, tail_sequence);
        let partitions: Vec<CheckpointLine> = new.values().cloned().collect();
        let checkpoint = Checkpoint { generation, tail_sequence, partitions };
        write_checkpoint(core, &checkpoint).await?;
        (self.lines, self.generation, self.tail_sequence) = (new, Some(generation), tail_sequence);
        core.forget_dropped(&dropped);
        Ok(Some(tail_sequence))
    }

    /// The lines with other ones and without those of `dropped` logs. Of a log that was not journaled no entry says that it was
    /// dropped: its line does, for as long as the journal may still have the entry that makes it.
    fn with_lines(&self, lines: Vec<CheckpointLine>, dropped: &[Arc<Shared>], tail_sequence: u64) -> Lines {
        let mut new = self.lines.clone();
        for gone in dropped {
            let key = (gone.topic_id(), gone.topic_partition.partition);
            match new.get_mut(&key) {
                Some(line) if line.mode != Mode::Journaled => line.mode = Mode::Dropped,
                _ => drop(new.remove(&key)),
            }
        }
        new.extend(lines.into_iter().map(|line| ((line.topic_id, line.partition), line)));
        new.retain(|_, line| line.mode != Mode::Dropped || line.sequence > tail_sequence);
        new
    }

    /// Recovery points and log starts. `claims` are about to be written to the checkpoint.
    async fn write_offsets(&mut self, core: &Core, claims: &[(Arc<Shared>, Claim)]) -> Result<(), StorageFault> {
        let logs = core.logs();
        let mut starts = Offsets::new();
        let mut recovery_points = Offsets::new();
        let mut cleaned = Offsets::new();
        for log in &logs {
            let topic_partition = &log.topic_partition;
            if log.start_to_write() > 0 {
                starts.insert(topic_partition.clone(), log.start_to_write());
            }
            if let Some(line) = log.progress().line() {
                recovery_points.insert(topic_partition.clone(), line.place.end_offset);
            }
            // Also where the cleaner has not been yet, or will not come again: the entry says that offsets may be missing.
            if log.gaps_below() > 0 {
                cleaned.insert(topic_partition.clone(), log.first_dirty());
            }
        }
        for (log, claim) in claims {
            recovery_points.insert(log.topic_partition.clone(), claim.place.end_offset);
        }
        self.replace(core, LOG_STARTS, encode(&starts)).await?;
        // An entry that stays behind would be taken for that of the next log of its name.
        if !cleaned.is_empty() || core.checkpoints.has_cleaned.load(Ordering::Acquire) {
            core.checkpoints.has_cleaned.store(true, Ordering::Release);
            self.replace(core, CLEANER, encode(&cleaned)).await?;
        }
        self.replace(core, RECOVERY_POINTS, encode(&recovery_points)).await
    }

    async fn write_high_watermarks(&mut self, core: &Core) -> Result<(), StorageFault> {
        let logs = core.logs();
        let marks: Offsets = logs.iter().map(|log| (log.topic_partition.clone(), log.high_watermark())).collect();
        self.replace(core, HIGH_WATERMARKS, encode(&marks)).await
    }

    async fn replace(&mut self, core: &Core, name: &'static str, text: String) -> Result<(), StorageFault> {
        if self.texts.get(name) == Some(&text) {
            return Ok(());
        }
        core.reading.volume.replace("", name, text.clone().into()).await?;
        self.texts.insert(name, text);
        Ok(())
    }
}

async fn write_checkpoint(core: &Core, checkpoint: &Checkpoint) -> Result<(), StorageFault> {
    let volume = &core.reading.volume;
    let write = crate::checkpoint::write(volume.disk(), checkpoint);
    match timeout(core.options.sync_deadline, write).await {
        Ok(result) => Ok(result?),
        Err(_) => {
            let error = std::io::ErrorKind::TimedOut.into();
            Err(StorageFault::Disk { path: "the checkpoint".to_owned(), error })
        }
    }
}

/// The line of a log; none for one whose topic id is not known.
fn line(shared: &Shared, mode: Mode, claim: Claim) -> Option<CheckpointLine> {
    let topic_id = shared.topic_id();
    (!topic_id.is_zero()).then(|| CheckpointLine {
        topic_id,
        topic: shared.topic_partition.topic.to_string(),
        partition: shared.topic_partition.partition,
        mode,
        sequence: claim.sequence,
        end_offset: claim.place.end_offset,
        segment_base_offset: claim.place.segment_base_offset,
        position: claim.place.position,
    })
}
