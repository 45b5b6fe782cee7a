//! Disks that go wrong, and what they hold.

use super::{Latency, Node};
use crate::half::disk::{CACHE_LATENCY, DEFAULT_SECTOR, SYNC_LATENCY, image_of};
use crate::half::world::World;
use crate::record::{Image, SectorSize};
use std::time::Duration;

/// How a node's disk behaves. Chances are from 0 to 1, for each operation.
#[derive(Clone, Debug)]
pub struct Faults {
    /// What a read or a small write of the page cache takes.
    pub cache_latency: Latency,
    /// What a sync takes.
    pub sync_latency: Latency,
    /// Bytes a second that writes are held to; none for no limit.
    pub bytes_per_second: Option<u64>,
    /// No operation ends before this moment of the simulation.
    pub stalled: Option<Duration>,
    /// An operation may stop all tasks of the node for so long.
    pub stall_node: Option<Duration>,
    /// How likely it does.
    pub stall_chance: f64,
    /// EIO on reading.
    pub read_error: f64,
    /// EIO on writing.
    pub write_error: f64,
    /// EIO from a sync. The kernel then believes the pages clean; some of them reached the disk and others never will.
    pub sync_error: f64,
    /// So many syncs of files and directories succeed, and then one fails like that.
    pub syncs_before_error: Option<u64>,
    /// One flipped bit in what a read gives.
    pub read_rot: f64,
    /// A read gives the bytes of a neighbouring block.
    pub misdirected_read: f64,
    /// A write lands in a neighbouring block.
    pub misdirected_write: f64,
    /// Bytes that the disk holds. Beyond it writes are short and end with ENOSPC.
    pub capacity: u64,
    /// What is written whole or not at all.
    pub sector: SectorSize,
    /// How likely each thing that is not synced survives a power failure.
    pub kept_at_power_failure: f64,
}

impl Default for Faults {
    fn default() -> Self {
        Faults {
            cache_latency: CACHE_LATENCY,
            sync_latency: SYNC_LATENCY,
            bytes_per_second: None,
            stalled: None,
            stall_node: None,
            stall_chance: 0.0,
            read_error: 0.0,
            write_error: 0.0,
            sync_error: 0.0,
            syncs_before_error: None,
            read_rot: 0.0,
            misdirected_read: 0.0,
            misdirected_write: 0.0,
            capacity: u64::MAX,
            sector: DEFAULT_SECTOR,
            kept_at_power_failure: 0.5,
        }
    }
}

impl Faults {
    pub(in crate::half) fn write_latency(&self, bytes: u64) -> Latency {
        let Some(rate) = self.bytes_per_second else { return self.cache_latency };
        Latency::always(Duration::from_micros(bytes.saturating_mul(1_000_000) / rate.max(1)))
    }
}

/// Changes how `node`'s disk behaves from now on.
pub fn change(node: Node, change: impl FnOnce(&mut Faults)) {
    let world = World::current();
    let seed = world.seed();
    change(&mut world.disks().of(node, seed).faults);
    world.event(node, "disk faults change", [0; 3]);
}

/// How it behaves.
pub fn faults(node: Node) -> Faults {
    let world = World::current();
    let seed = world.seed();
    world.disks().of(node, seed).faults.clone()
}

/// How many operations it has done.
pub fn operations(node: Node) -> u64 {
    let world = World::current();
    let seed = world.seed();
    world.disks().of(node, seed).operations
}

/// What it holds now, page cache and all.
pub fn image(node: Node) -> Image {
    image_of(&World::current(), node)
}

/// The same, with what is not synced still loose, for a process that begins there and the power failure after it.
pub fn image_with_loose(node: Node) -> Image {
    let world = World::current();
    let seed = world.seed();
    Image::with_loose(world.disks().of(node, seed).volume.clone())
}

/// Puts `image` in place of what it holds, durably but for what is loose in the image itself. The node's process must
/// not run.
pub fn load(node: Node, image: &Image) {
    let world = World::current();
    let seed = world.seed();
    world.disks().of(node, seed).volume = image.volume().clone();
}

/// Flips bit `bit` of the file `path` on the disk, behind the cache's back, and has the cache forget the page. Says
/// whether there was such a file with such a bit.
pub fn rot(node: Node, path: &str, bit: u64) -> bool {
    let world = World::current();
    let seed = world.seed();
    let mut disks = world.disks();
    let disk = disks.of(node, seed);
    let Ok(id) = disk.volume.find_file(path) else { return false };
    let Ok(contents) = disk.volume.contents_mut(id) else { return false };
    let mut byte = [0];
    if contents.read(&mut byte, bit / 8) == 0 {
        return false;
    }
    contents.scribble(bit / 8, &[byte[0] ^ 1 << (bit % 8)]);
    contents.evict();
    drop(disks);
    world.event(node, "bit rot", [id.0, bit, 0]);
    true
}
