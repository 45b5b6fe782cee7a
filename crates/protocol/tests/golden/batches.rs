//! Batches of Kafka's own builders.

use bytes::Bytes;
use protocol::payloads::{EndTxnMarker, KRaftVersionRecord, LeaderChangeMessage, SnapshotHeaderRecord};
use protocol::records::{
    BatchBuilder, BatchHeader, BatchOptions, BatchView, Compression, ControlKind, EndTransactionMarker, Header, Record,
    TimestampType,
};
use protocol::{Message, Reader};

fn golden(name: &str) -> Bytes {
    let line = crate::lines(include_str!("batches.txt")).find(|words| words[0] == name);
    crate::bytes(line.expect("a golden batch")[1])
}

fn read(name: &str) -> (BatchHeader, Vec<Record>) {
    let bytes = golden(name);
    let view = BatchView::parse(&bytes).expect("a batch");
    assert_eq!((view.check_crc(), view.bytes.len()), (Ok(()), bytes.len()), "{name}");
    assert_eq!(view.header.to_bytes(), bytes[..61], "{name}");
    let records = view.records_of(&bytes, 1000).expect("records").map(|record| record.expect("a record"));
    (view.header, records.collect())
}

fn headers() -> [Header; 3] {
    [Header::new("h", "1"), Header { key: "h".into(), value: None }, Header::new("ß", "")]
}

/// The three records that most of the batches hold.
fn three() -> Vec<Record> {
    let value = ["value"; 8].join(" ");
    let record = |offset_delta, timestamp_delta| Record { offset_delta, timestamp_delta, ..Record::default() };
    vec![
        Record { key: Some("k".into()), value: Some(value.into()), headers: headers().into(), ..record(0, 0) },
        Record { value: Some(Bytes::new()), ..record(1, 5) },
        Record { key: Some("k".into()), ..record(2, 3) },
    ]
}

#[test]
fn every_codec_of_java_is_read() {
    for compression in Compression::ALL {
        let (header, records) = read(compression.name());
        assert_eq!(header.compression(), Ok(compression));
        assert_eq!(records, three(), "{compression}");
        assert_eq!((header.base_timestamp, header.max_timestamp), (1_700_000_000_000, 1_700_000_000_005));
        assert_eq!((header.base_offset, header.record_count, header.last_offset_delta), (0, 3, 2));
    }
}

#[test]
fn an_uncompressed_batch_is_built_byte_for_byte_as_kafka_builds_it() {
    let build = |options| {
        let mut builder = BatchBuilder::new(options);
        for record in three() {
            let timestamp = 1_700_000_000_000 + record.timestamp_delta;
            builder.append(timestamp, record.key.as_deref(), record.value.as_deref(), &record.headers);
        }
        builder.build()
    };
    assert_eq!(build(BatchOptions::default()), golden("none"));
    let producer =
        BatchOptions { producer_id: 4001, producer_epoch: 3, base_sequence: i32::MAX - 1, ..Default::default() };
    let mut batch = build(producer).to_vec();
    protocol::records::set_base_offset(&mut batch, 42);
    protocol::records::set_leader_epoch(&mut batch, 5);
    assert_eq!(batch, golden("idempotent"));
}

#[test]
fn append_time_is_the_time_of_all() {
    let (header, records) = read("append-time");
    assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!((header.base_offset, header.leader_epoch, header.last_offset()), (1 << 40, 7, (1 << 40) + 2));
    let times: Vec<_> = records.iter().map(|record| header.timestamp_of(record.timestamp_delta)).collect();
    assert_eq!(times, [1_700_000_009_999; 3]);
}

#[test]
fn producers_and_transactions_are_told() {
    let (header, records) = read("idempotent");
    assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (4001, 3, i32::MAX - 1));
    assert_eq!((header.last_sequence(), header.is_transactional()), (0, false));
    assert_eq!(records, three());
    let (header, records) = read("transactional");
    assert!(header.is_transactional() && !header.is_control());
    assert_eq!(records, three());
}

#[test]
fn a_tombstone_may_carry_the_time_of_its_end() {
    let (header, records) = read("delete-horizon");
    assert!(header.has_delete_horizon());
    assert_eq!(header.base_timestamp, 1_700_000_777_777, "the horizon stands in the place of the base timestamp");
    assert_eq!(header.timestamp_of(records[0].timestamp_delta), 1_700_000_000_000);
    assert_eq!((records[0].key.as_deref(), &records[0].value), (Some(&b"k"[..]), &None));
}

#[test]
fn markers_end_transactions() {
    for (name, kind) in [("abort", ControlKind::Abort), ("commit", ControlKind::Commit)] {
        let (header, records) = read(name);
        assert!(header.is_control() && header.is_transactional());
        let (key, value) = (records[0].key.as_deref().expect("a key"), records[0].value.as_deref().expect("a value"));
        assert_eq!(ControlKind::from_key(key), Some(kind));
        let marker = EndTransactionMarker { coordinator_epoch: 11 };
        assert_eq!(EndTransactionMarker::from_value(value), Some(marker));
        assert_eq!(marker.value(), value);
        assert_eq!((kind.key(), header.leader_epoch), (key.try_into().expect("4 bytes"), 6));
        let table = EndTxnMarker::decode(&mut Reader::new(Bytes::copy_from_slice(&value[2..])), 0).expect("a marker");
        assert_eq!(table.coordinator_epoch, 11);
    }
}

/// The value of the only record of a control batch.
fn control<M: Message>(name: &str, kind: ControlKind) -> M {
    let (header, records) = read(name);
    assert!(header.is_control() && !header.is_transactional());
    assert_eq!(ControlKind::from_key(records[0].key.as_deref().expect("a key")), Some(kind));
    let value = records[0].value.clone().expect("a value");
    let version = i16::from_be_bytes([value[0], value[1]]); // the first field of each
    let mut reader = Reader::new(value);
    let message = M::decode(&mut reader, version).expect("a control record");
    assert_eq!(reader.remaining(), 0);
    message
}

#[test]
fn the_quorum_keeps_its_own_control_records() {
    let change: LeaderChangeMessage = control("leader-change", ControlKind::LeaderChange);
    assert_eq!((change.leader_id, change.voters.len(), change.granting_voters[0].voter_id), (1, 1, 1));
    let snapshot: SnapshotHeaderRecord = control("snapshot-header", ControlKind::SnapshotHeader);
    assert_eq!(snapshot.last_contained_log_timestamp, 5);
    let version: KRaftVersionRecord = control("kraft-version", ControlKind::KraftVersion);
    assert_eq!(version.k_raft_version, 1);
}
