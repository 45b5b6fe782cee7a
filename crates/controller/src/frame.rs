//! The bytes of metadata, on disks and between nodes: frames that are valid whole or not at all. A batch of records, which
//! count together or not at all, is one of them; the quorum's log has its own.
//!
//! ```text
//! length u32 | crc32c u32 | version u16 | payload
//! ```
//! Little-endian. `length` counts the version and the payload; the checksum covers the length, the version and the
//! payload. Version 1's payload is a [`Batch`] in bincode with variable-length integers. A frame is valid whole or
//! not at all.

use crate::records::Record;
use bincode::Options;
use model::{LeaderEpoch, Offset, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Bytes before the version.
pub const HEADER_BYTES: usize = 8;
/// No frame has more bytes than this, header included.
pub const MAX_FRAME_BYTES: usize = 16 << 20;
/// The version written.
pub const VERSION: u16 = 1;

const VERSION_BYTES: usize = 2;

/// Records that count together or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The offset of the first record; the others follow one by one.
    pub base_offset: Offset,
    /// The leader epoch of the metadata log that wrote it.
    pub leader_epoch: LeaderEpoch,
    /// The writer's wall clock, in milliseconds since 1970 UTC.
    pub timestamp: Timestamp,
    /// At least one in a log; a snapshot may have batches without.
    pub records: Vec<Record>,
}

impl Batch {
    /// The offset after its last record, in a log of one node's own: there each record had an offset.
    pub fn end_offset(&self) -> Offset {
        self.base_offset.saturating_add(i64::try_from(self.records.len()).unwrap_or(i64::MAX))
    }
}

/// Bytes that are not a frame.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Fewer bytes than the frame needs.
    #[error("the frame is cut short")]
    Short,
    /// A length that no frame has.
    #[error("no frame is {0} bytes long")]
    Length(u32),
    /// The bytes are not those that were written.
    #[error("the checksum does not match")]
    Checksum,
    /// The bytes are those that were written, by a later version of this program.
    #[error("the frame has version {0}, which this version cannot read")]
    Version(u16),
    /// The same, seen inside the payload.
    #[error("the frame holds a record that this version cannot read: {0}")]
    Payload(String),
}

impl FrameError {
    /// Whether the bytes are damaged or missing, as opposed to well kept and too new.
    pub fn is_damage(&self) -> bool {
        matches!(self, FrameError::Short | FrameError::Length(_) | FrameError::Checksum)
    }
}

/// The batch is larger than [`MAX_FRAME_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("one change of the metadata may not have more than {MAX_FRAME_BYTES} bytes")]
pub struct TooLarge;

fn codec() -> impl Options {
    bincode::DefaultOptions::new().with_limit((MAX_FRAME_BYTES - HEADER_BYTES - VERSION_BYTES) as u64)
}

/// The frame of a batch.
///
/// # Errors
/// [`TooLarge`], nothing else.
pub fn encode(batch: &Batch) -> Result<Vec<u8>, TooLarge> {
    seal(VERSION, batch)
}

/// The batch in the frame at the start of `bytes`, and how many bytes the frame has.
///
/// # Errors
/// See [`FrameError`].
pub fn decode(bytes: &[u8]) -> Result<(Batch, usize), FrameError> {
    let frame = open(bytes)?;
    if frame.version != VERSION {
        return Err(FrameError::Version(frame.version));
    }
    Ok((frame.payload()?, frame.size))
}

/// A frame of any version around `value`.
///
/// # Errors
/// [`TooLarge`], nothing else.
pub fn seal(version: u16, value: &impl Serialize) -> Result<Vec<u8>, TooLarge> {
    let mut frame = vec![0; HEADER_BYTES];
    frame.extend_from_slice(&version.to_le_bytes());
    codec().serialize_into(&mut frame, value).map_err(|_| TooLarge)?;
    let length = u32::try_from(frame.len() - HEADER_BYTES).map_err(|_| TooLarge)?.to_le_bytes();
    frame[..4].copy_from_slice(&length);
    let checksum = checksum(&length, &frame[HEADER_BYTES..]).to_le_bytes();
    frame[4..HEADER_BYTES].copy_from_slice(&checksum);
    Ok(frame)
}

/// A frame whose checksum is right.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// What its payload is.
    pub version: u16,
    /// Its bytes, header included.
    pub size: usize,
    payload: &'a [u8],
}

impl Frame<'_> {
    /// What is in it.
    ///
    /// # Errors
    /// [`FrameError::Payload`] for bytes that are something else.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, FrameError> {
        codec().deserialize(self.payload).map_err(|error| FrameError::Payload(error.to_string()))
    }
}

/// The frame at the start of `bytes`.
///
/// # Errors
/// Damage alone: [`FrameError::is_damage`].
pub fn open(bytes: &[u8]) -> Result<Frame<'_>, FrameError> {
    let word = |at: usize| bytes.get(at..at + 4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    let (Some(length), Some(expected)) = (word(0), word(4)) else { return Err(FrameError::Short) };
    let size = HEADER_BYTES + length as usize;
    if (length as usize) < VERSION_BYTES || size > MAX_FRAME_BYTES {
        return Err(FrameError::Length(length));
    }
    let body = bytes.get(HEADER_BYTES..size).ok_or(FrameError::Short)?;
    if checksum(&bytes[..4], body) != expected {
        return Err(FrameError::Checksum);
    }
    Ok(Frame { version: u16::from_le_bytes([body[0], body[1]]), size, payload: &body[VERSION_BYTES..] })
}

fn checksum(length: &[u8], body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(length), body)
}
