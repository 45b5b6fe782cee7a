//! CreateTopics: each topic of a request is made or refused on its own.

use crate::machine::View;
use crate::partition_assignment::MAX_NEW_PARTITIONS;
use crate::placement::place;
use crate::records::{Partition, Record, Resource};
use crate::refusal::Refusal;
use crate::topic_name;
use model::config::validate_topic_configs;
use model::metadata_image::Configs;
use model::{ErrorCode, NodeId, PartitionId, Uuid};
use protocol::Text;
use protocol::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};
use std::collections::{BTreeMap, BTreeSet};

/// The log that the metadata itself is in has no topic.
const METADATA_TOPIC: &str = "__cluster_metadata";

impl View<'_> {
    /// Makes what can be made. The configs of the topics made are not in the answer: they depend on the broker.
    pub(crate) fn create_topics(&mut self, request: &CreateTopicsRequest) -> CreateTopicsResponse {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for topic in &request.topics {
            *times.entry(&topic.name).or_default() += 1;
        }
        let before = self.records.len();
        let excess = self.partitions_wanted(request) > MAX_NEW_PARTITIONS;
        let mut taken = TakenNames::of(self, request);
        let mut topics = Vec::with_capacity(times.len());
        for topic in &request.topics {
            let created = match times.remove(&*topic.name) {
                None => continue, // answered at its first mention
                Some(_) if excess => Err(too_many_partitions()),
                Some(1) => taken.check(&topic.name).and_then(|()| self.create_topic(topic)),
                Some(_) => Err(Refusal::new(ErrorCode::InvalidRequest, "the request names this topic twice")),
            };
            if created.is_ok() {
                taken.add(&topic.name);
            }
            topics.push(result(topic, created));
        }
        if request.validate_only {
            self.records.truncate(before);
        }
        CreateTopicsResponse { topics, ..Default::default() }
    }

    fn partitions_wanted(&self, request: &CreateTopicsRequest) -> usize {
        let of_topic = |topic: &CreatableTopic| match usize::try_from(topic.num_partitions) {
            _ if !topic.assignments.is_empty() => topic.assignments.len(),
            Ok(count) => count,
            Err(_) => usize::try_from(self.settings.number("num.partitions")).unwrap_or(1),
        };
        request.topics.iter().map(of_topic).fold(0, usize::saturating_add)
    }

    fn create_topic(&mut self, topic: &CreatableTopic) -> Result<Created, Refusal> {
        let configs = self.new_configs(&topic.configs)?;
        let replicas = if topic.assignments.is_empty() { self.placed(topic)? } else { self.assigned(topic)? };
        let topic_id = self.soft.dice.id(|id| self.hard.topic_by_id(id).is_some());
        let partitions = (0..)
            .zip(&replicas)
            .map(|(number, replicas)| self.new_partition(topic_id, number, replicas.clone()))
            .collect::<Result<Vec<Partition>, Refusal>>()?;
        let created = Created { topic_id, partitions: partitions.len(), factor: replicas.first().map_or(0, Vec::len) };
        self.records.push(Record::TopicCreated { name: topic.name.to_string(), topic_id: topic_id.0 });
        self.records.extend(partitions.into_iter().map(Record::Partition));
        self.records.extend(configs.into_iter().map(|(name, value)| Record::Config {
            resource: Resource::Topic(topic_id.0),
            name,
            value: Some(value),
        }));
        Ok(created)
    }

    fn new_configs(&self, given: &[CreatableTopicConfig]) -> Result<Configs, Refusal> {
        let mut configs = Configs::new();
        for config in given {
            let Some(value) = &config.value else {
                let message = format!("the config {} has no value; leave it out to have its default", &*config.name);
                return Err(Refusal::new(ErrorCode::InvalidConfig, message));
            };
            configs.insert(config.name.to_string(), value.to_string());
        }
        validate_topic_configs(&self.settings.layers(self.hard), &configs)?;
        Ok(configs)
    }

    /// Replicas by counts, where -1 is the broker's default.
    fn placed(&mut self, topic: &CreatableTopic) -> Result<Vec<Vec<NodeId>>, Refusal> {
        let factor = self.count(topic.replication_factor.into(), "default.replication.factor").ok_or_else(|| {
            let message = "the replication factor must be above 0, or -1 for the default";
            Refusal::new(ErrorCode::InvalidReplicationFactor, message)
        })?;
        let count = self.count(topic.num_partitions, "num.partitions").ok_or_else(|| {
            let message = "the number of partitions must be above 0, or -1 for the default";
            Refusal::new(ErrorCode::InvalidPartitions, message)
        })?;
        place(self.hard, count, factor, &mut self.soft.dice)
    }

    fn count(&self, wanted: i32, default: &str) -> Option<usize> {
        let count = if wanted == -1 { self.settings.number(default) } else { wanted.into() };
        usize::try_from(count).ok().filter(|count| *count > 0)
    }

    /// Replicas that the request names, for partitions from 0 on in whatever order.
    fn assigned(&self, topic: &CreatableTopic) -> Result<Vec<Vec<NodeId>>, Refusal> {
        if topic.replication_factor != -1 || topic.num_partitions != -1 {
            let message = "with assigned replicas the number of partitions and the replication factor must be -1";
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
        let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
        let mut partitions: BTreeMap<PartitionId, &CreatableReplicaAssignment> = BTreeMap::new();
        for assignment in &topic.assignments {
            if partitions.insert(assignment.partition_index, assignment).is_some() {
                return refuse(format!("replicas of partition {} are assigned twice", assignment.partition_index));
            }
        }
        let mut replicas: Vec<Vec<NodeId>> = Vec::with_capacity(partitions.len());
        for (expected, (number, assignment)) in (0..).zip(partitions) {
            if number != expected {
                return refuse("assigned partitions must be numbered from 0 on, without gaps".to_owned());
            }
            self.check_assignment(&assignment.broker_ids, replicas.first().map(Vec::len))?;
            replicas.push(assignment.broker_ids.clone());
        }
        Ok(replicas)
    }
}

/// What the answer says of a topic that was made.
struct Created {
    topic_id: Uuid,
    partitions: usize,
    factor: usize,
}

fn result(topic: &CreatableTopic, created: Result<Created, Refusal>) -> CreatableTopicResult {
    let name = topic.name.clone();
    match created {
        Ok(created) => CreatableTopicResult {
            name,
            topic_id: created.topic_id,
            error_message: None,
            num_partitions: i32::try_from(created.partitions).unwrap_or(i32::MAX),
            replication_factor: i16::try_from(created.factor).unwrap_or(i16::MAX),
            ..Default::default()
        },
        Err(refusal) => CreatableTopicResult {
            name,
            error_code: refusal.error.code(),
            error_message: refusal.message.map(Text::from),
            ..Default::default()
        },
    }
}

pub(crate) fn too_many_partitions() -> Refusal {
    let message = format!("one request may make {MAX_NEW_PARTITIONS} partitions at most; send several");
    Refusal::new(ErrorCode::PolicyViolation, message)
}

/// Names that a new topic may not have.
struct TakenNames {
    exact: BTreeSet<String>,
    /// What stands for all names that differ in `.` and `_` only, and one of them.
    colliding: BTreeMap<String, String>,
}

impl TakenNames {
    fn of(view: &View<'_>, request: &CreateTopicsRequest) -> TakenNames {
        let wanted: BTreeSet<String> =
            request.topics.iter().filter_map(|topic| topic_name::collision_key(&topic.name)).collect();
        let mut taken = TakenNames { exact: BTreeSet::new(), colliding: BTreeMap::new() };
        for topic in &request.topics {
            if view.hard.topic(&topic.name).is_some() {
                taken.exact.insert(topic.name.to_string());
            }
        }
        if !wanted.is_empty() {
            for topic in view.hard.topics() {
                if let Some(key) = topic_name::collision_key(&topic.name).filter(|key| wanted.contains(key)) {
                    taken.colliding.insert(key, topic.name.to_string());
                }
            }
        }
        taken
    }

    fn check(&self, name: &str) -> Result<(), Refusal> {
        if name == METADATA_TOPIC {
            let message = format!("{METADATA_TOPIC} is the controllers' own and cannot be made");
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
        if self.exact.contains(name) {
            return Err(Refusal::new(ErrorCode::TopicAlreadyExists, format!("Topic '{name}' already exists")));
        }
        topic_name::check(name).map_err(|why| Refusal::new(ErrorCode::InvalidTopicException, why))?;
        match topic_name::collision_key(name).and_then(|key| self.colliding.get(&key)) {
            Some(other) => {
                let message = format!("'{name}' and the topic '{other}' would have the same metric names");
                Err(Refusal::new(ErrorCode::InvalidTopicException, message))
            }
            None => Ok(()),
        }
    }

    fn add(&mut self, name: &str) {
        if let Some(key) = topic_name::collision_key(name) {
            self.colliding.insert(key, name.to_owned());
        }
    }
}
