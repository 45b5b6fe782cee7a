//! The file that a group is written into, under a name that no start takes for a segment.

use super::Pace;
use super::group::Group;
use crate::fault::StorageFault;
use crate::names::{CLEANED_SUFFIX, SegmentFile};
use crate::segment_index::SegmentIndex;
use crate::volume::Volume;
use bytes::Bytes;
use model::Offset;
use runtime::disk::{File, Open};

/// Bytes between two syncs: a large one would hold up those of others, which wait behind it for the same disk.
const SYNC_EVERY: u64 = 1 << 20;

/// The files of a segment that is being written.
pub(super) struct Output<'a> {
    volume: &'a Volume,
    directory: &'a str,
    base_offset: Offset,
    file: Option<File>,
    written: u64,
    unsynced: u64,
}

/// The files that one has, in the order in which they are made.
pub(crate) const FILES: [SegmentFile; 3] = [SegmentFile::Log, SegmentFile::OffsetIndex, SegmentFile::TimeIndex];

/// Such a file's name while it is written.
pub(crate) fn cleaned_path(kind: SegmentFile, directory: &str, base_offset: Offset) -> String {
    format!("{}{CLEANED_SUFFIX}", kind.path(directory, base_offset))
}

/// Removes what was written.
pub(crate) async fn discard(volume: &Volume, directory: &str, base_offset: Offset) {
    for kind in FILES {
        if let Err(fault) = volume.remove_if_there(&cleaned_path(kind, directory, base_offset)).await {
            tracing::warn!("not removed: {fault}"); // the next open tries again
        }
    }
}

impl<'a> Output<'a> {
    pub fn new(volume: &'a Volume, directory: &'a str, base_offset: Offset) -> Output<'a> {
        Output { volume, directory, base_offset, file: None, written: 0, unsynced: 0 }
    }

    fn path(&self, kind: SegmentFile) -> String {
        cleaned_path(kind, self.directory, self.base_offset)
    }

    /// Writes what `group` has come to since.
    pub async fn write(&mut self, group: &mut Group, pace: &Pace) -> Result<(), StorageFault> {
        if !group.is_changed {
            return Ok(());
        }
        if self.file.is_none() {
            let path = self.path(SegmentFile::Log);
            let file = self.volume.open(&path, Open::OrCreate).await?;
            file.set_length(0).await.map_err(|error| self.volume.write_failed(&path, error))?;
            self.file = Some(file);
            self.copy_same(group, pace).await?;
        }
        if group.unwritten.is_empty() {
            return Ok(());
        }
        self.append(std::mem::take(&mut group.unwritten).into(), pace).await
    }

    /// The front of the first source, as it is.
    async fn copy_same(&mut self, group: &Group, pace: &Pace) -> Result<(), StorageFault> {
        const PIECE: u64 = 1 << 20;
        let first = &group.sources[0];
        let from = first.file(self.volume).await?;
        while self.written < group.same {
            let mut bytes = vec![0; PIECE.min(group.same - self.written) as usize];
            let read = from.read_at(&mut bytes, self.written).await.map_err(StorageFault::disk(first.path()))?;
            if read < bytes.len() {
                return Err(StorageFault::corrupt(first.path(), "the file is shorter than it was"));
            }
            pace.spent(read as u64).await;
            self.append(bytes.into(), pace).await?;
        }
        Ok(())
    }

    async fn append(&mut self, bytes: Bytes, pace: &Pace) -> Result<(), StorageFault> {
        let path = self.path(SegmentFile::Log);
        let file = self.file.as_ref().expect("made before anything is written");
        let count = bytes.len() as u64;
        file.write_at(&[bytes], self.written).await.map_err(|error| self.volume.write_failed(&path, error))?;
        self.written += count;
        self.unsynced += count;
        if self.unsynced >= SYNC_EVERY {
            self.unsynced = 0;
            self.volume.sync_file(file, &path).await?;
        }
        pace.spent(count).await;
        Ok(())
    }

    /// Makes all of it durable, with its indexes, but for the names. Gives the file.
    pub async fn finish(&mut self, index: &SegmentIndex) -> Result<File, StorageFault> {
        let file = self.file.clone().expect("something was written");
        self.volume.sync_file(&file, &self.path(SegmentFile::Log)).await?;
        let indexes =
            [(SegmentFile::OffsetIndex, index.offsets.encode()), (SegmentFile::TimeIndex, index.times.encode())];
        for (kind, bytes) in indexes {
            let path = self.path(kind);
            let file = self.volume.write_new(&path, bytes).await?;
            self.volume.sync_file(&file, &path).await?;
        }
        Ok(file)
    }
}
