//! Repairing a damaged part of a log with the batches of another replica. Replicas have the same bytes for the same offsets
//! and leader epochs, so what was there fits to the byte; where it does not, nothing is written.

use super::Log;
use super::chain::Chain;
use super::scrub::{self, Damage};
use crate::fault::StorageFault;
use crate::segment::{IndexState, Segment};
use crate::volume::join;
use bytes::Bytes;
use model::{LeaderEpoch, Offset, mark, planted};
use protocol::records::{BatchView, HEADER_BYTES};
use std::cmp::Ordering;
use std::sync::Arc;

/// Why a part of a log was not repaired.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The batches are not what was there. Nothing was written.
    #[error("{0}")]
    Unfit(String),
    /// The disk refused.
    #[error(transparent)]
    Fault(#[from] StorageFault),
}

/// Batches that may come where a log is damaged.
struct Filling {
    next_offset: Offset,
    size: u64,
}

impl Log {
    /// Keeps in mind, durably, that the log is damaged there: what it is told of is found again after a restart. Says
    /// whether that was news.
    ///
    /// # Errors
    /// The disk refused: only this process knows.
    pub async fn note_damage(&mut self, damage: Damage) -> Result<bool, StorageFault> {
        let before = self.shared.with_damage(|known| known.insert(damage.segment_base_offset, damage.clone()));
        if before.as_ref() == Some(&damage) {
            return Ok(false);
        }
        self.write_damage().await.map(|()| before.is_none())
    }

    /// The segment with this base offset is whole again, or gone.
    ///
    /// # Errors
    /// The disk refused: after a restart it is looked at once more.
    pub async fn forget_damage(&mut self, segment_base_offset: Offset) -> Result<(), StorageFault> {
        match self.shared.with_damage(|known| known.remove(&segment_base_offset)) {
            Some(_) => self.write_damage().await,
            None => Ok(()),
        }
    }

    async fn write_damage(&self) -> Result<(), StorageFault> {
        let volume = &self.core.reading.volume;
        let directory = &self.shared.directory;
        let text = self.shared.with_damage(|known| scrub::encode(known.values()));
        if text.is_empty() {
            volume.remove_if_there(&join(directory, scrub::FILE)).await?;
            return volume.sync_directory(directory).await;
        }
        volume.replace(directory, scrub::FILE, text.into()).await
    }

    /// Writes `records`, whole batches from the first damaged offset on, over the damage or its first part, and gives what
    /// is left of it. They are on stable storage when this returns. Whoever asked then looks again
    /// ([`LogReader::look_again`](super::LogReader::look_again)) and forgets the damage if it is none any more.
    ///
    /// # Errors
    /// The batches are corrupt, not of the offsets and leader epochs that are missing, or longer or shorter than what was
    /// there; the log was cut or cleaned since; the disk refused.
    pub async fn repair(&mut self, damage: &Damage, records: Bytes) -> Result<Option<Damage>, RepairError> {
        self.core.reading.volume.check()?;
        if damage.layout != Some(self.shared.layout()) {
            return Err(RepairError::Unfit("the log was cut or cleaned since".to_owned()));
        }
        let segments = self.shared.segments();
        let at = segments.iter().position(|segment| segment.base_offset == damage.segment_base_offset);
        let Some(at) = at else { return Err(RepairError::Unfit("the segment is gone".to_owned())) };
        let filling = self.check_filling(damage, &records).map_err(RepairError::Unfit)?;
        let damage = match fits(damage, &filling) {
            true => damage.clone(),
            false => self.widened(damage, at).filter(|wide| fits(wide, &filling)).ok_or_else(|| {
                mark!("a repair does not fit");
                let Filling { next_offset, size } = filling;
                RepairError::Unfit(format!("{size} bytes up to offset {next_offset} do not fit into {damage}"))
            })?,
        };
        let left = damage.after(filling.next_offset, filling.size);
        let file_end = (left.is_none() && damage.is_open_ended).then_some(damage.position + filling.size);
        self.write_over(&segments[at], damage.position, records, file_end).await?;
        mark!("a damaged range was written again");
        Ok(left)
    }

    /// Whether `records` are whole batches that follow one another from the damage's first offset on, in the leader epochs
    /// that are known here.
    fn check_filling(&self, damage: &Damage, records: &Bytes) -> Result<Filling, String> {
        let mut chain = Chain {
            next_offset: Some(damage.first_offset),
            leader_epoch: LeaderEpoch::MIN,
            gaps_below: Offset::MIN,
            ends_by: Offset::MAX,
        };
        let mut rest = &records[..];
        while !rest.is_empty() {
            let batch = BatchView::parse(rest).map_err(|error| error.to_string())?;
            batch.check_crc().map_err(|error| error.to_string())?;
            chain.follow(&batch.header)?;
            let known = self.shared.with_epochs(|epochs| epochs.epoch_of(batch.header.last_offset()));
            let same = known.is_none_or(|known| known == batch.header.leader_epoch);
            if !same && !planted!("repair takes another epoch's records") {
                mark!("a repair of another leader epoch is refused");
                return Err(format!("leader epoch {} where {known:?} was", batch.header.leader_epoch));
            }
            rest = &rest[batch.bytes.len()..];
        }
        match chain.next_offset {
            Some(next_offset) if records.len() >= HEADER_BYTES => {
                Ok(Filling { next_offset, size: records.len() as u64 })
            }
            _ => Err("there is no batch".to_owned()),
        }
    }

    /// The damage and all that comes after it in its segment: what looked like the next good batch was none.
    fn widened(&self, damage: &Damage, at: usize) -> Option<Damage> {
        mark!("a damaged range is widened");
        let segments = self.shared.segments();
        let (end, next_offset) = match segments.get(at + 1) {
            Some(next) => (segments[at].length(), next.base_offset),
            None => {
                let applied = self.place();
                (applied.position, applied.end_offset)
            }
        };
        let length = end.checked_sub(damage.position)?;
        Some(Damage { next_offset, length, is_open_ended: at + 1 < segments.len(), ..damage.clone() })
    }

    /// Durable when it returns. A write that is torn leaves what is damaged, and known to be.
    async fn write_over(
        &self,
        segment: &Arc<Segment>,
        position: u64,
        records: Bytes,
        file_end: Option<u64>,
    ) -> Result<(), StorageFault> {
        let volume = &self.core.reading.volume;
        let path = segment.path();
        let file = segment.file(volume).await?;
        let end = position + records.len() as u64;
        file.write_at(&[records], position).await.map_err(|error| volume.write_failed(&path, error))?;
        if let Some(end) = file_end {
            file.set_length(end).await.map_err(|error| volume.write_failed(&path, error))?;
        }
        if !planted!("a repair is believed before it is synced") {
            volume.sync_file(&file, &path).await?;
        }
        // An active segment has its length already: what is written there lies inside.
        let length = file_end.unwrap_or_else(|| segment.length().max(end));
        if length != segment.length() {
            segment.set_length(length, segment.changed_at());
        }
        segment.with_index(|state| {
            if matches!(state, IndexState::Cached(_)) {
                *state = IndexState::OnDisk; // it may have been made of what was left
            }
        });
        segment.forget_largest_timestamp();
        segment.close_file_if_synced();
        Ok(())
    }
}

/// A filling ends inside the damage, or at its end to the byte.
fn fits(damage: &Damage, filling: &Filling) -> bool {
    match filling.next_offset.cmp(&damage.next_offset) {
        Ordering::Less => filling.size < damage.length || damage.is_open_ended,
        Ordering::Equal => filling.size == damage.length || damage.is_open_ended,
        Ordering::Greater => false,
    }
}
