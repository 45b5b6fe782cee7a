//! The bytes of one file: what reads see, and what a power failure leaves.

use super::SectorSize;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The unit of the page cache.
pub(crate) const PAGE: usize = 4096;
const SECTOR: usize = 512;
const SECTORS: usize = PAGE / SECTOR;

type Page = Arc<[u8; PAGE]>;

/// One file's bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    length: u64,
    /// What reads see; zeros where there is no page.
    pages: BTreeMap<u64, Page>,
    /// The pages that the disk may hold otherwise.
    unsettled: BTreeMap<u64, Unsettled>,
    durable: Durable,
    /// Counts the changes.
    version: u64,
    syncs: BTreeMap<u64, Snapshot>,
}

/// What is known about the file's length on the disk.
#[derive(Clone, Copy, Debug, Default)]
struct Durable {
    length: u64,
    version: u64,
    /// The shortest that the file has been since, when that was shorter.
    cut: Option<u64>,
}

/// A page that the disk may hold otherwise than the cache.
#[derive(Clone, Debug)]
struct Unsettled {
    /// What the disk surely holds of it; zeros where there is none.
    disk: Option<Page>,
    disk_version: u64,
    written: u64,
    /// One bit a sector: will be written by the next sync, or earlier.
    dirty: u8,
    /// One bit a sector: differs from the disk, and the kernel does not know.
    orphaned: u8,
}

/// What a sync that has begun will make durable.
#[derive(Clone, Debug)]
struct Snapshot {
    version: u64,
    length: u64,
    cut: Option<u64>,
    pages: Vec<(u64, Option<Page>)>,
}

impl Contents {
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Bytes of disk that it takes.
    pub fn allocated(&self) -> u64 {
        self.pages.len() as u64 * PAGE as u64
    }

    /// How many bytes more a write there would allocate.
    pub fn growth(&self, offset: u64, length: u64) -> u64 {
        if length == 0 {
            return 0;
        }
        let (first, last) = (offset / PAGE as u64, (offset + length - 1) / PAGE as u64);
        let present = self.pages.range(first..=last).count() as u64;
        (last - first + 1 - present) * PAGE as u64
    }

    /// Fills `buffer` from `offset` on, and says how much of it there was.
    pub fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let count = self.length.saturating_sub(offset).min(buffer.len() as u64) as usize;
        for (index, start, range) in pages_of(offset, count) {
            let part = &mut buffer[range];
            match self.pages.get(&index) {
                Some(page) => part.copy_from_slice(&page[start..start + part.len()]),
                None => part.fill(0),
            }
        }
        count
    }

    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.version += 1;
        for (index, start, range) in pages_of(offset, bytes.len()) {
            self.write_page(index, start, &bytes[range]);
        }
        self.length = self.length.max(offset + bytes.len() as u64);
    }

    /// Extends it to `length` with zeros that are really written.
    pub fn allocate(&mut self, length: u64) {
        let Some(count) = length.checked_sub(self.length).filter(|count| *count > 0) else { return };
        self.version += 1;
        let zero: Page = Arc::new([0; PAGE]);
        for (index, start, range) in pages_of(self.length, count as usize) {
            if range.len() == PAGE {
                self.unsettle(index).wrote(0, PAGE);
                self.pages.insert(index, zero.clone());
            } else {
                self.write_page(index, start, &zero[..range.len()]);
            }
        }
        self.length = length;
    }

    fn write_page(&mut self, index: u64, start: usize, bytes: &[u8]) {
        self.unsettle(index).wrote(start, bytes.len());
        if let Ok(whole) = <&[u8; PAGE]>::try_from(bytes) {
            self.pages.insert(index, Arc::new(*whole));
            return;
        }
        let page = self.pages.entry(index).or_insert_with(|| Arc::new([0; PAGE]));
        Arc::make_mut(page)[start..start + bytes.len()].copy_from_slice(bytes);
    }

    /// The page's entry, about to be written.
    fn unsettle(&mut self, index: u64) -> &mut Unsettled {
        let page = self.unsettled.entry(index).or_insert_with(|| Unsettled {
            disk: self.pages.get(&index).cloned(),
            disk_version: self.version - 1,
            written: 0,
            dirty: 0,
            orphaned: 0,
        });
        page.written = self.version;
        page
    }

    pub fn set_length(&mut self, length: u64) {
        self.version += 1;
        if length < self.length {
            self.cut(length);
        }
        self.length = length;
    }

    fn cut(&mut self, length: u64) {
        let (last, within) = (length / PAGE as u64, (length % PAGE as u64) as usize);
        if within > 0 && self.pages.contains_key(&last) {
            self.write_page(last, within, &[0; PAGE][within..]);
        }
        let first_gone = length.div_ceil(PAGE as u64);
        let gone: Vec<u64> = self.pages.range(first_gone..).map(|(index, _)| *index).collect();
        for index in gone {
            self.unsettle(index).wrote(0, PAGE);
            self.pages.remove(&index);
        }
        for cut in self.syncs.values_mut().map(|sync| &mut sync.cut).chain([&mut self.durable.cut]) {
            *cut = Some(cut.unwrap_or(length).min(length));
        }
    }

    /// A sync begins: what is in the cache now will be durable when it has ended.
    pub fn begin_sync(&mut self, ticket: u64) {
        let dirty = self.unsettled.iter().filter(|(_, page)| page.dirty != 0);
        let pages = dirty.map(|(index, _)| (*index, self.pages.get(index).cloned())).collect();
        self.syncs.insert(ticket, Snapshot { version: self.version, length: self.length, cut: None, pages });
    }

    pub fn end_sync(&mut self, ticket: u64) {
        let Some(sync) = self.syncs.remove(&ticket) else { return };
        for (index, page) in sync.pages {
            self.write_back_version(index, page, sync.version);
        }
        if sync.version >= self.durable.version {
            self.durable = Durable { length: sync.length, version: sync.version, cut: sync.cut };
        }
    }

    /// A sync fails, and the kernel believes the pages clean from now on: those that `reached` the disk are, the others
    /// are dropped from the cache or stay there without ever being written.
    pub fn fail_sync(&mut self, ticket: u64, drops: bool, mut reached: impl FnMut() -> bool) {
        let Some(sync) = self.syncs.remove(&ticket) else { return };
        for (index, page) in sync.pages {
            if reached() {
                self.write_back_version(index, page, sync.version);
                continue;
            }
            let Some(unsettled) = self.unsettled.get_mut(&index) else { continue };
            if unsettled.written > sync.version {
                continue; // dirtied again meanwhile
            }
            unsettled.orphaned |= std::mem::take(&mut unsettled.dirty);
            if drops {
                self.forget_page(index);
            }
        }
    }

    fn write_back_version(&mut self, index: u64, page: Option<Page>, version: u64) {
        let Some(unsettled) = self.unsettled.get_mut(&index) else { return };
        if unsettled.disk_version > version {
            return;
        }
        unsettled.disk_version = version;
        unsettled.orphaned = 0;
        unsettled.dirty =
            if unsettled.written <= version { 0 } else { difference(&page, &self.pages.get(&index).cloned()) };
        unsettled.disk = page;
        if unsettled.dirty == 0 {
            self.unsettled.remove(&index);
        }
    }

    /// The kernel writes one dirty page back by itself, the `choice`th modulo their number. Not beyond a cut that is not
    /// committed: the blocks there still belong to what was cut off.
    pub fn write_back(&mut self, choice: u64) {
        let end = self.durable.cut.map_or(u64::MAX, |cut| cut / PAGE as u64);
        let count = self.unsettled.range(..end).count() as u64;
        if count == 0 {
            return;
        }
        let index = self.unsettled.keys().nth((choice % count) as usize).copied();
        if let Some(index) = index.filter(|index| self.unsettled[index].dirty != 0) {
            self.write_back_version(index, self.pages.get(&index).cloned(), self.version);
        }
    }

    /// The file system commits the file's length by itself.
    pub fn commit_length(&mut self) {
        let cut = self.durable.cut.unwrap_or(u64::MAX);
        for (index, page) in self.unsettled.range_mut(cut / PAGE as u64..) {
            if let Some(disk) = &mut page.disk {
                Arc::make_mut(disk)[cut.saturating_sub(index * PAGE as u64) as usize..].fill(0);
            }
        }
        self.durable = Durable { length: self.length, version: self.version, cut: None };
    }

    /// The kernel drops all pages that it believes clean, so that reads see the disk.
    pub fn evict(&mut self) {
        let clean: Vec<u64> =
            self.unsettled.iter().filter(|(_, page)| page.dirty == 0).map(|(index, _)| *index).collect();
        clean.into_iter().for_each(|index| self.forget_page(index));
    }

    fn forget_page(&mut self, index: u64) {
        let Some(unsettled) = self.unsettled.remove(&index) else { return };
        match unsettled.disk {
            Some(page) => self.pages.insert(index, page),
            None => self.pages.remove(&index),
        };
    }

    /// Overwrites bytes on the disk behind the cache's back (rot, or another write that went astray). Reads see it once
    /// the page is evicted.
    pub fn scribble(&mut self, offset: u64, bytes: &[u8]) {
        for (index, start, range) in pages_of(offset, bytes.len()) {
            let settled = self.pages.get(&index).cloned();
            let version = self.version;
            let page = self.unsettled.entry(index).or_insert(Unsettled {
                disk: settled,
                disk_version: version,
                written: 0,
                dirty: 0,
                orphaned: 0,
            });
            let disk = page.disk.get_or_insert_with(|| Arc::new([0; PAGE]));
            let part = &bytes[range];
            Arc::make_mut(disk)[start..start + part.len()].copy_from_slice(part);
            page.orphaned |= sectors(start, part.len()) & !page.dirty;
        }
    }

    /// What was written there goes to another place on the disk; the kernel does not know.
    pub fn misdirect(&mut self, offset: u64, length: u64, astray: u64) {
        let mut bytes = vec![0; length as usize];
        self.read(&mut bytes, offset);
        self.lose(offset, length);
        self.scribble(astray, &bytes);
    }

    /// What was written there never reaches the disk; the kernel does not know.
    pub fn lose(&mut self, offset: u64, length: u64) {
        for (index, start, range) in pages_of(offset, length as usize) {
            if let Some(page) = self.unsettled.get_mut(&index) {
                let written = sectors(start, range.len()) & page.dirty;
                page.dirty &= !written;
                page.orphaned |= written;
            }
        }
    }

    /// The sectors, by number, that a power failure keeps or loses.
    pub fn loose_sectors(&self, size: SectorSize) -> Vec<u64> {
        let mut loose = Vec::new();
        for (index, page) in &self.unsettled {
            let differing = page.dirty & difference(&page.disk, &self.pages.get(index).cloned());
            match size {
                SectorSize::Bytes4096 if differing != 0 => loose.push(*index),
                SectorSize::Bytes4096 => {}
                SectorSize::Bytes512 => {
                    let sectors = (0..SECTORS as u64).filter(|sector| differing & (1 << sector) != 0);
                    loose.extend(sectors.map(|sector| index * SECTORS as u64 + sector));
                }
            }
        }
        loose
    }

    /// Whether a power failure may keep or lose a change of length.
    pub fn is_length_loose(&self) -> bool {
        self.durable.length != self.length || self.durable.cut.is_some_and(|cut| cut < self.durable.length)
    }

    /// The power fails. `keeps` decides each loose sector; `keeps_length` the change of length. Where a file was cut and
    /// that is kept, the lost sectors beyond the cut are zeros; where the cut is lost, nothing written beyond it is kept.
    pub fn power_failure(&mut self, size: SectorSize, keeps_length: bool, mut keeps: impl FnMut(u64) -> bool) {
        let length = if keeps_length { self.length } else { self.durable.length };
        let cut = self.durable.cut.unwrap_or(u64::MAX);
        for (index, page) in std::mem::take(&mut self.unsettled) {
            let first = index * PAGE as u64;
            let mut bytes = page.disk.as_deref().copied().unwrap_or([0; PAGE]);
            if keeps_length && cut < first + PAGE as u64 {
                bytes[cut.saturating_sub(first) as usize..].fill(0);
            }
            let whole = size == SectorSize::Bytes4096 && page.dirty != 0 && keeps(index);
            for sector in 0..SECTORS {
                let start = sector * SECTOR;
                let number = index * SECTORS as u64 + sector as u64;
                let is_dirty = page.dirty & (1 << sector) != 0;
                let kept = whole || (size == SectorSize::Bytes512 && is_dirty && keeps(number));
                if kept && is_dirty && (keeps_length || first + (start as u64) < cut) {
                    let new = self.pages.get(&index).map_or(&[0; SECTOR][..], |page| &page[start..start + SECTOR]);
                    bytes[start..start + SECTOR].copy_from_slice(new);
                }
            }
            self.pages.insert(index, Arc::new(bytes));
        }
        self.settle_at(length);
    }

    /// All that is in the cache counts as durable.
    pub fn settle(&mut self) {
        self.unsettled.clear();
        self.settle_at(self.length);
    }

    fn settle_at(&mut self, length: u64) {
        self.pages.split_off(&length.div_ceil(PAGE as u64));
        let within = (length % PAGE as u64) as usize;
        if let Some(page) = self.pages.get_mut(&(length / PAGE as u64))
            && page[within..].iter().any(|byte| *byte != 0)
        {
            Arc::make_mut(page)[within..].fill(0);
        }
        self.length = length;
        self.durable = Durable { length, version: self.version, cut: None };
        self.syncs.clear();
    }

    /// The whole file.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = vec![0; self.length as usize];
        self.read(&mut bytes, 0);
        bytes.into()
    }
}

impl Unsettled {
    /// A page that is written to is dirty where it was orphaned, too: the kernel writes pages whole.
    fn wrote(&mut self, start: usize, count: usize) {
        self.dirty |= sectors(start, count) | std::mem::take(&mut self.orphaned);
    }
}

/// The bits of the sectors that these bytes of a page touch.
fn sectors(start: usize, count: usize) -> u8 {
    let (first, last) = (start / SECTOR, (start + count - 1) / SECTOR);
    (first..=last).fold(0, |bits, sector| bits | 1 << sector)
}

/// The bits of the sectors in which two pages differ.
fn difference(one: &Option<Page>, other: &Option<Page>) -> u8 {
    let zero = [0; PAGE];
    let one = one.as_deref().unwrap_or(&zero);
    let other = other.as_deref().unwrap_or(&zero);
    let pairs = one.chunks(SECTOR).zip(other.chunks(SECTOR)).enumerate();
    pairs.filter(|(_, (a, b))| a != b).fold(0, |bits, (sector, _)| bits | 1 << sector)
}

/// The pages of a range of bytes: page, place in it, and which of the bytes it has.
fn pages_of(offset: u64, count: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let start = (at % PAGE as u64) as usize;
        let next = (PAGE - start).min(count - done);
        (next > 0).then(|| {
            done += next;
            (at / PAGE as u64, start, done - next..done)
        })
    })
}
