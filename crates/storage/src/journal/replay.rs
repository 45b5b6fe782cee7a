//! Reading a journal back after a crash: which groups count, which are torn, and which have rotted.

use super::JournalPosition;
use super::entry::Entry;
use super::fault::JournalFault;
use super::group::{BLOCK, FORMAT, HEADER_BYTES, Header, entries, is_whole, span};
use super::ring::{Slot, number_of, path};
use bytes::Bytes;
use model::planted;
use runtime::disk::{Disk, File, Open};
use std::collections::BTreeMap;

/// One group of the journal that counts.
#[derive(Debug, PartialEq, Eq)]
pub struct ReplayedGroup {
    /// Its sequence.
    pub sequence: u64,
    /// What it holds, in order.
    pub entries: Vec<Entry>,
}

/// The groups after the checkpoint, in order, read one by one.
#[derive(Debug)]
pub struct Replay {
    groups: BTreeMap<u64, Location>,
    /// The last group was cut off by the crash: it was never acknowledged.
    pub torn_tail: bool,
    /// Groups that are missing or damaged although a later one proves that they were synced.
    pub corrupt: Vec<u64>,
}

/// What opening finds.
#[derive(Debug)]
pub(super) struct Found {
    pub files: Vec<Slot>,
    pub last_generation: u64,
    pub last_sequence: u64,
    pub replay: Replay,
}

#[derive(Debug)]
struct Location {
    file: File,
    number: u64,
    offset: u64,
    header: Header,
}

impl Replay {
    /// The next group; none after the last.
    ///
    /// # Errors
    /// The disk refused, or the group is not what it was a moment ago.
    pub async fn next_group(&mut self) -> Result<Option<ReplayedGroup>, JournalFault> {
        let Some((sequence, location)) = self.groups.pop_first() else { return Ok(None) };
        let group = read(&location.file, location.number, location.offset, location.header.length as usize).await?;
        let corrupt = |reason: &str| JournalFault::Corrupt { path: path(location.number), reason: reason.to_owned() };
        if !is_whole(&location.header, &group) {
            return Err(corrupt("a group changed while it was read: the disk is failing"));
        }
        let entries = entries(&location.header, group).ok_or_else(|| corrupt("a whole group has malformed entries"))?;
        Ok(Some(ReplayedGroup { sequence, entries }))
    }
}

/// Looks through all journal files of `disk`.
pub(super) async fn find(disk: &Disk, from: Option<JournalPosition>) -> Result<Found, JournalFault> {
    let mut scan = Scan {
        from,
        last_generation: from.map_or(0, |from| from.generation),
        last_sequence: from.map_or(0, |from| from.tail_sequence),
        groups: BTreeMap::new(),
        torn: false,
    };
    let mut files = Vec::new();
    for entry in disk.list("").await.map_err(JournalFault::disk("."))? {
        let Some(number) = number_of(&entry.name) else { continue };
        files.push(scan.file(disk, number).await?);
    }
    if files.is_empty() && from.is_some() {
        return Err(JournalFault::Missing);
    }
    if from.is_none() && scan.last_sequence > 0 {
        let reason = "it is missing, although the journal has groups: was it deleted?".to_owned();
        return Err(JournalFault::Corrupt { path: crate::checkpoint::PATH.to_owned(), reason });
    }
    let corrupt = scan.corrupt();
    scan.settle_last().await?;
    let replay = Replay { groups: scan.groups, torn_tail: scan.torn, corrupt };
    Ok(Found { files, last_generation: scan.last_generation, last_sequence: scan.last_sequence, replay })
}

struct Scan {
    from: Option<JournalPosition>,
    last_generation: u64,
    last_sequence: u64,
    groups: BTreeMap<u64, Location>,
    torn: bool,
}

impl Scan {
    async fn file(&mut self, disk: &Disk, number: u64) -> Result<Slot, JournalFault> {
        let path = path(number);
        let file = disk.open_file(&path, Open::Existing).await.map_err(JournalFault::disk(&*path))?;
        let bytes = file.length().await.map_err(JournalFault::disk(&*path))?;
        let mut last_sequence = None;
        let mut offset = 0;
        while offset + HEADER_BYTES as u64 <= bytes {
            let Some(header) = self.group(&file, number, offset, bytes).await? else {
                offset += BLOCK;
                continue;
            };
            if self.counts(&header) {
                last_sequence = last_sequence.max(Some(header.sequence));
                self.groups.insert(header.sequence, Location { file: file.clone(), number, offset, header });
            }
            offset += span(u64::from(header.length));
        }
        Ok(Slot { number, file, bytes, last_sequence })
    }

    /// The whole group at `offset`, if there is one.
    async fn group(
        &mut self,
        file: &File,
        number: u64,
        offset: u64,
        bytes: u64,
    ) -> Result<Option<Header>, JournalFault> {
        let head = read(file, number, offset, HEADER_BYTES).await?;
        let Some(header) = Header::parse(&head) else { return Ok(None) };
        if header.format > FORMAT {
            return Err(JournalFault::Newer { path: path(number), version: header.format, readable: FORMAT });
        }
        let whole = offset + u64::from(header.length) <= bytes
            && is_whole(&header, &read(file, number, offset, header.length as usize).await?);
        // A torn header may show any number: sequences and generations must not be used again all the same.
        if whole || self.from.is_some_and(|from| header.sequence <= from.tail_sequence + (1 << 20)) {
            self.last_generation = self.last_generation.max(header.generation);
            self.last_sequence = self.last_sequence.max(header.sequence);
        }
        if !whole {
            model::mark!("torn or rotten journal group");
            self.torn |= self.counts(&header);
        }
        Ok(whole.then_some(header))
    }

    /// Brings the last group to stable storage. It may be in the page cache alone: the process died before its sync, or
    /// over one that failed. Replay cuts files because of what it says, so the next recovery must find it too. All
    /// groups before it were synced.
    async fn settle_last(&self) -> Result<(), JournalFault> {
        let Some(last) = self.groups.values().next_back() else { return Ok(()) };
        if planted!("replay-before-journal-sync") {
            return Ok(());
        }
        let group = read(&last.file, last.number, last.offset, last.header.length as usize).await?;
        let settle = async {
            // After a failed sync the kernel takes the page for written: only a new write makes it do so.
            last.file.write_at(&[group], last.offset).await?;
            last.file.sync().await
        };
        settle.await.map_err(JournalFault::disk(path(last.number)))
    }

    fn counts(&self, header: &Header) -> bool {
        self.from.is_some_and(|from| header.generation == from.generation && header.sequence > from.tail_sequence)
    }

    /// Groups between the checkpoint's tail and the last whole one that are not there, or do not follow one another.
    fn corrupt(&mut self) -> Vec<u64> {
        let Some(from) = self.from else { return Vec::new() };
        let mut corrupt = Vec::new();
        let mut expected = None;
        let mut previous_crc = None;
        for (sequence, location) in &self.groups {
            // The tail may be older than the first group of the generation, which has no group before it.
            let start = if location.header.previous_crc == 0 { *sequence } else { from.tail_sequence + 1 };
            let next = expected.unwrap_or(start);
            corrupt.extend(next..*sequence);
            let follows = previous_crc.is_none_or(|crc| crc == location.header.previous_crc);
            if next == *sequence && !follows {
                corrupt.push(*sequence - 1);
            }
            expected = Some(*sequence + 1);
            previous_crc = Some(location.header.crc);
        }
        corrupt
    }
}

async fn read(file: &File, number: u64, offset: u64, length: usize) -> Result<Bytes, JournalFault> {
    let mut buffer = vec![0; length];
    let read = file.read_at(&mut buffer, offset).await.map_err(JournalFault::disk(path(number)))?;
    buffer.truncate(read);
    Ok(Bytes::from(buffer))
}
