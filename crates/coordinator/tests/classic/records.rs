//! Records as they stand in the log.

use crate::cluster::Coordinator;
use bytes::Bytes;
use coordinator::group::{Record, RecordError, decode, encode};
use protocol::payloads::{GroupMetadataKey, OffsetCommitKey, OffsetCommitValue};

fn offset_key() -> OffsetCommitKey {
    OffsetCommitKey { group: "g".into(), topic: "t".into(), partition: 3 }
}

/// Bytes written down by hand from Kafka's schema.
const OFFSET_KEY: &[u8] = &[0, 1, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 3];

#[test]
fn a_committed_offset_stands_in_the_log_as_kafka_writes_it() {
    let value = OffsetCommitValue {
        offset: 42,
        leader_epoch: 7,
        metadata: "note".into(),
        commit_timestamp: 1000,
        ..Default::default()
    };
    let (key, bytes) = encode(&Record::OffsetCommit(offset_key(), Some(value)));
    assert_eq!(&key[..], OFFSET_KEY);
    let expected =
        [&[0, 4][..], &42i64.to_be_bytes(), &7i32.to_be_bytes(), &[5], b"note", &1000i64.to_be_bytes(), &[0]].concat();
    assert_eq!(bytes.as_deref(), Some(&expected[..]));
}

#[test]
fn offsets_of_every_version_are_read() {
    let body = |version: u8| {
        let mut bytes = vec![0, version];
        bytes.extend(42i64.to_be_bytes());
        if version == 3 {
            bytes.extend(7i32.to_be_bytes());
        }
        bytes.extend([0, 4]);
        bytes.extend(b"note");
        bytes.extend(1000i64.to_be_bytes());
        if version == 1 {
            bytes.extend(2000i64.to_be_bytes());
        }
        Bytes::from(bytes)
    };
    for version in 0..=3 {
        for kind in [0, 1] {
            let mut key = OFFSET_KEY.to_vec();
            key[1] = kind; // very old brokers wrote 0
            let read = decode(&key.into(), Some(&body(version))).expect("readable").expect("a known type");
            let Record::OffsetCommit(key, Some(value)) = read else { panic!("another record") };
            assert_eq!((key, value.offset, value.metadata.as_str()), (offset_key(), 42, "note"));
            assert_eq!(value.leader_epoch, if version == 3 { 7 } else { -1 });
            assert_eq!(value.expire_timestamp, if version == 1 { 2000 } else { -1 });
        }
    }
}

#[test]
fn a_tombstone_has_a_key_and_no_value() {
    let record = Record::GroupMetadata(GroupMetadataKey { group: "g".into() }, None);
    let (key, value) = encode(&record);
    assert_eq!((&key[..], &value), (&[0, 2, 0, 1, b'g'][..], &None));
    assert_eq!(decode(&key, None), Ok(Some(record)));
}

#[test]
fn types_of_later_kafkas_are_passed_over_and_versions_are_not() {
    for kind in [9, 10, 14, 17, 100] {
        assert_eq!(decode(&Bytes::from(vec![0, kind, 0, 1, b'g']), Some(&Bytes::from_static(&[0, 0]))), Ok(None));
    }
    let later = decode(&Bytes::from_static(OFFSET_KEY), Some(&Bytes::from_static(&[0, 5, 0, 0])));
    assert!(matches!(later, Err(RecordError::Value(_))));
}

#[test]
fn bytes_cut_short_or_changed_are_an_error_or_another_record_and_never_a_panic() {
    let mut cluster = Coordinator::new();
    let members = cluster.stable_group(2);
    cluster.commit(&members[0], "t", 0, 5);
    for record in cluster.records() {
        let (key, value) = encode(&record);
        let value = value.expect("no tombstones here");
        for length in 0..value.len() {
            let _ = decode(&key, Some(&value.slice(..length)));
            let mut changed = value.to_vec();
            changed[length] ^= 0xff;
            let _ = decode(&key, Some(&changed.into()));
        }
        for length in 0..key.len() {
            assert!(decode(&key.slice(..length), Some(&value)).is_err(), "{length}");
        }
    }
}
