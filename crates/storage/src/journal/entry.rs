//! What a group is made of: one change of one partition each.
//!
//! ```text
//! kind u8 | topic id 16 | partition i32 | end before i64 | end after i64 | body
//! body: open: start i64, name length u16, name    append: length u32, batches    start moved: start i64
//! ```
//! All numbers are big-endian, as in Kafka's own formats.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use model::{Offset, PartitionId, Uuid};

/// One change of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The topic's id.
    pub topic_id: Uuid,
    /// The partition of that topic.
    pub partition: PartitionId,
    /// The log end offset before the change: replay applies the change only to a log that ends there.
    pub end_before: Offset,
    /// The log end offset after it.
    pub end_after: Offset,
    /// What happened.
    pub change: Change,
}

/// What happened to a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The partition was made, empty, with its first offset at `start`; enough to make its directory again.
    Open {
        /// The topic's name, at most 65,535 bytes.
        topic: String,
        /// The first offset.
        start: Offset,
    },
    /// Whole record batches were appended, with their final offsets; in pieces that belong together.
    Append(Vec<Bytes>),
    /// The log was cut back to `end_after`.
    TruncateTo,
    /// The log was emptied and starts again at `end_after`.
    ResetTo,
    /// The log start offset moved up to this.
    StartMoved(Offset),
    /// The segments are durable up to `end_after`.
    Synced,
    /// The partition was deleted or moved away.
    Dropped,
}

const OPEN: u8 = 1;
const APPEND: u8 = 2;
const TRUNCATE_TO: u8 = 3;
const RESET_TO: u8 = 4;
const START_MOVED: u8 = 5;
const SYNCED: u8 = 6;
const DROPPED: u8 = 7;

/// Bytes of an entry before its body.
pub(crate) const FIXED_BYTES: usize = 1 + 16 + 4 + 8 + 8;

impl Entry {
    /// Bytes of the entry in its group.
    pub(crate) fn encoded_bytes(&self) -> usize {
        FIXED_BYTES
            + match &self.change {
                Change::Open { topic, .. } => 8 + 2 + topic.len(),
                Change::Append(pieces) => 4 + length_of(pieces),
                Change::StartMoved(_) => 8,
                Change::TruncateTo | Change::ResetTo | Change::Synced | Change::Dropped => 0,
            }
    }

    /// Writes the entry but for the batches of an append, which follow as they are.
    ///
    /// # Panics
    /// When a topic name is longer than 65,535 bytes or the batches than 4 GiB.
    pub(crate) fn encode_without_batches(&self, into: &mut BytesMut) {
        into.put_u8(match &self.change {
            Change::Open { .. } => OPEN,
            Change::Append(_) => APPEND,
            Change::TruncateTo => TRUNCATE_TO,
            Change::ResetTo => RESET_TO,
            Change::StartMoved(_) => START_MOVED,
            Change::Synced => SYNCED,
            Change::Dropped => DROPPED,
        });
        into.put_slice(&self.topic_id.0);
        into.put_i32(self.partition);
        into.put_i64(self.end_before);
        into.put_i64(self.end_after);
        match &self.change {
            Change::Open { topic, start } => {
                into.put_i64(*start);
                into.put_u16(u16::try_from(topic.len()).expect("topic names have at most 249 letters"));
                into.put_slice(topic.as_bytes());
            }
            Change::Append(pieces) => {
                into.put_u32(u32::try_from(length_of(pieces)).expect("a request has less than 2 GiB"));
            }
            Change::StartMoved(start) => into.put_i64(*start),
            Change::TruncateTo | Change::ResetTo | Change::Synced | Change::Dropped => {}
        }
    }

    /// Takes one entry off the front of `from`, without copying batches; `None` when it is not one.
    pub(crate) fn decode(from: &mut Bytes) -> Option<Entry> {
        let kind = from.try_get_u8().ok()?;
        let mut topic_id = Uuid::ZERO;
        from.try_copy_to_slice(&mut topic_id.0).ok()?;
        let partition = from.try_get_i32().ok()?;
        let end_before = from.try_get_i64().ok()?;
        let end_after = from.try_get_i64().ok()?;
        let change = match kind {
            OPEN => {
                let start = from.try_get_i64().ok()?;
                let length = usize::from(from.try_get_u16().ok()?);
                Change::Open { topic: String::from_utf8(take(from, length)?.to_vec()).ok()?, start }
            }
            APPEND => {
                let length = usize::try_from(from.try_get_u32().ok()?).ok()?;
                Change::Append(vec![take(from, length)?])
            }
            TRUNCATE_TO => Change::TruncateTo,
            RESET_TO => Change::ResetTo,
            START_MOVED => Change::StartMoved(from.try_get_i64().ok()?),
            SYNCED => Change::Synced,
            DROPPED => Change::Dropped,
            _ => return None,
        };
        Some(Entry { topic_id, partition, end_before, end_after, change })
    }
}

/// Bytes of all pieces.
pub(crate) fn length_of(pieces: &[Bytes]) -> usize {
    pieces.iter().map(Bytes::len).sum()
}

fn take(from: &mut Bytes, length: usize) -> Option<Bytes> {
    (from.len() >= length).then(|| from.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_change() -> impl Strategy<Value = Change> {
        prop_oneof![
            ("[a-z]{0,9}", any::<i64>()).prop_map(|(topic, start)| Change::Open { topic, start }),
            proptest::collection::vec(any::<u8>(), 0..200).prop_map(|b| Change::Append(vec![b.into()])),
            Just(Change::TruncateTo),
            Just(Change::ResetTo),
            any::<i64>().prop_map(Change::StartMoved),
            Just(Change::Synced),
            Just(Change::Dropped),
        ]
    }

    fn encoded(entry: &Entry) -> Bytes {
        let mut bytes = BytesMut::new();
        entry.encode_without_batches(&mut bytes);
        if let Change::Append(pieces) = &entry.change {
            pieces.iter().for_each(|piece| bytes.put_slice(piece));
        }
        bytes.freeze()
    }

    proptest! {
        #[test]
        fn an_entry_reads_back_and_is_as_long_as_it_says(
            id in any::<[u8; 16]>(), partition: i32, end_before: i64, end_after: i64, change in any_change()
        ) {
            let entry = Entry { topic_id: Uuid(id), partition, end_before, end_after, change };
            let mut bytes = encoded(&entry);
            prop_assert_eq!(bytes.len(), entry.encoded_bytes());
            prop_assert_eq!(Entry::decode(&mut bytes), Some(entry));
            prop_assert!(bytes.is_empty());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let all = bytes.len();
            let mut bytes = Bytes::from(bytes);
            if let Some(entry) = Entry::decode(&mut bytes) {
                prop_assert_eq!(entry.encoded_bytes(), all - bytes.len());
            }
        }
    }

    #[test]
    fn an_entry_cut_anywhere_is_refused() {
        let change = Change::Append(vec![Bytes::from_static(b"batches")]);
        let whole = encoded(&Entry { topic_id: Uuid([7; 16]), partition: 1, end_before: 2, end_after: 3, change });
        for cut in 0..whole.len() {
            assert_eq!(Entry::decode(&mut whole.slice(..cut)), None, "cut at {cut}");
        }
    }
}
