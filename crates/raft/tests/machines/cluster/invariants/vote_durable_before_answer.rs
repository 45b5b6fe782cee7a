//! A vote is on stable storage when the candidate is told of it.

use super::super::disk::Disk;
use super::Violation;
use raft::{Body, Message, ReplicaKey};

/// A node sends this.
pub fn check(disk: &Disk, message: &Message) -> Result<(), Violation> {
    let Body::Ballot { pre: false, granted: true, .. } = message.body else { return Ok(()) };
    let candidate = ReplicaKey { id: message.receiver, directory: message.receiver_directory };
    let stored = disk.stored.hard_state;
    let kept = stored.epoch > message.epoch || (stored.epoch, stored.voted_for) == (message.epoch, Some(candidate));
    if kept {
        return Ok(());
    }
    let what = format!("{:?} votes for {candidate:?} in epoch {} with {stored:?}", message.sender, message.epoch);
    Err(Violation::of("vote durable before answer", what))
}
