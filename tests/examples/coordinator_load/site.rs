//! What a scenario needs of the cluster: a topic, and connections to a group's coordinator.

use super::wire::Wire;
use client::admin::NewTopic;
use client::{Admin, ClientConfig, ClientError, Cluster};
use model::ErrorCode;
use protocol::Text;
use protocol::messages::find_coordinator::{Coordinator, FindCoordinatorRequest};
use protocol::messages::heartbeat::HeartbeatRequest;
use runtime::time::{Duration, sleep};

/// A thousand partitions on a cold server may take long.
const PATIENCE: Duration = Duration::from_secs(120);
/// Of FindCoordinator and Heartbeat.
const VERSIONS: (i16, i16) = (6, 4);
/// Rest between two looks at what is not ready yet.
const REST: Duration = Duration::from_millis(50);

/// A cluster with a topic of so many partitions, and a coordinator that answers.
pub struct Site {
    cluster: Cluster,
    /// The topic that groups read.
    pub topic: Text,
    /// How many partitions it has.
    pub partitions: usize,
}

impl Site {
    /// Makes the topic if it is not there, and waits for its leaders and for `__consumer_offsets`.
    ///
    /// # Panics
    /// When the cluster cannot be reached or refuses.
    pub async fn prepare(bootstrap: &str, partitions: i32) -> Site {
        let config =
            ClientConfig { request_timeout: PATIENCE, connect_timeout: PATIENCE, ..ClientConfig::of(bootstrap) };
        let cluster = Cluster::new(config);
        let name = format!("coordinator-load-{partitions}");
        match Admin::new(&cluster).create_topic(NewTopic::new(&name, partitions)).await {
            Ok(_) | Err(ClientError::Refused { error: ErrorCode::TopicAlreadyExists, .. }) => {}
            Err(error) => panic!("{error}"),
        }
        let topic = loop {
            if let Ok(topic) = cluster.topic_now(&name.as_str().into()).await
                && topic.partitions.len() == partitions as usize
                && topic.partitions.iter().all(|partition| partition.leader >= 0)
            {
                break topic;
            }
            sleep(REST).await;
        };
        let site = Site { cluster, topic: name.into(), partitions: topic.partitions.len() };
        site.connect(&group_name("probe"), 1).await;
        site
    }

    /// So many connections to the coordinator of a group, which is ready to serve it.
    ///
    /// # Panics
    /// When it cannot be reached.
    pub async fn connect(&self, group: &Text, count: usize) -> Vec<Wire> {
        let address = self.coordinator_of(group).await;
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(Wire::connect(&address).await);
        }
        if let Some(connection) = connections.first_mut() {
            wait_until_loaded(connection, group).await;
        }
        connections
    }

    async fn coordinator_of(&self, group: &Text) -> String {
        let request =
            FindCoordinatorRequest { coordinator_keys: vec![group.clone()], ..FindCoordinatorRequest::default() };
        loop {
            let connection = self.cluster.any().await.unwrap_or_else(|error| panic!("{error}"));
            let answer = connection.start(&request, VERSIONS.0).unwrap_or_else(|error| panic!("{error}"));
            let answer = answer.wait().await.unwrap_or_else(|error| panic!("{error}"));
            if let Some(Coordinator { error_code: 0, host, port, .. }) = answer.coordinators.first() {
                return format!("{}:{port}", host.as_str());
            }
            sleep(REST).await; // the topic of the coordinators is being made
        }
    }
}

/// A coordinator that has its log knows that nobody has beaten for this member before.
async fn wait_until_loaded(connection: &mut Wire, group: &Text) {
    let request = HeartbeatRequest { group_id: group.clone(), member_id: "nobody".into(), ..Default::default() };
    loop {
        let answer = connection.ask(&request, VERSIONS.1).await;
        match ErrorCode::from_wire(answer.error_code) {
            ErrorCode::CoordinatorLoadInProgress | ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                sleep(REST).await;
            }
            _ => return,
        }
    }
}

/// A name that no earlier run had.
pub fn group_name(what: &str) -> Text {
    format!("load-{what}-{}", runtime::clock::now()).into()
}

/// A load counts only what was served.
///
/// # Panics
/// When the answer is an error.
pub fn expect_none(what: &str, error_code: i16) {
    assert_eq!(ErrorCode::from_wire(error_code), ErrorCode::None, "{what}");
}
