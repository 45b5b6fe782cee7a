//! What this node promised in the metadata quorum, on its disk: each write synced before anyone hears of it, and replaced
//! by a snapshot when it has grown.

use super::fault::MetadataFault;
use super::files::{
    CHANGES_VERSION, Change, DIRECTORY, Name, STATE_VERSION, StatePart, changes_path, read_all, read_changes,
    read_state, state_path,
};
use super::{one_node, state};
use bytes::Bytes;
use controller::frame::{self, FrameError};
use controller::replay::fold;
use model::metadata_image::MetadataImage;
use model::{Offset, Uuid, mark, planted};
use raft::{Durable, Endpoint, Entry, HardState, Payload, ReplicaKey, Snapshot, Voter};
use runtime::disk::{Disk, File, Lock, Open};
use runtime::time::{Duration, Instant, sleep};
use std::collections::BTreeSet;
use std::io::ErrorKind;

/// Bytes of one part of a state file.
const PART_BYTES: usize = 1 << 20;
/// Rest before a write is tried again for which there was no space.
const REST_WITHOUT_SPACE: Duration = Duration::from_millis(200);
/// Entries are written in frames of about so many bytes when a file begins with them.
const ENTRY_BYTES: usize = 4 << 20;

/// The log as it was found. Nothing is changed before [`FoundLog::ready`].
#[derive(Debug)]
pub struct FoundLog {
    disk: Disk,
    lock: Lock,
    /// What the quorum's machine starts with.
    pub durable: Durable,
    /// The id of this directory in the quorum; none before the first start.
    pub directory: Option<Uuid>,
    file: Option<FoundFile>,
    obsolete: Vec<String>,
    migrates: bool,
}

#[derive(Debug)]
struct FoundFile {
    length: u64,
    /// The end of the file: zeros follow the last change, or what a crash has left of a write.
    end: u64,
    torn: bool,
    last_frame: Bytes,
    last: u64,
}

/// The log of a running node.
#[derive(Debug)]
pub struct MetadataLog {
    disk: Disk,
    _lock: Lock,
    file: File,
    path: String,
    length: u64,
    /// The file has space up to here.
    reserved: u64,
    /// So many bytes of it are kept free for the next changes.
    space_ahead: u64,
    /// No more space is looked for before.
    looks_for_space_at: Instant,
    directory: Uuid,
    hard_state: HardState,
    base: Offset,
    entries: Vec<Entry>,
}

impl FoundLog {
    /// Reads the log on `disk`; none means a blank one.
    ///
    /// # Errors
    /// When another process has it, and when any of it is damaged but a last write that nobody was promised.
    pub async fn read(disk: &Disk) -> Result<FoundLog, MetadataFault> {
        make_directory(disk).await?;
        let lock = take_lock(disk).await?;
        let names = names(disk).await?;
        let newest = |of: fn(&Name) -> Option<Offset>| names.iter().filter_map(|(name, _)| of(name)).max();
        let snapshot = match newest(|name| if let Name::State(end) = name { Some(*end) } else { None }) {
            Some(end) => read_snapshot(disk, end).await?,
            None => None,
        };
        let base = snapshot.as_ref().map_or(0, |snapshot| snapshot.end_offset);
        let is_obsolete = |name: &Name| match name {
            Name::State(end) => *end != base,
            Name::Changes(other) => *other != base,
            Name::Temporary | Name::OneNode => true,
        };
        let has_changes = names.iter().any(|(name, _)| *name == Name::Changes(base));
        let of_one_node = names.iter().any(|(name, _)| *name == Name::OneNode);
        let obsolete = names.iter().filter(|(name, _)| is_obsolete(name)).map(|(_, path)| path.clone()).collect();
        let durable = Durable { hard_state: HardState::default(), snapshot, entries: Vec::new() };
        let mut found =
            FoundLog { disk: disk.clone(), lock, durable, directory: None, file: None, obsolete, migrates: false };
        match (has_changes, found.durable.snapshot.is_some(), of_one_node) {
            (true, has_snapshot, of_one_node) => {
                found.read_changes(base).await?;
                if found.file.is_none() && of_one_node && !has_snapshot {
                    mark!("a crash came while metadata of one node was taken over");
                    found.read_one_node().await?;
                }
            }
            (false, true, _) => return Err(missing(base)),
            (false, false, true) => found.read_one_node().await?,
            (false, false, false) => {}
        }
        Ok(found)
    }

    async fn read_changes(&mut self, base: Offset) -> Result<(), MetadataFault> {
        let path = changes_path(base);
        let (_, bytes) = read_all(&self.disk, &path).await?;
        if bytes.is_empty() && base == 0 {
            return Ok(()); // the first start was cut short before it wrote anything
        }
        let changes = match read_changes(&path, &bytes, base) {
            Err(MetadataFault::Damaged { at: 0, .. }) if base == 0 && !has_a_frame(&bytes) => return Ok(()),
            other => other?,
        };
        self.directory = Some(changes.directory);
        self.durable.hard_state = changes.hard_state;
        self.durable.entries = changes.entries;
        let last_frame = Bytes::copy_from_slice(&bytes[changes.last as usize..changes.length as usize]);
        let (length, end, torn, last) = (changes.length, bytes.len() as u64, changes.torn, changes.last);
        self.file = Some(FoundFile { length, end, torn, last_frame, last });
        Ok(())
    }

    /// A server of one node of an earlier version: what it knew becomes the snapshot that a quorum of one starts with.
    async fn read_one_node(&mut self) -> Result<(), MetadataFault> {
        mark!("metadata of a server of one node found");
        self.durable.snapshot = one_node::read(&self.disk).await?;
        self.migrates = true;
        Ok(())
    }

    /// All that the log says, committed or not.
    ///
    /// # Errors
    /// A later version wrote it.
    pub fn image(&self) -> Result<MetadataImage, MetadataFault> {
        let mut image = self.durable.snapshot.as_ref().map_or_else(|| Ok(MetadataImage::default()), image_of)?;
        let base = image.end_offset();
        for (offset, entry) in (base..).zip(&self.durable.entries) {
            fold_entry(&mut image, offset, entry)?;
        }
        Ok(image)
    }

    /// What a server of one node knew becomes a cluster of this voter.
    pub fn found_by(&mut self, me: ReplicaKey, endpoint: Endpoint) {
        if let Some(snapshot) = &mut self.durable.snapshot {
            snapshot.voters = [Voter { key: me, endpoint }].into_iter().collect();
        }
    }

    /// Whether the metadata is that of a server of one node of an earlier version, which names no voters.
    pub fn migrates(&self) -> bool {
        self.migrates
    }

    /// Blots out what nobody was promised, and makes the log ready for writes. `directory` is the id that a directory
    /// without one gets. So many bytes of `space_ahead` are kept free for later writes.
    ///
    /// # Errors
    /// When the disk does not do it; what is on it may then be asked again.
    pub async fn ready(self, directory: Uuid, space_ahead: u64) -> Result<MetadataLog, MetadataFault> {
        let base = self.durable.snapshot.as_ref().map_or(0, |snapshot| snapshot.end_offset);
        let directory = self.directory.unwrap_or(directory);
        let disk = self.disk;
        let Some(mut found) = self.file else {
            // An empty file says nothing; what is taken over goes into the next one, with its snapshot.
            let path = changes_path(0);
            let file = create(&disk, &path).await?;
            let mut log = MetadataLog {
                disk,
                _lock: self.lock,
                file,
                path,
                length: 0,
                reserved: 0,
                space_ahead,
                looks_for_space_at: Instant::now(),
                directory,
                hard_state: self.durable.hard_state,
                base: 0,
                entries: Vec::new(),
            };
            match self.durable.snapshot {
                Some(snapshot) => log.install(&snapshot).await?,
                None => log.write(vec![Change::Identity { directory: directory.0 }]).await?,
            }
            remove(&log.disk, &self.obsolete).await;
            return Ok(log);
        };
        let path = changes_path(base);
        let file = disk.open_file(&path, Open::Existing).await.map_err(MetadataFault::io("open", &*path))?;
        if found.torn {
            tracing::debug!("{path}: blotted out what nobody was promised, from byte {} on", found.length);
            found.end = blot_out(&file, found.length, found.end, &path).await?;
        }
        // What the page cache shows may not be on the disk, even after a sync that works: one that failed before marks
        // pages as clean. Only the last frame can be in doubt, since each was synced before the next was written.
        file.write_at(std::slice::from_ref(&found.last_frame), found.last)
            .await
            .map_err(MetadataFault::io("write", &*path))?;
        file.sync().await.map_err(MetadataFault::io("sync", &*path))?;
        sync_directory(&disk, DIRECTORY).await?;
        remove(&disk, &self.obsolete).await;
        let mut log = MetadataLog {
            disk,
            _lock: self.lock,
            file,
            path,
            length: found.length,
            reserved: found.end,
            space_ahead,
            looks_for_space_at: Instant::now(),
            directory,
            hard_state: self.durable.hard_state,
            base,
            entries: self.durable.entries,
        };
        log.keep_space_ahead().await?;
        Ok(log)
    }
}

fn missing(base: Offset) -> MetadataFault {
    let why = "the file is missing, and the snapshot beside it cannot be used without it".to_owned();
    MetadataFault::Damaged { path: changes_path(base), at: 0, why }
}

fn has_a_frame(bytes: &[u8]) -> bool {
    (0..bytes.len()).any(|at| frame::open(&bytes[at..]).is_ok())
}

impl MetadataLog {
    /// Bytes of changes since the last snapshot.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Makes sure that a change of `bytes` bytes finds space, as far as one can know.
    ///
    /// # Errors
    /// Whether the disk is full is `Ok(false)`; an error is a disk that failed.
    pub async fn reserve(&mut self, bytes: usize) -> Result<bool, MetadataFault> {
        self.extend(self.length + bytes as u64).await
    }

    /// Lets the file have space up to `end`: its zeros are no frame. `false` on a full disk.
    async fn extend(&mut self, end: u64) -> Result<bool, MetadataFault> {
        if end <= self.reserved {
            return Ok(true);
        }
        let zeros = Bytes::from(vec![0; usize::try_from(end - self.reserved).unwrap_or(usize::MAX)]);
        match self.file.write_at(&[zeros], self.reserved).await {
            Ok(()) => {
                self.reserved = end;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::StorageFull => {
                mark!("no space for the metadata log");
                cut(&self.file, self.reserved, &self.path).await?;
                Ok(false)
            }
            Err(error) => Err(MetadataFault::io("write", &*self.path)(error)),
        }
    }

    /// Others fill the disk, and then this node has to learn more than ever: that it leads no more, and who does. So
    /// space for that is taken while there is some.
    async fn keep_space_ahead(&mut self) -> Result<(), MetadataFault> {
        let is_enough = self.reserved - self.length >= self.space_ahead / 2;
        if is_enough || Instant::now() < self.looks_for_space_at {
            return Ok(());
        }
        if !self.extend(self.length + self.space_ahead).await? {
            self.looks_for_space_at = Instant::now() + REST_WITHOUT_SPACE;
        }
        Ok(())
    }

    /// Writes changes as one frame and waits until it is on stable storage. When the disk is full and the space that was
    /// kept is used up it waits for more: nobody is promised anything meanwhile.
    ///
    /// # Errors
    /// After a fault the log must not be used.
    pub async fn write(&mut self, changes: Vec<Change>) -> Result<(), MetadataFault> {
        let frame = Bytes::from(frame::seal(CHANGES_VERSION, &changes).expect("a change fits a frame"));
        let end = self.length + frame.len() as u64;
        loop {
            if self.extend(end).await? && self.overwrite(&frame).await? {
                break;
            }
            mark!("a promise of the quorum waits for space");
            sleep(REST_WITHOUT_SPACE).await;
        }
        if !planted!("a vote is answered before it is durable") {
            self.file.sync().await.map_err(MetadataFault::io("sync", &*self.path))?;
        }
        self.length = end;
        for change in changes {
            self.remember(change);
        }
        self.keep_space_ahead().await
    }

    /// Writes where there is space already. Some file systems want more even then: `false` when there is none.
    async fn overwrite(&mut self, frame: &Bytes) -> Result<bool, MetadataFault> {
        match self.file.write_at(std::slice::from_ref(frame), self.length).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::StorageFull => {
                cut(&self.file, self.length, &self.path).await?;
                self.reserved = self.length;
                Ok(false)
            }
            Err(error) => Err(MetadataFault::io("write", &*self.path)(error)),
        }
    }

    fn remember(&mut self, change: Change) {
        match change {
            Change::Identity { .. } => {}
            Change::HardState(state) => self.hard_state = state,
            Change::Truncate { to } => self.entries.truncate(usize::try_from(to - self.base).unwrap_or(0)),
            Change::Append { base_offset, entries } => {
                assert_eq!(base_offset, self.base + self.entries.len() as Offset, "entries follow the log");
                self.entries.extend(entries);
            }
        }
    }

    /// Replaces the whole log by a snapshot that came from elsewhere. With a full disk it waits for space.
    ///
    /// # Errors
    /// A failed write or sync: what is on the disk is then not known.
    pub async fn install(&mut self, snapshot: &Snapshot) -> Result<(), MetadataFault> {
        while !self.try_replace(snapshot, &[]).await? {
            sleep(REST_WITHOUT_SPACE).await;
        }
        Ok(())
    }

    /// Replaces all below the end of a snapshot of what this log says; what follows stays. On a full disk nothing is
    /// replaced, and nothing is missing: the log says all that it did, and goes on.
    ///
    /// # Errors
    /// A failed write or sync: what is on the disk is then not known.
    pub async fn compact(&mut self, snapshot: &Snapshot) -> Result<(), MetadataFault> {
        let covered = usize::try_from(snapshot.end_offset - self.base).unwrap_or(0);
        let kept = self.entries.get(covered..).unwrap_or_default().to_vec();
        if !self.try_replace(snapshot, &kept).await? {
            mark!("the metadata log stays long for want of space");
        }
        Ok(())
    }

    /// Whether there was space to replace the log.
    async fn try_replace(&mut self, snapshot: &Snapshot, kept: &[Entry]) -> Result<bool, MetadataFault> {
        let fault = match self.replace(snapshot, kept).await {
            Ok(()) => return Ok(true),
            Err(fault) => fault,
        };
        let end = snapshot.end_offset;
        let is_full = matches!(&fault, MetadataFault::Io { error, .. } if error.kind() == ErrorKind::StorageFull);
        // Once the snapshot has its name the new changes belong to it.
        if !is_full || names(&self.disk).await?.contains(&(Name::State(end), state_path(end))) {
            return Err(fault);
        }
        mark!("no space for a metadata snapshot");
        remove(&self.disk, &[format!("{}.tmp", state_path(end)), changes_path(end)]).await;
        Ok(false)
    }

    /// The changes go on in a new file before the snapshot has its name: so whichever names a crash leaves, nothing is
    /// missing. The old files go when the new names are durable.
    async fn replace(&mut self, snapshot: &Snapshot, kept: &[Entry]) -> Result<(), MetadataFault> {
        let end = snapshot.end_offset;
        let temporary = format!("{}.tmp", state_path(end));
        self.write_state(snapshot, &temporary).await?;
        let old = names(&self.disk).await?;
        let path = changes_path(end);
        assert_ne!(path, self.path, "a snapshot covers something");
        let (file, length) = self.begin(&path, end, kept).await?;
        self.disk.rename(&temporary, &state_path(end)).await.map_err(MetadataFault::io("rename", temporary))?;
        sync_directory(&self.disk, DIRECTORY).await?;
        (self.file, self.path, self.length) = (file, path, length);
        (self.base, self.entries) = (end, kept.to_vec());
        let is_old = |name: &Name| match name {
            Name::State(other) | Name::Changes(other) => *other != end,
            Name::Temporary | Name::OneNode => true,
        };
        let old: Vec<String> = old.into_iter().filter(|(name, _)| is_old(name)).map(|(_, path)| path).collect();
        remove(&self.disk, &old).await;
        self.reserved = self.length;
        self.keep_space_ahead().await
    }

    /// A new file of changes that begins with what counts.
    async fn begin(&self, path: &str, base: Offset, entries: &[Entry]) -> Result<(File, u64), MetadataFault> {
        let file = create(&self.disk, path).await?;
        let first = vec![Change::Identity { directory: self.directory.0 }, Change::HardState(self.hard_state)];
        let mut length = 0;
        let mut parts = vec![first];
        let (mut part, mut size, mut next) = (Vec::new(), 0, base);
        for (offset, entry) in (base..).zip(entries) {
            size += entry.payload.size();
            part.push(entry.clone());
            if size >= ENTRY_BYTES {
                parts.push(vec![Change::Append { base_offset: next, entries: std::mem::take(&mut part) }]);
                (size, next) = (0, offset + 1);
            }
        }
        if !part.is_empty() {
            parts.push(vec![Change::Append { base_offset: next, entries: part }]);
        }
        for changes in parts {
            let frame = Bytes::from(frame::seal(CHANGES_VERSION, &changes).expect("a change fits a frame"));
            let bytes = frame.len() as u64;
            file.write_at(&[frame], length).await.map_err(MetadataFault::io("write", path))?;
            length += bytes;
        }
        file.sync().await.map_err(MetadataFault::io("sync", path))?;
        Ok((file, length))
    }

    async fn write_state(&self, snapshot: &Snapshot, path: &str) -> Result<(), MetadataFault> {
        let file = self.disk.open_file(path, Open::OrCreate).await.map_err(MetadataFault::io("create", path))?;
        file.set_length(0).await.map_err(MetadataFault::io("cut", path))?;
        let (end_offset, epoch, voters) = (snapshot.end_offset, snapshot.epoch, snapshot.voters.clone());
        let header = StatePart::Header { end_offset, epoch, voters };
        let parts = snapshot.state.chunks(PART_BYTES).map(|part| StatePart::Bytes(part.to_vec().into()));
        let mut length = 0;
        for part in std::iter::once(header).chain(parts).chain([StatePart::End]) {
            let frame = Bytes::from(frame::seal(STATE_VERSION, &part).expect("a part fits a frame"));
            let size = frame.len() as u64;
            file.write_at(&[frame], length).await.map_err(MetadataFault::io("write", path))?;
            length += size;
        }
        file.sync().await.map_err(MetadataFault::io("sync", path))
    }
}

/// The image of a snapshot.
///
/// # Errors
/// A later version wrote it.
pub fn image_of(snapshot: &Snapshot) -> Result<MetadataImage, MetadataFault> {
    state::decode(&snapshot.state, snapshot.end_offset)
        .map_err(|error| MetadataFault::TooNew { path: state_path(snapshot.end_offset), why: error.to_string() })
}

/// Folds the entry at `offset` into the image.
///
/// # Errors
/// A later version wrote it.
pub fn fold_entry(image: &mut MetadataImage, offset: Offset, entry: &Entry) -> Result<(), MetadataFault> {
    if let Payload::Data(bytes) = &entry.payload {
        let too_new = |error: FrameError| {
            let path = format!("the metadata log at offset {offset}");
            MetadataFault::TooNew { path, why: error.to_string() }
        };
        let (batch, _) = frame::decode(bytes).map_err(too_new)?;
        for record in &batch.records {
            fold(image, offset, record);
        }
    }
    image.set_end_offset(offset + 1);
    Ok(())
}

async fn read_snapshot(disk: &Disk, end: Offset) -> Result<Option<Snapshot>, MetadataFault> {
    let path = state_path(end);
    let (_, bytes) = read_all(disk, &path).await?;
    let state = match read_state(&path, &bytes) {
        Ok(state) if state.end_offset == end => state,
        Ok(_) => {
            let why = "it belongs to another snapshot".to_owned();
            return Err(MetadataFault::Damaged { path, at: 0, why });
        }
        Err(_) if planted!("a bad metadata snapshot counts as an empty one") => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let (epoch, voters, state) = (state.epoch, state.voters, state.bytes);
    Ok(Some(Snapshot { end_offset: end, epoch, voters, state }))
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

/// Writes zeros from `from` to `end`, and keeps the space there. Gives the end of the file.
async fn blot_out(file: &File, from: u64, end: u64, path: &str) -> Result<u64, MetadataFault> {
    let zeros = Bytes::from(vec![0; usize::try_from(end - from).unwrap_or(usize::MAX)]);
    match file.write_at(&[zeros], from).await {
        Ok(()) => file.sync().await.map(|()| end).map_err(MetadataFault::io("sync", path)),
        Err(error) if error.kind() == ErrorKind::StorageFull => cut(file, from, path).await.map(|()| from),
        Err(error) => Err(MetadataFault::io("write", path)(error)),
    }
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
