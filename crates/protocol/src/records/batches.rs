//! Walking a run of batches.

use super::compression::Compression;
use super::error::BatchError;
use super::header::{BatchHeader, HEADER_BYTES, at, check_prefix};
use super::record::Records;
use bytes::Bytes;
use std::borrow::Cow;

/// One whole batch: its header and its bytes, which are as long as the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchView<'a> {
    /// The parsed header.
    pub header: BatchHeader,
    /// Header and payload.
    pub bytes: &'a [u8],
}

impl<'a> BatchView<'a> {
    /// The batch at the front of `bytes`; what follows it is left out.
    ///
    /// # Errors
    /// As [`BatchHeader::parse`], or the batch is cut short.
    pub fn parse(bytes: &'a [u8]) -> Result<BatchView<'a>, BatchError> {
        let header = BatchHeader::parse(bytes)?;
        let size = header.size_in_bytes();
        match bytes.get(..size) {
            Some(bytes) => Ok(BatchView { header, bytes }),
            None => Err(BatchError::Cut { needed: size, found: bytes.len() }),
        }
    }

    /// Compares the stored checksum with the bytes.
    ///
    /// # Errors
    /// They differ.
    pub fn check_crc(&self) -> Result<(), BatchError> {
        let computed = crc32c::crc32c(&self.bytes[at::ATTRIBUTES..]);
        if computed == self.header.checksum {
            Ok(())
        } else {
            Err(BatchError::Checksum { stored: self.header.checksum, computed })
        }
    }

    /// The records as they are stored, maybe compressed.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..]
    }

    /// The records uncompressed, borrowed where they are stored so. For [`RecordViews`](super::RecordViews).
    ///
    /// # Errors
    /// The payload cannot be decompressed, or to more than `limit` bytes.
    pub fn decompressed(&self, limit: usize) -> Result<Cow<'a, [u8]>, BatchError> {
        match self.header.compression()? {
            Compression::None => Ok(Cow::Borrowed(self.payload())),
            codec => codec.decompress(self.payload(), limit).map(Cow::Owned),
        }
    }

    /// Iterates over the records. An uncompressed payload is copied once; [`records_of`](Self::records_of) copies nothing.
    ///
    /// # Errors
    /// The payload cannot be decompressed, or to more than `limit` bytes.
    pub fn records(&self, limit: usize) -> Result<Records, BatchError> {
        let payload = match self.decompressed(limit)? {
            Cow::Borrowed(payload) => Bytes::copy_from_slice(payload),
            Cow::Owned(payload) => Bytes::from(payload),
        };
        Ok(Records::new(payload, self.header.record_count))
    }

    /// Iterates over the records, which share the memory of `owner` where they are uncompressed.
    ///
    /// # Errors
    /// The payload cannot be decompressed, or to more than `limit` bytes.
    ///
    /// # Panics
    /// When this view does not borrow from `owner`.
    pub fn records_of(&self, owner: &Bytes, limit: usize) -> Result<Records, BatchError> {
        let payload = match self.decompressed(limit)? {
            Cow::Borrowed([]) => Bytes::new(),
            Cow::Borrowed(payload) => owner.slice_ref(payload),
            Cow::Owned(payload) => Bytes::from(payload),
        };
        Ok(Records::new(payload, self.header.record_count))
    }
}

/// Iterates over concatenated batches: of a fetch, a segment, a journal entry. Ends after the first error;
/// [`position`](Self::position) tells how far the batches were whole. Checksums are not checked.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    bytes: &'a [u8],
    position: usize,
    ended: bool,
}

impl<'a> Batches<'a> {
    /// The batches of `bytes`, from its front.
    pub fn new(bytes: &'a [u8]) -> Batches<'a> {
        Batches { bytes, position: 0, ended: false }
    }

    /// Where the next batch starts: the end of the last whole one.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<BatchView<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended || self.position == self.bytes.len() {
            return None;
        }
        let batch = BatchView::parse(&self.bytes[self.position..]);
        match &batch {
            Ok(batch) => self.position += batch.bytes.len(),
            Err(_) => self.ended = true,
        }
        Some(batch)
    }
}

/// How Kafka sees the front of a record set, whatever its format: nothing whole, a whole entry of the old formats, a
/// batch, or garbage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Front {
    /// Not even one whole entry.
    Nothing,
    /// Format 0 or 1.
    Legacy,
    /// Format 2; so many bytes, which may be too few for a header.
    Batch(usize),
}

/// Looks at the front of `bytes` as Kafka's broker does when it counts what a producer sent.
pub(super) fn front(bytes: &[u8]) -> Result<Front, BatchError> {
    let length = match check_prefix(bytes) {
        Ok(length) => length,
        Err(BatchError::Cut { .. }) => return Ok(Front::Nothing),
        Err(BatchError::Legacy(_)) => {
            i32::from_be_bytes(bytes[at::LENGTH..at::LEADER_EPOCH].try_into().expect("4 bytes"))
        }
        Err(error) => return Err(error),
    };
    let size = length as usize + super::header::LENGTH_PREFIX_BYTES;
    if size > bytes.len() {
        return Ok(Front::Nothing);
    }
    if bytes[at::MAGIC] == super::header::MAGIC as u8 { Ok(Front::Batch(size)) } else { Ok(Front::Legacy) }
}

#[cfg(test)]
mod tests {
    use super::super::{BatchBuilder, BatchOptions, RecordViews};
    use super::*;

    fn batch(values: &[&str]) -> Bytes {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        for value in values {
            builder.append(0, None, Some(value.as_bytes()), &[]);
        }
        builder.build()
    }

    #[test]
    fn a_fetch_that_is_cut_gives_its_whole_batches_and_says_so() {
        let bytes = [&batch(&["a", "b"])[..], &batch(&["c"])[..], &batch(&["d"])[..20]].concat();
        let mut batches = Batches::new(&bytes);
        let counts: Vec<_> = batches.by_ref().map(|b| b.map(|b| b.header.record_count)).collect();
        assert_eq!(counts, [Ok(2), Ok(1), Err(BatchError::Cut { needed: 61, found: 20 })]);
        assert_eq!(batches.position(), bytes.len() - 20);
        assert!(batches.next().is_none());
    }

    #[test]
    fn a_flipped_bit_is_seen_by_the_checksum() {
        let mut bytes = batch(&["payload"]).to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        let view = BatchView::parse(&bytes).unwrap();
        assert!(matches!(view.check_crc(), Err(BatchError::Checksum { .. })));
    }

    #[test]
    fn records_share_the_memory_of_a_fetch() {
        let bytes = batch(&["shared"]);
        let view = BatchView::parse(&bytes).unwrap();
        let record = view.records_of(&bytes, 0).unwrap().next().unwrap().unwrap();
        let value = record.value.unwrap();
        assert!(bytes.as_ptr_range().contains(&value.as_ptr()));
        let payload = view.decompressed(0).unwrap();
        let viewed = RecordViews::new(&payload, 1).next().unwrap().unwrap();
        assert_eq!(viewed.value, Some(&b"shared"[..]));
    }
}
