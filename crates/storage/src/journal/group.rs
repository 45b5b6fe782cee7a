//! The group: what one write and one sync make durable, valid whole or not at all.
//!
//! ```text
//! magic 8 | format u32 | generation u64 | sequence u64 | length u32 | entries u32 | CRC of the previous group u32
//! | CRC-32C u32 | entries
//! ```
//! A group starts on a block of 4 KiB and owns its blocks: what follows its `length` there is padding. The CRC covers
//! everything but itself and the padding. It covers the batches although they have CRCs of their own: those leave out
//! base offset, length and leader epoch, and a batch of an older lap of the file has a right one.

use super::entry::Entry;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use model::planted;

/// Groups start at multiples of this in their file.
pub(crate) const BLOCK: u64 = 4096;
/// Bytes of a group before its entries.
pub(crate) const HEADER_BYTES: usize = CRC_AT + 4;
/// The newest format this program reads, and the one it writes.
pub(crate) const FORMAT: u32 = 1;

const MAGIC: [u8; 8] = *b"ThalwegJ";
const CRC_AT: usize = 8 + 4 + 8 + 8 + 4 + 4 + 4;
/// Shorter batches are copied beside their entry's head: cheaper than a part of their own in the vectored write.
const COPIED_BYTES: usize = 1024;

/// The bytes a group of `length` owns: whole blocks.
pub(crate) fn span(length: u64) -> u64 {
    length.next_multiple_of(BLOCK)
}

/// A group's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub format: u32,
    pub generation: u64,
    pub sequence: u64,
    /// Header and entries, without the padding.
    pub length: u32,
    pub entries: u32,
    /// The CRC of the group before this one in the generation; 0 in the first.
    pub previous_crc: u32,
    pub crc: u32,
}

impl Header {
    /// The header at the front of `block`; `None` when there is none, or its length cannot be.
    pub fn parse(mut block: &[u8]) -> Option<Header> {
        if block.len() < HEADER_BYTES || block[..8] != MAGIC {
            return None;
        }
        block.advance(8);
        let header = Header {
            format: block.get_u32(),
            generation: block.get_u64(),
            sequence: block.get_u64(),
            length: block.get_u32(),
            entries: block.get_u32(),
            previous_crc: block.get_u32(),
            crc: block.get_u32(),
        };
        (header.length as usize >= HEADER_BYTES).then_some(header)
    }

    fn encode(&self) -> BytesMut {
        let mut bytes = BytesMut::with_capacity(HEADER_BYTES);
        bytes.put_slice(&MAGIC);
        bytes.put_u32(self.format);
        bytes.put_u64(self.generation);
        bytes.put_u64(self.sequence);
        bytes.put_u32(self.length);
        bytes.put_u32(self.entries);
        bytes.put_u32(self.previous_crc);
        bytes.put_u32(self.crc);
        bytes
    }
}

/// The CRC of a group: over its header up to the CRC field, then over its entries.
fn crc_of<'a>(header: &[u8], body: impl Iterator<Item = &'a [u8]>) -> u32 {
    let crc = crc32c::crc32c(&header[..CRC_AT]);
    if planted!("group-crc-header-only") {
        return crc;
    }
    body.fold(crc, crc32c::crc32c_append)
}

/// Whether `group` (header and entries, without padding) is whole, every byte as it was written.
pub(crate) fn is_whole(header: &Header, group: &[u8]) -> bool {
    group.len() == header.length as usize
        && crc_of(&group[..HEADER_BYTES], std::iter::once(&group[HEADER_BYTES..])) == header.crc
}

/// The entries of a whole group, sharing its bytes; `None` when they do not fill it exactly.
pub(crate) fn entries(header: &Header, group: Bytes) -> Option<Vec<Entry>> {
    let mut rest = group.slice(HEADER_BYTES..);
    let mut entries = Vec::new();
    for _ in 0..header.entries {
        entries.push(Entry::decode(&mut rest)?);
    }
    rest.is_empty().then_some(entries)
}

/// A group that is being filled or waits for its turn.
#[derive(Debug)]
pub(crate) struct PendingGroup {
    pub sequence: u64,
    entries: u32,
    length: usize,
    parts: Vec<Bytes>,
    /// Entry heads and short batches since the last part.
    heads: BytesMut,
}

impl PendingGroup {
    pub fn new(sequence: u64) -> PendingGroup {
        PendingGroup { sequence, entries: 0, length: HEADER_BYTES, parts: Vec::new(), heads: BytesMut::new() }
    }

    /// Header and entries, without the padding.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Whether nothing happened: it only proves that the group before it was synced.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    pub fn push(&mut self, entry: Entry) {
        self.length += entry.encoded_bytes();
        self.entries += 1;
        entry.encode_without_batches(&mut self.heads);
        let super::Change::Append(pieces) = entry.change else { return };
        for piece in pieces {
            if piece.len() <= COPIED_BYTES {
                self.heads.put_slice(&piece);
            } else {
                self.parts.push(self.heads.split().freeze());
                self.parts.push(piece);
            }
        }
    }

    /// The parts of the one write, padding included, and the group's CRC. Batches are not copied.
    ///
    /// # Panics
    /// When the group is longer than 4 GiB.
    pub fn seal(mut self, generation: u64, previous_crc: u32) -> (Vec<Bytes>, u32) {
        if !self.heads.is_empty() {
            self.parts.push(self.heads.split().freeze());
        }
        let mut header = Header {
            format: FORMAT,
            generation,
            sequence: self.sequence,
            length: u32::try_from(self.length).expect("a group holds requests of less than 2 GiB"),
            entries: self.entries,
            previous_crc,
            crc: 0,
        };
        header.crc = crc_of(&header.encode(), self.parts.iter().map(|part| &part[..]));
        let padding = span(self.length as u64) as usize - self.length;
        self.parts.insert(0, header.encode().freeze());
        self.parts.push(Bytes::from_static(&[0; BLOCK as usize]).slice(..padding));
        (self.parts, header.crc)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Change;
    use super::*;
    use model::Uuid;

    fn entry(batches: Bytes) -> Entry {
        let change = Change::Append(vec![batches]);
        Entry { topic_id: Uuid([1; 16]), partition: 0, end_before: 5, end_after: 6, change }
    }

    fn sealed(entries: &[Entry]) -> Vec<u8> {
        let mut group = PendingGroup::new(9);
        entries.iter().for_each(|entry| group.push(entry.clone()));
        group.seal(77, 123).0.concat()
    }

    #[test]
    fn a_group_fills_whole_blocks_and_reads_back() {
        let written: Vec<Entry> = [0, 1, COPIED_BYTES, COPIED_BYTES + 1, 9000, 3]
            .iter()
            .map(|length| entry(Bytes::from(vec![*length as u8; *length])))
            .collect();
        let bytes = sealed(&written);
        assert_eq!(bytes.len() as u64 % BLOCK, 0);
        let header = Header::parse(&bytes).expect("a header");
        assert_eq!((header.generation, header.sequence, header.previous_crc), (77, 9, 123));
        let group = Bytes::from(bytes).slice(..header.length as usize);
        assert!(is_whole(&header, &group));
        assert_eq!(entries(&header, group), Some(written));
    }

    #[test]
    fn a_flipped_bit_anywhere_but_in_the_padding_is_seen() {
        let bytes = sealed(&[entry(Bytes::from_static(b"some batches"))]);
        let length = Header::parse(&bytes).expect("a header").length as usize;
        for bit in 0..length * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let seen = match Header::parse(&bytes) {
                Some(header) => !bytes.get(..header.length as usize).is_some_and(|group| is_whole(&header, group)),
                None => true,
            };
            assert!(seen, "bit {bit}");
        }
    }

    #[test]
    fn large_batches_are_not_copied() {
        let batches = Bytes::from(vec![3; 50_000]);
        let mut group = PendingGroup::new(1);
        group.push(entry(batches.clone()));
        let (parts, _) = group.seal(1, 0);
        assert!(parts.iter().any(|part| part.as_ptr() == batches.as_ptr()));
    }
}
