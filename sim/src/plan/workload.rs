//! The operation list: what each client will do, step by step. Steps name places and fractions, not offsets: what an
//! offset will be is known only when the step is done.

use super::administration::{self, AdminStep};
use super::groups::{CommitterDeed, MemberDeed, MemberHabit};
use super::reading::{follower, lookups, name_epochs, reads, spread};
use super::topic::TopicShape;
use super::world::{WorldShape, stream};
use jepsen_lite::history::Acks;
use jepsen_lite::workload::Shape;
use runtime::simulation::Stream;
use serde::{Deserialize, Serialize};

/// Microseconds to wait before a step.
pub type Pause = u32;

/// A partition: a place in [`WorldShape::topics`], and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Which topic.
    pub topic: u8,
    /// Which partition of it.
    pub partition: u8,
}

/// A client: one habit, and the steps it takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientPlan {
    /// Its name.
    pub name: String,
    /// What it does.
    pub habit: Habit,
}

/// What a client does all day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Habit {
    /// Writes to one partition.
    Producer(ProducerHabit, Vec<WriteStep>),
    /// Writes to some partitions with the `client` crate.
    Library(LibraryHabit, Vec<WriteStep>),
    /// Follows some partitions from their start to their end.
    Follower(FollowerHabit, Vec<Pause>),
    /// Reads here and there.
    Reader(Vec<ReadStep>),
    /// Looks offsets up.
    Lookups(Vec<LookupStep>),
    /// Makes, changes and deletes topics.
    Admin(Vec<(Pause, AdminStep)>),
    /// Reads as a member of a group, with the `client` crate.
    Member(MemberHabit, Vec<(Pause, MemberDeed)>),
    /// Commits offsets without being a member: in the group of this name, and as members that were there.
    Committer(String, Vec<(Pause, CommitterDeed)>),
}

/// How a producer gets its producer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Identity {
    /// It has none: not idempotent.
    None,
    /// It asks the broker.
    Asked,
    /// It brings its own, so that epochs and sequences begin near their end.
    Brought {
        /// The producer id.
        id: i64,
        /// The first epoch.
        epoch: i16,
        /// The first sequence.
        sequence: i32,
    },
}

/// How a producer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerHabit {
    /// Where to.
    pub place: Place,
    /// When a write is answered.
    pub acks: Acks,
    /// Who it is.
    pub identity: Identity,
    /// Whether it sends again what was not answered.
    pub resends: bool,
    /// Requests on their way at most; never above 5.
    pub in_flight: u8,
    /// Codec number.
    pub compression: u8,
    /// Version of Produce.
    pub version: i16,
    /// Milliseconds it waits for an answer.
    pub request_timeout_ms: u32,
    /// Milliseconds after which it gives a write up.
    pub delivery_timeout_ms: u32,
}

/// How the `client` crate's producer writes: always idempotent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryHabit {
    /// Where to, in turn.
    pub places: Vec<Place>,
    /// Milliseconds that a batch waits for more.
    pub linger_ms: u32,
    /// Bytes from which on it does not.
    pub batch_bytes: u32,
    /// Codec number.
    pub compression: u8,
    /// Requests on their way at most.
    pub in_flight: u8,
    /// Milliseconds after which it gives a batch up.
    pub delivery_timeout_ms: u32,
}

/// One write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteStep {
    /// Wait before it.
    pub pause: Pause,
    /// Records in the batch.
    pub records: u8,
    /// How they look.
    pub shape: Shape,
    /// Milliseconds that the records' times are ahead of the producer's clock.
    pub ahead_ms: i32,
}

/// How a follower reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowerHabit {
    /// What it follows.
    pub places: Vec<Place>,
    /// Version of Fetch.
    pub version: i16,
    /// Whether it uses fetch sessions (KIP-227).
    pub session: bool,
    /// Bytes it asks for at most, in all and of a partition.
    pub max_bytes: u32,
    /// Milliseconds that the broker may wait for data.
    pub max_wait_ms: u32,
    /// Where it stands: it may be sent to a replica nearby (KIP-392).
    #[serde(default)]
    pub rack: Option<String>,
    /// Whether it names leader epochs, and asks after each change whether the log is still as it has read it (KIP-320).
    #[serde(default)]
    pub names_epochs: bool,
}

/// One read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadStep {
    /// Wait before it.
    pub pause: Pause,
    /// Where.
    pub place: Place,
    /// From where, in 65,536ths of what is known to be there; the last values lie beyond the end.
    pub at: u16,
    /// Bytes it asks for at most.
    pub max_bytes: u32,
    /// From which of its replicas, in their order; none for the leader.
    #[serde(default)]
    pub replica: Option<u8>,
    /// Whether it names the epoch of the leader that it asks.
    #[serde(default)]
    pub names_epoch: bool,
}

/// What is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LookupQuery {
    /// The log start.
    Earliest,
    /// The end.
    Latest,
    /// A time, in 65,536ths of the time since the run began.
    At(u16),
}

/// One lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupStep {
    /// Wait before it.
    pub pause: Pause,
    /// Where.
    pub place: Place,
    /// What for.
    pub query: LookupQuery,
}

/// Besides those that write raw requests there are at least so many: the library, a follower, a reader, one that looks
/// offsets up, an administrator.
const OTHERS: u64 = 5;

/// Draws the clients of a run, `exactly` so many where it is given.
pub fn draw(seed: u64, length_ms: u64, world: &WorldShape, exactly: Option<u64>) -> Vec<ClientPlan> {
    let mut dice = stream(seed, "workload");
    let places = places(&world.topics);
    let mut clients = Vec::new();
    let drawn = dice.between(4, 8).max(world.topics.len() as u64);
    let count = exactly.map_or(drawn, |clients| clients - OTHERS);
    // All producers together write so many times a second.
    let rate = match exactly {
        Some(_) => 240, // a little more than the 200 operations a second that are measured
        None if world.is_cluster() => 300,
        None => 150,
    };
    for number in 0..count {
        // The first producers take one topic each, so that none is without.
        let topic = if number < world.topics.len() as u64 { number } else { dice.below(world.topics.len() as u64) };
        let partitions = world.topics[topic as usize].partitions as u64;
        let place = Place { topic: topic as u8, partition: dice.below(partitions) as u8 };
        let habit = producer(&mut dice, number, place);
        let steps = writes(&mut dice, length_ms, rate, count);
        clients.push(ClientPlan { name: format!("producer-{number}"), habit: Habit::Producer(habit, steps) });
    }
    let mut own_dice = stream(seed, "library producer");
    let habit = library(&mut own_dice, &places);
    // Each of its records is an operation, so it writes less often than the others.
    let steps = writes(&mut own_dice, length_ms, rate, 3 * count);
    clients.push(ClientPlan { name: "library-producer".into(), habit: Habit::Library(habit, steps) });
    let drawn = dice.between(1, 4);
    for number in 0..exactly.map_or(drawn, |_| 1) {
        let habit = follower(&mut dice, &places);
        let pauses = (0..256).map(|_| dice.between(2000, 120_000) as Pause).collect();
        clients.push(ClientPlan { name: format!("follower-{number}"), habit: Habit::Follower(habit, pauses) });
    }
    clients.push(ClientPlan { name: "reader".into(), habit: Habit::Reader(reads(&mut dice, length_ms, &places)) });
    clients.push(ClientPlan { name: "lookups".into(), habit: Habit::Lookups(lookups(&mut dice, length_ms, &places)) });
    clients.push(ClientPlan {
        name: "admin".into(),
        habit: Habit::Admin(administration::draw(&mut dice, length_ms, world, &places)),
    });
    with_keys(&mut stream(seed, "keys"), world, &mut clients);
    if world.is_cluster() {
        spread(&mut stream(seed, "spread"), world, &mut clients);
        name_epochs(&mut stream(seed, "epochs"), &mut clients);
    }
    clients
}

/// Has those who write to a compacted topic name keys, few or many, and delete some.
fn with_keys(dice: &mut Stream, world: &WorldShape, clients: &mut [ClientPlan]) {
    let is_compacted = |place: &Place| world.topics[usize::from(place.topic)].is_compacted();
    for client in clients {
        let steps = match &mut client.habit {
            Habit::Producer(habit, steps) if is_compacted(&habit.place) => steps,
            Habit::Library(habit, steps) if habit.places.iter().any(is_compacted) => steps,
            _ => continue,
        };
        let keys = *dice.pick(&[5, 50, 1000, 1000]);
        for step in steps {
            step.shape.keys = keys;
            if dice.chance(0.1) {
                step.shape.value_bytes = None;
            }
        }
    }
}

fn places(topics: &[TopicShape]) -> Vec<Place> {
    let of = |(topic, shape): (usize, &TopicShape)| {
        (0..shape.partitions).map(move |partition| Place { topic: topic as u8, partition: partition as u8 })
    };
    topics.iter().enumerate().flat_map(of).collect()
}

fn producer(dice: &mut Stream, number: u64, place: Place) -> ProducerHabit {
    let identity = match dice.below(4) {
        0 => Identity::None,
        1 => Identity::Asked,
        _ => Identity::Brought {
            id: 1_000_000 + number as i64,
            epoch: *dice.pick(&[0, 5, 32_760, 32_766]),
            sequence: *dice.pick(&[0, i32::MAX - 3, i32::MAX - 40, i32::MAX]),
        },
    };
    let acks = match (identity, dice.below(8)) {
        (Identity::None, 0) => Acks::None,
        (Identity::None, 1..4) => Acks::Leader,
        _ => Acks::All,
    };
    let resends = acks != Acks::None && (identity != Identity::None || dice.chance(0.5));
    ProducerHabit {
        place,
        acks,
        identity,
        resends,
        in_flight: *dice.pick(&[1, 2, 5, 5]),
        compression: *dice.pick(&[0, 0, 0, 1, 2, 3, 4]),
        version: *dice.pick(&[7, 8, 9, 10, 11, 12, 13, 13]),
        request_timeout_ms: dice.between(500, 3000) as u32,
        delivery_timeout_ms: if dice.chance(0.4) { dice.between(700, 3000) } else { dice.between(4000, 20_000) } as u32,
    }
}

fn library(dice: &mut Stream, places: &[Place]) -> LibraryHabit {
    let some: Vec<Place> = places.iter().copied().filter(|_| dice.chance(0.5)).collect();
    LibraryHabit {
        places: if some.is_empty() { vec![*dice.pick(places)] } else { some },
        linger_ms: *dice.pick(&[0, 1, 5, 50]),
        batch_bytes: *dice.pick(&[200, 2000, 16_384]),
        compression: *dice.pick(&[0, 0, 1, 2, 3, 4]),
        in_flight: *dice.pick(&[1, 5, 5]),
        delivery_timeout_ms: dice.between(1000, 10_000) as u32,
    }
}

/// More steps than the time allows for: a run never runs dry.
fn writes(dice: &mut Stream, length_ms: u64, rate: u64, producers: u64) -> Vec<WriteStep> {
    let every_us = producers * 1_000_000 / rate;
    let count = length_ms * 1000 * 3 / 2 / every_us;
    let (keys, headers) = (*dice.pick(&[0, 1, 10]), *dice.pick(&[0, 0, 3]));
    let usual_bytes = *dice.pick(&[10_u64, 60, 300]);
    let mut burst = 0;
    (0..count)
        .map(|_| {
            if burst == 0 && dice.chance(0.02) {
                burst = dice.between(3, 15);
            }
            burst = u64::saturating_sub(burst, 1);
            let pause = if burst > 0 { dice.below(200) } else { dice.below(2 * every_us) };
            let large = dice.chance(0.01);
            let bytes = if large { dice.between(1000, 9000) } else { dice.below(2 * usual_bytes) };
            let value_bytes = (!dice.chance(0.05)).then_some(bytes as u32);
            let records = if dice.chance(0.2) { dice.between(2, 20) as u8 } else { 1 };
            let records = if large { 1 } else { records };
            let ahead_ms = if dice.chance(0.05) { dice.between(0, 4000) as i32 - 2000 } else { 0 };
            WriteStep { pause: pause as Pause, records, shape: Shape { keys, value_bytes, headers }, ahead_ms }
        })
        .collect()
}
