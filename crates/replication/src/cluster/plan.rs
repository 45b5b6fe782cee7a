//! What a seed draws: the cluster's shape, how bad the network and the disks are, which faults there are.

use super::dice::Dice;
use crate::Terms;
use model::NodeId;
use std::time::Duration;

/// The shape of one run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Decides everything that is not here.
    pub seed: u64,
    /// How many nodes there are: 1 to this.
    pub nodes: NodeId,
    /// How many of them hold the partition.
    pub replicas: NodeId,
    /// Whether only what is on stable storage counts; a killed node then loses what is not.
    pub journaled: bool,
    /// What leaders demand.
    pub terms: Terms,
    /// After this long without a heartbeat a broker is fenced.
    pub session: Duration,
    /// How long there are faults.
    pub faults_for: Duration,
    /// Whether the controller writes nothing for an ISR that stands already, as Kafka's does.
    pub(super) frugal_controller: bool,
    pub(super) loss: u32,
    pub(super) copies: u32,
    pub(super) slow_network: u32,
    pub(super) slow_sync: u32,
    pub(super) checkpoint: u32,
    pub(super) acks_all: u32,
    /// How often a client has nothing to write.
    pub(super) rests: u32,
    /// How often a client deletes records from the start.
    pub(super) deletes: u32,
    pub(super) faults: Vec<Fault>,
}

/// A kind of fault, or an operation that is as bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The process is killed, in a journaled partition with the power.
    Kill,
    /// All of them at once.
    KillAll,
    /// One link, one way or both.
    CutLink,
    /// All links of one node, or only that to the controller.
    Isolate,
    /// One node stands still while time goes on.
    Pause,
    /// One disk is replaced by an empty one.
    Wipe,
    /// Leadership moves.
    MoveLeader,
    /// Other replicas are to hold the partition.
    Reassign,
}

const ALL: [Fault; 8] = [
    Fault::Kill,
    Fault::KillAll,
    Fault::CutLink,
    Fault::Isolate,
    Fault::Pause,
    Fault::Wipe,
    Fault::MoveLeader,
    Fault::Reassign,
];

impl Plan {
    /// The plan of a seed: three nodes or five, three or all of them replicas.
    pub fn draw(seed: u64) -> Plan {
        let mut dice = Dice::new(seed, 1);
        let nodes = if dice.chance(50) { 3 } else { 5 };
        let replicas = if dice.chance(60) { 3 } else { nodes };
        let mut faults: Vec<Fault> = ALL.into_iter().filter(|_| dice.chance(55)).collect();
        faults.retain(|fault| *fault != Fault::Reassign || nodes > replicas);
        let least = dice.between(1, 2) as i32;
        let terms = Terms { replica_lag_time_max: dice.millis(150, 900), min_insync_replicas: least.min(replicas) };
        Plan {
            seed,
            nodes,
            replicas,
            journaled: dice.chance(60),
            terms,
            session: dice.millis(350, 900),
            faults_for: dice.millis(5_000, 9_000),
            loss: dice.between(0, 12) as u32,
            copies: dice.between(0, 6) as u32,
            slow_network: dice.between(0, 15) as u32,
            slow_sync: dice.between(0, 15) as u32,
            checkpoint: dice.between(0, 40) as u32,
            acks_all: dice.between(30, 100) as u32,
            frugal_controller: dice.chance(30),
            rests: if dice.chance(25) { dice.between(70, 97) as u32 } else { 10 },
            deletes: if dice.chance(60) { dice.between(1, 12) as u32 } else { 0 },
            faults,
        }
    }
}
