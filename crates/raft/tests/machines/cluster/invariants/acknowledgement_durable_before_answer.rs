//! Entries are on stable storage when the leader is told that they are there.

use super::super::disk::Disk;
use super::Violation;
use raft::{Body, Message};

/// A node sends this.
pub fn check(disk: &Disk, message: &Message) -> Result<(), Violation> {
    match message.body {
        Body::Appended { matched } if matched > disk.end() => {
            let what = format!("{:?} acknowledges {matched} with a disk up to {}", message.sender, disk.end());
            Err(Violation::of("acknowledgement durable before answer", what))
        }
        _ => Ok(()),
    }
}
