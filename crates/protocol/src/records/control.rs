//! Control records: what brokers write between applications' records (KIP-98).

use bytes::{BufMut, Bytes, BytesMut};

/// What a control record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum ControlKind {
    /// The producer's transaction was aborted.
    Abort = 0,
    /// The producer's transaction was committed.
    Commit = 1,
    /// A Raft leader took office.
    LeaderChange = 2,
    /// The head of a metadata snapshot.
    SnapshotHeader = 3,
    /// The end of a metadata snapshot.
    SnapshotFooter = 4,
    /// The version of the Raft protocol.
    KraftVersion = 5,
    /// The voters of the Raft quorum.
    KraftVoters = 6,
}

impl ControlKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [ControlKind; 7] = [
        ControlKind::Abort,
        ControlKind::Commit,
        ControlKind::LeaderChange,
        ControlKind::SnapshotHeader,
        ControlKind::SnapshotFooter,
        ControlKind::KraftVersion,
        ControlKind::KraftVoters,
    ];

    /// Reads the key of a control record: version and type. `None` for one that is not known.
    pub fn from_key(key: &[u8]) -> Option<ControlKind> {
        let kind = i16::from_be_bytes(*key.get(2..)?.first_chunk()?);
        ControlKind::ALL.into_iter().find(|known| *known as i16 == kind)
    }

    /// The key of such a record, in version 0.
    pub fn key(self) -> [u8; 4] {
        let [high, low] = (self as i16).to_be_bytes();
        [0, 0, high, low]
    }
}

/// The value of a marker that ends a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTransactionMarker {
    /// The epoch of the coordinator that decided.
    pub coordinator_epoch: i32,
}

impl EndTransactionMarker {
    /// Reads the value, version 0 or a later one that only adds to it.
    pub fn from_value(value: &[u8]) -> Option<EndTransactionMarker> {
        let coordinator_epoch = i32::from_be_bytes(*value.get(2..)?.first_chunk()?);
        Some(EndTransactionMarker { coordinator_epoch })
    }

    /// The value, in version 0.
    pub fn value(self) -> Bytes {
        let mut value = BytesMut::with_capacity(6);
        value.put_i16(0);
        value.put_i32(self.coordinator_epoch);
        value.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_markers_read_back() {
        for kind in ControlKind::ALL {
            assert_eq!(ControlKind::from_key(&kind.key()), Some(kind));
        }
        assert_eq!(ControlKind::from_key(&[0, 0, 0, 9]), None);
        assert_eq!(ControlKind::from_key(&[0, 0]), None);
        let marker = EndTransactionMarker { coordinator_epoch: 7 };
        assert_eq!(EndTransactionMarker::from_value(&marker.value()), Some(marker));
        assert_eq!(EndTransactionMarker::from_value(&[0, 0, 0]), None);
    }
}
