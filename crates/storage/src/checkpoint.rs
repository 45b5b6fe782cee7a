//! The checkpoint: all that the journal's groups up to a sequence did is on stable storage in the segments.
//!
//! ```text
//! magic 8 | format u32 | generation u64 | tail u64 | lines u32 | lines | CRC-32C u32
//! line: topic id 16 | name length u16, name | partition i32 | mode u8 | sequence u64 | end i64 | segment i64 | position u64
//! ```
//! Big-endian. Replaced as a whole; one that does not check is a fault and never taken for an empty one.

use crate::journal::JournalFault;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use model::{Offset, PartitionId, Uuid};
use runtime::disk::{Disk, Open};
use std::io::ErrorKind;

/// The file, in the root of the log directory.
pub const PATH: &str = "thalweg-checkpoint";
const TEMPORARY: &str = "thalweg-checkpoint.tmp";
const MAGIC: [u8; 8] = *b"ThalwegC";
const FORMAT: u32 = 1;

/// All lines, and where the journal is needed from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The generation of the journal whose groups count.
    pub generation: u64,
    /// Groups up to this one are not needed.
    pub tail_sequence: u64,
    /// A line a partition.
    pub partitions: Vec<CheckpointLine>,
}

/// What is on stable storage of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointLine {
    /// The topic's id.
    pub topic_id: Uuid,
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: PartitionId,
    /// What its appends were promised.
    pub mode: Mode,
    /// All that entries up to this group did is in its files.
    pub sequence: u64,
    /// The log end offset there.
    pub end_offset: Offset,
    /// The base offset of the segment that has that end.
    pub segment_base_offset: Offset,
    /// The bytes of that segment up to there.
    pub position: u64,
}

/// What a log was when its line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Its appends are in the page cache: what came after the line may be lost with the power.
    PageCache,
    /// Its appends go through the journal.
    Journaled,
    /// A clean stop closed it, and nothing was appended under this line.
    Closed,
    /// It is no more, and it was not journaled when it went. The journal may still tell how it was made, and only this line
    /// says that it is not to be made again.
    Dropped,
}

impl Mode {
    /// The mode of a log that takes appends.
    pub fn of(journaled: bool) -> Mode {
        if journaled { Mode::Journaled } else { Mode::PageCache }
    }

    const fn to_byte(self) -> u8 {
        match self {
            Mode::PageCache => 0,
            Mode::Journaled => 1,
            Mode::Closed => 2,
            Mode::Dropped => 3,
        }
    }

    fn from_byte(byte: u8) -> Option<Mode> {
        [Mode::PageCache, Mode::Journaled, Mode::Closed, Mode::Dropped].into_iter().find(|mode| mode.to_byte() == byte)
    }
}

/// Reads the checkpoint; none in a directory that never had one.
///
/// # Errors
/// It is damaged or of a later version, or the disk refused.
pub async fn read(disk: &Disk) -> Result<Option<Checkpoint>, JournalFault> {
    let file = match disk.open_file(PATH, Open::Read).await {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(JournalFault::disk(PATH)(error)),
    };
    let length = file.length().await.map_err(JournalFault::disk(PATH))?;
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    let read = file.read_at(&mut bytes, 0).await.map_err(JournalFault::disk(PATH))?;
    bytes.truncate(read);
    decode(bytes.into()).map(Some)
}

/// Replaces the checkpoint, durably.
///
/// # Errors
/// The disk refused. The old one still counts then.
pub async fn write(disk: &Disk, checkpoint: &Checkpoint) -> Result<(), JournalFault> {
    let write = async {
        let file = disk.open_file(TEMPORARY, Open::OrCreate).await?;
        file.set_length(0).await?;
        file.write_at(&[encode(checkpoint)], 0).await?;
        file.sync().await?;
        disk.rename(TEMPORARY, PATH).await?;
        disk.sync_directory("").await
    };
    write.await.map_err(JournalFault::disk(PATH))
}

fn encode(checkpoint: &Checkpoint) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_slice(&MAGIC);
    bytes.put_u32(FORMAT);
    bytes.put_u64(checkpoint.generation);
    bytes.put_u64(checkpoint.tail_sequence);
    bytes.put_u32(u32::try_from(checkpoint.partitions.len()).expect("fewer partitions than that"));
    for line in &checkpoint.partitions {
        bytes.put_slice(&line.topic_id.0);
        bytes.put_u16(u16::try_from(line.topic.len()).expect("topic names have at most 249 letters"));
        bytes.put_slice(line.topic.as_bytes());
        bytes.put_i32(line.partition);
        bytes.put_u8(line.mode.to_byte());
        bytes.put_u64(line.sequence);
        bytes.put_i64(line.end_offset);
        bytes.put_i64(line.segment_base_offset);
        bytes.put_u64(line.position);
    }
    let crc = crc32c::crc32c(&bytes);
    bytes.put_u32(crc);
    bytes.freeze()
}

fn decode(bytes: Bytes) -> Result<Checkpoint, JournalFault> {
    let corrupt = || JournalFault::Corrupt { path: PATH.to_owned(), reason: "it is damaged".to_owned() };
    let (body, crc) = bytes.split_last_chunk::<4>().ok_or_else(corrupt)?;
    if crc32c::crc32c(body) != u32::from_be_bytes(*crc) || !body.starts_with(&MAGIC) {
        return Err(corrupt());
    }
    let mut body = bytes.slice(MAGIC.len()..body.len());
    let format = body.try_get_u32().map_err(|_| corrupt())?;
    if format > FORMAT {
        return Err(JournalFault::Newer { path: PATH.to_owned(), version: format, readable: FORMAT });
    }
    decode_body(&mut body).ok_or_else(corrupt)
}

fn decode_body(body: &mut Bytes) -> Option<Checkpoint> {
    let generation = body.try_get_u64().ok()?;
    let tail_sequence = body.try_get_u64().ok()?;
    let count = body.try_get_u32().ok()?;
    let mut partitions = Vec::new();
    for _ in 0..count {
        let mut topic_id = Uuid::ZERO;
        body.try_copy_to_slice(&mut topic_id.0).ok()?;
        let length = usize::from(body.try_get_u16().ok()?);
        let name = (body.len() >= length).then(|| body.split_to(length))?;
        partitions.push(CheckpointLine {
            topic_id,
            topic: String::from_utf8(name.to_vec()).ok()?,
            partition: body.try_get_i32().ok()?,
            mode: Mode::from_byte(body.try_get_u8().ok()?)?,
            sequence: body.try_get_u64().ok()?,
            end_offset: body.try_get_i64().ok()?,
            segment_base_offset: body.try_get_i64().ok()?,
            position: body.try_get_u64().ok()?,
        });
    }
    body.is_empty().then_some(Checkpoint { generation, tail_sequence, partitions })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Checkpoint {
        let line = CheckpointLine {
            topic_id: Uuid([7; 16]),
            topic: "orders".to_owned(),
            partition: 3,
            mode: Mode::Journaled,
            sequence: 12,
            end_offset: 99,
            segment_base_offset: 50,
            position: 4096,
        };
        let modes = [Mode::Journaled, Mode::PageCache, Mode::Closed, Mode::Dropped];
        let lines = modes.into_iter().zip(3..);
        let partitions = lines.map(|(mode, partition)| CheckpointLine { mode, partition, ..line.clone() }).collect();
        Checkpoint { generation: 2, tail_sequence: 11, partitions }
    }

    #[test]
    fn a_checkpoint_reads_back() {
        assert_eq!(decode(encode(&sample())).expect("whole"), sample());
        assert_eq!(decode(encode(&Checkpoint::default())).expect("whole"), Checkpoint::default());
    }

    #[test]
    fn damage_anywhere_is_a_fault_and_never_an_empty_checkpoint() {
        let good = encode(&sample());
        for at in 0..good.len() {
            let mut bad = good.to_vec();
            bad[at] ^= 0x10;
            assert!(decode(bad.into()).is_err(), "byte {at}");
        }
        for length in 0..good.len() {
            assert!(decode(good.slice(..length)).is_err(), "cut to {length}");
        }
    }
}
