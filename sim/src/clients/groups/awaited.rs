//! What is asked of groups once all is well: that their members read everything, and what has been committed.

use super::by_hand;
use super::coordinators::Coordinators;
use crate::clients::surroundings::Client;
use crate::plan::{ClientPlan, Habit};
use jepsen_lite::history::{Action, Answer, Outcome};
use model::TopicPartition;
use runtime::time::{Duration, Instant, sleep};
use std::collections::{BTreeMap, BTreeSet};

/// Everything is read by somebody within this time.
const WITHIN: Duration = Duration::from_secs(60);
/// A lookup works within this time.
const LOOKUP_WITHIN: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);
const VERSION: i16 = 8;

/// Waits until each partition that a group is there for is read by one member.
pub async fn await_groups(client: Client) {
    let Some(groups) = client.around.groups.clone() else { return };
    let deadline = Instant::now() + WITHIN;
    for group in &groups.groups {
        let action = Action::AwaitGroup { group: group.name.clone() };
        let operation = client.around.chronicle.invoke(client.process, action);
        let outcome = loop {
            match missing(&client, &group.name) {
                None => break Outcome::Ok(Answer::Done),
                Some(why) if Instant::now() >= deadline => break Outcome::Fail(format!("{why} after {WITHIN:?}")),
                Some(_) => sleep(POLL).await,
            }
        };
        client.around.chronicle.complete(operation, outcome);
    }
}

/// What is missing from a group.
fn missing(client: &Client, group: &str) -> Option<String> {
    let readers = client.around.board.readers(group);
    if readers.is_empty() {
        return Some("nobody is there".into());
    }
    let wanted: BTreeSet<&String> = readers.iter().flat_map(|reader| &reader.topics).collect();
    let mut readers_of: BTreeMap<TopicPartition, Vec<bool>> = BTreeMap::new();
    for shape in client.around.topics.iter().filter(|shape| wanted.contains(&shape.name)) {
        for number in 0..shape.partitions {
            readers_of.insert(TopicPartition::new(shape.name.as_str(), number), Vec::new());
        }
    }
    for (partition, placed) in readers.iter().flat_map(|reader| &reader.reads) {
        readers_of.entry(partition.clone()).or_default().push(*placed);
    }
    readers_of.into_iter().find_map(|(partition, readers)| match &readers[..] {
        [] => Some(format!("nobody reads {partition}")),
        [true] => None,
        [false] => Some(format!("its reader does not know where to read {partition}")),
        _ => Some(format!("{} read {partition}", readers.len())),
    })
}

/// Looks up what every group has committed.
pub async fn look_up_everything(client: Client, plans: Vec<ClientPlan>) {
    let Some(groups) = client.around.groups.clone() else { return };
    let alone = plans.iter().filter_map(|plan| match &plan.habit {
        Habit::Committer(group, _) => Some(group.clone()),
        _ => None,
    });
    let names: Vec<String> = groups.groups.iter().map(|group| group.name.clone()).chain(alone).collect();
    let mut coordinators = Coordinators::new(client.clone());
    for group in names {
        for place in client.around.places() {
            let partition = client.partition(place);
            let deadline = Instant::now() + LOOKUP_WITHIN;
            loop {
                if let Some(node) = coordinators.of(&group).await
                    && by_hand::look_up(&client, &mut coordinators, (node, VERSION), (&group, &partition), 0).await
                {
                    break;
                }
                if Instant::now() >= deadline {
                    break;
                }
                client.back_off().await;
            }
        }
    }
}
