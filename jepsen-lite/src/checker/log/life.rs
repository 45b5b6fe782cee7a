//! One life of a topic: what bounds it, and what its settings were when.

use crate::history::{Durability, Index, OperationId, TopicSettings};
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
    /// A create that was done though this was there and nobody deleted it.
    pub replaced_by: Option<OperationId>,
    /// Whether its own create had not been done when a later one was: there was no such life.
    pub is_overtaken: bool,
    /// Replicas of each partition.
    pub replicas: i16,
    /// Values each config may have had, in order of change.
    changes: Vec<Change>,
    /// Those it was made with.
    pub first_configs: BTreeMap<String, String>,
}

/// One change of configs.
#[derive(Clone, Debug)]
struct Change {
    from: Index,
    /// When it was surely in effect; `None` when that was never known.
    settled: Option<Index>,
    values: Values,
    /// What earlier changes may have set after it, since they were under way when it was asked for.
    overtaken_by: Vec<Values>,
}

type Values = BTreeMap<String, Option<String>>;

impl Life {
    /// One of which nothing else is known.
    pub fn new(topic: &str, begins: Index) -> Life {
        Life {
            topic: topic.to_owned(),
            id: None,
            create: None,
            begins,
            exists_by: None,
            ends_from: None,
            gone_by: None,
            replaced_by: None,
            is_overtaken: false,
            replicas: 1,
            changes: Vec::new(),
            first_configs: BTreeMap::new(),
        }
    }

    /// Whether it may have been there at some time from event `from` to event `to`.
    pub fn may_be_alive(&self, from: Index, to: Index) -> bool {
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
        let mut unsettled: Vec<&Values> = Vec::new();
        let mut possible = vec![view(&configs)];
        let mut is_one_under_way = false;
        for (place, change) in self.changes.iter().enumerate().take_while(|(_, change)| change.from <= to) {
            if change.settled.is_none() {
                unsettled.push(&change.values);
            } else {
                apply(&mut configs, &change.values);
            }
            if change.settled.is_some_and(|settled| settled <= from) {
                possible.clear();
                if is_one_under_way {
                    possible.push(view(&self.settled_by(from, place)));
                }
            }
            is_one_under_way |= change.settled.is_some_and(|settled| settled > from);
            possible.push(view(&configs));
            for values in unsettled.iter().copied().chain(&change.overtaken_by) {
                let mut other = configs.clone();
                apply(&mut other, values);
                possible.push(view(&other));
            }
        }
        possible
    }

    /// The configs with all changes up to this place that were surely in effect at event `at`, and no others.
    fn settled_by(&self, at: Index, place: usize) -> BTreeMap<String, String> {
        let mut configs = self.first_configs.clone();
        let settled = self.changes[..=place].iter().filter(|change| change.settled.is_some_and(|by| by <= at));
        settled.for_each(|change| apply(&mut configs, &change.values));
        configs
    }

    /// Notes a change of configs, asked for after all that were noted before.
    pub fn change(&mut self, from: Index, settled: Option<Index>, values: &Values) {
        let values = values.clone();
        self.changes.push(Change { from, settled, values, overtaken_by: Vec::new() });
        let overtaken_by = (0..self.changes.len() - 1).filter_map(|place| self.set_last_by(place)).collect();
        if let Some(last) = self.changes.last_mut() {
            last.overtaken_by = overtaken_by;
        }
    }

    /// Has the changes of the life before of which nobody knows whether they were done: they name the topic alone, and may
    /// come late, to the next topic of the name.
    pub fn take_late_changes_of(&mut self, before: &Life) {
        self.changes = before.changes.iter().filter(|change| change.settled.is_none()).cloned().collect();
    }

    /// What the change at this place may have set after all that were asked for later: they were asked for before it was
    /// settled. None when it was settled before all of them.
    fn set_last_by(&self, place: usize) -> Option<Values> {
        let (change, later) = (&self.changes[place], &self.changes[place + 1..]);
        let settled = change.settled?;
        let mut values = change.values.clone();
        for follower in later.iter().filter(|follower| follower.settled.is_some() && follower.from > settled) {
            values.retain(|name, _| !follower.values.contains_key(name));
        }
        let beside = |name: &String| later.iter().any(|other| other.from < settled && other.values.contains_key(name));
        values.keys().any(beside).then_some(values)
    }

    /// Every value `name` may have had at some time from event `from` to event `to`; `None` is the default.
    pub fn possible_values(&self, name: &str, from: Index, to: Index) -> Vec<Option<String>> {
        self.possible(from, to, |configs| configs.get(name).cloned())
    }

    /// Every settings the topic may have had from event `from` to event `to`.
    pub fn possible_settings(&self, from: Index, to: Index) -> Vec<TopicSettings> {
        self.possible(from, to, TopicSettings::of)
    }

    /// How many replicas each partition may have: of a topic that was there before in a cluster, one or several.
    pub fn possible_replicas(&self, is_of_a_cluster: bool) -> &[i16] {
        match self.create {
            None if is_of_a_cluster => &[1, 2],
            _ => std::slice::from_ref(&self.replicas),
        }
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

fn apply(configs: &mut BTreeMap<String, String>, values: &Values) {
    for (name, value) in values {
        match value {
            Some(value) => configs.insert(name.clone(), value.clone()),
            None => configs.remove(name),
        };
    }
}
