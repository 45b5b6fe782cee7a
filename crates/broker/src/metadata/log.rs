//! The metadata log on one node's disk: appended frame by frame, each synced before anyone hears of it, and replaced by
//! a snapshot when it has grown.

use super::fault::MetadataFault;
use super::files::{DIRECTORY, Name, read_all, read_frames, records_path, snapshot_path};
use bytes::Bytes;
use controller::frame::{self, Batch};
use controller::replay::fold;
use controller::snapshot::records_of;
use model::metadata_image::MetadataImage;
use model::{Offset, Timestamp, mark, planted};
use runtime::disk::{Disk, File, Lock, Open};
use std::collections::BTreeSet;
use std::io::ErrorKind;

/// One frame of a snapshot has about as many bytes as this.
const SNAPSHOT_RECORDS: usize = 4096;

/// The log as it was found. Nothing is changed before [`FoundLog::ready`].
#[derive(Debug)]
pub struct FoundLog {
    disk: Disk,
    lock: Lock,
    /// All that the log says.
    pub image: MetadataImage,
    base: Offset,
    length: u64,
    exists: bool,
    torn: bool,
    last_frame: Bytes,
    obsolete: Vec<String>,
}

/// The log of a running node.
#[derive(Debug)]
pub struct MetadataLog {
    disk: Disk,
    _lock: Lock,
    file: File,
    path: String,
    length: u64,
    snapshot_at: u64,
    snapshot_after: u64,
}

/// Why a batch was not appended.
#[derive(Debug)]
pub enum AppendError {
    /// The disk is full; the log is as before.
    Full,
    /// More than one frame holds; nothing was written.
    TooLarge,
    /// What is on the disk is not known.
    Fault(MetadataFault),
}

impl FoundLog {
    /// Reads the log on `disk`; none means an empty one.
    ///
    /// # Errors
    /// When another process has it, and when any of it is damaged but a last frame that was never acknowledged.
    pub async fn read(disk: &Disk) -> Result<FoundLog, MetadataFault> {
        make_directory(disk).await?;
        let lock = take_lock(disk).await?;
        let names = names(disk).await?;
        let snapshot = names.iter().rev().find_map(|(name, _)| match name {
            Name::Snapshot(end) => Some(*end),
            _ => None,
        });
        let mut image = MetadataImage::default();
        if let Some(end) = snapshot {
            match read_snapshot(disk, end).await {
                Ok(read) => image = read,
                Err(_) if planted!("a bad metadata snapshot counts as an empty one") => image.set_end_offset(end),
                Err(fault) => return Err(fault),
            }
        }
        let start = image.end_offset();
        let is_obsolete = |name: &Name| match name {
            Name::Snapshot(end) => *end < start,
            Name::Records(base) => *base < start,
            Name::Temporary => true,
        };
        let obsolete = names.iter().filter(|(name, _)| is_obsolete(name)).map(|(_, path)| path.clone()).collect();
        let bases = names.iter().filter_map(|(name, _)| match name {
            Name::Records(base) if *base >= start => Some(*base),
            _ => None,
        });
        let disk = disk.clone();
        let last_frame = Bytes::new();
        let (base, length, exists, torn) = (start, 0, false, false);
        let mut found = FoundLog { disk, lock, image, base, length, exists, torn, last_frame, obsolete };
        found.read_records(&bases.collect::<Vec<_>>()).await?;
        Ok(found)
    }

    async fn read_records(&mut self, bases: &[Offset]) -> Result<(), MetadataFault> {
        for (index, base) in bases.iter().enumerate() {
            let path = records_path(*base);
            if *base != self.image.end_offset() {
                let why = format!("the records from offset {} on are missing before it", self.image.end_offset());
                return Err(MetadataFault::Damaged { path, at: 0, why });
            }
            let (_, bytes) = read_all(&self.disk, &path).await?;
            let frames = read_frames(&path, &bytes, *base, index + 1 == bases.len())?;
            for batch in &frames.batches {
                fold_batch(&mut self.image, batch);
            }
            (self.base, self.length, self.torn, self.exists) = (*base, frames.length, frames.torn, true);
            self.last_frame = Bytes::copy_from_slice(&bytes[frames.last as usize..frames.length as usize]);
        }
        Ok(())
    }

    /// Cuts what was never acknowledged, and makes the log ready for appends. A snapshot is taken whenever
    /// `snapshot_after` more bytes were appended.
    ///
    /// # Errors
    /// When the disk does not do it; what is on it may then be asked again.
    pub async fn ready(self, snapshot_after: u64) -> Result<(MetadataLog, MetadataImage), MetadataFault> {
        let path = records_path(self.base);
        let file = if self.exists {
            self.disk.open_file(&path, Open::Existing).await.map_err(MetadataFault::io("open", &*path))?
        } else {
            create(&self.disk, &path).await?
        };
        if self.torn {
            tracing::warn!("{path}: cut an unfinished write off at byte {}: it was never acknowledged", self.length);
            cut(&file, self.length, &path).await?;
        } else if self.exists {
            self.make_durable(&file, &path).await?;
        }
        remove(&self.disk, &self.obsolete).await;
        let snapshot_at = self.length.max(snapshot_after);
        let (disk, length) = (self.disk, self.length);
        let log = MetadataLog { disk, _lock: self.lock, file, path, length, snapshot_at, snapshot_after };
        Ok((log, self.image))
    }

    /// What the page cache shows may not be on the disk, even after a sync that works: one that failed before marks
    /// pages as clean. Only the last frame can be in doubt, since each was synced before the next was written.
    async fn make_durable(&self, file: &File, path: &str) -> Result<(), MetadataFault> {
        let at = self.length - self.last_frame.len() as u64;
        file.write_at(std::slice::from_ref(&self.last_frame), at).await.map_err(MetadataFault::io("write", path))?;
        file.sync().await.map_err(MetadataFault::io("sync", path))?;
        sync_directory(&self.disk, DIRECTORY).await
    }
}

impl MetadataLog {
    /// Appends one batch's frame and waits until it is on stable storage.
    ///
    /// # Errors
    /// See [`AppendError`]; after a fault the log must not be used.
    pub async fn append(&mut self, frame: Vec<u8>) -> Result<(), AppendError> {
        let size = frame.len() as u64;
        match self.file.write_at(&[Bytes::from(frame)], self.length).await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => {
                mark!("no space for the metadata log");
                cut(&self.file, self.length, &self.path).await.map_err(AppendError::Fault)?;
                return Err(AppendError::Full);
            }
            Err(error) => return Err(AppendError::Fault(MetadataFault::io("write", &*self.path)(error))),
        }
        self.file.sync().await.map_err(|e| AppendError::Fault(MetadataFault::io("sync", &*self.path)(e)))?;
        self.length += size;
        Ok(())
    }

    /// Whether the log has grown enough for a snapshot.
    pub fn wants_snapshot(&self) -> bool {
        self.length >= self.snapshot_at
    }

    /// Replaces the log by a snapshot of `image`, which is all that it says. With a full disk the log goes on growing.
    ///
    /// # Errors
    /// A failed write or sync: what is on the disk is then not known.
    pub async fn snapshot(&mut self, image: &MetadataImage, now: Timestamp) -> Result<(), MetadataFault> {
        let temporary = format!("{}.tmp", snapshot_path(image.end_offset()));
        match self.replace(image, &temporary, now).await {
            Err(MetadataFault::Io { error, .. }) if error.kind() == ErrorKind::StorageFull => {
                mark!("no space for a metadata snapshot");
                tracing::warn!("no space for a snapshot of the metadata; its log goes on growing");
                remove(&self.disk, &[temporary]).await;
                self.snapshot_at = self.length + self.snapshot_after;
                Ok(())
            }
            other => other,
        }
    }

    /// The records go on in a new file before the snapshot has its name: so whichever of the two names a crash leaves,
    /// the log has no gap. The old files go when both names are durable.
    async fn replace(&mut self, image: &MetadataImage, temporary: &str, now: Timestamp) -> Result<(), MetadataFault> {
        let end = image.end_offset();
        let size = self.write_snapshot(image, temporary, now).await?;
        let old = names(&self.disk).await?;
        let path = records_path(end);
        self.file = create(&self.disk, &path).await?;
        (self.path, self.length, self.snapshot_at) = (path, 0, self.snapshot_after.max(size));
        self.disk.rename(temporary, &snapshot_path(end)).await.map_err(MetadataFault::io("rename", temporary))?;
        sync_directory(&self.disk, DIRECTORY).await?;
        let is_old = |name: &Name| matches!(name, Name::Records(base) | Name::Snapshot(base) if *base < end);
        let old: Vec<String> = old.into_iter().filter(|(name, _)| is_old(name)).map(|(_, path)| path).collect();
        remove(&self.disk, &old).await;
        Ok(())
    }

    async fn write_snapshot(
        &self,
        image: &MetadataImage,
        path: &str,
        timestamp: Timestamp,
    ) -> Result<u64, MetadataFault> {
        let file = self.disk.open_file(path, Open::OrCreate).await.map_err(MetadataFault::io("create", path))?;
        file.set_length(0).await.map_err(MetadataFault::io("cut", path))?;
        let base_offset = image.end_offset();
        let mut length = 0;
        let mut records = records_of(image).peekable();
        loop {
            // The last frame has no records: a snapshot without it is not whole.
            let is_last = records.peek().is_none();
            let records = records.by_ref().take(SNAPSHOT_RECORDS).collect();
            let batch = Batch { base_offset, leader_epoch: 0, timestamp, records };
            let frame = Bytes::from(frame::encode(&batch).expect("a record of a log fits a frame"));
            let size = frame.len() as u64;
            file.write_at(&[frame], length).await.map_err(MetadataFault::io("write", path))?;
            length += size;
            if is_last {
                break;
            }
        }
        file.sync().await.map_err(MetadataFault::io("sync", path))?;
        Ok(length)
    }
}

async fn read_snapshot(disk: &Disk, end: Offset) -> Result<MetadataImage, MetadataFault> {
    let path = snapshot_path(end);
    let (_, bytes) = read_all(disk, &path).await?;
    let damaged = |at: usize, why: &str| MetadataFault::Damaged { path: path.clone(), at: at as u64, why: why.into() };
    let (mut image, mut at, mut whole) = (MetadataImage::default(), 0, false);
    while at < bytes.len() {
        if whole {
            return Err(damaged(at, "bytes come after its end"));
        }
        let (batch, size) = frame::decode(&bytes[at..]).map_err(|error| match error.is_damage() {
            true => damaged(at, &error.to_string()),
            false => MetadataFault::TooNew { path: path.clone(), why: error.to_string() },
        })?;
        if batch.base_offset != end {
            return Err(damaged(at, "it belongs to another snapshot"));
        }
        fold_batch(&mut image, &batch);
        whole = batch.records.is_empty();
        at += size;
    }
    if !whole {
        return Err(damaged(at, "its end is missing"));
    }
    image.set_end_offset(end);
    Ok(image)
}

fn fold_batch(image: &mut MetadataImage, batch: &Batch) {
    for (offset, record) in (batch.base_offset..).zip(&batch.records) {
        fold(image, offset, record);
    }
}

async fn make_directory(disk: &Disk) -> Result<(), MetadataFault> {
    match disk.create_directory(DIRECTORY).await {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(MetadataFault::io("create", format!("{}/{DIRECTORY}", disk.root().display()))(error));
        }
        _ => {}
    }
    sync_directory(disk, "").await // it may be there and not be durable: a start may have crashed before this line
}

async fn sync_directory(disk: &Disk, path: &str) -> Result<(), MetadataFault> {
    disk.sync_directory(path).await.map_err(MetadataFault::io("sync", path))
}

async fn take_lock(disk: &Disk) -> Result<Lock, MetadataFault> {
    let path = format!("{DIRECTORY}/.lock");
    disk.lock(&path).await.map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => MetadataFault::Locked { path: disk.root().display().to_string() },
        _ => MetadataFault::io("lock", path)(error),
    })
}

async fn names(disk: &Disk) -> Result<BTreeSet<(Name, String)>, MetadataFault> {
    let entries = disk.list(DIRECTORY).await.map_err(MetadataFault::io("list", DIRECTORY))?;
    let known = |name: String| Some((Name::parse(&name)?, format!("{DIRECTORY}/{name}")));
    Ok(entries.into_iter().filter_map(|entry| known(entry.name)).collect())
}

async fn create(disk: &Disk, path: &str) -> Result<File, MetadataFault> {
    let file = disk.open_file(path, Open::OrCreate).await.map_err(MetadataFault::io("create", path))?;
    cut(&file, 0, path).await?;
    sync_directory(disk, DIRECTORY).await?;
    Ok(file)
}

async fn cut(file: &File, length: u64, path: &str) -> Result<(), MetadataFault> {
    file.set_length(length).await.map_err(MetadataFault::io("cut", path))?;
    file.sync().await.map_err(MetadataFault::io("sync", path))
}

/// Files that are of no use any more; one that stays does no harm.
async fn remove(disk: &Disk, paths: &[String]) {
    for path in paths {
        if let Err(error) = disk.remove_file(path).await
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!("cannot remove {path}: {error}");
        }
    }
}
