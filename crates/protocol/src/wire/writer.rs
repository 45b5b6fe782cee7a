//! The end that bytes go into. Small values are collected in one buffer; large ones are spliced in between, not copied.

use bytes::{BufMut, Bytes, BytesMut};

use super::{EncodeError, EncodeProblem};

/// From how many bytes on a value is spliced in as a segment of its own instead of copied.
pub const SPLICE_THRESHOLD: usize = 1024;

/// Collects a frame.
#[derive(Debug, Default)]
pub struct Writer {
    buffer: BytesMut,
    /// Large values, each with the position in `buffer` that it comes before.
    splices: Vec<(usize, Bytes)>,
    spliced: usize,
}

impl Writer {
    /// An empty frame.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// An empty frame with room for so many bytes of small values.
    pub fn with_room(bytes: usize) -> Writer {
        Writer { buffer: BytesMut::with_capacity(bytes), ..Writer::default() }
    }

    /// How many bytes have been written.
    pub fn len(&self) -> usize {
        self.buffer.len() + self.spliced
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The frame: its segments in order, none of them empty.
    pub fn finish(self) -> Vec<Bytes> {
        let buffer = self.buffer.freeze();
        let mut segments = Vec::with_capacity(2 * self.splices.len() + 1);
        let mut done = 0;
        for (position, splice) in self.splices {
            if position > done {
                segments.push(buffer.slice(done..position));
            }
            segments.push(splice);
            done = position;
        }
        if buffer.len() > done {
            segments.push(buffer.slice(done..));
        }
        segments
    }

    /// The frame in one piece. Copies if there is more than one segment.
    pub fn finish_contiguous(self) -> Bytes {
        if self.splices.is_empty() {
            return self.buffer.freeze();
        }
        let mut whole = BytesMut::with_capacity(self.len());
        for segment in self.finish() {
            whole.extend_from_slice(&segment);
        }
        whole.freeze()
    }

    /// Appends `bytes` by copying them.
    #[inline]
    pub fn slice(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Appends `bytes`; large ones are shared, not copied.
    #[inline]
    pub fn bytes(&mut self, bytes: &Bytes) {
        if bytes.len() < SPLICE_THRESHOLD {
            self.buffer.extend_from_slice(bytes);
        } else {
            self.spliced += bytes.len();
            self.splices.push((self.buffer.len(), bytes.clone()));
        }
    }

    /// Appends all of `other`.
    pub fn append(&mut self, other: Writer) {
        let base = self.buffer.len();
        self.buffer.extend_from_slice(&other.buffer);
        self.splices.extend(other.splices.into_iter().map(|(position, splice)| (base + position, splice)));
        self.spliced += other.spliced;
    }

    /// Appends one byte.
    #[inline]
    pub fn u8(&mut self, value: u8) {
        self.buffer.put_u8(value);
    }

    /// Appends 2 bytes, the high one first.
    #[inline]
    pub fn i16(&mut self, value: i16) {
        self.buffer.put_i16(value);
    }

    /// Appends 4 bytes, the highest first.
    #[inline]
    pub fn i32(&mut self, value: i32) {
        self.buffer.put_i32(value);
    }

    /// Overwrites 4 bytes at `position`, which must have been written before anything was spliced in.
    pub fn overwrite_i32(&mut self, position: usize, value: i32) {
        self.buffer[position..position + 4].copy_from_slice(&value.to_be_bytes());
    }

    /// Appends a number seven bits a byte, the lowest first.
    #[inline]
    pub fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.buffer.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.buffer.put_u8(value as u8);
    }

    /// Appends a length in compact form: one more than it is, 0 for null.
    #[inline]
    pub fn compact_length(&mut self, length: Option<usize>) -> Result<(), EncodeError> {
        let plus_one = match length {
            None => 0,
            Some(length) => {
                i32::try_from(length).ok().and_then(|length| length.checked_add(1)).ok_or_else(|| too_long(length))?
            }
        };
        self.unsigned_varint(plus_one as u32);
        Ok(())
    }

    /// Appends a length in 2 bytes, -1 for null.
    #[inline]
    pub fn short_length(&mut self, length: Option<usize>) -> Result<(), EncodeError> {
        let length = length.map_or(Ok(-1), |length| i16::try_from(length).map_err(|_| too_long(length)))?;
        self.i16(length);
        Ok(())
    }

    /// Appends a length in 4 bytes, -1 for null.
    #[inline]
    pub fn long_length(&mut self, length: Option<usize>) -> Result<(), EncodeError> {
        let length = length.map_or(Ok(-1), |length| i32::try_from(length).map_err(|_| too_long(length)))?;
        self.i32(length);
        Ok(())
    }
}

#[cold]
fn too_long(length: usize) -> EncodeError {
    EncodeError::new(EncodeProblem::TooLong(length))
}
