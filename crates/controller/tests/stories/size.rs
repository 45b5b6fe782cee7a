//! What a large cluster costs. Not how many milliseconds, which depends on the machine, but how many entries and bytes.

use crate::cluster::Cluster;
use controller::frame::{self, Batch};
use controller::records::Record;

fn bytes_since(cluster: &Cluster, offset: i64) -> usize {
    let records: Vec<Record> =
        cluster.log().iter().filter(|(at, _)| *at >= offset).map(|(_, record)| record.clone()).collect();
    let batch = Batch { base_offset: offset, leader_epoch: 0, timestamp: 0, records };
    frame::encode(&batch).expect("one frame").len()
}

#[test]
fn the_death_of_a_broker_with_ten_thousand_partitions_is_one_entry_that_fits_a_frame() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    cluster.create_topic("t", 10_000, 3);
    let end = cluster.image().end_offset();
    cluster.kill(2);
    assert_eq!(cluster.image().end_offset(), end + 1);
    assert!(bytes_since(&cluster, end) < 2 << 20);
    let partitions = &cluster.image().topic("t").expect("known").partitions;
    assert!(partitions.iter().all(|partition| partition.leader.is_some_and(|leader| leader != 2)));
}

#[test]
fn heartbeats_write_nothing() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    cluster.create_topic("t", 1_000, 3);
    let end = cluster.image().end_offset();
    for _ in 0..100 {
        for id in 1..=3 {
            cluster.beat_of(id);
        }
    }
    assert_eq!(cluster.image().end_offset(), end);
}
