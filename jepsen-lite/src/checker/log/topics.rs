//! The lives of topics: which create and which delete bound them, what their settings were when, and in which life an
//! operation took effect.

use crate::history::{Action, Answer, Durability, History, Index, Operation, OperationId, TopicSettings};
use model::Uuid;
use std::collections::BTreeMap;

/// One life of one topic name.
#[derive(Debug)]
pub struct Life {
    /// The name.
    pub topic: String,
    /// Its id, when an answer told.
    pub id: Option<Uuid>,
    /// The create; `None` for a topic that was there before the history began.
    pub create: Option<OperationId>,
    /// It cannot be older than this event.
    pub begins: Index,
    /// It was there at this event, unless deleted; `None` when the create's outcome is unknown.
    pub exists_by: Option<Index>,
    /// It may be gone from this event on.
    pub ends_from: Option<Index>,
    /// It is gone at this event.
    pub gone_by: Option<Index>,
    /// Replicas of each partition.
    pub replicas: i16,
    /// Values each config may have had, in order of change.
    changes: Vec<Change>,
    first_configs: BTreeMap<String, String>,
}

/// One change of configs.
#[derive(Clone, Debug)]
struct Change {
    from: Index,
    /// When it was surely in effect; `None` when that was never known.
    settled: Option<Index>,
    values: BTreeMap<String, Option<String>>,
}

impl Life {
    fn new(topic: &str, begins: Index) -> Life {
        Life {
            topic: topic.to_owned(),
            id: None,
            create: None,
            begins,
            exists_by: None,
            ends_from: None,
            gone_by: None,
            replicas: 1,
            changes: Vec::new(),
            first_configs: BTreeMap::new(),
        }
    }

    fn may_be_alive(&self, from: Index, to: Index) -> bool {
        self.begins <= to && self.gone_by.is_none_or(|gone| gone >= from)
    }

    /// Whether it certainly was there all through the events `from` to `to`.
    pub fn surely_alive(&self, from: Index, to: Index) -> bool {
        self.exists_by.is_some_and(|exists| exists <= from) && self.ends_from.is_none_or(|ends| ends > to)
    }

    /// Every set of configs the topic may have had at some time from event `from` to event `to`, seen through `view`. A
    /// change whose outcome was never known may come at any later time.
    fn possible<T>(&self, from: Index, to: Index, view: impl Fn(&BTreeMap<String, String>) -> T) -> Vec<T> {
        let mut configs = self.first_configs.clone();
        let mut unsettled: Vec<&BTreeMap<String, Option<String>>> = Vec::new();
        let mut possible = vec![view(&configs)];
        for change in self.changes.iter().take_while(|change| change.from <= to) {
            if change.settled.is_none() {
                unsettled.push(&change.values);
            } else {
                apply(&mut configs, &change.values);
            }
            if change.settled.is_some_and(|settled| settled <= from) {
                possible.clear();
            }
            possible.push(view(&configs));
            for values in &unsettled {
                let mut other = configs.clone();
                apply(&mut other, values);
                possible.push(view(&other));
            }
        }
        possible
    }

    /// Every value `name` may have had at some time from event `from` to event `to`; `None` is the default.
    pub fn possible_values(&self, name: &str, from: Index, to: Index) -> Vec<Option<String>> {
        self.possible(from, to, |configs| configs.get(name).cloned())
    }

    /// Every settings the topic may have had from event `from` to event `to`.
    pub fn possible_settings(&self, from: Index, to: Index) -> Vec<TopicSettings> {
        self.possible(from, to, TopicSettings::of)
    }

    /// The names of configs that were ever set.
    pub fn config_names(&self) -> impl Iterator<Item = &str> {
        let changed = self.changes.iter().flat_map(|change| change.values.keys());
        let mut names: Vec<&str> = self.first_configs.keys().chain(changed).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter()
    }

    /// Whether something of `is` held at some time from event `from` to event `to`.
    pub fn maybe(&self, from: Index, to: Index, is: impl Fn(&TopicSettings) -> bool) -> bool {
        self.possible_settings(from, to).iter().any(is)
    }

    /// Whether, at some time after event `from` and before event `to`, the topic was made journaled, which puts all it
    /// held on stable storage.
    pub fn journaled_between(&self, from: Index, to: Index) -> bool {
        self.changes.iter().any(|change| {
            let settled_between = change.from > from && change.settled.is_some_and(|settled| settled < to);
            let journaled = |at| self.possible_settings(at, at).iter().all(|s| s.durability == Durability::Journaled);
            settled_between && change.values.contains_key("flush.messages") && change.settled.is_some_and(journaled)
        })
    }
}

fn apply(configs: &mut BTreeMap<String, String>, values: &BTreeMap<String, Option<String>>) {
    for (name, value) in values {
        match value {
            Some(value) => configs.insert(name.clone(), value.clone()),
            None => configs.remove(name),
        };
    }
}

/// All lives, by name, in order.
#[derive(Debug)]
pub struct Topics {
    /// All of them; a life is known by its place here.
    pub lives: Vec<Life>,
    by_name: BTreeMap<String, Vec<usize>>,
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
        let mut topics = Topics { lives: Vec::new(), by_name: BTreeMap::new(), lingers_until };
        for (id, operation) in history.operations.iter().enumerate() {
            match &operation.action {
                Action::CreateTopic(_) => topics.create(id as OperationId, operation),
                Action::DeleteTopic { topic } => topics.delete(topic, operation),
                Action::AlterConfigs { topic, changes } => topics.alter(topic, changes, operation),
                _ => {}
            }
        }
        for operation in &history.operations {
            if let Some(topic) = topic_of(&operation.action)
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
        // A create that was done proves that an earlier delete was, whatever its own outcome.
        if let (true, Some(completed), Some(last)) = (operation.is_ok(), operation.completed, self.last(&create.topic))
            && last.ends_from.is_some()
        {
            last.gone_by = last.gone_by.or(Some(completed.index));
        }
        let mut life = Life::new(&create.topic, operation.invoked.index);
        life.create = Some(id);
        life.replicas = create.replicas.max(1);
        life.first_configs.clone_from(&create.configs);
        // It names the topic alone, and may come late: to the next topic of the name.
        let earlier = self.last(&create.topic).map_or(&[][..], |last| &last.changes);
        life.changes = earlier.iter().filter(|change| change.settled.is_none()).cloned().collect();
        if operation.is_ok() {
            life.exists_by = operation.completed.map(|moment| moment.index);
        }
        if let Some(Answer::Created { topic_id }) = operation.answer() {
            life.id = *topic_id;
        }
        self.add(life);
    }

    fn delete(&mut self, topic: &str, operation: &Operation) {
        if operation.is_failed() {
            return;
        }
        if operation.is_ok() && !self.by_name.contains_key(topic) {
            let at = self.add(Life::new(topic, 0));
            self.lives[at].exists_by = Some(0);
        }
        let Some(last) = self.last(topic) else { return };
        last.ends_from = last.ends_from.or(Some(operation.invoked.index));
        if operation.is_ok() {
            last.gone_by = last.gone_by.or(operation.completed.map(|moment| moment.index));
        }
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
        last.changes.push(Change { from: operation.invoked.index, settled, values: changes.clone() });
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
        let may_answer = |life: &Life| life.may_be_alive(from, to) || (lingers && life.begins <= to);
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
        | Action::AwaitInSync { partition, .. } => Some(&partition.topic),
        Action::CreateTopic(create) => Some(&create.topic),
        Action::DeleteTopic { topic }
        | Action::AlterConfigs { topic, .. }
        | Action::DescribeConfigs { topic }
        | Action::AddPartitions { topic, .. } => Some(topic),
        Action::ListTopics
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
