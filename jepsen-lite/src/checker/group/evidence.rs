//! What a history proves of each group: one pass over the operations.

use super::register::Register;
use super::spans::Spans;
use crate::checker::log::evidence::{Evidence, Partition};
use crate::checker::log::topics::Home;
use crate::history::{Action, Answer, GroupProtocol, Index, Moment, Operation, OperationId};
use model::map::HashMap;
use model::{Offset, TopicPartition};
use std::collections::BTreeMap;

/// The topic that groups are kept in.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// For so long, in nanoseconds, a client waits for an answer: Kafka's default of `request.timeout.ms`.
const ANSWERED: u64 = 30_000_000_000;

/// What a group was before its first deletion, and what it has been since its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Life {
    /// Before.
    First,
    /// Since then.
    Last,
}

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
    /// The partition that it is kept in; none when its topic was made more than once.
    pub home: Option<Partition>,
    /// Whether somebody who came left the deciding to the coordinator: then all epochs are a member's own.
    pub is_consumer: bool,
    /// Whether somebody who came spoke the classic protocol.
    pub is_classic: bool,
    /// Whether members commit what is in no history.
    pub commits_itself: bool,
    /// Whether what it has committed is gone, and it with that, when nobody has needed it for a while.
    pub expires: bool,
    /// Whether all its members begin at the start.
    pub from_start: bool,
    /// The first event at which it may have been deleted, and the moment by which that was surely over, if ever: then its
    /// generations begin anew.
    deleted: Option<(Index, Option<Moment>)>,
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
            Action::FetchOffset(fetch) => {
                self.expires |= fetch.may_expire;
                self.register(&fetch.partition).read(id, operation);
            }
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
            Action::DeleteGroup { .. } if !operation.is_failed() => {
                let over = operation.completed.filter(|_| operation.is_ok());
                self.deleted = Some(match self.deleted {
                    Some((first, last)) => (first, last.zip(over).map(|(one, other)| one.max(other))),
                    None => (operation.invoked.index, over),
                });
            }
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

    /// Whether something was known of it before it was deleted, or after that was done; `None` when it may be either. Who was
    /// given something in its earlier life, and put out, may hear of it as long as a client waits for an answer.
    pub fn life_at(&self, known: Moment) -> Option<Life> {
        match self.deleted {
            _ if self.expires => None,
            None => Some(Life::First),
            Some((first, _)) if known.index < first => Some(Life::First),
            Some((_, Some(over))) if known.index > over.index && known.at > over.at + ANSWERED => Some(Life::Last),
            Some(_) => None,
        }
    }

    /// The same of an epoch. They may begin anew without a deletion, too: while it is empty it may go over to the other
    /// protocol.
    pub fn epochs_at(&self, known: Moment) -> Option<Life> {
        self.life_at(known).filter(|_| !(self.is_classic && self.is_consumer))
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

/// The partition that keeps a group: by Java's hash of its name. Where nobody is known to have made the topic it was there
/// before, with as many partitions as Kafka gives it.
fn home(log: &Evidence<'_>, group: &str) -> Option<Partition> {
    const DEFAULT: i32 = 50;
    let Home::One(life) = log.topics.home(OFFSETS_TOPIC, None, 0, Index::MAX) else { return None };
    let partitions = match log.topics.lives[life].create.map(|create| &log.operation(create).action) {
        Some(Action::CreateTopic(create)) => create.partitions,
        _ => DEFAULT,
    };
    let hash = group.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    let number = (hash & i32::MAX) % partitions.max(1);
    Some(Partition::new(TopicPartition::new(OFFSETS_TOPIC, number), life))
}
