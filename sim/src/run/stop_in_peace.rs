//! Once all is well a node that is asked to stop hands over what it leads and stops by itself, long before it would lose
//! patience with the controller.

use super::cluster::Cluster;
use crate::clients::Chronicle;
use crate::plan::{NodePlace, WorldShape};
use jepsen_lite::history::{Action, Answer, Outcome};
use model::NodeId;
use runtime::time::Duration;

/// The longest time between two heartbeats of a node is a quarter of nine seconds, and all have to tell that they know; a
/// node that nobody answers stops after ten.
const WITHIN: Duration = Duration::from_secs(8);
/// No client asks for it.
const NOBODY: u32 = 0;

/// Stops a node, and writes down how. Not where a node is down that nobody took away: the controllers may be too few.
pub async fn stop_in_peace(world: &WorldShape, cluster: &Cluster, place: NodePlace, chronicle: &Chronicle) {
    if cluster.servers.iter().any(|server| server.broker().is_none()) {
        return;
    }
    let server = cluster.at(place);
    let operation = chronicle.invoke(NOBODY, Action::AwaitStop { node: server.id });
    let in_time = server.stops_within(WITHIN).await;
    let led = led_by(cluster, server.id);
    let outcome = match led {
        _ if !in_time => Outcome::Fail(format!("it did not stop by itself within {WITHIN:?}")),
        Some(partition) if hands_over(world) => Outcome::Fail(format!("it stopped while it led {partition}")),
        _ => Outcome::Ok(Answer::Done),
    };
    chronicle.complete(operation, outcome);
}

fn hands_over(world: &WorldShape) -> bool {
    let set = world.nodes.first().and_then(|node| node.configs.get("controlled.shutdown.enable"));
    set.is_none_or(|value| value == "true")
}

/// A partition that a node leads, as the newest metadata of the others says.
fn led_by(cluster: &Cluster, node: NodeId) -> Option<String> {
    let image = cluster.image()?;
    image.topics().find_map(|topic| {
        let place = topic.partitions.iter().position(|partition| partition.leader == Some(node))?;
        Some(format!("{}-{place}", topic.name))
    })
}
