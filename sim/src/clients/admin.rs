//! Makes, changes, asks about and deletes topics and configs. Each attempt is an operation of its own; one
//! whose outcome is not known may take effect at any later time, so a topic name is left alone after it.

use super::routes::Routes;
use super::surroundings::{Client, Phase};
use super::wire::Wire;
use crate::plan::{AdminStep, Pause, TopicShape};
use jepsen_lite::history::{Action, Answer, CreateTopic, Outcome};
use model::ErrorCode;
use protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig};
use protocol::messages::delete_topics::DeleteTopicState;
use protocol::messages::describe_configs::DescribeConfigsResource;
use protocol::messages::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};
use protocol::messages::{
    CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest, MetadataRequest,
};
use protocol::{Request, wire::Text};
use runtime::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

const WITHIN: Duration = Duration::from_secs(3);
/// `config_source` of a config that is set on the topic itself.
const DYNAMIC_TOPIC_CONFIG: i8 = 1;
/// `resource_type` of a topic.
const TOPIC: i8 = 2;

/// Takes the steps.
pub async fn live(client: Client, steps: Vec<(Pause, AdminStep)>) {
    let mut admin = Admin::new(client.clone());
    for (pause, step) in steps {
        client.pause(pause, Phase::Faults).await;
        if client.is_past(Phase::Faults) {
            return;
        }
        if client.connected(&mut admin.wire).await.is_some() {
            admin.step(step).await;
        }
    }
}

/// Makes the topics of a world, in good weather.
///
/// # Panics
/// When the broker refuses.
pub async fn create_topics(client: Client) {
    let mut admin = Admin::new(client.clone());
    let offsets = client.around.groups.iter().map(|groups| groups.offsets.clone());
    for topic in client.around.topics.iter().cloned().chain(offsets) {
        while client.connected(&mut admin.wire).await.is_none() {}
        let mut outcome = admin.create(&topic).await;
        // A broker that has just begun may not be known to the controller, or not be let in yet.
        for _ in 0..100 {
            if !client.around.is_cluster() || matches!(outcome, Some(Outcome::Ok(_) | Outcome::Unknown(_))) {
                break;
            }
            client.back_off().await;
            while client.connected(&mut admin.wire).await.is_none() {}
            outcome = admin.create(&topic).await;
        }
        assert!(matches!(outcome, Some(Outcome::Ok(_))), "topic {} cannot be made: {outcome:?}", topic.name);
    }
}

/// Asks what topics there are and how they are configured, once all is well.
pub async fn ask_for_metadata(client: Client) {
    let mut admin = Admin::new(client.clone());
    for topic in 0..client.around.topics.len() as u8 {
        while client.connected(&mut admin.wire).await.is_none() {}
        admin.describe(topic).await;
        while client.connected(&mut admin.wire).await.is_none() {}
        admin.list().await;
    }
}

pub(super) struct Admin {
    pub client: Client,
    /// To any node.
    pub wire: Option<Wire>,
    /// To the leaders, for what only they can do.
    pub routes: Routes,
    /// Topics with a creation or deletion of unknown outcome.
    in_doubt: BTreeSet<String>,
}

impl Admin {
    pub fn new(client: Client) -> Admin {
        Admin { routes: Routes::new(client.clone()), client, wire: None, in_doubt: BTreeSet::new() }
    }

    async fn step(&mut self, step: AdminStep) {
        match step {
            AdminStep::AlterConfig { topic, name, value } => self.alter(topic, name, value).await,
            AdminStep::DescribeConfigs { topic } => self.describe(topic).await,
            AdminStep::ListTopics => self.list().await,
            AdminStep::DeleteRecords { place, at } => self.delete_records(place, at).await,
            AdminStep::Recreate { topic, gap_ms } => self.recreate(topic, gap_ms).await,
            AdminStep::ElectPreferred { place } => self.elect_preferred(place).await,
            AdminStep::Reassign { place, shift } => self.reassign(place, Some(shift)).await,
            AdminStep::CancelReassignment { place } => self.reassign(place, None).await,
            AdminStep::AddPartition { topic } => self.add_partition(topic).await,
        }
    }

    pub fn topic(&self, topic: u8) -> &TopicShape {
        &self.client.around.topics[usize::from(topic)]
    }

    /// Sends a request, and notes what came of it. A broken connection leaves a change in doubt; `judge` tells of an
    /// answer.
    pub async fn attempt<R: Request>(
        &mut self,
        action: Action,
        request: &R,
        version: i16,
        judge: impl FnOnce(R::Response) -> Outcome,
    ) -> Option<Outcome> {
        let operation = self.client.around.chronicle.invoke(self.client.process, action);
        let outcome = match self.wire.as_mut()?.call(request, version, WITHIN).await {
            Ok(response) => judge(response),
            Err(failure) => {
                self.wire = None;
                Outcome::Unknown(failure.to_string())
            }
        };
        if self.client.around.is_cluster() && !matches!(outcome, Outcome::Ok(_)) {
            self.wire = None; // another node may know better
        }
        self.client.around.chronicle.complete(operation, outcome.clone());
        Some(outcome)
    }

    async fn create(&mut self, topic: &TopicShape) -> Option<Outcome> {
        let config = |(name, value): (&String, &String)| CreatableTopicConfig {
            name: Text::from(name.as_str()),
            value: Some(Text::from(value.as_str())),
            ..Default::default()
        };
        let creatable = CreatableTopic {
            name: topic.name.as_str().into(),
            num_partitions: topic.partitions,
            replication_factor: topic.replicas,
            configs: topic.configs.iter().map(config).collect(),
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![creatable], timeout_ms: 3000, ..Default::default() };
        let TopicShape { name, partitions, replicas, configs, .. } = topic.clone();
        let action = CreateTopic { topic: name, partitions, replicas, configs };
        let judge = |response: protocol::messages::CreateTopicsResponse| match response.topics.first() {
            Some(made) if made.error_code == 0 => Outcome::Ok(Answer::Created { topic_id: Some(made.topic_id) }),
            Some(made) => change_refused(made.error_code),
            None => Outcome::Unknown("no answer for the topic".into()),
        };
        let outcome = self.attempt(Action::CreateTopic(action), &request, 7, judge).await?;
        match &outcome {
            Outcome::Ok(Answer::Created { topic_id }) => self.client.around.set_id(&topic.name, *topic_id),
            Outcome::Unknown(_) => drop(self.in_doubt.insert(topic.name.clone())),
            _ => {}
        }
        Some(outcome)
    }

    async fn delete(&mut self, topic: &str) -> Option<Outcome> {
        let state = DeleteTopicState { name: Some(topic.into()), ..Default::default() };
        let request = DeleteTopicsRequest { topics: vec![state], timeout_ms: 3000, ..Default::default() };
        let judge = |response: protocol::messages::DeleteTopicsResponse| match response.responses.first() {
            Some(gone) if gone.error_code == 0 => Outcome::Ok(Answer::Done),
            Some(gone) => change_refused(gone.error_code),
            None => Outcome::Unknown("no answer for the topic".into()),
        };
        let outcome = self.attempt(Action::DeleteTopic { topic: topic.to_owned() }, &request, 6, judge).await?;
        if matches!(outcome, Outcome::Unknown(_)) {
            self.in_doubt.insert(topic.to_owned());
        }
        Some(outcome)
    }

    async fn recreate(&mut self, topic: u8, gap_ms: u32) {
        let shape = self.topic(topic).clone();
        if self.in_doubt.contains(&shape.name) {
            return;
        }
        if self.client.around.id_of(&shape.name).is_some() {
            match self.delete(&shape.name).await {
                Some(Outcome::Ok(_)) => self.client.around.set_id(&shape.name, None),
                _ => return,
            }
        }
        self.client.pause(gap_ms * 1000, Phase::Faults).await;
        if self.client.connected(&mut self.wire).await.is_some() {
            self.create(&shape).await; // refused: tried again at the next such step
        }
    }

    async fn alter(&mut self, topic: u8, name: String, value: Option<String>) {
        const SET: i8 = 0;
        const DELETE: i8 = 1;
        let topic = self.topic(topic).name.clone();
        let config = AlterableConfig {
            name: name.as_str().into(),
            config_operation: if value.is_some() { SET } else { DELETE },
            value: value.as_deref().map(Text::from),
            ..Default::default()
        };
        let resource = AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: topic.as_str().into(),
            configs: vec![config],
            ..Default::default()
        };
        let request = IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
        let action = Action::AlterConfigs { topic, changes: BTreeMap::from([(name, value)]) };
        let judge = |response: protocol::messages::IncrementalAlterConfigsResponse| match response.responses.first() {
            Some(done) if done.error_code == 0 => Outcome::Ok(Answer::Done),
            Some(done) => change_refused(done.error_code),
            None => Outcome::Unknown("no answer for the topic".into()),
        };
        self.attempt(action, &request, 1, judge).await;
    }

    async fn describe(&mut self, topic: u8) {
        let topic = self.topic(topic).name.clone();
        let resource = DescribeConfigsResource {
            resource_type: TOPIC,
            resource_name: topic.as_str().into(),
            configuration_keys: None,
            ..Default::default()
        };
        let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
        let judge = |response: protocol::messages::DescribeConfigsResponse| match response.results.into_iter().next() {
            Some(told) if told.error_code == 0 => {
                let own = told.configs.into_iter().filter(|config| config.config_source == DYNAMIC_TOPIC_CONFIG);
                let configs = own.filter_map(|config| Some((config.name.to_string(), config.value?.to_string())));
                Outcome::Ok(Answer::Configs { configs: configs.collect() })
            }
            Some(told) => Outcome::Fail(ErrorCode::from_wire(told.error_code).name().to_owned()),
            None => Outcome::Fail("no answer for the topic".into()),
        };
        self.attempt(Action::DescribeConfigs { topic }, &request, 4, judge).await;
    }

    async fn list(&mut self) {
        let request = MetadataRequest { topics: None, allow_auto_topic_creation: false, ..Default::default() };
        let judge = |response: protocol::messages::MetadataResponse| {
            let there = response.topics.into_iter().filter(|topic| topic.error_code == 0);
            Outcome::Ok(Answer::Topics { topics: there.filter_map(|topic| Some(topic.name?.to_string())).collect() })
        };
        self.attempt(Action::ListTopics, &request, 12, judge).await;
    }
}

/// What an error says about a change of metadata: only refusals that come before anything is written are definite.
pub(super) fn change_refused(error_code: i16) -> Outcome {
    use ErrorCode as E;
    let error = ErrorCode::from_wire(error_code);
    let definite = matches!(
        error,
        E::UnknownTopicOrPartition
            | E::UnknownTopicId
            | E::TopicAlreadyExists
            | E::InvalidTopicException
            | E::InvalidConfig
            | E::InvalidRequest
            | E::InvalidPartitions
            | E::OffsetOutOfRange
            | E::PolicyViolation
            | E::UnsupportedVersion
            | E::InvalidReplicationFactor
            | E::InvalidReplicaAssignment
            | E::ElectionNotNeeded
            | E::PreferredLeaderNotAvailable
            | E::NoReassignmentInProgress
    );
    let name = error.name().to_owned();
    if definite { Outcome::Fail(name) } else { Outcome::Unknown(name) }
}
