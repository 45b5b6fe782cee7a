//! Frames between Kafka's clients, librdkafka, and a broker.

use bytes::Bytes;
use protocol::header::{RequestHeader, ResponseHeader, response_header_version};
use protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, FetchRequest, MetadataRequest, MetadataResponse, ProduceRequest,
};
use protocol::records::validate::{Rules, validate};
use protocol::records::{Batches, Compression, ControlKind, TimestampType};
use protocol::{ApiKey, Reader, Request, Writer, frame};

use crate::every_message::{Role, kinds};

struct Frame {
    is_request: bool,
    key: ApiKey,
    version: i16,
    bytes: Bytes,
}

fn frames() -> Vec<Frame> {
    let keys = |name: &str| ApiKey::ALL.iter().copied().find(|key| key.name() == name).expect("an API");
    let frame = |words: Vec<&str>| Frame {
        is_request: words[0] == "request",
        key: keys(words[1]),
        version: words[2].parse().expect("a version"),
        bytes: crate::bytes(words[3]),
    };
    crate::lines(include_str!("frames.txt")).map(frame).collect()
}

fn requests<R: Request>(version: i16) -> Vec<R> {
    let frames = frames().into_iter().filter(|frame| frame.is_request && frame.key == R::KEY);
    let read = |frame: Frame| {
        let mut reader = Reader::new(frame.bytes);
        RequestHeader::decode(&mut reader).expect("a header");
        R::decode(&mut reader, version).expect("a request")
    };
    frames.filter(|frame| frame.version == version).map(read).collect()
}

fn responses<R: Request>(version: i16) -> Vec<R::Response> {
    let frames = frames().into_iter().filter(|frame| !frame.is_request && frame.key == R::KEY);
    let read = |frame: Frame| frame::decode_response::<R>(frame.bytes, version).expect("a response").1;
    frames.filter(|frame| frame.version == version).map(read).collect()
}

#[test]
fn every_frame_is_written_back_as_it_came() {
    let (frames, kinds) = (frames(), kinds());
    assert!(frames.len() > 100, "{} frames", frames.len());
    for Frame { is_request, key, version, bytes } in frames {
        let role = if is_request { Role::Request(key.code()) } else { Role::Response(key.code()) };
        let kind = kinds.iter().find(|kind| kind.role == role).expect("a kind of message");
        let (mut reader, mut writer) = (Reader::new(bytes.clone()), Writer::new());
        if is_request {
            let header = RequestHeader::decode(&mut reader).expect("a header");
            assert_eq!((header.api_key, header.api_version), (key.code(), version));
            header.encode(&mut writer).expect("what was read can be written");
        } else {
            let header_version = response_header_version(key, version);
            let header = ResponseHeader::decode(&mut reader, header_version).expect("a header");
            header.encode(&mut writer, header_version).expect("what was read can be written");
        }
        let body = bytes.slice(reader.offset()..);
        let value = kind.decode_whole(&body, version).unwrap_or_else(|error| panic!("{key:?} v{version}: {error}"));
        assert_eq!(value.encode(version), Ok(body), "{value:?}");
        assert_eq!(writer.finish_contiguous()[..], bytes[..reader.offset()], "header of {key:?} v{version}");
    }
}

#[test]
fn a_broker_tells_its_versions_in_each_version() {
    for version in 0..=4 {
        let response: ApiVersionsResponse = responses::<ApiVersionsRequest>(version).pop().expect("a response");
        assert_eq!((response.error_code, response.throttle_time_ms), (0, 0));
        assert_eq!(response.api_keys.len(), 75, "v{version}");
        for api in &response.api_keys {
            let key = ApiKey::from_code(api.api_key).expect("an API of Kafka 4.3");
            // Old librdkafka gives up on a broker without Produce 0 (KAFKA-18659).
            let first = if key == ApiKey::Produce { 0 } else { *key.versions().start() };
            assert_eq!((api.min_version, api.max_version), (first, *key.versions().end()), "{key:?}");
            assert!(key.listeners().broker, "{key:?}");
        }
        assert_eq!(response.finalized_features.is_empty(), version < 3);
        let from_zero = response.supported_features.iter().filter(|feature| feature.min_version == 0).count();
        assert_eq!(from_zero > 0, version == 4, "v3 hides features that begin at 0 (KIP-1022)");
    }
}

#[test]
fn a_broker_that_does_not_know_the_version_answers_in_the_first() {
    let response = responses::<ApiVersionsRequest>(0).remove(0);
    assert_eq!(response.error_code, 35);
    let ranges: Vec<_> = response.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect();
    assert_eq!(ranges, [(18, 0, 4)]);
}

#[test]
fn clients_say_who_they_are() {
    let librdkafka = &requests::<ApiVersionsRequest>(3)[0];
    assert_eq!(librdkafka.client_software_name, "librdkafka");
    let old = &requests::<ApiVersionsRequest>(0)[0];
    assert_eq!(*old, ApiVersionsRequest::default());
}

#[test]
fn metadata_grows_by_version() {
    for version in [0, 1, 2, 3, 4, 5, 8, 9, 10, 13] {
        let response: MetadataResponse = responses::<MetadataRequest>(version).remove(0);
        let broker = &response.brokers[0];
        assert_eq!((broker.node_id, &*broker.host, broker.rack.as_deref()), (1, "127.0.0.1", None));
        assert_eq!(response.cluster_id.is_some(), version >= 2);
        assert_eq!(response.controller_id, if version == 0 { -1 } else { 1 });
        for topic in &response.topics {
            assert_eq!(topic.error_code, 0);
            assert_eq!(topic.topic_id.is_zero(), version < 10);
            assert_eq!(topic.partitions[0].replica_nodes, [1]);
            assert_eq!(topic.partitions[0].leader_epoch, if version < 7 { -1 } else { 0 });
        }
    }
}

fn rules() -> Rules {
    Rules {
        produce_version: 7,
        has_transactional_id: true,
        max_message_bytes: 1000,
        compacted: true,
        timestamp_type: TimestampType::CreateTime,
        before_max_ms: i64::MAX,
        after_max_ms: i64::MAX,
        now: 0,
        compression: None,
        decompressed_limit: 1000,
    }
}

#[test]
fn what_librdkafka_produces_in_each_codec_is_valid_and_is_fetched_again() {
    let produced = requests::<ProduceRequest>(7);
    let mut codecs = Vec::new();
    for request in &produced {
        let topic = &request.topic_data[0];
        let records = topic.partition_data[0].records.clone().expect("records");
        let valid = validate(records, &rules()).expect("a batch that a broker takes");
        let codec = valid.header.compression().expect("a codec");
        codecs.push(codec);
        assert_eq!(*topic.name, format!("golden-{codec}"));
    }
    codecs.sort();
    assert_eq!(codecs, Compression::ALL);

    let fetched = responses::<FetchRequest>(11);
    let batches = fetched.iter().flat_map(|response| &response.responses).map(|topic| {
        let records = topic.partitions[0].records.clone().unwrap_or_default();
        (topic.topic.clone(), records)
    });
    let mut count = 0;
    for (topic, bytes) in batches.filter(|(_, records)| !records.is_empty()) {
        let batch = Batches::new(&bytes).next().expect("one").expect("a batch");
        assert_eq!(batch.check_crc(), Ok(()));
        let record = batch.records_of(&bytes, 1000).expect("records").next().expect("one").expect("a record");
        let value = [&topic.replace("golden-", "value of "), " 0123456789".repeat(8).as_str()].concat().into_bytes();
        assert_eq!(record.key.as_deref(), Some(&b"key"[..]));
        assert_eq!(record.value.as_deref(), Some(&value[..]));
        let headers: Vec<_> = record.headers.iter().map(|header| (&*header.key, header.value.as_deref())).collect();
        assert_eq!(headers, [(&b"h"[..], Some(&b"1"[..])), (b"h", Some(b"2")), (b"e", Some(b""))], "{topic}");
        count += 1;
    }
    assert_eq!(count, 5);
}

#[test]
fn an_aborted_transaction_is_told_beside_the_records_and_marked_between_them() {
    let responses = responses::<FetchRequest>(18);
    let partition = responses.iter().flat_map(|response| &response.responses).flat_map(|topic| &topic.partitions);
    let partition = partition.max_by_key(|partition| partition.records.as_ref().map(Bytes::len)).expect("a partition");
    let aborted = partition.aborted_transactions.as_ref().expect("read committed");
    assert_eq!((aborted.len(), aborted[0].first_offset), (1, 3));
    let records = partition.records.as_ref().expect("records");
    let mut kinds = Vec::new();
    for batch in Batches::new(records).map(|batch| batch.expect("whole")) {
        assert_eq!((batch.check_crc(), batch.header.is_transactional()), (Ok(()), true));
        assert_eq!(batch.header.producer_id, aborted[0].producer_id);
        let first = batch.records_of(records, 1000).expect("records").next().expect("one").expect("a record");
        let key = first.key.expect("a key");
        kinds.push(batch.header.is_control().then(|| ControlKind::from_key(&key).expect("a known kind")));
    }
    assert_eq!(kinds, [Some(ControlKind::Commit), None, Some(ControlKind::Abort)]);
}
