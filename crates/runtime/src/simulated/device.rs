//! Each node's disks: volumes with a page cache, which outlive processes, and the faults they may have.

use super::errno::{EIO, ENOSPC, error};
use super::instant::Instant;
use super::lifecycle::Node;
use super::simulation::disk::Faults;
use super::stream::Stream;
use super::world::World;
use crate::record::{Fate, FileId, Operation, Order, Recorder, Volume};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// So many files without a name are kept until somebody looks for those that nothing leads to.
const UNNAMED: usize = 256;

/// All disks, by node.
#[derive(Default)]
pub(super) struct Disks {
    devices: BTreeMap<Node, Device>,
}

/// What a node stores on: one device for each directory that was opened, with faults of their own making.
pub(super) struct Device {
    pub faults: Faults,
    pub operations: u64,
    pub dice: Stream,
    /// When a throttled device has done what it was given.
    busy: Instant,
    mounts: Vec<Mount>,
}

/// One directory that was opened, and what it holds.
#[derive(Default)]
pub(super) struct Mount {
    root: Option<PathBuf>,
    pub volume: Volume,
    pub open: BTreeMap<FileId, u64>,
    pub locks: BTreeSet<String>,
    /// Where the running process has it all written down.
    pub recorder: Option<Recorder>,
}

impl Disks {
    pub fn of(&mut self, node: Node, seed: u64) -> &mut Device {
        self.devices.entry(node).or_insert_with(|| Device {
            faults: Faults::default(),
            operations: 0,
            dice: Stream::new(seed, &format!("disk of {node}")),
            busy: Instant::after_start(Duration::ZERO),
            mounts: vec![Mount::default()],
        })
    }

    /// The process that held locks and files is gone.
    pub fn process_ended(&mut self, node: Node) {
        for mount in self.devices.get_mut(&node).into_iter().flat_map(|device| &mut device.mounts) {
            mount.open.clear();
            mount.locks.clear();
            mount.recorder = None;
            mount.volume.collect(|_| false);
        }
    }

    /// What was not synced survives or not.
    pub fn power_failure(&mut self, node: Node) {
        let Some(device) = self.devices.get_mut(&node) else { return };
        for mount in &mut device.mounts {
            let order = if device.dice.chance(0.5) { Order::Earlier } else { Order::Later };
            let mut fate = Lottery { kept: device.faults.kept_at_power_failure, order, dice: &mut device.dice };
            mount.volume.power_failure(device.faults.sector, &mut fate);
        }
    }

    pub fn clear(&mut self) {
        self.devices.clear();
    }
}

/// Each loose thing by itself.
struct Lottery<'a> {
    kept: f64,
    order: Order,
    dice: &'a mut Stream,
}

impl Fate for Lottery<'_> {
    fn keeps_name(&mut self, _: u64) -> bool {
        self.dice.chance(self.kept)
    }

    fn keeps_length(&mut self, _: FileId) -> bool {
        self.dice.chance(self.kept)
    }

    fn keeps_sector(&mut self, _: FileId, _: u64) -> bool {
        self.dice.chance(self.kept)
    }

    fn order(&self) -> Order {
        self.order
    }
}

/// How long an operation takes before and after it does its work. What happens in between two awaits is decided by where
/// the work lies, as it is where threads get in between.
pub(super) struct Timing {
    pub before: Duration,
    pub after: Duration,
    pub stalls_node: Option<Duration>,
}

/// What an operation costs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cost {
    /// Nothing but memory.
    Cache,
    /// Memory, while the device keeps up with so many bytes.
    Write(u64),
    /// A wait for the device.
    Sync,
}

impl Device {
    /// The directory opened first, or the one that was opened as `root`.
    pub fn mount(&mut self, root: Option<&Path>) -> Option<&mut Mount> {
        match root {
            None => self.mounts.first_mut(),
            Some(root) => self.mounts.iter_mut().find(|mount| mount.root.as_deref() == Some(root)),
        }
    }

    /// The number of the mount for `root`, made if it must be. The first root gets what was there before any was opened.
    pub fn open_mount(&mut self, root: &Path) -> usize {
        let is_it = |mount: &Mount| mount.root.as_deref().is_none_or(|known| known == root);
        let found = self.mounts.iter().position(is_it);
        let at = found.unwrap_or_else(|| {
            self.mounts.push(Mount::default());
            self.mounts.len() - 1
        });
        self.mounts[at].root = Some(root.to_owned());
        at
    }

    /// One mount, and what decides about its operations.
    pub fn access<'a>(&'a mut self, at: usize, world: &'a World, node: Node) -> Access<'a> {
        Access { world, node, faults: &mut self.faults, dice: &mut self.dice, mount: &mut self.mounts[at] }
    }

    /// An operation begins.
    pub fn plan(&mut self, cost: Cost, now: Instant) -> Timing {
        self.operations += 1;
        let latency = if let Cost::Sync = cost { self.faults.sync_latency } else { self.faults.cache_latency };
        let mut latency = latency.draw(&mut self.dice);
        if let (Cost::Write(bytes), Some(rate)) = (cost, self.faults.bytes_per_second) {
            let transfer = Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / rate.max(1));
            self.busy = self.busy.max(now) + transfer;
            latency = latency.max(self.busy.duration_since(now));
        }
        if let Some(until) = self.faults.stalled {
            latency = latency.max(Instant::after_start(until).duration_since(now));
        }
        let stalls_node = self.faults.stall_node.filter(|_| self.dice.chance(self.faults.stall_chance));
        let (before, after) = match (cost, self.dice.chance(0.5)) {
            (Cost::Sync, true) => (latency / 2, latency / 2),
            (Cost::Sync, false) | (_, true) => (latency, Duration::ZERO),
            (_, false) => (Duration::ZERO, latency),
        };
        Timing { before, after, stalls_node }
    }
}

/// One operation on one directory.
pub(super) struct Access<'a> {
    world: &'a World,
    node: Node,
    faults: &'a mut Faults,
    pub dice: &'a mut Stream,
    pub mount: &'a mut Mount,
}

impl Access<'_> {
    /// Whether a fault of this chance strikes here.
    fn strikes(&mut self, chance: f64, path: &str, kind: &'static str, file: FileId) -> bool {
        let aimed_here = self.faults.only.as_ref().is_none_or(|part| path.contains(part));
        let strikes = aimed_here && self.dice.chance(chance);
        if strikes {
            self.world.event(self.node, kind, [file.0, 0, 0]);
        }
        strikes
    }

    /// Writes down what was just done.
    pub fn record(&self, operation: Operation) {
        if let Some(recorder) = &self.mount.recorder {
            recorder.recording().record(operation);
        }
    }

    /// Bytes that may still be written.
    pub fn room(&self) -> u64 {
        let mount = &self.mount;
        self.faults.capacity.saturating_sub(mount.volume.used(|id| mount.open.contains_key(&id)))
    }

    /// # Errors
    /// ENOSPC when not even a block is free.
    pub fn needs_block(&self) -> io::Result<()> {
        if self.faults.capacity != u64::MAX && self.room() < 4096 { Err(error(ENOSPC)) } else { Ok(()) }
    }

    /// How much of `length` bytes at `offset` there is room for: all, or up to the first page that has none.
    fn fits(&self, id: FileId, offset: u64, length: u64) -> io::Result<u64> {
        if self.faults.capacity == u64::MAX {
            return Ok(length);
        }
        let contents = self.mount.volume.contents(id)?;
        let room = self.room();
        let mut fits = length;
        while fits > 0 && contents.growth(offset, fits) > room {
            let into_page = (offset + fits - 1) % 4096 + 1;
            fits = fits.saturating_sub(into_page);
        }
        Ok(fits)
    }

    pub fn read(&mut self, id: FileId, path: &str, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.strikes(self.faults.read_error, path, "read error", id) {
            return Err(error(EIO));
        }
        let count = self.mount.volume.contents(id)?.read(buffer, offset);
        if count > 0 && self.strikes(self.faults.misdirected_read, path, "misdirected read", id) {
            let astray = offset ^ (4096 << self.dice.below(3));
            self.mount.volume.contents(id)?.read(&mut buffer[..count], astray);
        }
        if count > 0 && self.strikes(self.faults.read_rot, path, "rot on read", id) {
            let at = self.dice.below(count as u64) as usize;
            buffer[at] ^= 1 << self.dice.below(8);
        }
        Ok(count)
    }

    pub fn write(&mut self, id: FileId, path: &str, parts: &[Bytes], offset: u64) -> io::Result<()> {
        let length: u64 = parts.iter().map(|part| part.len() as u64).sum();
        let mut fits = self.fits(id, offset, length)?;
        let mut outcome = if fits < length { Err(error(ENOSPC)) } else { Ok(()) };
        if self.strikes(self.faults.write_error, path, "write error", id) {
            fits = fits.min(self.dice.below(length + 1));
            outcome = Err(error(EIO));
        }
        let contents = self.mount.volume.contents_mut(id)?;
        let (mut at, mut left) = (offset, fits as usize);
        for part in parts {
            let part = &part[..part.len().min(left)];
            contents.write(at, part);
            at += part.len() as u64;
            left -= part.len();
        }
        if self.mount.recorder.is_some() && fits > 0 {
            let bytes = Bytes::from(parts.concat()).slice(..fits as usize);
            self.record(Operation::Write { file: id, offset, bytes });
        }
        if fits > 0 && self.strikes(self.faults.misdirected_write, path, "misdirected write", id) {
            let astray = offset ^ (4096 << self.dice.below(3));
            self.mount.volume.contents_mut(id)?.misdirect(offset, fits, astray);
        }
        if fits > 0 && self.strikes(self.faults.lost_write, path, "lost write", id) {
            self.mount.volume.contents_mut(id)?.lose(offset, fits);
        }
        self.write_back(id);
        outcome
    }

    pub fn allocate(&mut self, id: FileId, length: u64) -> io::Result<()> {
        let now = self.mount.volume.contents(id)?.length();
        let wanted = length.saturating_sub(now);
        let fits = self.fits(id, now, wanted)?;
        self.mount.volume.contents_mut(id)?.allocate(now + fits);
        self.record(Operation::Allocate { file: id, length: now + fits });
        if fits < wanted { Err(error(ENOSPC)) } else { Ok(()) }
    }

    /// The kernel does some of its work early: a sector may then be as it was at any time since the last sync.
    pub fn write_back(&mut self, id: FileId) {
        // a recording would not know of it
        if self.mount.recorder.is_some() || !self.dice.chance(self.faults.write_back) {
            return;
        }
        match self.dice.below(4) {
            0 => {
                let names = self.mount.volume.loose_names().count() as u64;
                self.mount.volume.commit_names(self.dice.below(names + 1));
            }
            1 => _ = self.mount.volume.contents_mut(id).map(|contents| contents.commit_length()),
            _ => {
                let choice = self.dice.u64();
                _ = self.mount.volume.contents_mut(id).map(|contents| contents.write_back(choice));
            }
        }
    }

    pub fn begin_sync(&mut self, of: FileId) -> io::Result<u64> {
        let ticket = self.mount.volume.begin_sync(of)?;
        if let Some(recorder) = &self.mount.recorder {
            let recorded = recorder.recording().begin_sync(of)?;
            assert_eq!(recorded, ticket, "the recording and the disk count alike");
        }
        Ok(ticket)
    }

    /// A sync of a file or directory ends, well or not.
    pub fn end_sync(&mut self, of: FileId, path: &str, ticket: u64) -> io::Result<()> {
        if !self.sync_fails(path, of) {
            self.mount.volume.end_sync(of, ticket);
            self.record(Operation::EndSync { of, ticket });
            return Ok(());
        }
        self.mount.volume.forget_sync(ticket);
        let drops = self.dice.chance(0.5);
        if let Ok(contents) = self.mount.volume.contents_mut(of) {
            contents.fail_sync(ticket, drops, || self.dice.chance(0.5));
        }
        Err(error(EIO))
    }

    fn sync_fails(&mut self, path: &str, of: FileId) -> bool {
        match &mut self.faults.syncs_before_error {
            Some(0) => {
                self.faults.syncs_before_error = None;
                true
            }
            Some(more) => {
                *more -= 1;
                false
            }
            None => self.strikes(self.faults.sync_error, path, "sync error", of),
        }
    }

    /// A file lost its name or its last handle.
    pub fn collect(&mut self) {
        let mount = &mut *self.mount;
        if mount.volume.unnamed() >= UNNAMED {
            mount.volume.collect(|id| mount.open.contains_key(&id));
        }
    }
}
