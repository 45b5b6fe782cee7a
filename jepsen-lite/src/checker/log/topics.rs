//! The lives of topics: which create and which delete bound them, what their settings were when, and in which life an
//! operation took effect.

pub use super::life::Life;
use crate::checker::group::{OFFSETS_TOPIC, group_of};
use crate::history::{Action, Answer, History, Index, Operation, OperationId};
use model::Uuid;
use std::collections::BTreeMap;

/// All lives, by name, in order.
#[derive(Debug, Default)]
pub struct Topics {
    /// All of them; a life is known by its place here.
    pub lives: Vec<Life>,
    by_name: BTreeMap<String, Vec<usize>>,
    /// How many deletes of a name may still be done, since nothing shows that they were.
    late_deletes: BTreeMap<String, usize>,
    /// Lives whose creates had not been done when others of the name were, and may still come.
    late_creates: BTreeMap<String, Vec<usize>>,
    /// Until this event a node may not have heard yet that a topic is gone.
    lingers_until: Index,
}

/// In which life of its topic an operation took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In this one.
    One(usize),
    /// It overlaps the end of one and the beginning of another.
    Ambiguous,
    /// The topic cannot have been there.
    Nowhere,
}

impl Topics {
    /// Reads the lives out of the history.
    pub fn of(history: &History) -> Topics {
        let lingers_until = match history.healed {
            _ if !history.is_of_a_cluster() => 0,
            healed => healed.map_or(Index::MAX, |healed| healed.index),
        };
        let mut topics = Topics { lingers_until, ..Topics::default() };
        for (id, operation) in history.operations.iter().enumerate() {
            match &operation.action {
                Action::CreateTopic(_) => topics.create(id as OperationId, operation),
                Action::DeleteTopic { topic } => topics.delete(topic, operation),
                Action::AlterConfigs { topic, changes } => topics.alter(topic, changes, operation),
                _ => {}
            }
        }
        for operation in &history.operations {
            let group = group_of(&operation.action).map(|_| OFFSETS_TOPIC);
            if let Some(topic) = topic_of(&operation.action).or(group)
                && !topics.by_name.contains_key(topic)
            {
                let at = topics.add(Life::new(topic, 0));
                topics.lives[at].exists_by = Some(0);
            }
        }
        topics
    }

    fn add(&mut self, life: Life) -> usize {
        self.by_name.entry(life.topic.clone()).or_default().push(self.lives.len());
        self.lives.push(life);
        self.lives.len() - 1
    }

    fn last(&mut self, topic: &str) -> Option<&mut Life> {
        let at = *self.by_name.get(topic)?.last()?;
        Some(&mut self.lives[at])
    }

    fn create(&mut self, id: OperationId, operation: &Operation) {
        let Action::CreateTopic(create) = &operation.action else { return };
        if operation.is_failed() {
            return;
        }
        if let (true, Some(completed)) = (operation.is_ok(), operation.completed) {
            self.end_before(&create.topic, id, completed.index);
        }
        let mut life = Life::new(&create.topic, operation.invoked.index);
        life.create = Some(id);
        life.replicas = create.replicas.max(1);
        life.first_configs.clone_from(&create.configs);
        if let Some(last) = self.last(&create.topic) {
            life.take_late_changes_of(last);
        }
        if self.late_deletes.get(&create.topic).is_some_and(|late| *late > 0) {
            life.ends_from = Some(life.begins);
        }
        if operation.is_ok() {
            life.exists_by = operation.completed.map(|moment| moment.index);
        }
        if let Some(Answer::Created { topic_id }) = operation.answer() {
            life.id = *topic_id;
        }
        self.add(life);
    }

    /// A create was done: no topic of the name was there then, whatever came of the deletes and creates before.
    fn end_before(&mut self, topic: &str, create: OperationId, done: Index) {
        let places = self.by_name.get(topic).cloned().unwrap_or_default();
        for place in places {
            let life = &mut self.lives[place];
            if life.gone_by.is_some() {
                continue;
            }
            life.gone_by = Some(done);
            match (life.exists_by, life.ends_from) {
                // A delete whose outcome nobody knew was its end, and comes no more.
                (Some(_), Some(_)) => {
                    self.late_deletes.entry(topic.to_owned()).and_modify(|late| *late = late.saturating_sub(1));
                }
                (Some(_), None) => life.replaced_by = Some(create),
                (None, ends_from) => {
                    life.is_overtaken = ends_from.is_none();
                    self.late_creates.entry(topic.to_owned()).or_default().push(place);
                }
            }
        }
    }

    /// Once a topic may be gone, creates that it had overtaken may be done.
    fn let_late_creates_come(&mut self, topic: &str, from: Index) {
        for place in self.late_creates.remove(topic).unwrap_or_default() {
            let early = &self.lives[place];
            let mut late = Life::new(topic, from);
            (late.create, late.replicas) = (early.create, early.replicas);
            late.first_configs.clone_from(&early.first_configs);
            let places = self.by_name.entry(topic.to_owned()).or_default();
            let end = places.len().saturating_sub(1); // what is told of the last life is still told of that
            places.insert(end, self.lives.len());
            self.lives.push(late);
        }
    }

    /// Whether a delete was under way beside the create of the last life, and may have been of the life before, which that
    /// create was taken to have replaced.
    fn is_of_the_life_before(&mut self, topic: &str, asked: Index) -> bool {
        let Some([.., before, last]) = self.by_name.get(topic).map(Vec::as_slice) else { return false };
        let (before, last) = (*before, *last);
        let created_beside = self.lives[last].exists_by.is_some_and(|by| by > asked);
        let replaced =
            self.lives[before].replaced_by.is_some() && self.lives[before].replaced_by == self.lives[last].create;
        if created_beside && replaced {
            self.lives[before].replaced_by = None;
            self.lives[before].ends_from = Some(asked);
            self.lives[last].ends_from = self.lives[last].ends_from.or(Some(asked));
        }
        created_beside && replaced
    }

    fn delete(&mut self, topic: &str, operation: &Operation) {
        if operation.is_failed() {
            return;
        }
        if !operation.is_ok() {
            *self.late_deletes.entry(topic.to_owned()).or_default() += 1;
        }
        if operation.is_ok() && !self.by_name.contains_key(topic) {
            let at = self.add(Life::new(topic, 0));
            self.lives[at].exists_by = Some(0);
        }
        if self.is_of_the_life_before(topic, operation.invoked.index) {
            return;
        }
        let Some(last) = self.last(topic) else { return };
        last.ends_from = last.ends_from.or(Some(operation.invoked.index));
        if operation.is_ok() {
            last.gone_by = last.gone_by.or(operation.completed.map(|moment| moment.index));
        }
        self.let_late_creates_come(topic, operation.invoked.index);
    }

    fn alter(&mut self, topic: &str, changes: &BTreeMap<String, Option<String>>, operation: &Operation) {
        if operation.is_failed() {
            return;
        }
        if operation.is_ok() && !self.by_name.contains_key(topic) {
            let at = self.add(Life::new(topic, 0));
            self.lives[at].exists_by = Some(0);
        }
        let settled = operation.completed.filter(|_| operation.is_ok()).map(|moment| moment.index);
        let Some(last) = self.last(topic) else { return };
        last.change(operation.invoked.index, settled, changes);
    }

    /// The lives of a name, in order.
    pub fn of_name(&self, topic: &str) -> &[usize] {
        self.by_name.get(topic).map_or(&[], Vec::as_slice)
    }

    /// In which life of `topic` an operation that named `id`, or no id, took effect between two events.
    pub fn home(&self, topic: &str, id: Option<Uuid>, from: Index, to: Index) -> Home {
        let lives = self.of_name(topic);
        if let Some(id) = id
            && let Some(at) = lives.iter().find(|at| self.lives[**at].id == Some(id))
        {
            return Home::One(*at);
        }
        let lingers = from < self.lingers_until;
        let may_linger = |life: &Life| lingers && !life.is_overtaken && life.begins <= to;
        let may_answer = |life: &Life| life.may_be_alive(from, to) || may_linger(life);
        let mut candidates = lives.iter().filter(|at| may_answer(&self.lives[**at]));
        match (candidates.next(), candidates.next()) {
            (Some(at), None) => Home::One(*at),
            (None, _) => Home::Nowhere,
            (Some(_), Some(_)) => Home::Ambiguous,
        }
    }

    /// The home of an operation on a partition or topic.
    pub fn home_of(&self, operation: &Operation) -> Home {
        let Some(topic) = topic_of(&operation.action) else { return Home::Nowhere };
        let id = match &operation.action {
            Action::Produce(produce) => produce.topic_id,
            Action::Fetch(fetch) => fetch.topic_id,
            _ => None,
        };
        self.home(topic, id, operation.invoked.index, operation.last_effect())
    }
}

/// The topic an operation is about.
pub fn topic_of(action: &Action) -> Option<&str> {
    match action {
        Action::Produce(produce) => Some(&produce.partition.topic),
        Action::Fetch(fetch) => Some(&fetch.partition.topic),
        Action::ListOffsets(list) => Some(&list.partition.topic),
        Action::DeleteRecords { partition, .. }
        | Action::Scan { partition }
        | Action::ElectPreferred { partition }
        | Action::Reassign { partition, .. }
        | Action::AwaitLeader { partition }
        | Action::AwaitWritten { partition }
        | Action::AwaitInSync { partition, .. } => Some(&partition.topic),
        Action::CreateTopic(create) => Some(&create.topic),
        Action::DeleteTopic { topic }
        | Action::AlterConfigs { topic, .. }
        | Action::DescribeConfigs { topic }
        | Action::DescribeTopic { topic }
        | Action::AddPartitions { topic, .. } => Some(topic),
        Action::ListTopics
        | Action::AwaitStop { .. }
        | Action::CommitOffset(_)
        | Action::FetchOffset(_)
        | Action::Own(_)
        | Action::Consume(_)
        | Action::DeleteOffset { .. }
        | Action::DeleteGroup { .. }
        | Action::JoinGroup { .. }
        | Action::AwaitGroup { .. } => None,
    }
}
