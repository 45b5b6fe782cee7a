//! The files of the metadata log, in the directory that Kafka too keeps its metadata in (and skips when it looks for
//! partitions):
//!
//! ```text
//! __cluster_metadata-0/00000000000000001234.state     the snapshot of all that is below this offset, with the voters
//! __cluster_metadata-0/00000000000000001234.changes   what the node promised since: epochs, votes, entries, cuts
//! __cluster_metadata-0/.lock
//! ```
//! One frame of changes is one write and one sync, and the next is not written before that sync is done. So a frame that
//! is followed by a good one was on stable storage: when it is bad, that is damage. A bad last frame was never promised
//! to anyone and is cut off.
//!
//! A server of one node of earlier versions has `.records` and `.snapshot` files instead: see [`super::one_node`].

use super::fault::MetadataFault;
use bytes::Bytes;
use controller::frame::{self, FrameError};
use model::{LeaderEpoch, Offset, Uuid, mark};
use raft::{Entry, HardState, Voters};
use runtime::disk::{Disk, File, Open};
use serde::{Deserialize, Serialize};

/// The directory, below the first log directory.
pub const DIRECTORY: &str = "__cluster_metadata-0";

/// The version of frames of changes.
pub const CHANGES_VERSION: u16 = 2;
/// The version of frames of a state.
pub const STATE_VERSION: u16 = 3;

/// What one write made durable. The bytes are frozen: a new kind goes to the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// The first of each file: the directory's id in the quorum, never that of another directory (KIP-853).
    Identity {
        /// The bytes of the id.
        directory: [u8; 16],
    },
    /// The epoch and the vote in it.
    HardState(HardState),
    /// The log ends here now.
    Truncate {
        /// The offset after the last entry.
        to: Offset,
    },
    /// Entries at the end of the log.
    Append {
        /// The offset of the first.
        base_offset: Offset,
        /// In order.
        entries: Vec<Entry>,
    },
}

/// A part of a state file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum StatePart {
    /// The first.
    Header {
        /// All below this offset is in it.
        end_offset: Offset,
        /// The epoch of the last entry.
        epoch: LeaderEpoch,
        /// The voters as of there.
        voters: Voters,
    },
    /// The next bytes.
    Bytes(serde_bytes::ByteBuf),
    /// The last: a file without it is not whole.
    End,
}

/// What a name in the directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// A snapshot of all below this offset.
    State(Offset),
    /// Changes since the snapshot of this offset.
    Changes(Offset),
    /// Half-written when a crash came.
    Temporary,
    /// A file of a server of one node of earlier versions.
    OneNode,
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
            "state" => Some(Name::State(offset)),
            "changes" => Some(Name::Changes(offset)),
            "state.tmp" => Some(Name::Temporary),
            "records" | "snapshot" | "snapshot.tmp" => Some(Name::OneNode),
            _ => None,
        }
    }
}

/// The path of the changes since `base`.
pub fn changes_path(base: Offset) -> String {
    format!("{DIRECTORY}/{base:020}.changes")
}

/// The path of the state of all below `end`.
pub fn state_path(end: Offset) -> String {
    format!("{DIRECTORY}/{end:020}.state")
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

/// A durable state, read back.
#[derive(Debug)]
pub struct State {
    /// All below this offset is in it.
    pub end_offset: Offset,
    /// The epoch of the last entry.
    pub epoch: LeaderEpoch,
    /// The voters as of there.
    pub voters: Voters,
    /// The machine's state.
    pub bytes: Bytes,
}

/// Reads the state file at `path`.
///
/// # Errors
/// `Damaged` for anything that is not whole, `TooNew` for what a later version wrote.
pub fn read_state(path: &str, bytes: &[u8]) -> Result<State, MetadataFault> {
    let damaged =
        |at: usize, why: &str| MetadataFault::Damaged { path: path.to_owned(), at: at as u64, why: why.into() };
    let mut at = 0;
    let mut header = None;
    let mut state = Vec::new();
    while at < bytes.len() {
        let (part, size) = part_at(path, bytes, at)?;
        at += size;
        match part {
            StatePart::Header { end_offset, epoch, voters } if header.is_none() => {
                header = Some((end_offset, epoch, voters));
            }
            StatePart::Bytes(part) if header.is_some() => state.extend_from_slice(&part),
            StatePart::End if at == bytes.len() => {
                let (end_offset, epoch, voters) = header.ok_or_else(|| damaged(0, "it has no header"))?;
                return Ok(State { end_offset, epoch, voters, bytes: state.into() });
            }
            _ => return Err(damaged(at, "its parts are out of order")),
        }
    }
    Err(damaged(at, "its end is missing"))
}

fn part_at(path: &str, bytes: &[u8], at: usize) -> Result<(StatePart, usize), MetadataFault> {
    let frame = frame::open(&bytes[at..]).map_err(|error| MetadataFault::Damaged {
        path: path.to_owned(),
        at: at as u64,
        why: error.to_string(),
    })?;
    let too_new = |error: FrameError| MetadataFault::TooNew { path: path.to_owned(), why: error.to_string() };
    if frame.version != STATE_VERSION {
        return Err(too_new(FrameError::Version(frame.version)));
    }
    Ok((frame.payload().map_err(too_new)?, frame.size))
}

/// What the good frames of a file of changes say, taken together.
#[derive(Debug)]
pub struct Changes {
    /// The directory's id in the quorum.
    pub directory: Uuid,
    /// The last epoch and vote.
    pub hard_state: HardState,
    /// The entries from the file's base on.
    pub entries: Vec<Entry>,
    /// How many bytes the good frames have.
    pub length: u64,
    /// Where the last of them starts.
    pub last: u64,
    /// Whether bytes come after them that nobody was promised, and that are more than space for later ones.
    pub torn: bool,
}

/// Reads the changes at `path`, whose first entry has the offset `base`.
///
/// # Errors
/// `Damaged` for anything but a torn tail, `TooNew` for what a later version wrote.
pub fn read_changes(path: &str, bytes: &[u8], base: Offset) -> Result<Changes, MetadataFault> {
    let damaged = |at: usize, why: String| MetadataFault::Damaged { path: path.to_owned(), at: at as u64, why };
    let mut directory = None;
    let (mut hard_state, mut entries, mut at, mut last, mut torn) = (HardState::default(), Vec::new(), 0, 0, false);
    // No frame begins with zeros: they are space for later ones.
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    while at < written {
        let frame = match frame::open(&bytes[at..]) {
            Ok(frame) => frame,
            Err(error) if is_followed_by_a_frame(&bytes[at + 1..]) => return Err(damaged(at, error.to_string())),
            Err(_) => {
                mark!("torn tail of the metadata log");
                torn = true;
                break;
            }
        };
        let too_new = |error: FrameError| MetadataFault::TooNew { path: path.to_owned(), why: error.to_string() };
        if frame.version != CHANGES_VERSION {
            return Err(too_new(FrameError::Version(frame.version)));
        }
        for change in frame.payload::<Vec<Change>>().map_err(too_new)? {
            match change {
                Change::Identity { directory: id } => directory = Some(Uuid(id)),
                Change::HardState(state) => hard_state = state,
                Change::Truncate { to } => entries.truncate(usize::try_from(to - base).unwrap_or(0)),
                Change::Append { base_offset, entries: more } => {
                    let next = base + entries.len() as Offset;
                    if base_offset != next {
                        let why = format!("it has the entries from offset {base_offset} where {next} belongs");
                        return Err(damaged(at, why));
                    }
                    entries.extend(more);
                }
            }
        }
        last = at as u64;
        at += frame.size;
    }
    let directory = directory.ok_or_else(|| damaged(0, "it does not say whose it is".to_owned()))?;
    Ok(Changes { directory, hard_state, entries, length: at as u64, last, torn })
}

/// Whether a good frame of changes starts anywhere in `bytes`. A frame of records proves nothing: those of the changes
/// that are torn are frames themselves.
fn is_followed_by_a_frame(bytes: &[u8]) -> bool {
    let is_of_changes = |frame: frame::Frame<'_>| frame.version != frame::VERSION;
    (0..bytes.len()).any(|at| frame::open(&bytes[at..]).is_ok_and(is_of_changes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use controller::frame::Batch;
    use raft::Payload;

    fn sealed(changes: Vec<Change>) -> Vec<u8> {
        frame::seal(CHANGES_VERSION, &changes).expect("it fits")
    }

    fn first() -> Vec<u8> {
        sealed(vec![Change::Identity { directory: [7; 16] }])
    }

    fn appended(count: usize) -> Vec<u8> {
        let batch = Batch { base_offset: 0, leader_epoch: 1, timestamp: 0, records: vec![] };
        let entry = Entry { epoch: 1, payload: Payload::Data(frame::encode(&batch).expect("it fits").into()) };
        sealed(vec![Change::Append { base_offset: 0, entries: vec![entry; count] }])
    }

    /// The whole entries in a write that was cut short were taken for later writes, and the server did not start.
    #[test]
    fn a_torn_write_of_several_entries_is_no_damage() {
        let (first, torn) = (first(), appended(3));
        // Whatever is missing must not be all zeros, or the write would be whole.
        let last = torn.iter().rposition(|byte| *byte != 0).expect("a checksum");
        for cut in 1..=last {
            for space in [0, 100] {
                let bytes = [&first, &torn[..cut], &vec![0; space]].concat();
                let changes = read_changes("log", &bytes, 0).expect("nobody was promised the last write");
                let found = (changes.length, changes.torn, changes.entries.len());
                assert_eq!(found, (first.len() as u64, true, 0), "cut at {cut}, {space} zeros after it");
            }
        }
    }

    #[test]
    fn a_bad_write_before_a_good_one_is_damage() {
        let (first, mut bad) = (first(), appended(3));
        *bad.last_mut().expect("it is not empty") ^= 1;
        let bytes = [first, bad, appended(1)].concat();
        assert!(matches!(read_changes("log", &bytes, 0), Err(MetadataFault::Damaged { .. })));
    }

    #[test]
    fn zeros_after_the_last_write_are_space() {
        let changes = read_changes("log", &[first(), appended(2), vec![0; 5_000]].concat(), 0).expect("it is whole");
        assert_eq!((changes.torn, changes.entries.len()), (false, 2));
    }
}
