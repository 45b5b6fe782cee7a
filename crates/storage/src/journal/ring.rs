//! The files of the journal, and where the next group goes.

use super::JournalOptions;
use super::fault::JournalFault;
use super::group::span;
use model::planted;
use runtime::disk::{Disk, File, Open};
use std::collections::BTreeSet;

const PREFIX: &str = "thalweg-journal-";

/// The path of file number `number`.
pub(super) fn path(number: u64) -> String {
    format!("{PREFIX}{number:06}")
}

/// The number in a file's name; `None` for other files.
pub(super) fn number_of(name: &str) -> Option<u64> {
    name.strip_prefix(PREFIX)?.parse().ok()
}

/// One file of the ring.
#[derive(Debug)]
pub(super) struct Slot {
    pub number: u64,
    pub file: File,
    pub bytes: u64,
    /// The last group in it that may be needed; `None` when it is free.
    pub last_sequence: Option<u64>,
}

/// All files.
#[derive(Debug)]
pub(super) struct Ring {
    disk: Disk,
    file_bytes: u64,
    max_bytes: u64,
    slots: Vec<Slot>,
    /// The slot being written and the offset of the next group in it.
    current: Option<(usize, u64)>,
    released: u64,
    /// The group to be written next has no place.
    full: bool,
}

/// Where a group goes.
#[derive(Debug)]
pub(super) enum Place {
    /// Into this file at this offset.
    At(File, u64),
    /// No file has room: one of this many bytes must be made first.
    Grow(u64),
    /// All files are needed, and they may not grow.
    Full,
}

impl Ring {
    /// The ring of the files that were found; a new one when there are none.
    pub async fn open(disk: Disk, options: &JournalOptions, slots: Vec<Slot>) -> Result<Ring, JournalFault> {
        let mut ring = Ring {
            disk,
            file_bytes: span(options.file_bytes.max(1)),
            max_bytes: options.max_bytes,
            slots,
            current: None,
            released: 0,
            full: false,
        };
        while ring.slots.len() < options.initial_files {
            let slot = ring.maker(ring.file_bytes).make().await?;
            ring.slots.push(slot);
        }
        Ok(ring)
    }

    /// Writes nothing more into the current file: a new generation starts in another.
    pub fn leave_current(&mut self) {
        self.current = None;
    }

    /// Where a group of `length` bytes goes, which becomes the last of its file.
    pub fn place(&mut self, length: u64, sequence: u64) -> Place {
        let needed = span(length);
        let fits_current = self.current.filter(|(at, offset)| offset + needed <= self.slots[*at].bytes);
        let place = fits_current.or_else(|| self.free_slot(needed).map(|at| (at, 0)));
        let Some((at, offset)) = place else {
            let total: u64 = self.slots.iter().map(|slot| slot.bytes).sum();
            let bytes = needed.max(self.file_bytes);
            // A single group larger than the whole bound still goes through, once everything else is free.
            // The current file is never marked as free, but may not be needed either.
            self.full = total + bytes > self.max_bytes && self.needed_bytes() > 0;
            return if self.full { Place::Full } else { Place::Grow(bytes) };
        };
        self.full = false;
        self.current = Some((at, offset + needed));
        self.slots[at].last_sequence = Some(sequence);
        // The file that is left for this one may have been released while it was written to.
        if offset == 0 && !planted!("a journal file that is left stays taken") {
            self.free_released();
        }
        Place::At(self.slots[at].file.clone(), offset)
    }

    /// The free file that was written longest ago: corrupt old groups are then found as such for longest.
    fn free_slot(&self, needed: u64) -> Option<usize> {
        let current = self.current.map(|(at, _)| at);
        let start = current.map_or(0, |at| at + 1);
        let order = (0..self.slots.len()).map(|n| (start + n) % self.slots.len());
        order
            .filter(|at| Some(*at) != current)
            .find(|at| self.slots[*at].last_sequence.is_none() && self.slots[*at].bytes >= needed)
    }

    /// Frees the files whose groups are all up to `sequence`.
    pub fn release(&mut self, sequence: u64) {
        self.released = self.released.max(sequence);
        self.free_released();
    }

    fn free_released(&mut self) {
        let current = self.current.map(|(at, _)| at);
        for (at, slot) in self.slots.iter_mut().enumerate() {
            if Some(at) != current && slot.last_sequence.is_some_and(|last| last <= self.released) {
                slot.last_sequence = None;
            }
        }
    }

    /// The disk has no space for another file: the next group waits for those that are needed.
    pub fn cannot_grow(&mut self) {
        self.full = self.needed_bytes() > 0;
    }

    /// Whether the next group waits for files to become free, which may be long before all bytes are needed: what is
    /// free may be too small for it.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Bytes of the files that are needed.
    pub fn needed_bytes(&self) -> u64 {
        let full = |at: usize, slot: &Slot| match self.current {
            Some((current, offset)) if current == at => {
                if slot.last_sequence.is_some_and(|last| last <= self.released) { 0 } else { offset }
            }
            _ => slot.last_sequence.map_or(0, |_| slot.bytes),
        };
        self.slots.iter().enumerate().map(|(at, slot)| full(at, slot)).sum()
    }

    /// What is needed to make a file of `bytes`, outside of any lock.
    pub fn maker(&self, bytes: u64) -> Maker {
        let taken: BTreeSet<u64> = self.slots.iter().map(|slot| slot.number).collect();
        let number = (0..).find(|number| !taken.contains(number)).expect("there are enough numbers");
        Maker { disk: self.disk.clone(), number, bytes }
    }

    /// Adds a file that was made.
    pub fn add(&mut self, slot: Slot) {
        self.slots.push(slot);
    }
}

/// Makes one file.
#[derive(Debug)]
pub(super) struct Maker {
    disk: Disk,
    number: u64,
    bytes: u64,
}

impl Maker {
    /// A file of zeros, on stable storage with its name: from then on a sync of it moves no metadata.
    pub async fn make(self) -> Result<Slot, JournalFault> {
        let path = path(self.number);
        let result = self.write(&path).await;
        if result.is_err() {
            let _ = self.disk.remove_file(&path).await; // the fault is what counts
        }
        let file = result.map_err(JournalFault::disk(path))?;
        Ok(Slot { number: self.number, file, bytes: self.bytes, last_sequence: None })
    }

    async fn write(&self, path: &str) -> std::io::Result<File> {
        let file = self.disk.open_file(path, Open::OrCreate).await?;
        let zeros = bytes::Bytes::from(vec![0; 1 << 20]);
        let mut at = 0;
        while at < self.bytes {
            let part = zeros.slice(..zeros.len().min((self.bytes - at) as usize));
            let length = part.len() as u64;
            file.write_at(&[part], at).await?;
            at += length;
        }
        file.sync().await?;
        self.disk.sync_directory("").await?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ring_of_two(disk: Disk) -> Ring {
        let options =
            JournalOptions { file_bytes: 16_384, initial_files: 2, max_bytes: 32_768, ..JournalOptions::default() };
        Ring::open(disk, &options, Vec::new()).await.expect("a ring can be made")
    }

    /// Such a group waited for ever: the file that was written last is never marked as free, and nobody was told that
    /// the journal is to be emptied, as most of its bytes were free.
    #[test]
    fn a_group_that_fits_no_file_waits_until_nothing_is_needed_and_no_longer() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let story = async {
            let mut ring = ring_of_two(Disk::open(folder.path()).await.expect("the directory")).await;
            assert!(matches!(ring.place(1000, 1), Place::At(_, 0)));
            assert!(matches!(ring.place(20_000, 2), Place::Full));
            assert!(ring.is_full());
            ring.release(1);
            assert!(matches!(ring.place(20_000, 2), Place::Grow(20_480)));
            assert!(!ring.is_full());
        };
        runtime::task::run(1, story).expect("threads can be started");
    }
}
