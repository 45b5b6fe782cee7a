//! Which faults a seed has at all, and when: swarm testing. A seed with every fault at once hides bugs that need a long
//! run of one kind, so each seed draws some kinds, and every few seconds a few of those.

use super::world::stream;
use crate::profile::Mood;
use jepsen_lite::history::FaultKind;
use serde::{Deserialize, Serialize};

/// How one kind of fault is drawn.
#[derive(Debug)]
pub struct Kind {
    /// Which.
    pub kind: FaultKind,
    /// In how many of 100 seeds it is on.
    pub percent: u64,
    /// Its share among the kinds that are on.
    pub weight: u64,
    /// Milliseconds that it lasts: from, to. For crashes: how long the node stays down.
    pub lasts_ms: (u64, u64),
    /// Whether it leaves wrong bytes behind. Such seeds have few of them, late, since what they hit may be refused from
    /// then on.
    pub corrupts: bool,
}

const fn kind(kind: FaultKind, percent: u64, weight: u64, lasts_ms: (u64, u64)) -> Kind {
    Kind { kind, percent, weight, lasts_ms, corrupts: false }
}

const fn corrupting(what: FaultKind) -> Kind {
    Kind { corrupts: true, ..kind(what, 8, 1, (50, 500)) }
}

/// So many times as many worlds of bad disks have a kind that corrupts.
const ROTTEN: f64 = 5.0;

/// The kinds of one node's world. Frequent enough that 300 seeds have each, rare enough that most seeds are without
/// most.
pub const ONE_NODE: &[Kind] = &[
    kind(FaultKind::ProcessCrash, 60, 6, (50, 1500)),
    kind(FaultKind::PowerFailure, 75, 10, (50, 1500)),
    kind(FaultKind::GracefulRestart, 30, 3, (50, 500)),
    kind(FaultKind::Pause, 25, 2, (100, 3000)),
    kind(FaultKind::Cut, 30, 3, (100, 3000)),
    kind(FaultKind::OneWayCut, 25, 2, (100, 3000)),
    kind(FaultKind::Clog, 20, 2, (100, 3000)),
    kind(FaultKind::Flap, 15, 1, (500, 3000)),
    kind(FaultKind::ConnectionReset, 35, 5, (0, 0)),
    kind(FaultKind::ConnectRefused, 15, 1, (200, 2000)),
    kind(FaultKind::ConnectHang, 15, 1, (200, 2000)),
    kind(FaultKind::SlowNetwork, 25, 2, (500, 5000)),
    kind(FaultKind::PacketLoss, 20, 2, (500, 5000)),
    kind(FaultKind::NarrowNetwork, 15, 1, (500, 4000)),
    kind(FaultKind::SlowDisk, 30, 3, (500, 5000)),
    kind(FaultKind::StalledDisk, 20, 1, (500, 5000)),
    kind(FaultKind::FailedSync, 45, 4, (20, 300)),
    kind(FaultKind::FailedWrite, 30, 3, (20, 300)),
    kind(FaultKind::FailedRead, 20, 1, (20, 300)),
    kind(FaultKind::FullDisk, 25, 2, (500, 4000)),
    corrupting(FaultKind::RotAtRest),
    corrupting(FaultKind::RotOnRead),
    corrupting(FaultKind::MisdirectedRead),
    corrupting(FaultKind::MisdirectedWrite),
    corrupting(FaultKind::LostWrite),
    kind(FaultKind::ClockForward, 20, 1, (0, 0)),
    kind(FaultKind::ClockBack, 20, 1, (0, 0)),
    kind(FaultKind::ClockDrift, 15, 1, (1000, 10_000)),
    kind(FaultKind::ClockFreeze, 15, 1, (500, 5000)),
];

/// The kinds of a cluster: more that part nodes from each other, and for longer than they have patience.
pub const CLUSTER: &[Kind] = &[
    kind(FaultKind::ProcessCrash, 65, 7, (50, 6000)),
    kind(FaultKind::PowerFailure, 55, 6, (50, 6000)),
    kind(FaultKind::GracefulRestart, 35, 3, (50, 1000)),
    kind(FaultKind::Pause, 30, 3, (100, 12_000)),
    kind(FaultKind::WipedDisk, 30, 1, (50, 3000)),
    kind(FaultKind::Cut, 55, 5, (100, 12_000)),
    kind(FaultKind::OneWayCut, 35, 3, (100, 10_000)),
    kind(FaultKind::Clog, 25, 2, (100, 8000)),
    kind(FaultKind::Flap, 15, 1, (500, 6000)),
    kind(FaultKind::ConnectionReset, 35, 4, (0, 0)),
    kind(FaultKind::ConnectRefused, 12, 1, (200, 2000)),
    kind(FaultKind::ConnectHang, 15, 1, (200, 3000)),
    kind(FaultKind::SlowNetwork, 20, 1, (500, 5000)),
    kind(FaultKind::PacketLoss, 15, 1, (500, 5000)),
    kind(FaultKind::NarrowNetwork, 8, 1, (500, 4000)),
    kind(FaultKind::SlowDisk, 25, 2, (500, 5000)),
    kind(FaultKind::StalledDisk, 20, 1, (500, 8000)),
    kind(FaultKind::FailedSync, 25, 1, (20, 300)),
    kind(FaultKind::FailedWrite, 20, 1, (20, 300)),
    kind(FaultKind::FailedRead, 15, 1, (20, 300)),
    kind(FaultKind::FullDisk, 25, 2, (500, 6000)),
    corrupting(FaultKind::RotAtRest),
    corrupting(FaultKind::RotOnRead),
    corrupting(FaultKind::MisdirectedRead),
    corrupting(FaultKind::MisdirectedWrite),
    corrupting(FaultKind::LostWrite),
    kind(FaultKind::ClockForward, 15, 1, (0, 0)),
    kind(FaultKind::ClockBack, 15, 1, (0, 0)),
    kind(FaultKind::ClockDrift, 12, 1, (1000, 10_000)),
    kind(FaultKind::ClockFreeze, 12, 1, (500, 5000)),
];

/// The kinds of a world.
pub const fn kinds(cluster: bool) -> &'static [Kind] {
    if cluster { CLUSTER } else { ONE_NODE }
}

impl Kind {
    /// How this kind is drawn.
    ///
    /// # Panics
    /// When it is not in the list.
    pub fn of(kind: FaultKind, cluster: bool) -> &'static Kind {
        kinds(cluster).iter().find(|entry| entry.kind == kind).expect("every kind that is drawn is listed")
    }
}

/// Some seconds with the same faults possible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spell {
    /// When it begins, in simulated milliseconds.
    pub from_ms: u64,
    /// When it ends.
    pub to_ms: u64,
    /// What may go wrong; nothing in a quiet spell.
    pub kinds: Vec<FaultKind>,
    /// Milliseconds from one fault to the next, on average.
    pub every_ms: u64,
}

/// Most faults of this kind are not carried out: fewer than half of the voters may ever lose all they have.
pub fn is_seldom_let(kind: FaultKind) -> bool {
    kind == FaultKind::WipedDisk
}

/// Whether a disk does it, or brings out what one did: processes that end, with the page cache or without.
fn is_of_disks(kind: FaultKind) -> bool {
    use FaultKind as F;
    let ends = matches!(kind, F::ProcessCrash | F::PowerFailure | F::GracefulRestart);
    let slow = matches!(kind, F::SlowDisk | F::StalledDisk | F::FullDisk | F::WipedDisk);
    let fails = matches!(kind, F::FailedSync | F::FailedWrite | F::FailedRead);
    let wrong = matches!(kind, F::RotAtRest | F::RotOnRead | F::MisdirectedRead | F::MisdirectedWrite | F::LostWrite);
    ends || slow || fails || wrong
}

/// The spells of a run, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weather {
    /// The kinds that this seed has at all.
    pub kinds: Vec<FaultKind>,
    /// In time order, without gaps.
    pub spells: Vec<Spell>,
}

impl Weather {
    /// The weather of a seed.
    pub fn draw(seed: u64, length_ms: u64, cluster: bool, mood: Mood) -> Weather {
        let mut dice = stream(seed, "weather");
        let corrupts = |kind: &FaultKind| Kind::of(*kind, cluster).corrupts;
        let bad = |entry: &Kind| if entry.corrupts && mood == Mood::BadDisks { ROTTEN } else { 1.0 };
        let drawn = kinds(cluster).iter().filter(|entry| dice.chance(entry.percent as f64 / 100.0 * bad(entry)));
        let mut kinds: Vec<FaultKind> = drawn.map(|entry| entry.kind).collect();
        kinds.retain(|kind| mood != Mood::BadDisks || is_of_disks(*kind));
        if kinds.iter().all(|kind| corrupts(kind) || is_seldom_let(*kind)) {
            kinds.push(FaultKind::PowerFailure);
        }
        let usual: Vec<FaultKind> = kinds.iter().copied().filter(|kind| !corrupts(kind)).collect();
        let mut spells: Vec<Spell> = Vec::new();
        let seldomness = if mood == Mood::Mild { 10 } else { 1 };
        let mut from_ms = dice.between(300, 2000); // first something must be there to lose
        while from_ms < length_ms {
            let to_ms = length_ms.min(from_ms + dice.between(5000, 30_000));
            let quiet = dice.chance(0.25) && spells.last().is_some_and(|last| !last.kinds.is_empty());
            let some: Vec<FaultKind> = usual.iter().copied().filter(|_| !quiet && dice.chance(0.6)).collect();
            let some = if some.is_empty() && !quiet { usual.clone() } else { some };
            spells.push(Spell { from_ms, to_ms, kinds: some, every_ms: dice.between(700, 3500) * seldomness });
            from_ms = to_ms;
        }
        Weather { kinds, spells }
    }
}
