//! Whom a fault hits. What depends on the moment (who leads then) is named, and found out when the fault begins.

use super::weather::Kind;
use super::workload::Place;
use super::world::WorldShape;
use jepsen_lite::history::FaultKind;
use runtime::simulation::Stream;
use serde::{Deserialize, Serialize};

/// A place in [`WorldShape::nodes`].
pub type NodePlace = u8;

/// Whom a fault hits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// One node. For a fault of the network: its ways to and from some clients.
    Node(NodePlace),
    /// Some nodes at the same time. For a fault of the network: the ways between these and the others.
    Nodes(Vec<NodePlace>),
    /// Every node.
    All,
    /// Every node but one.
    AllBut(NodePlace),
    /// One after the other, each once the one before it is back.
    Rolling,
    /// One node, again and again.
    Loop(NodePlace, u8),
    /// Whoever leads a partition then.
    Leader(Place),
    /// Whoever leads a partition, then whoever leads it next, and so on; the first to go are the first to come back.
    Heirs(Place),
    /// Whoever leads a partition of the group coordinators' topic then.
    Coordinator(u8),
    /// Whoever is the controller then. For a fault of the network: its ways to the other voters; brokers still reach it.
    Controller,
    /// Of the network: the ways of one node to all others.
    Isolated(NodePlace),
    /// Of the network: each node reaches its neighbours in a ring only.
    Ring,
    /// Of the network: two halves, and one node that reaches both.
    Bridge(NodePlace, Vec<NodePlace>),
    /// Of the network: the ways of these nodes go bad one by one, and get well in another order.
    Swizzled(Vec<NodePlace>),
}

/// Draws whom a fault of a kind hits.
pub fn draw(dice: &mut Stream, kind: &Kind, world: &WorldShape) -> Target {
    if !world.is_cluster() {
        return Target::Node(0);
    }
    match kind.kind {
        FaultKind::ProcessCrash | FaultKind::PowerFailure | FaultKind::Pause => process(dice, kind.kind, world),
        FaultKind::GracefulRestart if dice.chance(0.25) => Target::Rolling,
        FaultKind::Cut | FaultKind::OneWayCut | FaultKind::Clog | FaultKind::Flap | FaultKind::ConnectionReset => {
            network(dice, kind.kind, world)
        }
        FaultKind::FullDisk | FaultKind::StalledDisk | FaultKind::FailedWrite | FaultKind::FailedSync
            if dice.chance(0.4) =>
        {
            Target::Leader(place(dice, world))
        }
        _ => Target::Node(node(dice, world)),
    }
}

/// Requests that change what many nodes agree on: Produce, Fetch, CreateTopics, DeleteTopics, DeleteRecords, InitProducerId,
/// ElectLeaders, IncrementalAlterConfigs, AlterPartitionReassignments, AlterPartition, BrokerRegistration, BrokerHeartbeat.
const POINTS: [i16; 12] = [0, 1, 19, 20, 21, 22, 43, 44, 45, 56, 62, 63];

/// Draws the point that a fault waits for, if any.
pub fn point(dice: &mut Stream, kind: FaultKind, world: &WorldShape) -> Option<i16> {
    let stops = matches!(kind, FaultKind::ProcessCrash | FaultKind::PowerFailure | FaultKind::Pause);
    (world.is_cluster() && stops && dice.chance(0.2)).then(|| *dice.pick(&POINTS))
}

fn node(dice: &mut Stream, world: &WorldShape) -> NodePlace {
    dice.below(world.nodes.len() as u64) as NodePlace
}

fn place(dice: &mut Stream, world: &WorldShape) -> Place {
    let topic = dice.below(world.topics.len() as u64) as u8;
    let partition = dice.below(world.topics[usize::from(topic)].partitions as u64) as u8;
    Place { topic, partition }
}

/// Some nodes, at least one, and not all.
fn some(dice: &mut Stream, world: &WorldShape) -> Vec<NodePlace> {
    let mut some: Vec<NodePlace> = (0..world.nodes.len() as NodePlace).filter(|_| dice.chance(0.5)).collect();
    if some.len() == world.nodes.len() {
        some.pop();
    }
    if some.is_empty() {
        some.push(node(dice, world));
    }
    some
}

fn process(dice: &mut Stream, kind: FaultKind, world: &WorldShape) -> Target {
    match dice.below(20) {
        0..3 => Target::Leader(place(dice, world)),
        3 | 4 => Target::Controller,
        5 | 6 => Target::Nodes(some(dice, world)),
        7 if kind == FaultKind::PowerFailure => Target::All,
        8 if kind == FaultKind::PowerFailure => Target::AllBut(node(dice, world)),
        7 if kind == FaultKind::ProcessCrash => Target::Loop(node(dice, world), dice.between(3, 6) as u8),
        9..12 => Target::Heirs(place(dice, world)),
        _ => Target::Node(node(dice, world)),
    }
}

fn network(dice: &mut Stream, kind: FaultKind, world: &WorldShape) -> Target {
    match dice.below(20) {
        0..4 => Target::Isolated(node(dice, world)),
        4..8 => Target::Nodes(some(dice, world)),
        8 | 9 => Target::Leader(place(dice, world)),
        10 | 11 => Target::Controller,
        12 if world.nodes.len() > 3 => Target::Ring,
        13 => Target::Bridge(node(dice, world), some(dice, world)),
        14 | 15 if matches!(kind, FaultKind::Clog | FaultKind::Cut) => Target::Swizzled(some(dice, world)),
        _ => Target::Node(node(dice, world)),
    }
}
