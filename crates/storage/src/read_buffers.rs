//! Buffers for reads, used again: memory that is fresh from the kernel costs more than the read itself.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Smaller answers are copied out, so that they do not hold a buffer.
const COPIED: usize = 32 << 10;
/// Every buffer has at least this size, and a power of two of bytes.
const SMALLEST: usize = 64 << 10;

/// The free buffers of a log directory, up to a limit.
#[derive(Debug)]
pub(crate) struct ReadBuffers {
    limit: usize,
    free: Mutex<Free>,
}

#[derive(Debug, Default)]
struct Free {
    bytes: usize,
    by_size: BTreeMap<usize, Vec<Vec<u8>>>,
}

impl ReadBuffers {
    pub fn new(limit: usize) -> Arc<ReadBuffers> {
        Arc::new(ReadBuffers { limit, free: Mutex::default() })
    }

    /// A buffer of at least `size` bytes, with anything in it.
    pub fn take(self: &Arc<Self>, size: usize) -> ReadBuffer {
        let size = size.max(SMALLEST).next_power_of_two();
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = free.by_size.get_mut(&size).and_then(Vec::pop);
        free.bytes -= bytes.as_ref().map_or(0, Vec::len);
        drop(free);
        ReadBuffer { bytes: bytes.unwrap_or_else(|| vec![0; size]), owner: self.clone() }
    }

    fn give_back(&self, bytes: Vec<u8>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.bytes + bytes.len() <= self.limit {
            free.bytes += bytes.len();
            free.by_size.entry(bytes.len()).or_default().push(bytes);
        }
    }
}

/// A buffer that goes back to its owner when the last one who reads it is done.
#[derive(Debug)]
pub(crate) struct ReadBuffer {
    bytes: Vec<u8>,
    owner: Arc<ReadBuffers>,
}

impl ReadBuffer {
    /// All of it, to be filled.
    pub fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Part of it as an answer.
    pub fn into_bytes(self, part: Range<usize>) -> Bytes {
        if part.len() <= COPIED || part.len() < self.bytes.len() / 4 {
            return Bytes::copy_from_slice(&self.bytes[part]);
        }
        Bytes::from_owner(self).slice(part)
    }
}

impl AsRef<[u8]> for ReadBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        self.owner.give_back(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_when_its_last_reader_is_done() {
        let buffers = ReadBuffers::new(1 << 20);
        let mut buffer = buffers.take(100_000);
        let at = buffer.as_ref().as_ptr();
        buffer.as_mut()[..3].copy_from_slice(b"abc");
        let bytes = buffer.into_bytes(0..100_000);
        let other = buffers.take(100_000);
        assert_ne!(other.as_ref().as_ptr(), at, "it is still read");
        assert_eq!(&bytes[..3], b"abc");
        drop(bytes);
        assert_eq!(buffers.take(100_000).as_ref().as_ptr(), at);
    }

    #[test]
    fn a_small_answer_holds_no_buffer() {
        let buffers = ReadBuffers::new(1 << 20);
        let buffer = buffers.take(1000);
        let at = buffer.as_ref().as_ptr();
        let bytes = buffer.into_bytes(0..1000);
        assert_eq!(buffers.take(1).as_ref().as_ptr(), at);
        assert_eq!(bytes.len(), 1000);
    }

    #[test]
    fn no_more_is_kept_than_the_limit() {
        let buffers = ReadBuffers::new(SMALLEST);
        let (one, two) = (buffers.take(1), buffers.take(1));
        drop((one, two));
        assert_eq!(buffers.free.lock().unwrap().bytes, SMALLEST);
    }
}
