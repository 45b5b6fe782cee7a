//! The end that bytes come out of. Every length is checked against what is left before anything is allocated.

use bytes::Bytes;

use super::{DecodeError, DecodeProblem};

/// Reads values from a frame; text and bytes are slices that share its buffer.
#[derive(Clone, Debug)]
pub struct Reader {
    frame: Bytes,
    position: usize,
    end: usize,
}

/// The tagged fields at the end of a struct, while they are being read.
#[derive(Debug)]
pub struct TagSection {
    left: u32,
    outer_end: usize,
    current_end: usize,
}

impl Reader {
    /// Reads `frame` from its first byte.
    pub fn new(frame: Bytes) -> Reader {
        let end = frame.len();
        Reader { frame, position: 0, end }
    }

    /// How many bytes are left.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.end - self.position
    }

    /// How many bytes have been read.
    #[inline]
    pub fn offset(&self) -> usize {
        self.position
    }

    /// `problem`, found here.
    #[cold]
    pub fn error(&self, problem: DecodeProblem) -> DecodeError {
        DecodeError::new(problem, self.position)
    }

    #[inline]
    fn check(&self, needed: usize) -> Result<(), DecodeError> {
        if needed > self.remaining() {
            return Err(self.error(DecodeProblem::CutShort { needed, remaining: self.remaining() }));
        }
        Ok(())
    }

    /// The next `N` bytes.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.check(N)?;
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.frame[self.position..self.position + N]);
        self.position += N;
        Ok(bytes)
    }

    /// The next `length` bytes, sharing the frame's buffer.
    #[inline]
    pub fn bytes(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        self.check(length)?;
        let bytes = self.frame.slice(self.position..self.position + length);
        self.position += length;
        Ok(bytes)
    }

    /// The next byte.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    /// The next 2 bytes as a number.
    #[inline]
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    /// The next 4 bytes as a number.
    #[inline]
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    /// A number of up to 32 bits, seven in a byte, the lowest first.
    #[inline]
    pub fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let first = self.u8()?;
        if first < 0x80 { Ok(u32::from(first)) } else { self.long_varint(first) }
    }

    fn long_varint(&mut self, first: u8) -> Result<u32, DecodeError> {
        let mut value = u32::from(first & 0x7f);
        for shift in [7, 14, 21, 28] {
            let byte = self.u8()?;
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.error(DecodeProblem::VarintTooLong))
    }

    /// A length in compact form: one more than it is, 0 for null.
    #[inline]
    pub fn compact_length(&mut self) -> Result<Option<usize>, DecodeError> {
        let plus_one = self.unsigned_varint()?;
        Ok(plus_one.checked_sub(1).map(|length| length as usize))
    }

    /// A length in 2 bytes; any negative one is null.
    #[inline]
    pub fn short_length(&mut self) -> Result<Option<usize>, DecodeError> {
        Ok(usize::try_from(self.i16()?).ok())
    }

    /// A length in 4 bytes; any negative one is null.
    #[inline]
    pub fn long_length(&mut self) -> Result<Option<usize>, DecodeError> {
        Ok(usize::try_from(self.i32()?).ok())
    }

    /// Begins the tagged fields of a struct. A version that is not `flexible` has none.
    #[inline]
    pub fn tag_section(&mut self, flexible: bool) -> Result<TagSection, DecodeError> {
        let left = if flexible { self.unsigned_varint()? } else { 0 };
        Ok(TagSection { left, outer_end: self.end, current_end: self.position })
    }

    /// The tag of the next tagged field, whose bytes are then all that is left to read. What of the field before was
    /// not read is skipped, so that a field may grow.
    #[inline]
    pub fn next_tag(&mut self, section: &mut TagSection) -> Result<Option<u32>, DecodeError> {
        self.position = section.current_end;
        self.end = section.outer_end;
        if section.left == 0 {
            return Ok(None);
        }
        self.long_tag_section(section).map(Some)
    }

    fn long_tag_section(&mut self, section: &mut TagSection) -> Result<u32, DecodeError> {
        section.left -= 1;
        let tag = self.unsigned_varint()?;
        let size = self.unsigned_varint()? as usize;
        self.check(size)?;
        self.end = self.position + size;
        section.current_end = self.end;
        Ok(tag)
    }
}
