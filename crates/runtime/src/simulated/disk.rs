//! Each node's disk: a volume with a page cache, which outlives processes, and the faults it may have.
//!
//! Every operation takes a while, drawn from the disk's own stream, so that tasks interleave at each. A handle belongs to
//! the process that opened it: when that is gone, it touches nothing any more.

use super::errno::{EIO, ENOSPC, error};
use super::latency::Latency;
use super::lifecycle::Node;
use super::simulation::disk::Faults;
use super::stream::Stream;
use super::time::{Duration, sleep};
use super::world::World;
use crate::record::{FileId, Image, Operation, Recorder, SectorSize, Volume};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All disks, by node.
#[derive(Default)]
pub(super) struct Disks {
    disks: BTreeMap<Node, State>,
}

/// One node's disk.
pub(super) struct State {
    pub volume: Volume,
    pub faults: Faults,
    pub operations: u64,
    dice: Stream,
    open: BTreeMap<FileId, u64>,
    locks: BTreeSet<String>,
    /// The root is there: somebody opened the directory.
    made: bool,
    /// Where the running process has it all written down.
    recorder: Option<Recorder>,
}

impl Disks {
    pub fn of(&mut self, node: Node, seed: u64) -> &mut State {
        self.disks.entry(node).or_insert_with(|| State {
            volume: Volume::default(),
            faults: Faults::default(),
            operations: 0,
            dice: Stream::new(seed, &format!("disk of {node}")),
            open: BTreeMap::new(),
            locks: BTreeSet::new(),
            made: false,
            recorder: None,
        })
    }

    /// The process that held locks and files is gone.
    pub fn process_ended(&mut self, node: Node) {
        if let Some(disk) = self.disks.get_mut(&node) {
            disk.open.clear();
            disk.locks.clear();
            disk.recorder = None;
            disk.volume.collect(|_| false);
        }
    }

    /// What was not synced survives or not.
    pub fn power_failure(&mut self, node: Node) {
        if let Some(disk) = self.disks.get_mut(&node) {
            let mut fate = Lottery { kept: disk.faults.kept_at_power_failure, dice: &mut disk.dice };
            disk.volume.power_failure(disk.faults.sector, &mut fate);
        }
    }

    pub fn clear(&mut self) {
        self.disks.clear();
    }
}

/// Each loose thing by itself.
struct Lottery<'a> {
    kept: f64,
    dice: &'a mut Stream,
}

impl crate::record::Fate for Lottery<'_> {
    fn keeps_name(&mut self, _: u64) -> bool {
        self.dice.chance(self.kept)
    }

    fn keeps_length(&mut self, _: FileId) -> bool {
        self.dice.chance(self.kept)
    }

    fn keeps_sector(&mut self, _: FileId, _: u64) -> bool {
        self.dice.chance(self.kept)
    }

    fn order(&self) -> crate::record::Order {
        crate::record::Order::Earlier
    }
}

/// A node's data directory. The path is a label: each node has one disk.
#[derive(Clone, Debug)]
pub struct Disk {
    owner: Owner,
    path: Arc<Path>,
}

/// The process that a handle belongs to.
#[derive(Clone, Debug)]
struct Owner {
    world: Arc<World>,
    node: Node,
    incarnation: u64,
}

impl Owner {
    fn current() -> Owner {
        let world = World::current();
        let (node, incarnation) = world.current_process();
        Owner { world, node, incarnation }
    }

    /// Does something to the disk, if the process still lives.
    fn with<T>(&self, action: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        if self.world.nodes().of(self.node).incarnation != self.incarnation {
            return Err(io::Error::other("the process is dead"));
        }
        let mut disks = self.world.disks();
        action(disks.of(self.node, self.world.seed()))
    }

    /// An operation begins: it takes a while, and may stall the whole node.
    async fn begin(&self, kind: &'static str, values: [u64; 3], latency: impl FnOnce(&Faults) -> Latency) {
        let drawn = self.with(|disk| {
            disk.operations += 1;
            let latency = latency(&disk.faults).draw(&mut disk.dice);
            let stall = disk.faults.stall_node.filter(|_| disk.dice.chance(disk.faults.stall_chance));
            Ok((latency, disk.faults.stalled, stall))
        });
        let Ok((mut latency, stalled, stall)) = drawn else { return };
        self.world.event(self.node, kind, values);
        if let Some(duration) = stall {
            self.world.stall(self.node, duration);
        }
        if let Some(until) = stalled {
            latency = latency.max(until.saturating_sub(self.world.elapsed()));
        }
        sleep(latency).await;
    }
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// It exists; for reading.
    Read,
    /// It exists; for reading and writing.
    Existing,
    /// For reading and writing; made empty when it does not exist.
    OrCreate,
    /// For reading and writing; it must not exist.
    New,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The last part of the path.
    pub name: String,
    /// A directory or a file.
    pub is_directory: bool,
}

/// Holds a lock file until dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    owner: Owner,
    path: String,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.owner.with(|disk| Ok(disk.locks.remove(&self.path))); // a dead process holds no locks
    }
}

impl Disk {
    /// The directory at `root`, made with its parents when it does not exist.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn open(root: impl Into<PathBuf>) -> io::Result<Disk> {
        let owner = Owner::current();
        owner.begin("disk open", [0; 3], |faults| faults.cache_latency).await;
        owner.with(|disk| {
            disk.made = true;
            Ok(())
        })?;
        let root: PathBuf = root.into();
        Ok(Disk { owner, path: root.into() })
    }

    /// The same, with everything that this process does there from now on written down by `recorder`, for tests of
    /// crashes. What an earlier process left in the page cache is loose when the recording begins.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn open_recorded(root: impl Into<PathBuf>, recorder: &Recorder) -> io::Result<Disk> {
        let disk = Disk::open(root).await?;
        disk.owner.with(|state| {
            recorder.begin(&state.volume);
            state.recorder = Some(recorder.clone());
            Ok(())
        })?;
        Ok(disk)
    }

    /// Where it is, for messages.
    pub fn root(&self) -> &Path {
        &self.path
    }

    /// Changes names, and writes it down where that is asked for.
    async fn names(
        &self,
        kind: &'static str,
        operation: Operation,
        action: impl FnOnce(&mut Volume) -> io::Result<()>,
    ) -> io::Result<()> {
        self.owner.begin(kind, [0; 3], |faults| faults.cache_latency).await;
        self.owner.with(|disk| {
            action(&mut disk.volume)?;
            disk.record(operation);
            Ok(())
        })
    }

    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists`, out of space.
    pub async fn open_file(&self, path: &str, open: Open) -> io::Result<File> {
        self.owner.begin("file open", [0; 3], |faults| faults.cache_latency).await;
        let id = self.owner.with(|disk| {
            let found = disk.volume.find_file(path);
            let id = match (open, found) {
                (Open::New, Ok(_)) => return Err(ErrorKind::AlreadyExists.into()),
                (_, Ok(id)) => id,
                (Open::OrCreate | Open::New, Err(error)) if error.kind() == ErrorKind::NotFound => {
                    if disk.is_full() {
                        return Err(super::errno::error(ENOSPC));
                    }
                    let id = disk.volume.create_file(path)?;
                    disk.record(Operation::CreateFile { path: path.to_owned() });
                    id
                }
                (_, Err(error)) => return Err(error),
            };
            *disk.open.entry(id).or_insert(0) += 1;
            Ok(id)
        })?;
        Ok(File(Arc::new(Opened { owner: self.owner.clone(), id })))
    }

    /// Makes a directory in one that exists. The name is durable after [`Disk::sync_directory`] of the parent.
    ///
    /// # Errors
    /// `AlreadyExists`, `NotFound`, out of space.
    pub async fn create_directory(&self, path: &str) -> io::Result<()> {
        let operation = Operation::CreateDirectory { path: path.to_owned() };
        self.names("directory made", operation, |volume| volume.create_directory(path).map(drop)).await
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `NotFound`, or it is not empty.
    pub async fn remove_directory(&self, path: &str) -> io::Result<()> {
        let operation = Operation::RemoveDirectory { path: path.to_owned() };
        self.names("directory removed", operation, |volume| volume.remove_directory(path)).await
    }

    /// The names in a directory (`""` is the root), sorted.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        self.owner.begin("directory listed", [0; 3], |faults| faults.cache_latency).await;
        let names = self.owner.with(|disk| disk.volume.list(path))?;
        let mut entries: Vec<Entry> =
            names.into_iter().map(|(name, _, is_directory)| Entry { name, is_directory }).collect();
        entries.sort();
        Ok(entries)
    }

    /// Renames a file or directory, over what has that name. Both names are durable after their directories are synced.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let operation = Operation::Rename { from: from.to_owned(), to: to.to_owned() };
        self.names("renamed", operation, |volume| volume.rename(from, to)).await
    }

    /// Removes a file's name. Open handles keep its bytes.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn remove_file(&self, path: &str) -> io::Result<()> {
        let operation = Operation::RemoveFile { path: path.to_owned() };
        self.names("file removed", operation, |volume| volume.remove_file(path).map(drop)).await?;
        self.owner.with(|disk| {
            disk.collect();
            Ok(())
        })
    }

    /// Makes the names in a directory (`""` is the root) durable.
    ///
    /// # Errors
    /// An I/O error; what is durable is then unknown.
    pub async fn sync_directory(&self, path: &str) -> io::Result<()> {
        let (id, ticket) = self.owner.with(|disk| {
            let id = disk.volume.find(path)?;
            Ok((id, disk.begin_sync(id)?))
        })?;
        self.owner.begin("directory sync", [id.0, 0, 0], |faults| faults.sync_latency).await;
        self.owner.with(|disk| {
            if disk.sync_fails() {
                disk.volume.forget_sync(ticket);
                return Err(error(EIO));
            }
            disk.end_sync(id, ticket);
            Ok(())
        })
    }

    /// Bytes that may still be written.
    ///
    /// # Errors
    /// None here.
    pub async fn available(&self) -> io::Result<u64> {
        self.owner.begin("space asked", [0; 3], |faults| faults.cache_latency).await;
        self.owner.with(|disk| Ok(disk.room()))
    }

    /// Takes the lock file `path`, made when it does not exist.
    ///
    /// # Errors
    /// `WouldBlock` when another process holds it.
    pub async fn lock(&self, path: &str) -> io::Result<Lock> {
        drop(self.open_file(path, Open::OrCreate).await?);
        self.owner.with(|disk| match disk.locks.insert(path.to_owned()) {
            true => Ok(()),
            false => Err(ErrorKind::WouldBlock.into()),
        })?;
        Ok(Lock { owner: self.owner.clone(), path: path.to_owned() })
    }
}

impl State {
    /// Writes down what was just done.
    fn record(&self, operation: Operation) {
        if let Some(recorder) = &self.recorder {
            recorder.recording().record(operation);
        }
    }

    fn begin_sync(&mut self, of: FileId) -> io::Result<u64> {
        let ticket = self.volume.begin_sync(of)?;
        if let Some(recorder) = &self.recorder {
            let recorded = recorder.recording().begin_sync(of)?;
            assert_eq!(recorded, ticket, "the recording and the disk count alike");
        }
        Ok(ticket)
    }

    fn end_sync(&mut self, of: FileId, ticket: u64) {
        self.volume.end_sync(of, ticket);
        self.record(Operation::EndSync { of, ticket });
    }

    fn sync_fails(&mut self) -> bool {
        match &mut self.faults.syncs_before_error {
            Some(0) => {
                self.faults.syncs_before_error = None;
                true
            }
            Some(more) => {
                *more -= 1;
                false
            }
            None => self.dice.chance(self.faults.sync_error),
        }
    }

    fn room(&self) -> u64 {
        let used = self.volume.used(|id| self.open.contains_key(&id));
        self.faults.capacity.saturating_sub(used)
    }

    fn is_full(&self) -> bool {
        self.faults.capacity != u64::MAX && self.room() == 0
    }

    fn collect(&mut self) {
        let open = &self.open;
        self.volume.collect(|id| open.contains_key(&id));
    }

    /// How much of `length` bytes at `offset` there is room for.
    fn fits(&self, id: FileId, offset: u64, length: u64) -> io::Result<u64> {
        if self.faults.capacity == u64::MAX {
            return Ok(length);
        }
        let contents = self.volume.contents(id)?;
        let room = self.room();
        if contents.growth(offset, length) <= room {
            return Ok(length);
        }
        // A short write: up to the first page that has no room.
        let mut fits = length;
        while fits > 0 && contents.growth(offset, fits) > room {
            fits = fits.saturating_sub(4096);
        }
        Ok(fits)
    }

    /// What the disk's faults make of a read.
    fn spoil(&mut self, id: FileId, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if buffer.is_empty() {
            return Ok(());
        }
        if self.dice.chance(self.faults.read_rot) {
            let at = self.dice.below(buffer.len() as u64) as usize;
            buffer[at] ^= 1 << self.dice.below(8);
        }
        if self.dice.chance(self.faults.misdirected_read) {
            let astray = offset ^ (4096 << self.dice.below(3));
            self.volume.contents(id)?.read(buffer, astray);
        }
        Ok(())
    }
}

/// An open file. Clones share it.
#[derive(Clone, Debug)]
pub struct File(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    owner: Owner,
    id: FileId,
}

impl Drop for Opened {
    fn drop(&mut self) {
        // Destructors of a dead process run late, and touch nothing.
        let _ = self.owner.with(|disk| {
            if let Some(count) = disk.open.get_mut(&self.id) {
                *count -= 1;
                if *count == 0 {
                    disk.open.remove(&self.id);
                    if disk.volume.is_unnamed(self.id) {
                        disk.collect();
                    }
                }
            }
            Ok(())
        });
    }
}

impl File {
    /// Fills `buffer` from `offset` on; fewer bytes come only at the end of the file.
    ///
    /// # Errors
    /// An I/O error.
    pub async fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let Opened { owner, id } = &*self.0;
        let length = buffer.len() as u64;
        owner.begin("read", [id.0, offset, length], |faults| faults.cache_latency).await;
        owner.with(|disk| {
            if disk.dice.chance(disk.faults.read_error) {
                return Err(error(EIO));
            }
            let count = disk.volume.contents(*id)?.read(buffer, offset);
            disk.spoil(*id, &mut buffer[..count], offset)?;
            Ok(count)
        })
    }

    /// Writes `parts` one after the other from `offset` on, into the page cache.
    ///
    /// # Errors
    /// `StorageFull` (some of it may be written), or an I/O error.
    pub async fn write_at(&self, parts: &[Bytes], offset: u64) -> io::Result<()> {
        let Opened { owner, id } = &*self.0;
        let length: u64 = parts.iter().map(|part| part.len() as u64).sum();
        owner.begin("write", [id.0, offset, length], |faults| faults.write_latency(length)).await;
        owner.with(|disk| {
            if disk.dice.chance(disk.faults.write_error) {
                return Err(error(EIO));
            }
            let offset = if disk.dice.chance(disk.faults.misdirected_write) {
                offset ^ (4096 << disk.dice.below(3))
            } else {
                offset
            };
            let mut fits = disk.fits(*id, offset, length)?;
            let short = fits < length;
            let contents = disk.volume.contents_mut(*id)?;
            let mut written = Vec::new();
            let mut at = offset;
            for part in parts {
                let part = &part[..part.len().min(fits as usize)];
                contents.write(at, part);
                at += part.len() as u64;
                fits -= part.len() as u64;
                if disk.recorder.is_some() {
                    written.extend_from_slice(part);
                }
            }
            disk.record(Operation::Write { file: *id, offset, bytes: written.into() });
            if short { Err(error(ENOSPC)) } else { Ok(()) }
        })
    }

    /// Makes the file at least `length` bytes long, what is new being zeros that are really written.
    ///
    /// # Errors
    /// `StorageFull` (some of it may be written), or an I/O error.
    pub async fn allocate(&self, length: u64) -> io::Result<()> {
        let Opened { owner, id } = &*self.0;
        owner.begin("allocate", [id.0, length, 0], |faults| faults.write_latency(length)).await;
        owner.with(|disk| {
            let now = disk.volume.contents(*id)?.length();
            let wanted = length.saturating_sub(now);
            let fits = disk.fits(*id, now, wanted)?;
            disk.volume.contents_mut(*id)?.allocate(now + fits);
            disk.record(Operation::Allocate { file: *id, length: now + fits });
            if fits < wanted { Err(error(ENOSPC)) } else { Ok(()) }
        })
    }

    /// Makes the file's bytes and length durable, not its name.
    ///
    /// # Errors
    /// An I/O error; what is durable is then unknown, and a later success proves nothing.
    pub async fn sync(&self) -> io::Result<()> {
        let Opened { owner, id } = &*self.0;
        let ticket = owner.with(|disk| disk.begin_sync(*id))?;
        owner.begin("sync", [id.0, ticket, 0], |faults| faults.sync_latency).await;
        owner.with(|disk| {
            if !disk.sync_fails() {
                disk.end_sync(*id, ticket);
                return Ok(());
            }
            let drops = disk.dice.chance(0.5);
            let State { volume, dice, .. } = disk;
            volume.contents_mut(*id)?.fail_sync(ticket, drops, || dice.chance(0.5));
            Err(error(EIO))
        })
    }

    /// Cuts the file, or extends it with zeros.
    ///
    /// # Errors
    /// `StorageFull`, or an I/O error.
    pub async fn set_length(&self, length: u64) -> io::Result<()> {
        let Opened { owner, id } = &*self.0;
        owner.begin("set length", [id.0, length, 0], |faults| faults.cache_latency).await;
        owner.with(|disk| {
            disk.volume.contents_mut(*id)?.set_length(length);
            disk.record(Operation::SetLength { file: *id, length });
            Ok(())
        })
    }

    /// Its length in bytes.
    ///
    /// # Errors
    /// An I/O error.
    pub async fn length(&self) -> io::Result<u64> {
        let Opened { owner, id } = &*self.0;
        owner.begin("length", [id.0, 0, 0], |faults| faults.cache_latency).await;
        owner.with(|disk| Ok(disk.volume.contents(*id)?.length()))
    }
}

/// What a node's disk holds, all of it counted as durable.
pub(super) fn image_of(world: &World, node: Node) -> Image {
    Image::of(world.disks().of(node, world.seed()).volume.clone())
}

/// The sectors that a disk has when nobody says otherwise.
pub(super) const DEFAULT_SECTOR: SectorSize = SectorSize::Bytes512;

/// What reads and writes of the page cache take when nobody says otherwise.
pub(super) const CACHE_LATENCY: Latency =
    Latency::between(Duration::from_micros(1), Duration::from_micros(20)).with_tail(0.001, Duration::from_millis(5));

/// What a sync takes when nobody says otherwise.
pub(super) const SYNC_LATENCY: Latency =
    Latency::between(Duration::from_micros(100), Duration::from_millis(2)).with_tail(0.01, Duration::from_millis(50));
