//! The bytes of the log, which must never change: what one version wrote, every later one reads.

use controller::frame::{self, Batch, FrameError, HEADER_BYTES, MAX_FRAME_BYTES};
use controller::records::{BrokerRegistered, ListenerEndpoint, Partition, Record, Resource};

fn every_record() -> Vec<Record> {
    let config = |resource: Resource, value: Option<&str>| Record::Config {
        resource,
        name: "retention.ms".to_owned(),
        value: value.map(str::to_owned),
    };
    vec![
        Record::Founded { cluster_id: "c".to_owned(), record_level: 1 },
        Record::FeatureLevel { name: "f".to_owned(), level: 2 },
        Record::BrokerRegistered(BrokerRegistered {
            id: 1,
            epoch: Some(300),
            incarnation: [0xaa; 16],
            endpoints: vec![ListenerEndpoint {
                listener: "P".to_owned(),
                host: "h".to_owned(),
                port: 9092,
                security_protocol: 0,
            }],
            rack: Some("r".to_owned()),
            directories: vec![[0xbb; 16]],
            fenced: true,
            in_controlled_shutdown: false,
        }),
        Record::BrokerFenced { id: 1, epoch: 300, fenced: false, in_controlled_shutdown: true },
        Record::BrokerUnregistered { id: 70_000 },
        Record::TopicCreated { name: "t".to_owned(), topic_id: [0xcc; 16] },
        Record::Partition(Partition {
            topic_id: [0xcc; 16],
            partition: 3,
            replicas: vec![1, 2],
            directories: vec![[0xbb; 16], [0; 16]],
            isr: vec![1],
            eligible_leaders: vec![2],
            last_known_eligible_leaders: vec![],
            adding: vec![4],
            removing: vec![2],
            leader: Some(1),
            leader_epoch: 5,
            partition_epoch: 6,
        }),
        Record::TopicDeleted { topic_id: [0xcc; 16] },
        config(Resource::Topic([0xcc; 16]), Some("1")),
        config(Resource::Broker(1), None),
        config(Resource::AllBrokers, None),
        config(Resource::Group("g".to_owned()), None),
        config(Resource::ClientMetrics("m".to_owned()), None),
        Record::ProducerIds { broker: -1, next: 1000 },
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn batch(records: Vec<Record>) -> Batch {
    Batch { base_offset: 42, leader_epoch: 7, timestamp: 1_700_000_000_000, records }
}

#[test]
fn the_bytes_of_every_record_are_those_of_version_1() {
    let golden: Vec<&str> = include_str!("golden_bytes.txt").lines().filter(|line| !line.starts_with('#')).collect();
    let records = every_record();
    assert_eq!(golden.len(), records.len(), "a line a record; a new variant needs a new line");
    for (record, golden) in records.into_iter().zip(golden) {
        let bytes = frame::encode(&batch(vec![record.clone()])).expect("small");
        assert_eq!(hex(&bytes), golden, "{record:?}");
        assert_eq!(frame::decode(&bytes), Ok((batch(vec![record]), bytes.len())));
    }
}

#[test]
fn a_frame_cut_anywhere_is_short_and_with_any_bit_flipped_is_no_frame() {
    let bytes = frame::encode(&batch(every_record())).expect("small");
    for end in 0..bytes.len() {
        assert_eq!(frame::decode(&bytes[..end]), Err(FrameError::Short), "{end}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = frame::decode(&flipped).expect_err("a flipped bit");
        assert!(error.is_damage(), "bit {bit}: {error}");
    }
}

#[test]
fn a_batch_that_is_too_large_is_refused_before_it_is_written() {
    let name = "x".repeat(MAX_FRAME_BYTES);
    let large = batch(vec![Record::FeatureLevel { name, level: 0 }]);
    assert_eq!(frame::encode(&large), Err(frame::TooLarge));
}

#[test]
fn random_bytes_and_huge_lengths_are_refused_without_asking_for_memory() {
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    for _ in 0..20_000 {
        let mut bytes = vec![0u8; 64];
        for chunk in bytes.chunks_mut(8) {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            chunk.copy_from_slice(&seed.to_le_bytes());
        }
        assert!(frame::decode(&bytes).is_err());
    }
    // A good checksum over a payload whose vector claims 2^60 records.
    let mut body = frame::VERSION.to_le_bytes().to_vec();
    body.extend([0, 0, 0, 253, 0, 0, 0, 0, 0, 0, 0, 16]);
    let length = u32::try_from(body.len()).expect("small").to_le_bytes();
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&length), &body).to_le_bytes();
    let bytes = [&length[..], &checksum, &body].concat();
    assert_eq!(bytes.len(), HEADER_BYTES + body.len());
    assert!(matches!(frame::decode(&bytes), Err(FrameError::Payload(_))));
}
