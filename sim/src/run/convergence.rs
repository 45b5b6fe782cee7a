//! What has to come back by itself once nothing goes wrong any more: every partition has a leader that serves, and all
//! replicas on healthy nodes are in sync. Asked as clients ask, so that histories tell.

use crate::clients::{Client, Routes, look_up_end};
use crate::plan::{Absence, Place};
use jepsen_lite::history::{Action, Answer, Outcome};
use model::NodeId;
use protocol::messages::MetadataRequest;
use protocol::messages::metadata::MetadataResponsePartition;
use runtime::time::{Duration, Instant, sleep};

/// A leader serves within this time.
const LEADER_WITHIN: Duration = Duration::from_secs(10);
/// Where some are silent: the longest session is over after nine seconds, and a new controller counts it anew.
const LEADER_AFTER_SILENCE_WITHIN: Duration = Duration::from_secs(35);
/// Each partition is asked for so long at least, whatever the others took.
const ASKED_AGAIN_FOR: Duration = Duration::from_secs(1);
/// All are in sync within this time, and so much more for each record that a slow disk may have to take first: one on which
/// a sync takes ten milliseconds, with segments of few records each and a cleaner at work, beside clients that still write.
const IN_SYNC_WITHIN: Duration = Duration::from_secs(60);
const A_RECORD_WITHIN: Duration = Duration::from_millis(5);
/// Some node knows of the partition within this time, or its topic is not there.
const DESCRIBED_WITHIN: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);

/// What is asked for.
pub struct Convergence {
    /// Nodes that are down, and need not take part.
    held_back: Vec<NodeId>,
    leader_within: Duration,
    in_sync: bool,
}

impl Convergence {
    /// Of all nodes but these.
    pub fn without(held_back: Vec<NodeId>, absence: Absence) -> Convergence {
        let leader_within = if absence == Absence::Dead { LEADER_WITHIN } else { LEADER_AFTER_SILENCE_WITHIN };
        Convergence { held_back, leader_within, in_sync: true }
    }

    /// Leaders only; all nodes are there.
    pub fn leaders() -> Convergence {
        Convergence { held_back: Vec::new(), leader_within: LEADER_WITHIN, in_sync: false }
    }

    /// Everything.
    pub fn full() -> Convergence {
        Convergence { held_back: Vec::new(), leader_within: LEADER_WITHIN, in_sync: true }
    }
}

/// Waits for it, partition by partition, and writes down what did not come in time.
pub async fn converge(client: Client, what: Convergence) {
    let mut routes = Routes::new(client.clone());
    let places = client.around.places();
    let deadline = Instant::now() + what.leader_within;
    for place in &places {
        if may_be_led(&client, &what, *place).await {
            // One that nobody can lead takes all the time, and idle connections end meanwhile.
            let deadline = deadline.max(Instant::now() + ASKED_AGAIN_FOR);
            await_leader(&client, &mut routes, *place, (what.leader_within, deadline)).await;
        }
    }
    if what.in_sync {
        let mut records: u32 = 0;
        for place in &places {
            let end = look_up_end(&client, &mut routes, *place).await.unwrap_or(0);
            records = records.saturating_add(u32::try_from(end).unwrap_or(0));
        }
        let within = IN_SYNC_WITHIN + A_RECORD_WITHIN * records;
        let deadline = Instant::now() + within;
        for place in &places {
            await_in_sync(&client, &what, *place, within, deadline).await;
        }
    }
}

/// Whether somebody who may lead is surely among those that are not held back: as many as must be in sync hold all that is
/// committed. Of topics whose minimum may be one, or that are not journaled, nobody can be missed.
async fn may_be_led(client: &Client, what: &Convergence, place: Place) -> bool {
    if what.held_back.is_empty() {
        return true;
    }
    let Some(partition) = describe(client, &what.held_back, place).await else { return true };
    let missed = partition.replica_nodes.iter().filter(|node| what.held_back.contains(node)).count();
    // Another one may be out of sync, and then the second copy that a leader of this topic needs takes its time.
    let in_sync = partition.isr_nodes.iter().filter(|node| !what.held_back.contains(node)).count();
    missed == 0 || (place.topic == 0 && missed < 2 && in_sync >= 2)
}

async fn await_leader(client: &Client, routes: &mut Routes, place: Place, (within, deadline): (Duration, Instant)) {
    let partition = client.partition(place);
    let operation = client.around.chronicle.invoke(client.process, Action::AwaitLeader { partition });
    let mut outcome = Outcome::Fail(format!("no leader serves after {within:?}"));
    loop {
        if look_up_end(client, routes, place).await.is_some() {
            outcome = Outcome::Ok(Answer::Done);
            break;
        }
        if Instant::now() >= deadline {
            break;
        }
        routes.forget(place);
        sleep(POLL).await;
    }
    client.around.chronicle.complete(operation, outcome);
}

async fn await_in_sync(client: &Client, what: &Convergence, place: Place, within: Duration, deadline: Instant) {
    let partition = client.partition(place);
    let well = |node: &NodeId| !what.held_back.contains(node);
    let nodes: Vec<NodeId> = (1..=client.around.nodes.len() as NodeId).filter(well).collect();
    let action = Action::AwaitInSync { partition, nodes };
    let operation = client.around.chronicle.invoke(client.process, action);
    let surely_led = may_be_led(client, what, place).await;
    let mut outcome;
    let given_up_at = deadline.min(Instant::now() + DESCRIBED_WITHIN);
    loop {
        let told = describe(client, &what.held_back, place).await;
        let leader = told.as_ref().map(|partition| partition.leader_id).filter(|leader| well(leader) && *leader >= 0);
        let missing = told.map(|partition| {
            let wanted = partition.replica_nodes.iter().copied().filter(well);
            wanted.filter(|node| !partition.isr_nodes.contains(node)).collect::<Vec<NodeId>>()
        });
        let is_described = missing.is_some();
        outcome = match missing {
            Some(missing) if missing.is_empty() => Outcome::Ok(Answer::Done),
            Some(_) if !surely_led && leader.is_none() => Outcome::Unknown("whoever could lead it is held back".into()),
            Some(missing) => Outcome::Fail(format!("nodes {missing:?} are not in sync after {within:?}")),
            None => Outcome::Fail("nobody describes it".into()),
        };
        let until = if is_described { deadline } else { given_up_at };
        if matches!(outcome, Outcome::Ok(_)) || Instant::now() >= until {
            break;
        }
        sleep(POLL).await;
    }
    client.around.chronicle.complete(operation, outcome);
}

/// What some node that is not held back says of a partition.
pub(super) async fn describe(client: &Client, held_back: &[NodeId], place: Place) -> Option<MetadataResponsePartition> {
    let mut wire = client.connect_to(any_of(client, held_back)).await.ok()?;
    let request = MetadataRequest { topics: None, allow_auto_topic_creation: false, ..Default::default() };
    let response = wire.call(&request, 12, Duration::from_secs(2)).await.ok()?;
    let partition = client.partition(place);
    let topic = response.topics.into_iter().find(|topic| topic.name.as_deref() == Some(&*partition.topic))?;
    topic.partitions.into_iter().find(|told| told.partition_index == partition.partition)
}

/// Some node that is not held back.
pub(super) fn any_of(client: &Client, held_back: &[NodeId]) -> NodeId {
    let nodes = 1..=client.around.nodes.len() as NodeId;
    let there: Vec<NodeId> = nodes.filter(|node| !held_back.contains(node)).collect();
    there[runtime::rand::below(there.len() as u64) as usize]
}
