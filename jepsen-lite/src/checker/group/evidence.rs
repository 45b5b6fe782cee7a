//! What a history proves of each group: one pass over the operations.

use super::register::Register;
use super::spans::Spans;
use crate::checker::log::evidence::{Evidence, Partition};
use crate::checker::log::topics::Home;
use crate::history::{Action, Answer, GroupProtocol, Index, Operation, OperationId};
use model::map::HashMap;
use model::{Offset, TopicPartition};
use std::collections::BTreeMap;

/// The topic that groups are kept in.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The evidence of all groups.
pub struct Groups<'e> {
    /// What is known of logs, topics and faults.
    pub log: &'e Evidence<'e>,
    /// By name.
    pub groups: BTreeMap<&'e str, Group>,
}

/// What is known of one group.
#[derive(Debug, Default)]
pub struct Group {
    /// The partition that it is kept in; none when nobody is known to have made the topic.
    pub home: Option<Partition>,
    /// Whether somebody who came left the deciding to the coordinator: then all epochs are a member's own.
    pub is_consumer: bool,
    /// Whether somebody who came spoke the classic protocol.
    pub is_classic: bool,
    /// Whether members commit what is in no history.
    pub commits_itself: bool,
    /// Whether all its members begin at the start.
    pub from_start: bool,
    /// Whether it was or may have been deleted: then its generations begin anew.
    pub was_deleted: bool,
    /// What was committed and looked up, by partition.
    pub registers: BTreeMap<TopicPartition, Register>,
    /// Who read what.
    pub spans: Spans,
    /// When each record was first delivered to a member.
    pub delivered: BTreeMap<TopicPartition, HashMap<Offset, Index>>,
    /// Commits that were taken from members.
    pub members_commits: Vec<OperationId>,
    /// Waits for the group once all was well.
    pub awaited: Vec<OperationId>,
}

impl<'e> Groups<'e> {
    /// Gathers it.
    pub fn of(log: &'e Evidence<'e>) -> Groups<'e> {
        let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
        for (id, operation) in log.history.operations.iter().enumerate() {
            let Some(name) = group_of(&operation.action) else { continue };
            let group = groups.entry(name).or_insert_with(|| Group { from_start: true, ..Group::default() });
            group.take(id as OperationId, operation);
        }
        for (name, group) in &mut groups {
            group.home = home(log, name);
            group.note_deletions(name, log);
            let group = &mut *group;
            group.registers.values_mut().for_each(|register| register.note_readers(log.history));
        }
        Groups { log, groups }
    }

    /// The operation with this id.
    pub fn operation(&self, id: OperationId) -> &'e Operation {
        self.log.operation(id)
    }
}

/// The group that an action is about.
pub fn group_of(action: &Action) -> Option<&str> {
    match action {
        Action::CommitOffset(commit) => Some(&commit.group),
        Action::FetchOffset(fetch) => Some(&fetch.group),
        Action::Own(own) => Some(&own.group),
        Action::Consume(consume) => Some(&consume.group),
        Action::DeleteOffset { group, .. }
        | Action::DeleteGroup { group }
        | Action::JoinGroup { group, .. }
        | Action::AwaitGroup { group } => Some(group),
        _ => None,
    }
}

impl Group {
    fn take(&mut self, id: OperationId, operation: &Operation) {
        match &operation.action {
            Action::CommitOffset(commit) => {
                self.register(&commit.partition).commit(id, operation, commit.mark);
                commit.by.iter().for_each(|by| self.note_protocol(by.protocol));
                if commit.by.is_some() && operation.is_ok() {
                    self.members_commits.push(id);
                }
            }
            Action::FetchOffset(fetch) => self.register(&fetch.partition).read(id, operation),
            Action::Own(own) => {
                self.note_protocol(own.by.protocol);
                self.commits_itself |= own.commits_itself;
                self.from_start &= own.from_start;
                self.spans.take(id, operation, own);
            }
            Action::Consume(consume) => {
                let (Some(Answer::Fetched { records, .. }), Some(completed)) =
                    (operation.answer(), operation.completed)
                else {
                    return;
                };
                let delivered = self.delivered.entry(consume.partition.clone()).or_default();
                for record in records {
                    delivered.entry(record.offset).or_insert(completed.index);
                }
            }
            Action::DeleteOffset { partition, .. } => self.register(partition).remove(id, operation),
            Action::DeleteGroup { .. } => self.was_deleted |= !operation.is_failed(),
            // Even one that was given nothing to read may have had the group go over to its protocol.
            Action::JoinGroup { protocol, .. } => self.note_protocol(*protocol),
            Action::AwaitGroup { .. } => self.awaited.push(id),
            _ => {}
        }
    }

    fn note_protocol(&mut self, protocol: GroupProtocol) {
        match protocol {
            GroupProtocol::Classic => self.is_classic = true,
            GroupProtocol::Consumer => self.is_consumer = true,
        }
    }

    /// Whether its epochs may have begun anew: it was deleted, or, while it was empty, went over to the other protocol,
    /// which is a deletion, too.
    pub fn may_begin_anew(&self) -> bool {
        self.was_deleted || self.is_classic && self.is_consumer
    }

    fn register(&mut self, partition: &TopicPartition) -> &mut Register {
        self.registers.entry(partition.clone()).or_default()
    }

    /// What takes offsets away without naming them: the end of the group, or of a topic.
    fn note_deletions(&mut self, name: &str, log: &Evidence<'_>) {
        for (id, operation) in log.history.operations.iter().enumerate() {
            let id = id as OperationId;
            match &operation.action {
                Action::DeleteGroup { group } if group == name => {
                    self.registers.values_mut().for_each(|register| register.remove(id, operation));
                }
                Action::DeleteTopic { topic } => {
                    let of_topic = self.registers.iter_mut().filter(|(partition, _)| *partition.topic == **topic);
                    of_topic.for_each(|(_, register)| register.remove_some_time(id, operation));
                }
                _ => {}
            }
        }
    }
}

/// The partition that keeps a group: by Java's hash of its name.
fn home(log: &Evidence<'_>, group: &str) -> Option<Partition> {
    let Home::One(life) = log.topics.home(OFFSETS_TOPIC, None, 0, Index::MAX) else { return None };
    let create = log.topics.lives[life].create?;
    let Action::CreateTopic(create) = &log.operation(create).action else { return None };
    let hash = group.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    let number = (hash & i32::MAX) % create.partitions.max(1);
    Some(Partition::new(TopicPartition::new(OFFSETS_TOPIC, number), life))
}
