//! Offsets that transactions bring, as far as the log is concerned: staged, then counted or forgotten at the end.

use crate::member::GROUP;
use coordinator::group::{GroupCoordinator, Record, Reply, Request, World};
use model::metadata_image::MetadataImage;
use model::state_machine::{Entry, Now, Outbox, Position, StateMachine, Ticket};
use model::{ErrorCode, Offset, ProducerId};
use protocol::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use protocol::payloads::{OffsetCommitKey, OffsetCommitValue};

/// A log that is read into a machine as it is written.
struct Log {
    machine: GroupCoordinator,
    end: Offset,
}

impl Log {
    fn new() -> Log {
        Log { machine: GroupCoordinator::new([1, 2, 3, 4]), end: 0 }
    }

    fn position(&mut self, producer: Option<ProducerId>) -> Position {
        self.end += 1;
        Position { offset: self.end, timestamp: 0, producer: producer.map(|id| (id, 0)) }
    }

    fn commit(&mut self, producer: Option<ProducerId>, offset: Option<i64>) {
        let at = self.position(producer);
        let value = offset.map(|offset| OffsetCommitValue { offset, ..Default::default() });
        let key = OffsetCommitKey { group: GROUP.into(), topic: "t".into(), partition: 0 };
        self.machine.replay(at, Entry::Record(&Record::OffsetCommit(key, value)));
    }

    fn end(&mut self, producer: ProducerId, committed: bool) {
        let at = self.position(Some(producer));
        self.machine.replay(at, Entry::EndTransaction { committed });
    }

    fn fetch(&mut self, require_stable: bool) -> (i64, ErrorCode) {
        let topics =
            vec![OffsetFetchRequestTopics { name: "t".into(), partition_indexes: vec![0], ..Default::default() }];
        let group = OffsetFetchRequestGroup { group_id: GROUP.into(), topics: Some(topics), ..Default::default() };
        let world = World { image: MetadataImage::default(), settings: crate::cluster::settings(&[]) };
        let mut out = Outbox::new();
        let request = Request::OffsetFetch { group, require_stable, version: 8 };
        self.machine.handle(Now::default(), &world, Ticket(0), request, &mut out);
        let Some((_, Reply::OffsetFetch(answer))) = out.replies.pop() else { panic!("another answer") };
        let partition = &answer.topics[0].partitions[0];
        (partition.committed_offset, ErrorCode::from_wire(partition.error_code))
    }
}

#[test]
fn staged_offsets_show_when_their_transaction_is_committed() {
    let mut log = Log::new();
    log.commit(None, Some(5));
    log.commit(Some(7), Some(9));
    assert_eq!(log.fetch(false), (5, ErrorCode::None));
    assert_eq!(log.fetch(true), (-1, ErrorCode::UnstableOffsetCommit));
    log.end(8, true);
    assert_eq!(log.fetch(false), (5, ErrorCode::None), "another producer's transaction");
    log.end(7, true);
    assert_eq!(log.fetch(true), (9, ErrorCode::None));
}

#[test]
fn staged_offsets_of_an_aborted_transaction_never_were() {
    let mut log = Log::new();
    log.commit(Some(7), Some(9));
    log.end(7, false);
    assert_eq!(log.fetch(true), (-1, ErrorCode::None));
    log.end(7, true);
    assert_eq!(log.fetch(true), (-1, ErrorCode::None));
    let fresh = GroupCoordinator::new([0; 4]);
    assert!(log.machine.has_the_state_of(&fresh), "nothing is left of it");
}

#[test]
fn of_a_staged_and_a_plain_commit_the_later_record_wins_as_it_does_when_the_log_is_compacted() {
    let mut log = Log::new();
    log.commit(Some(7), Some(9));
    log.commit(None, Some(5));
    log.end(7, true);
    assert_eq!(log.fetch(false), (5, ErrorCode::None));
    log.commit(None, Some(6));
    log.commit(Some(7), Some(10));
    log.end(7, true);
    assert_eq!(log.fetch(false), (10, ErrorCode::None));
}

#[test]
fn a_tombstone_takes_what_is_staged_too() {
    let mut log = Log::new();
    log.commit(Some(7), Some(9));
    log.commit(None, None);
    log.end(7, true);
    assert_eq!(log.fetch(true), (-1, ErrorCode::None));
}
