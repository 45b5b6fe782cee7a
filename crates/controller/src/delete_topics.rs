//! DeleteTopics: by name, or from version 6 on by id.

use crate::machine::View;
use crate::records::Record;
use crate::refusal::Refusal;
use model::{ErrorCode, Uuid};
use protocol::Text;
use protocol::messages::delete_topics::{DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse};
use std::collections::BTreeMap;

/// How a request names a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    Name(Text),
    Id(Uuid),
    Both(Text, Uuid),
    Neither,
}

impl View<'_> {
    /// Deletes what can be deleted. What is named twice, in whatever way, is not.
    pub(crate) fn delete_topics(&mut self, request: &DeleteTopicsRequest) -> DeleteTopicsResponse {
        let mut mentions: BTreeMap<Named, usize> = BTreeMap::new();
        for named in named(request) {
            *mentions.entry(named).or_default() += 1;
        }
        let mut by_topic: BTreeMap<Uuid, usize> = BTreeMap::new();
        for id in mentions.keys().filter_map(|named| self.resolve(named).ok()) {
            *by_topic.entry(id).or_default() += 1;
        }
        let mut responses = Vec::new();
        for (named, count) in mentions {
            if let (Named::Id(id), true) = (&named, count == 1)
                && by_topic.get(id).is_some_and(|ways| *ways > 1)
            {
                continue; // answered once, where it is named
            }
            let outcome = self.delete_topic(&named, count, &by_topic);
            let shown = self.resolve(&named).ok().filter(|id| outcome.is_ok() || (count == 1 && by_topic[id] > 1));
            responses.push(self.result(named, shown, outcome));
        }
        DeleteTopicsResponse { responses, ..Default::default() }
    }

    fn delete_topic(&mut self, named: &Named, count: usize, ways: &BTreeMap<Uuid, usize>) -> Result<Uuid, Refusal> {
        let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
        match named {
            Named::Neither => return invalid("neither a name nor an id is given"),
            Named::Both(..) => return invalid("give a name or an id, not both"),
            _ if count > 1 => return invalid("the request names this topic twice"),
            _ => {}
        }
        if !self.settings.boolean("delete.topic.enable") {
            return Err(Refusal::new(ErrorCode::TopicDeletionDisabled, "delete.topic.enable is false"));
        }
        let id = self.resolve(named)?;
        if ways.get(&id).is_some_and(|ways| *ways > 1) {
            return invalid("the request names this topic by its name and by its id");
        }
        self.records.push(Record::TopicDeleted { topic_id: id.0 });
        Ok(id)
    }

    fn resolve(&self, named: &Named) -> Result<Uuid, Refusal> {
        match named {
            Named::Name(name) => match self.hard.topic(name) {
                Some(topic) => Ok(topic.id),
                None => {
                    let message = format!("there is no topic '{}'", &**name);
                    Err(Refusal::new(ErrorCode::UnknownTopicOrPartition, message))
                }
            },
            Named::Id(id) if self.hard.topic_by_id(*id).is_some() => Ok(*id),
            Named::Id(id) => Err(Refusal::new(ErrorCode::UnknownTopicId, format!("there is no topic of the id {id}"))),
            Named::Both(..) | Named::Neither => Err(Refusal::silent(ErrorCode::InvalidRequest)),
        }
    }

    /// The name is told along with the id, and the id along with the name, when they are of one topic.
    fn result(&self, named: Named, shown: Option<Uuid>, outcome: Result<Uuid, Refusal>) -> DeletableTopicResult {
        let (name, topic_id) = match named {
            Named::Name(name) => (Some(name), shown.unwrap_or(Uuid::ZERO)),
            Named::Id(id) => (shown.and_then(|id| self.name_of(id)), id),
            Named::Both(name, id) => (Some(name), id),
            Named::Neither => (None, Uuid::ZERO),
        };
        let (error, error_message) = match outcome {
            Ok(_) => (ErrorCode::None, None),
            Err(refusal) => (refusal.error, refusal.message.map(Text::from)),
        };
        DeletableTopicResult { name, topic_id, error_code: error.code(), error_message, ..Default::default() }
    }

    fn name_of(&self, id: Uuid) -> Option<Text> {
        self.hard.topic_by_id(id).map(|topic| Text::from(&*topic.name))
    }
}

fn named(request: &DeleteTopicsRequest) -> impl Iterator<Item = Named> + '_ {
    let by_name = request.topic_names.iter().cloned().map(Named::Name);
    let by_state = request.topics.iter().map(|topic| match (&topic.name, topic.topic_id.is_zero()) {
        (Some(name), true) => Named::Name(name.clone()),
        (Some(name), false) => Named::Both(name.clone(), topic.topic_id),
        (None, false) => Named::Id(topic.topic_id),
        (None, true) => Named::Neither,
    });
    by_name.chain(by_state)
}
