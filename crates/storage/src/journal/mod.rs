//! The write-ahead journal of a log directory: what one sync makes durable for every partition that waits.
//!
//! Entries of any number of partitions are gathered into groups. One group is in flight at a time: one write, one
//! sync, then everybody who waits for it is told. Groups go into a ring of preallocated files; a file is used again
//! once the checkpoint says that the segments have all that its groups hold.

mod entry;
mod fault;
mod group;
mod replay;
mod ring;
mod writer;

pub use entry::{Change, Entry};
pub use fault::{JournalFailed, JournalFault};
pub use replay::{Replay, ReplayedGroup};

use crate::checkpoint::Checkpoint;
use group::PendingGroup;
use ring::Ring;
use runtime::disk::Disk;
use runtime::sync::{Notify, watch};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

/// The sizes of a journal.
#[derive(Clone, Debug)]
pub struct JournalOptions {
    /// Bytes of one file; a group that is larger gets a file of its own size.
    pub file_bytes: u64,
    /// How many files a new journal has.
    pub initial_files: usize,
    /// Bytes that all files together may grow to. Beyond it appends wait.
    pub max_bytes: u64,
    /// Entries that come while a sync is under way go into one group up to about so many bytes.
    pub group_bytes_max: usize,
}

impl Default for JournalOptions {
    fn default() -> Self {
        JournalOptions { file_bytes: 4 << 20, initial_files: 4, max_bytes: 1 << 30, group_bytes_max: 1 << 20 }
    }
}

/// From where on the checkpoint needs the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalPosition {
    /// The generation whose groups count.
    pub generation: u64,
    /// The last group that is not needed any more.
    pub tail_sequence: u64,
}

impl From<&Checkpoint> for JournalPosition {
    fn from(checkpoint: &Checkpoint) -> Self {
        JournalPosition { generation: checkpoint.generation, tail_sequence: checkpoint.tail_sequence }
    }
}

/// The journal. Clones share it; when the last one is dropped its writer stops.
#[derive(Clone, Debug)]
pub struct Journal {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    options: JournalOptions,
    /// Something was submitted, or files became free.
    work: Arc<Notify>,
    /// There is room again.
    room: Notify,
    /// A group finds no place.
    starved: Arc<Notify>,
    durable: watch::Sender<u64>,
    failed: watch::Sender<Option<String>>,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    generation: u64,
    /// The sequence of the next group to be begun.
    next_sequence: u64,
    pending: VecDeque<PendingGroup>,
    pending_bytes: u64,
    /// The CRC of the last group written in this generation.
    previous_crc: u32,
}

impl Journal {
    /// Opens the journal of the directory at the root of `disk`, made when it is not there. What the replay gives is on
    /// stable storage. No new group is written before [`Journal::start_generation`].
    ///
    /// # Errors
    /// The disk refused, or files are missing or of a later version.
    pub async fn open(
        disk: Disk,
        options: JournalOptions,
        from: Option<JournalPosition>,
    ) -> Result<(Journal, Replay), JournalFault> {
        let found = replay::find(&disk, from).await?;
        let ring = Ring::open(disk, &options, found.files).await?;
        let state = State {
            ring,
            generation: found.last_generation,
            next_sequence: found.last_sequence + 1,
            pending: VecDeque::new(),
            pending_bytes: 0,
            previous_crc: 0,
        };
        let shared = Shared {
            state: Mutex::new(state),
            options,
            work: Arc::new(Notify::new()),
            room: Notify::new(),
            starved: Arc::default(),
            durable: watch::Sender::new(found.last_sequence),
            failed: watch::Sender::new(None),
        };
        Ok((Journal { shared: Arc::new(shared) }, found.replay))
    }

    /// Begins a new generation in files that the last one does not need, and starts to write. Called once, when all
    /// that the replay gave is on stable storage.
    ///
    /// # Errors
    /// The disk refused.
    pub async fn start_generation(&self) -> Result<(), JournalFault> {
        {
            let mut state = self.shared.state();
            if !model::planted!("keep-journal-generation") {
                state.generation += 1;
            }
            state.previous_crc = 0;
            state.ring.leave_current();
        }
        runtime::task::spawn("journal", writer::run(Arc::downgrade(&self.shared), self.shared.work.clone()));
        Ok(())
    }

    /// The generation being written.
    pub fn generation(&self) -> u64 {
        self.shared.state().generation
    }

    /// Adds an entry to the next group and gives that group's sequence. Never waits: see [`Journal::ready`].
    pub fn submit(&self, entry: Entry) -> u64 {
        let mut guard = self.shared.state();
        let state = &mut *guard;
        // A group that fits no file needs one of its own, so only a single large entry may come to that.
        let limit = self.shared.options.group_bytes_max.min(self.shared.options.file_bytes as usize / 2);
        if state.pending.back().is_none_or(|last| last.length() >= limit) {
            state.pending.push_back(PendingGroup::new(state.next_sequence));
            state.next_sequence += 1;
        }
        let last = state.pending.back_mut().expect("pushed above");
        let before = last.length();
        last.push(entry);
        state.pending_bytes += (last.length() - before) as u64;
        let sequence = last.sequence;
        drop(guard);
        self.shared.work.notify_one();
        sequence
    }

    /// The last group on stable storage; those before it are too.
    pub fn durable(&self) -> watch::Receiver<u64> {
        self.shared.durable.subscribe()
    }

    /// Waits until there is room for more entries.
    pub async fn ready(&self) {
        loop {
            let room = self.shared.room.notified();
            if self.fill() < 1.0 {
                return;
            }
            room.await;
        }
    }

    /// Notified when a group finds no place: somebody is to see to a release. The journal may be far from full then.
    pub fn starved(&self) -> Arc<Notify> {
        self.shared.starved.clone()
    }

    /// Groups up to `sequence` are not needed any more: the checkpoint that says so is durable.
    pub fn release(&self, sequence: u64) {
        self.shared.state().ring.release(sequence);
        self.shared.work.notify_one();
        self.shared.room.notify_waiters();
    }

    /// What is needed and what waits, as a part of `max_bytes`; all of it while the next group finds no place.
    pub fn fill(&self) -> f32 {
        let state = self.shared.state();
        if state.ring.is_full() {
            return 1.0;
        }
        let needed = state.ring.needed_bytes() + state.pending_bytes;
        needed as f32 / self.shared.options.max_bytes.max(1) as f32
    }

    /// Why the journal takes nothing any more, once it does not. Fatal to the directory, and never tried again.
    pub fn failed(&self) -> watch::Receiver<Option<String>> {
        self.shared.failed.subscribe()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic inside")
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // The writer holds a weak reference: woken, it sees that nobody is left.
        self.shared.work.notify_one();
    }
}
