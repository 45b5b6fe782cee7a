//! Every partition takes a record for all its replicas, once as many are in sync as must be: one client writes to each.

use super::convergence::{any_of, describe};
use crate::clients::{Client, LoneRecords};
use crate::plan::{Absence, Place};
use jepsen_lite::history::{Action, Answer, Outcome};
use model::NodeId;
use protocol::messages::DescribeConfigsRequest;
use protocol::messages::describe_configs::DescribeConfigsResource;
use runtime::time::Duration;

/// A record is acknowledged within this time where all is well.
const WITHIN: Duration = Duration::from_secs(10);
/// Where some are away without a word, who is in sync with them may have to do without them first.
const WITHIN_AFTER_SILENCE: Duration = Duration::from_secs(35);
/// `resource_type` of a topic.
const TOPIC: i8 = 2;

/// Which partitions have to take a record, and how soon.
pub struct Writability {
    /// Nodes that are away.
    held_back: Vec<NodeId>,
    within: Duration,
}

impl Writability {
    /// All of them.
    pub fn full() -> Writability {
        Writability { held_back: Vec::new(), within: WITHIN }
    }

    /// Those of which enough replicas are in sync on other nodes than these.
    pub fn without(held_back: Vec<NodeId>, absence: Absence) -> Writability {
        Writability { held_back, within: if absence == Absence::Dead { WITHIN } else { WITHIN_AFTER_SILENCE } }
    }

    async fn is_asked_of(&self, client: &Client, place: Place) -> bool {
        self.held_back.is_empty() || self.has_enough_in_sync(client, place).await == Some(true)
    }

    /// Whether nodes that are not away lead it, and are as many in sync as must be; none when nobody tells.
    async fn has_enough_in_sync(&self, client: &Client, place: Place) -> Option<bool> {
        let well = |node: &NodeId| !self.held_back.contains(node);
        let partition = describe(client, &self.held_back, place).await?;
        let least = self.min_in_sync(client, place).await?.min(partition.replica_nodes.len());
        let in_sync = partition.isr_nodes.iter().copied().filter(well).count();
        Some(partition.leader_id >= 0 && well(&partition.leader_id) && in_sync >= least)
    }

    async fn min_in_sync(&self, client: &Client, place: Place) -> Option<usize> {
        let resource = DescribeConfigsResource {
            resource_type: TOPIC,
            resource_name: (&*client.partition(place).topic).into(),
            configuration_keys: Some(vec!["min.insync.replicas".into()]),
            ..Default::default()
        };
        let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
        let mut wire = client.connect_to(any_of(client, &self.held_back)).await.ok()?;
        let response = wire.call(&request, 4, Duration::from_secs(2)).await.ok()?;
        let told = response.results.into_iter().next().filter(|told| told.error_code == 0)?;
        told.configs.first()?.value.as_ref()?.parse().ok()
    }
}

/// Writes to each partition of which that is asked, and writes down which record was not acknowledged in time. The records
/// themselves are operations like any other.
pub async fn write_everywhere(client: Client, what: Writability) {
    let series = if what.held_back.is_empty() { 0 } else { 1 };
    let mut records = LoneRecords::new(client.clone(), series);
    for place in client.around.places() {
        if !what.is_asked_of(&client, place).await {
            continue;
        }
        let partition = client.partition(place);
        let operation = client.around.chronicle.invoke(client.process, Action::AwaitWritten { partition });
        let within = what.within;
        let outcome = match records.write(place, within).await {
            Ok(()) => Outcome::Ok(Answer::Done),
            Err(not) if not.is_clock_wrong => Outcome::Unknown("the clocks are too far apart".into()),
            Err(_) if !what.is_asked_of(&client, place).await => Outcome::Unknown("too few are in sync by now".into()),
            Err(not) => Outcome::Fail(format!("no record is acknowledged in {within:?}: {}", not.why)),
        };
        client.around.chronicle.complete(operation, outcome);
    }
}
