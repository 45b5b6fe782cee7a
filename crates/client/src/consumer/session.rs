//! Fetch sessions (KIP-227): the broker remembers what a consumer reads, and is told only what changes.

use super::config::ConsumerConfig;
use crate::cluster::timeout_ms;
use crate::metadata::Leader;
use model::{ErrorCode, LeaderEpoch, Offset, TopicPartition, Uuid};
use protocol::messages::fetch::{FetchPartition, FetchTopic, ForgottenTopic};
use protocol::messages::{FetchRequest, FetchResponse};
use std::collections::BTreeMap;

/// What is asked of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub topic_id: Uuid,
    pub leader_epoch: LeaderEpoch,
    pub from: FetchPosition,
}

/// Where a fetch goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FetchPosition {
    pub offset: Offset,
    /// The epoch of what was read just before it, so that a leader whose log differs there notices it (KIP-320); -1 when
    /// nothing was read.
    pub last_fetched_epoch: LeaderEpoch,
}

impl Wish {
    pub fn new(leader: Leader, from: FetchPosition) -> Wish {
        Wish { topic_id: leader.topic_id, leader_epoch: leader.epoch, from }
    }
}

/// The session with one broker.
#[derive(Debug, Default)]
pub(super) struct Session {
    id: i32,
    /// The number of the next request; 0 begins a session.
    epoch: i32,
    /// What the broker knows.
    known: BTreeMap<TopicPartition, Wish>,
}

/// "No session": everything is said each time.
const SESSIONLESS: i32 = -1;

impl Session {
    /// The request that asks for `wishes`, and for nothing else.
    pub fn request(&mut self, wishes: &BTreeMap<TopicPartition, Wish>, config: &ConsumerConfig) -> FetchRequest {
        // A topic that was made anew is another topic: a session cannot hold both.
        let renewed =
            self.known.iter().any(|(p, known)| wishes.get(p).is_some_and(|wish| wish.topic_id != known.topic_id));
        if renewed {
            self.lost();
        }
        if !config.sessions {
            *self = Session::default();
        }
        let incremental = self.epoch > 0;
        let said = wishes.iter().filter(|(partition, wish)| !incremental || self.known.get(*partition) != Some(*wish));
        let topics = topics(said, config.max_partition_fetch_bytes);
        let gone = self.known.iter().filter(|(partition, _)| incremental && !wishes.contains_key(*partition));
        let forgotten_topics_data = forgotten(gone);
        let session_epoch = if config.sessions { self.epoch } else { SESSIONLESS };
        self.known = wishes.clone();
        FetchRequest {
            replica_id: -1,
            max_wait_ms: timeout_ms(config.fetch_max_wait),
            min_bytes: config.fetch_min_bytes,
            max_bytes: config.fetch_max_bytes,
            isolation_level: config.isolation.code(),
            session_id: self.id,
            session_epoch,
            topics,
            forgotten_topics_data,
            rack_id: config.rack.as_str().into(),
            ..FetchRequest::default()
        }
    }

    /// The request that ends the session, if there is one.
    pub fn ending(&mut self) -> Option<FetchRequest> {
        let Session { id, .. } = std::mem::take(self);
        (id != 0).then(|| FetchRequest {
            replica_id: -1,
            session_id: id,
            session_epoch: SESSIONLESS,
            ..FetchRequest::default()
        })
    }

    /// Whether the broker is told only what changes.
    pub fn is_begun(&self) -> bool {
        self.epoch > 0
    }

    /// Learns from an answer how to go on. Says whether it is one.
    pub fn answered(&mut self, answer: &FetchResponse) -> bool {
        match ErrorCode::from_wire(answer.error_code) {
            ErrorCode::None if answer.session_id == 0 => *self = Session::default(), // it keeps none
            ErrorCode::None => {
                self.id = answer.session_id;
                self.epoch = if self.epoch == i32::MAX { 1 } else { self.epoch + 1 };
            }
            ErrorCode::FetchSessionIdNotFound => {
                *self = Session::default();
                return false;
            }
            _ => {
                self.lost();
                return false;
            }
        }
        true
    }

    /// No answer came: nobody knows whether the broker counted the request. The next one begins anew, and tells the
    /// broker to forget this fetch session.
    pub fn lost(&mut self) {
        *self = Session { id: self.id, ..Session::default() };
    }
}

fn topics<'a>(said: impl Iterator<Item = (&'a TopicPartition, &'a Wish)>, max_bytes: i32) -> Vec<FetchTopic> {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for (partition, wish) in said {
        let entry = FetchPartition {
            partition: partition.partition,
            current_leader_epoch: wish.leader_epoch,
            fetch_offset: wish.from.offset,
            last_fetched_epoch: wish.from.last_fetched_epoch,
            partition_max_bytes: max_bytes,
            ..FetchPartition::default()
        };
        match topics.last_mut() {
            Some(topic) if topic.topic == *partition.topic => topic.partitions.push(entry),
            _ => topics.push(FetchTopic {
                topic: (&*partition.topic).into(),
                topic_id: wish.topic_id,
                partitions: vec![entry],
                ..FetchTopic::default()
            }),
        }
    }
    topics
}

fn forgotten<'a>(gone: impl Iterator<Item = (&'a TopicPartition, &'a Wish)>) -> Vec<ForgottenTopic> {
    let mut topics: Vec<ForgottenTopic> = Vec::new();
    for (partition, wish) in gone {
        match topics.last_mut() {
            Some(topic) if topic.topic == *partition.topic => topic.partitions.push(partition.partition),
            _ => topics.push(ForgottenTopic {
                topic: (&*partition.topic).into(),
                topic_id: wish.topic_id,
                partitions: vec![partition.partition],
                ..ForgottenTopic::default()
            }),
        }
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(offsets: &[(i32, i64)]) -> BTreeMap<TopicPartition, Wish> {
        let from = |offset| FetchPosition { offset, last_fetched_epoch: -1 };
        let wish = |offset| Wish { topic_id: Uuid([1; 16]), leader_epoch: 0, from: from(offset) };
        offsets.iter().map(|(partition, offset)| (TopicPartition::new("t", *partition), wish(*offset))).collect()
    }

    fn asked(request: &FetchRequest) -> Vec<(i32, i64)> {
        request.topics.iter().flat_map(|t| t.partitions.iter().map(|p| (p.partition, p.fetch_offset))).collect()
    }

    #[test]
    fn only_what_changes_is_said_again() {
        let config = ConsumerConfig::default();
        let mut session = Session::default();
        let first = session.request(&wishes(&[(0, 5), (1, 7)]), &config);
        assert_eq!((first.session_id, first.session_epoch), (0, 0));
        assert_eq!(asked(&first), [(0, 5), (1, 7)]);
        assert!(session.answered(&FetchResponse { session_id: 9, ..Default::default() }));
        let second = session.request(&wishes(&[(0, 6), (1, 7)]), &config);
        assert_eq!((second.session_id, second.session_epoch), (9, 1));
        assert_eq!(asked(&second), [(0, 6)]);
        assert!(session.answered(&FetchResponse { session_id: 9, ..Default::default() }));
        let third = session.request(&wishes(&[(1, 7)]), &config);
        assert_eq!(third.session_epoch, 2);
        assert!(third.topics.is_empty());
        assert_eq!(third.forgotten_topics_data[0].partitions, [0]);
    }

    #[test]
    fn a_session_that_is_gone_or_in_doubt_begins_anew() {
        let config = ConsumerConfig::default();
        for how in 0..3 {
            let mut session = Session { id: 9, epoch: 4, known: wishes(&[(0, 5)]) };
            match how {
                0 => session.lost(),
                1 => assert!(!session.answered(&FetchResponse {
                    error_code: ErrorCode::FetchSessionIdNotFound.code(),
                    ..Default::default()
                })),
                _ => assert!(session.answered(&FetchResponse::default()), "a broker that keeps no session"),
            }
            let request = session.request(&wishes(&[(0, 5)]), &config);
            // One that the broker may still have is named, so that it makes an end of it.
            let id = if how == 0 { 9 } else { 0 };
            assert_eq!((request.session_id, request.session_epoch, asked(&request)), (id, 0, vec![(0, 5)]));
        }
    }

    #[test]
    fn without_sessions_everything_is_said_each_time() {
        let config = ConsumerConfig { sessions: false, ..ConsumerConfig::default() };
        let mut session = Session::default();
        for _ in 0..2 {
            let request = session.request(&wishes(&[(0, 5)]), &config);
            assert_eq!((request.session_id, request.session_epoch, asked(&request)), (0, -1, vec![(0, 5)]));
            session.answered(&FetchResponse::default());
        }
    }

    #[test]
    fn a_topic_made_anew_gets_a_new_session() {
        let mut session = Session { id: 9, epoch: 4, known: wishes(&[(0, 5)]) };
        let mut renewed = wishes(&[(0, 5)]);
        renewed.values_mut().for_each(|wish| wish.topic_id = Uuid([2; 16]));
        assert_eq!(session.request(&renewed, &ConsumerConfig::default()).session_epoch, 0);
    }
}
