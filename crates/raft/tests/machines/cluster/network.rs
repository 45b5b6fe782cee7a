//! What is under way, and what else will happen when: one queue in the order of time.

use super::dice::Dice;
use model::NodeId;
use model::state_machine::Instant;
use raft::Message;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// Something that will happen.
#[derive(Debug)]
pub enum Event {
    Deliver {
        from: NodeId,
        to: NodeId,
        posted: Instant,
        message: Message,
    },
    Wake {
        node: NodeId,
    },
    Synced {
        node: NodeId,
        incarnation: u64,
    },
    Connected {
        node: NodeId,
        peer: NodeId,
    },
    /// A connect to the address of `peer` is refused.
    Refused {
        node: NodeId,
        peer: NodeId,
    },
}

/// How bad the links are.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// One way, in microseconds.
    pub latency: (u64, u64),
    pub lost_per_mille: u64,
    pub doubled_per_mille: u64,
    /// So many messages take up to a hundred times longer.
    pub late_per_mille: u64,
}

impl Weather {
    pub const CALM: Weather =
        Weather { latency: (200, 2_000), lost_per_mille: 0, doubled_per_mille: 0, late_per_mille: 0 };
}

#[derive(Debug)]
pub struct Network {
    pub weather: Weather,
    /// From, to.
    cut: BTreeSet<(NodeId, NodeId)>,
    queue: BinaryHeap<Reverse<Due>>,
    sequence: u64,
    /// Messages posted so far.
    pub posted: u64,
}

#[derive(Debug)]
struct Due {
    at: Instant,
    sequence: u64,
    /// Boxed: the queue moves what it sorts.
    event: Box<Event>,
}

impl Network {
    pub fn new(weather: Weather) -> Network {
        Network { weather, cut: BTreeSet::new(), queue: BinaryHeap::new(), sequence: 0, posted: 0 }
    }

    pub fn schedule(&mut self, at: Instant, event: Event) {
        self.sequence += 1;
        let (sequence, event) = (self.sequence, Box::new(event));
        self.queue.push(Reverse(Due { at, sequence, event }));
    }

    /// The next event, when it is due by `until`.
    pub fn next(&mut self, until: Instant) -> Option<(Instant, Event)> {
        if self.queue.peek()?.0.at > until {
            return None;
        }
        self.queue.pop().map(|Reverse(due)| (due.at, *due.event))
    }

    pub fn post(&mut self, now: Instant, dice: &mut Dice, from: NodeId, to: NodeId, message: Message) {
        self.posted += 1;
        if self.is_cut(from, to) || dice.chance(self.weather.lost_per_mille) {
            return;
        }
        if dice.chance(self.weather.doubled_per_mille) {
            self.carry(now, dice, from, to, message.clone());
        }
        self.carry(now, dice, from, to, message);
    }

    fn carry(&mut self, now: Instant, dice: &mut Dice, from: NodeId, to: NodeId, message: Message) {
        let (least, most) = self.weather.latency;
        let most = if dice.chance(self.weather.late_per_mille) { most * 100 } else { most };
        self.schedule(now + dice.micros(least, most), Event::Deliver { from, to, posted: now, message });
    }

    pub fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.cut.contains(&(from, to))
    }

    pub fn cut(&mut self, from: NodeId, to: NodeId) {
        self.cut.insert((from, to));
    }

    pub fn mend(&mut self) {
        self.cut.clear();
    }

    /// Of the cut links those of one node work again.
    pub fn mend_node(&mut self, id: NodeId) {
        self.cut.retain(|(from, to)| *from != id && *to != id);
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        (self.at, self.sequence) == (other.at, other.sequence)
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}
