//! The task that writes groups: one at a time, each with one write and one sync.

use super::group::PendingGroup;
use super::ring::Place;
use super::{JournalFault, Shared};
use crate::fault::is_out_of_space;
use bytes::Bytes;
use model::{mark, planted};
use runtime::disk::File;
use runtime::sync::{Notify, select};
use runtime::time::{Duration, sleep, timeout};
use std::io;
use std::sync::{Arc, Weak};

/// A write with its sync that takes longer is a failed one.
const SYNC_DEADLINE: Duration = Duration::from_secs(30);
/// After so long without work an empty group is written: it proves that the last one was synced, so that rot of it is
/// told from a torn write.
const IDLE: Duration = Duration::from_millis(100);
/// How long to wait before a file is tried again for which the disk had no space.
const SPACE_CHECK: Duration = Duration::from_millis(100);

/// What ended a step.
enum Step {
    /// A group is durable.
    Wrote { empty: bool },
    /// Nothing to write, or no room to write it.
    Wait,
    /// Nothing can be written any more.
    Failed,
}

/// Writes until the journal is dropped or fails.
pub(super) async fn run(journal: Weak<Shared>, work: Arc<Notify>) {
    let mut proven = true;
    loop {
        let Some(shared) = journal.upgrade() else { return };
        match shared.step().await {
            Step::Wrote { empty } => proven = empty,
            Step::Failed => return,
            Step::Wait => {
                drop(shared);
                if !wait(&work, proven).await
                    && let Some(shared) = journal.upgrade()
                {
                    shared.push_empty();
                }
            }
        }
    }
}

/// Waits for work; false when none came and the last group is not proven yet.
async fn wait(work: &Notify, proven: bool) -> bool {
    if proven {
        work.notified().await;
        return true;
    }
    select! {
        biased;
        () = work.notified() => true,
        () = sleep(IDLE) => false,
    }
}

impl Shared {
    fn push_empty(&self) {
        let mut state = self.state();
        if state.pending.is_empty() {
            let sequence = state.next_sequence;
            state.next_sequence += 1;
            state.pending.push_back(PendingGroup::new(sequence));
        }
    }

    async fn step(&self) -> Step {
        let (place, group) = {
            let mut state = self.state();
            let Some(first) = state.pending.front() else { return Step::Wait };
            let (length, sequence) = (first.length() as u64, first.sequence);
            let place = state.ring.place(length, sequence);
            let group = matches!(place, Place::At(..)).then(|| state.take_first());
            (place, group)
        };
        match (place, group) {
            (Place::At(file, offset), Some(group)) => self.write(file, offset, group).await,
            (Place::Grow(bytes), _) => self.grow(bytes).await,
            _ => {
                mark!("journal has no free file");
                if !planted!("nobody is told that a group finds no place") {
                    self.starved.notify_one();
                }
                Step::Wait
            }
        }
    }

    async fn write(&self, file: File, offset: u64, group: PendingGroup) -> Step {
        let (sequence, empty) = (group.sequence, group.is_empty());
        let (generation, previous_crc) = {
            let state = self.state();
            (state.generation, state.previous_crc)
        };
        let (parts, crc) = group.seal(generation, previous_crc);
        self.state().previous_crc = crc;
        match write_and_sync(&file, &parts, offset).await {
            Ok(()) => {
                self.durable.send_replace(sequence);
                self.room.notify_waiters();
                Step::Wrote { empty }
            }
            Err(error) => self.fail(format!("the journal cannot be written: {error}")),
        }
    }

    async fn grow(&self, bytes: u64) -> Step {
        let maker = self.state().ring.maker(bytes);
        match maker.make().await {
            Ok(slot) => {
                self.state().ring.add(slot);
                Step::Wrote { empty: false }
            }
            Err(JournalFault::Disk { error, .. }) if is_out_of_space(&error) => {
                mark!("no space to grow the journal");
                // What it has may be made free, long before it is half full of all that it may have.
                self.state().ring.cannot_grow();
                self.starved.notify_one();
                sleep(SPACE_CHECK).await;
                Step::Wrote { empty: false }
            }
            Err(fault) => self.fail(format!("the journal cannot grow: {fault}")),
        }
    }

    fn fail(&self, why: String) -> Step {
        mark!("journal failed");
        self.failed.send_replace(Some(why));
        self.room.notify_waiters();
        Step::Failed
    }
}

impl super::State {
    /// Takes the first group out, to be written.
    fn take_first(&mut self) -> PendingGroup {
        let group = self.pending.pop_front().expect("the caller looked");
        let entries = group.length() - super::group::HEADER_BYTES;
        self.pending_bytes = self.pending_bytes.saturating_sub(entries as u64);
        group
    }
}

/// A write into the page cache can hang as long as a sync, once the kernel has no clean pages left.
async fn write_and_sync(file: &File, parts: &[Bytes], offset: u64) -> io::Result<()> {
    let both = async {
        file.write_at(parts, offset).await?;
        file.sync().await
    };
    match timeout(SYNC_DEADLINE, both).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "a write and its sync took longer than 30 s")),
    }
}
