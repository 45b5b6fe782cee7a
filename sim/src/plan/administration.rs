//! What the admin does.

use super::workload::{Pause, Place};
use super::world::WorldShape;
use runtime::simulation::Stream;
use serde::{Deserialize, Serialize};

/// One deed of the admin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdminStep {
    /// Sets a config, or gives it back its default.
    AlterConfig {
        /// Of which topic.
        topic: u8,
        /// Which.
        name: String,
        /// To what.
        value: Option<String>,
    },
    /// Asks for a topic's configs.
    DescribeConfigs {
        /// Which topic.
        topic: u8,
    },
    /// Asks for the topics.
    ListTopics,
    /// Deletes records.
    DeleteRecords {
        /// Where.
        place: Place,
        /// Up to where, in 65,536ths of what is known to be there.
        at: u16,
    },
    /// Deletes a topic, and makes it anew.
    Recreate {
        /// Which topic.
        topic: u8,
        /// Milliseconds between the two.
        gap_ms: u32,
    },
    /// Has the preferred replica of a partition lead.
    ElectPreferred {
        /// Which partition.
        place: Place,
    },
    /// Moves a partition to as many other nodes.
    Reassign {
        /// Which partition.
        place: Place,
        /// So many nodes further round.
        shift: u8,
    },
    /// Gives up the reassignment of a partition.
    CancelReassignment {
        /// Which partition.
        place: Place,
    },
    /// Adds a partition to a topic. No client uses it; it is replicated all the same.
    AddPartition {
        /// Which topic.
        topic: u8,
    },
}

/// Draws the deeds of the admin.
pub fn draw(dice: &mut Stream, length_ms: u64, world: &WorldShape, places: &[Place]) -> Vec<(Pause, AdminStep)> {
    let every_us = 700_000;
    let count = length_ms * 1000 / every_us * 3 / 2;
    (0..count).map(|_| (dice.below(2 * every_us) as Pause, admin_step(dice, world, places))).collect()
}

fn admin_step(dice: &mut Stream, world: &WorldShape, places: &[Place]) -> AdminStep {
    let topic = dice.below(world.topics.len() as u64) as u8;
    match dice.below(if world.is_cluster() { 28 } else { 20 }) {
        0..4 => AdminStep::DescribeConfigs { topic },
        4..8 => AdminStep::ListTopics,
        8..12 => delete_records(dice, world, places),
        12 | 13 => match world.topics.iter().position(|shape| shape.churns) {
            Some(churning) => AdminStep::Recreate { topic: churning as u8, gap_ms: dice.below(500) as u32 },
            None => AdminStep::ListTopics,
        },
        20..24 => AdminStep::ElectPreferred { place: *dice.pick(places) },
        24..26 => AdminStep::Reassign { place: *dice.pick(places), shift: dice.between(1, 4) as u8 },
        26 => AdminStep::CancelReassignment { place: *dice.pick(places) },
        27 => AdminStep::AddPartition { topic },
        _ => alter_config(dice, topic, world.is_cluster()),
    }
}

fn alter_config(dice: &mut Stream, topic: u8, cluster: bool) -> AdminStep {
    let alterable = if cluster { ALTERABLE } else { &ALTERABLE[..ALTERABLE.len() - 1] };
    let (name, values) = *dice.pick(alterable);
    // The first topic keeps what promises most, so that every world has one that promises everything to the end.
    let topic = if matches!(name, "flush.messages" | MIN_IN_SYNC) { topic.max(1) } else { topic };
    let value = *dice.pick(values);
    AdminStep::AlterConfig { topic, name: name.to_owned(), value: value.map(str::to_owned) }
}

/// Only in the last topic: what is deleted cannot be judged at the end.
fn delete_records(dice: &mut Stream, world: &WorldShape, places: &[Place]) -> AdminStep {
    let last = world.topics.len() as u8 - 1;
    let there: Vec<Place> = places.iter().copied().filter(|place| place.topic == last).collect();
    AdminStep::DeleteRecords { place: *dice.pick(&there), at: dice.below(30_000) as u16 }
}

/// Configs that are changed while the topic is in use, with values to choose from.
type Alterable = (&'static str, &'static [Option<&'static str>]);
const MIN_IN_SYNC: &str = "min.insync.replicas";
/// The last one is for clusters only.
const ALTERABLE: &[Alterable] = &[
    ("flush.messages", &[None, Some("1"), Some("1000")]),
    ("internal.segment.bytes", &[Some("4096"), Some("20000"), Some("60000")]),
    ("segment.ms", &[None, Some("2000")]),
    ("index.interval.bytes", &[None, Some("0"), Some("500")]),
    ("compression.type", &[None, Some("lz4"), Some("uncompressed")]),
    ("flush.ms", &[None, Some("500")]),
    ("max.message.bytes", &[None, Some("2000"), Some("1048588")]),
    (MIN_IN_SYNC, &[None, Some("2")]),
];
