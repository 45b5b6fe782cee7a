//! The files of the metadata log, in the directory that Kafka too keeps its metadata in (and skips when it looks for
//! partitions):
//!
//! ```text
//! __cluster_metadata-0/00000000000000000000.records     frames from this offset on
//! __cluster_metadata-0/00000000000000001234.snapshot    all that is below this offset, as the shortest log
//! __cluster_metadata-0/.lock
//! ```
//! One frame is one append and has one sync, and the next is not written before that sync is done. So a frame that is
//! followed by a good one was on stable storage: when it is bad, that is damage. A bad last frame was never
//! acknowledged and is cut off.

use super::fault::MetadataFault;
use controller::frame::{self, Batch, FrameError};
use model::{Offset, mark};
use runtime::disk::{Disk, File, Open};

/// The directory, below the first log directory.
pub const DIRECTORY: &str = "__cluster_metadata-0";

/// What a name in the directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// All below this offset.
    Snapshot(Offset),
    /// Frames from this offset on.
    Records(Offset),
    /// Half-written when a crash came.
    Temporary,
}

impl Name {
    /// Reads a file's name.
    pub fn parse(name: &str) -> Option<Name> {
        let (stem, suffix) = name.split_once('.')?;
        if stem.len() != 20 || !stem.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let offset = stem.parse().ok()?;
        match suffix {
            "snapshot" => Some(Name::Snapshot(offset)),
            "records" => Some(Name::Records(offset)),
            "snapshot.tmp" => Some(Name::Temporary),
            _ => None,
        }
    }
}

/// The path of the records from `base` on.
pub fn records_path(base: Offset) -> String {
    format!("{DIRECTORY}/{base:020}.records")
}

/// The path of the snapshot of all below `end`.
pub fn snapshot_path(end: Offset) -> String {
    format!("{DIRECTORY}/{end:020}.snapshot")
}

/// All bytes of a file.
pub async fn read_all(disk: &Disk, path: &str) -> Result<(File, Vec<u8>), MetadataFault> {
    let file = disk.open_file(path, Open::Read).await.map_err(MetadataFault::io("open", path))?;
    let length = file.length().await.map_err(MetadataFault::io("read", path))?;
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    let read = file.read_at(&mut bytes, 0).await.map_err(MetadataFault::io("read", path))?;
    bytes.truncate(read);
    Ok((file, bytes))
}

/// The good frames of a file of records.
#[derive(Debug)]
pub struct Frames {
    /// In order, without gaps.
    pub batches: Vec<Batch>,
    /// How many bytes they have.
    pub length: u64,
    /// Where the last of them starts.
    pub last: u64,
    /// Whether bytes come after them that no acknowledged frame is in.
    pub torn: bool,
}

/// Reads the frames of the file at `path`, whose first record has the offset `base`.
///
/// # Errors
/// `Damaged` for anything but a torn tail in the last file, `TooNew` for what a later version wrote.
pub fn read_frames(path: &str, bytes: &[u8], base: Offset, is_last: bool) -> Result<Frames, MetadataFault> {
    let damaged = |at: usize, why: String| MetadataFault::Damaged { path: path.to_owned(), at: at as u64, why };
    let (mut batches, mut at, mut next, mut last) = (Vec::new(), 0, base, 0);
    while at < bytes.len() {
        match frame::decode(&bytes[at..]) {
            Ok((batch, _)) if batch.base_offset != next => {
                let why = format!("it has the records from offset {} where {next} belongs", batch.base_offset);
                return Err(damaged(at, why));
            }
            Ok((batch, size)) => {
                next = batch.end_offset();
                batches.push(batch);
                last = at as u64;
                at += size;
            }
            Err(error) if !error.is_damage() => {
                return Err(MetadataFault::TooNew { path: path.to_owned(), why: error.to_string() });
            }
            Err(error) if !is_last || is_followed_by_a_frame(&bytes[at + 1..], next) => {
                return Err(damaged(at, error.to_string()));
            }
            Err(_) => {
                mark!("torn tail of the metadata log");
                return Ok(Frames { batches, length: at as u64, last, torn: true });
            }
        }
    }
    Ok(Frames { batches, length: at as u64, last, torn: false })
}

/// Whether a good frame with later records starts anywhere in `bytes`.
fn is_followed_by_a_frame(bytes: &[u8], next: Offset) -> bool {
    (0..bytes.len()).any(|at| match frame::decode(&bytes[at..]) {
        Ok((batch, _)) => batch.base_offset > next,
        Err(error) => matches!(error, FrameError::Payload(_)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use controller::records::Record;

    fn log(batches: i64) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for base_offset in 0..batches {
            let records = vec![Record::FeatureLevel { name: "kraft.version".to_owned(), level: base_offset as i16 }];
            starts.push(bytes.len());
            bytes.extend(frame::encode(&Batch { base_offset, leader_epoch: 0, timestamp: 7, records }).expect("small"));
        }
        (bytes, starts)
    }

    #[test]
    fn names_tell_offsets_apart_from_anything_else() {
        assert_eq!(Name::parse("00000000000000001234.snapshot"), Some(Name::Snapshot(1234)));
        assert_eq!(Name::parse("00000000000000000000.records"), Some(Name::Records(0)));
        assert_eq!(Name::parse("00000000000000000007.snapshot.tmp"), Some(Name::Temporary));
        for other in [".lock", "1.records", "00000000000000000000.log", "0000000000000000000x.records", "lost+found"] {
            assert_eq!(Name::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_log_cut_anywhere_in_its_last_frame_loses_that_frame_and_no_other() {
        let (bytes, starts) = log(5);
        for end in starts[4]..bytes.len() {
            let frames = read_frames("log", &bytes[..end], 0, true).expect("a torn tail");
            assert_eq!((frames.batches.len(), frames.length as usize), (4, starts[4]));
            assert_eq!(frames.torn, end > starts[4]);
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_is_found_and_only_in_the_last_frame_taken_for_a_torn_tail() {
        let (bytes, starts) = log(4);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            match read_frames("log", &flipped, 0, true) {
                Ok(frames) => {
                    assert!(at >= starts[3], "byte {at} is in a frame that was acknowledged");
                    assert!(frames.torn && frames.batches.len() == 3);
                }
                Err(MetadataFault::Damaged { at: found, .. }) => {
                    assert!(at < starts[3]);
                    assert!(found as usize <= at);
                }
                Err(other) => panic!("{other}"),
            }
        }
    }

    #[test]
    fn a_file_that_is_not_the_last_may_have_no_torn_tail() {
        let (bytes, _) = log(3);
        let cut = &bytes[..bytes.len() - 1];
        assert!(matches!(read_frames("log", cut, 0, false), Err(MetadataFault::Damaged { .. })));
    }

    #[test]
    fn a_frame_in_the_wrong_place_is_damage() {
        let (bytes, starts) = log(3);
        let mut swapped = bytes.clone();
        swapped.copy_within(0..starts[1], starts[1]);
        assert!(matches!(read_frames("log", &swapped, 0, true), Err(MetadataFault::Damaged { .. })));
        assert!(matches!(read_frames("log", &bytes, 1, true), Err(MetadataFault::Damaged { .. })));
    }

    #[test]
    fn what_a_later_version_wrote_is_neither_cut_nor_guessed_at() {
        let (mut bytes, starts) = log(2);
        let version = starts[1] + frame::HEADER_BYTES;
        bytes[version] = 9;
        let body = &bytes[version..];
        let checksum = crc32c(&bytes[starts[1]..starts[1] + 4], body);
        bytes[starts[1] + 4..version].copy_from_slice(&checksum.to_le_bytes());
        assert!(matches!(read_frames("log", &bytes, 0, true), Err(MetadataFault::TooNew { .. })));
    }

    /// CRC-32C bit by bit, so that the test does not trust the code it tests.
    fn crc32c(length: &[u8], body: &[u8]) -> u32 {
        let mut crc = !0u32;
        for byte in length.iter().chain(body) {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
            }
        }
        !crc
    }
}
