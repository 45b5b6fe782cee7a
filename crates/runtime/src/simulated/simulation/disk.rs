//! Disks that go wrong, and what they hold.

use super::{Latency, Node};
use crate::half::device::Mount;
use crate::half::world::World;
use crate::record::{Image, SectorSize};
use std::path::Path;
use std::time::Duration;

/// What reads and writes of the page cache take when nobody says otherwise.
const CACHE_LATENCY: Latency =
    Latency::between(Duration::from_micros(1), Duration::from_micros(20)).with_tail(0.001, Duration::from_millis(5));
/// What a sync takes when nobody says otherwise.
const SYNC_LATENCY: Latency =
    Latency::between(Duration::from_micros(100), Duration::from_millis(2)).with_tail(0.01, Duration::from_millis(50));

/// How a node's disk behaves. Chances are from 0 to 1, for each operation.
#[derive(Clone, Debug)]
pub struct Faults {
    /// What a read or a small write of the page cache takes.
    pub cache_latency: Latency,
    /// What a sync takes.
    pub sync_latency: Latency,
    /// Faults strike only files whose path has this in it; none for all. Slowness and lack of space concern all.
    pub only: Option<String>,
    /// Bytes a second that writes are held to, all together; none for no limit.
    pub bytes_per_second: Option<u64>,
    /// No operation ends before this moment of the simulation.
    pub stalled: Option<Duration>,
    /// An operation may stop all tasks of the node for so long.
    pub stall_node: Option<Duration>,
    /// How likely it does.
    pub stall_chance: f64,
    /// EIO on reading.
    pub read_error: f64,
    /// EIO on writing, after a part of it was written.
    pub write_error: f64,
    /// EIO from a sync. The kernel then believes the pages clean; some of them reached the disk and others never will.
    pub sync_error: f64,
    /// So many syncs of files and directories succeed, and then one fails like that.
    pub syncs_before_error: Option<u64>,
    /// One flipped bit in what a read gives.
    pub read_rot: f64,
    /// A read gives the bytes of a neighbouring block.
    pub misdirected_read: f64,
    /// A write lands in a neighbouring block of the disk, where reads see it, and not the new bytes in their place, once
    /// the page cache has forgotten them: after a power failure, or [`evict`].
    pub misdirected_write: f64,
    /// A write is done and synced as far as anybody can tell, and never reached the disk: reads give the old bytes once the
    /// page cache has forgotten the new ones.
    pub lost_write: f64,
    /// How likely the kernel writes a page, a length or names back by itself, long before any sync.
    pub write_back: f64,
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
            only: None,
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
            lost_write: 0.0,
            write_back: 0.02,
            capacity: u64::MAX,
            sector: SectorSize::Bytes512,
            kept_at_power_failure: 0.5,
        }
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
    with(node, None, |mount| Image::of(mount.volume.clone())).unwrap_or_default()
}

/// The same of the directory that was opened as `root`, for nodes that opened several: what has no root is the first.
pub fn image_at(node: Node, root: impl AsRef<Path>) -> Option<Image> {
    with(node, Some(root.as_ref()), |mount| Image::of(mount.volume.clone()))
}

/// What it holds, with what is not synced still loose, for a process that begins there and the power failure after it.
pub fn image_with_loose(node: Node) -> Image {
    with(node, None, |mount| Image::with_loose(mount.volume.clone())).unwrap_or_default()
}

/// Puts `image` in place of what it holds, durably but for what is loose in the image itself. The node's process must
/// not run.
pub fn load(node: Node, image: &Image) {
    with(node, None, |mount| mount.volume = image.volume().clone());
}

/// Has the page cache forget all that it does not have to write, so that reads see what the disk has.
pub fn evict(node: Node) {
    with(node, None, |mount| mount.volume.evict());
}

/// Flips bit `bit` of the file `path` on the disk, behind the cache's back, and has the cache forget the page. Says
/// whether there was such a file with such a bit.
pub fn rot(node: Node, path: &str, bit: u64) -> bool {
    let rotten = with(node, None, |mount| {
        let id = mount.volume.find_file(path).ok()?;
        let contents = mount.volume.contents_mut(id).ok()?;
        let mut byte = [0];
        if contents.read(&mut byte, bit / 8) == 0 {
            return None;
        }
        contents.scribble(bit / 8, &[byte[0] ^ 1 << (bit % 8)]);
        contents.evict();
        Some(id)
    });
    let Some(id) = rotten.flatten() else { return false };
    World::current().event(node, "bit rot", [id.0, bit, 0]);
    true
}

fn with<T>(node: Node, root: Option<&Path>, action: impl FnOnce(&mut Mount) -> T) -> Option<T> {
    let world = World::current();
    let seed = world.seed();
    world.disks().of(node, seed).mount(root).map(action)
}
