//! Disks that go wrong.

use super::files;
use crate::run::server_node::ServerNode;
use jepsen_lite::history::{FaultKind, FaultNature};
use runtime::simulation::disk::{self, Faults};
use runtime::simulation::{Latency, Node, elapsed};
use runtime::time::Duration;
use std::collections::BTreeMap;

/// How the disk is when nothing is wrong with it, given how it is now: the shape of the world stays.
pub fn heal(node: Node, usual: &Faults) {
    disk::change(node, |faults| *faults = usual.clone());
}

/// What a fault of the disk changes. `lasts` is for what ends by itself.
pub fn apply(node: Node, kind: FaultKind, amount: u64, lasts: Duration) {
    let chance = 0.2 + 0.8 * ((amount >> 16) % 1000) as f64 / 1000.0;
    let room = disk::image(node).length() + amount % 20_000;
    disk::change(node, |faults| match kind {
        FaultKind::SlowDisk if amount.is_multiple_of(2) => {
            let (usual, longest) = (Duration::from_millis(20), Duration::from_millis(900));
            faults.sync_latency = Latency::between(Duration::from_millis(2), usual).with_tail(0.2, longest);
        }
        FaultKind::SlowDisk => faults.bytes_per_second = Some(20_000 + amount % 2_000_000),
        FaultKind::StalledDisk if amount.is_multiple_of(2) => faults.stalled = Some(elapsed() + lasts),
        FaultKind::StalledDisk => {
            faults.stall_node = Some(Duration::from_millis(1 + amount % 300));
            faults.stall_chance = 0.02;
        }
        FaultKind::FailedSync => faults.sync_error = chance,
        FaultKind::FailedWrite => faults.write_error = chance,
        FaultKind::FailedRead => faults.read_error = chance,
        FaultKind::RotOnRead => faults.read_rot = chance,
        FaultKind::MisdirectedRead => faults.misdirected_read = chance / 4.0,
        FaultKind::MisdirectedWrite => faults.misdirected_write = chance / 10.0,
        FaultKind::LostWrite => faults.lost_write = chance / 10.0,
        FaultKind::FullDisk => faults.capacity = room,
        _ => {}
    });
}

/// Undoes what [`apply`] did, and leaves what other faults did.
pub fn end(node: Node, kind: FaultKind, usual: &Faults) {
    disk::change(node, |faults| match kind {
        FaultKind::SlowDisk => {
            (faults.sync_latency, faults.bytes_per_second) = (usual.sync_latency, usual.bytes_per_second);
        }
        FaultKind::StalledDisk => (faults.stalled, faults.stall_node, faults.stall_chance) = (None, None, 0.0),
        FaultKind::FailedSync => faults.sync_error = 0.0,
        FaultKind::FailedWrite => faults.write_error = 0.0,
        FaultKind::FailedRead => faults.read_error = 0.0,
        FaultKind::RotOnRead => faults.read_rot = 0.0,
        FaultKind::MisdirectedRead => faults.misdirected_read = 0.0,
        FaultKind::MisdirectedWrite => faults.misdirected_write = 0.0,
        FaultKind::LostWrite => faults.lost_write = 0.0,
        FaultKind::FullDisk => faults.capacity = usual.capacity,
        _ => {}
    });
}

/// Flips a bit of a file at rest, and tells which; `None` when there is nothing to flip. Each sort of file is as likely: of
/// those that matter most there are the fewest.
pub fn rot(server: &ServerNode, amount: u64) -> Option<FaultNature> {
    let node = server.node;
    let files = disk::image(node).files();
    let mut sorts: BTreeMap<&str, Vec<(&str, &[u8])>> = BTreeMap::new();
    for (path, bytes) in files.iter().filter(|(path, bytes)| !bytes.is_empty() && files::kind_of(path).is_some()) {
        sorts.entry(files::sort_of(path)).or_default().push((path, bytes));
    }
    let of_sort = (amount >> 40) as usize % sorts.len().max(1);
    let some = sorts.into_values().nth(of_sort)?;
    let (path, bytes) = *some.get((amount >> 8) as usize % some.len())?;
    let bit = (amount >> 24) % (bytes.len() as u64 * 8);
    disk::rot(node, path, bit).then(|| FaultNature {
        file: files::kind_of(path),
        partition: files::partition_of(path),
        ..server.nature(FaultKind::RotAtRest, format!("bit {bit} of {path}"))
    })
}
