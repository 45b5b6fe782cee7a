//! How fake brokers read, with sessions.

use super::serve::{Ask, Then};
use super::world::World;
use model::{ErrorCode, Uuid};
use protocol::messages::fetch::{AbortedTransaction, FetchPartition, FetchableTopicResponse, PartitionData};
use protocol::messages::{FetchRequest, FetchResponse};
use runtime::time::Duration;
use std::collections::BTreeMap;

/// What a consumer wants, by topic name and partition.
#[derive(Clone, Default)]
pub struct FakeSession {
    next_epoch: i32,
    wanted: BTreeMap<(String, i32), (Uuid, FetchPartition)>,
}

impl World {
    /// What `request` brings; nothing new is told after the wait.
    pub fn fetch(&mut self, ask: &Ask, request: &FetchRequest) -> Then<FetchResponse> {
        let answer = self.fetch_now(ask, request);
        let wait = Duration::from_millis(request.max_wait_ms as u64);
        if answer.error_code == 0 && answer.responses.is_empty() {
            Then::After(wait, answer)
        } else {
            Then::Answer(answer)
        }
    }

    /// What `request` brings without waiting.
    pub fn fetch_now(&mut self, ask: &Ask, request: &FetchRequest) -> FetchResponse {
        let (session_id, session) = match self.session(request) {
            Ok(found) => found,
            Err(error) => return Self::refuse_fetch(error),
        };
        let mut responses: Vec<FetchableTopicResponse> = Vec::new();
        for ((name, _), (topic_id, wanted)) in &session.wanted {
            let mut data = self.read(ask.node, name, wanted);
            if request.isolation_level == 0 {
                data.aborted_transactions = None;
            }
            if data.error_code == 0 && data.records.as_ref().is_none_or(|records| records.is_empty()) {
                continue;
            }
            let topic = if ask.version > 12 { String::new() } else { name.clone() };
            let topic_id = *topic_id;
            responses.push(FetchableTopicResponse {
                topic: topic.into(),
                topic_id,
                partitions: vec![data],
                ..Default::default()
            });
        }
        if session_id != 0 {
            self.sessions.insert(session_id, session);
        }
        FetchResponse { session_id, responses, ..FetchResponse::default() }
    }

    pub fn refuse_fetch(error: ErrorCode) -> FetchResponse {
        FetchResponse { error_code: error.code(), ..FetchResponse::default() }
    }

    fn session(&mut self, request: &FetchRequest) -> Result<(i32, FakeSession), ErrorCode> {
        let (id, mut session) = match request.session_epoch {
            -1 => (0, FakeSession::default()),
            0 => {
                self.sessions.remove(&request.session_id);
                self.sessions_begun += 1;
                (self.sessions_begun, FakeSession::default())
            }
            epoch => {
                let known = self.sessions.get(&request.session_id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
                if known.next_epoch != epoch {
                    return Err(ErrorCode::InvalidFetchSessionEpoch);
                }
                (request.session_id, known.clone())
            }
        };
        session.next_epoch += 1;
        for topic in &request.topics {
            let name = self.name_of(&topic.topic, topic.topic_id).unwrap_or_default();
            for wanted in &topic.partitions {
                session.wanted.insert((name.clone(), wanted.partition), (topic.topic_id, wanted.clone()));
            }
        }
        for topic in &request.forgotten_topics_data {
            let name = self.name_of(&topic.topic, topic.topic_id).unwrap_or_default();
            topic.partitions.iter().for_each(|partition| drop(session.wanted.remove(&(name.clone(), *partition))));
        }
        Ok((id, session))
    }

    fn read(&self, node: i32, name: &str, wanted: &FetchPartition) -> PartitionData {
        let refuse = |error: ErrorCode| PartitionData {
            partition_index: wanted.partition,
            error_code: error.code(),
            ..Default::default()
        };
        let Some(topic) = self.topics.get(name) else { return refuse(ErrorCode::UnknownTopicId) };
        let Some(partition) = topic.partitions.get(wanted.partition as usize) else {
            return refuse(ErrorCode::UnknownTopicOrPartition);
        };
        if partition.leader != node {
            return refuse(ErrorCode::NotLeaderOrFollower);
        }
        if wanted.fetch_offset < partition.log_start || wanted.fetch_offset > partition.end() {
            return refuse(ErrorCode::OffsetOutOfRange);
        }
        let overlapping = partition.aborted.iter().filter(|(_, _, marker)| *marker >= wanted.fetch_offset);
        let aborted = overlapping.map(|(producer_id, first_offset, _)| AbortedTransaction {
            producer_id: *producer_id,
            first_offset: *first_offset,
            ..Default::default()
        });
        PartitionData {
            partition_index: wanted.partition,
            high_watermark: partition.end(),
            last_stable_offset: partition.end(),
            log_start_offset: partition.log_start,
            records: Some(partition.read(wanted.fetch_offset, wanted.partition_max_bytes as usize)),
            aborted_transactions: Some(aborted.collect()),
            ..Default::default()
        }
    }
}
