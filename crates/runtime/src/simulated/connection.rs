//! One end of a TCP connection as its kernel has it, and the segments between two of them.
//!
//! The bytes of one direction are numbered segments that arrive in order. What a cut, a dead machine or a lost packet
//! holds back stays with the sender and is sent again; so do FIN and RST, which obey partitions like everything else.
//! Acknowledgements travel the other way and free the sender's buffer.

use super::instant::Instant;
use super::lifecycle::Node;
use super::network::Network;
use super::world::World;
use bytes::{Buf, Bytes};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::task::Waker;

/// Names one end of a connection, for as long as the world stands.
pub(super) type EndId = u64;

/// The most that one segment carries: what a network card gathers.
const SEGMENT: usize = 16 << 10;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The client has sent a SYN; or the server its answer, and has heard no more.
    Opening,
    /// Both may send.
    Open,
    /// The peer does not listen.
    Refused,
    /// The peer, or a box between, broke it.
    Reset,
    /// The peer has not answered for too long.
    TimedOut,
}

/// One end of a connection.
pub(super) struct End {
    pub node: Node,
    pub peer_node: Node,
    pub peer: EndId,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub is_client: bool,
    pub state: State,
    /// The program has dropped it; what is left to send is still sent.
    pub orphaned: bool,
    pub reading: Receiving,
    pub writing: Sending,
    pub read_waker: Option<Waker>,
    pub write_waker: Option<Waker>,
}

/// The direction to here.
#[derive(Default)]
pub(super) struct Receiving {
    pub arrived: VecDeque<Bytes>,
    pub bytes: usize,
    pub finished: bool,
    pub next: u64,
    pub total: u64,
    /// What the peer was told last: how much more there was room for.
    pub window: usize,
    pub acknowledging: bool,
    pub owes: bool,
}

/// The direction from here.
#[derive(Default)]
pub(super) struct Sending {
    waiting: VecDeque<Bytes>,
    pub waiting_bytes: usize,
    /// Bytes that the program has written.
    pub written: u64,
    pub finished: bool,
    pub fin_sent: bool,
    pub next: u64,
    pub sent: u64,
    pub acknowledged: u64,
    pub window: u64,
    pub last_arrival: Option<Instant>,
    /// Segments that did not get through, by number.
    pub held: BTreeMap<u64, Segment>,
    pub held_since: Option<Instant>,
    /// The peer's answer, a RST, got lost.
    pub unanswered: bool,
}

impl Sending {
    /// Bytes that take room in the sender's buffer.
    pub fn buffered(&self) -> usize {
        self.waiting_bytes + (self.sent - self.acknowledged) as usize
    }
}

/// One segment of a stream.
#[derive(Debug)]
pub(super) enum Segment {
    /// The client has heard the server's answer.
    Opened,
    Data(Bytes),
    Fin,
    Reset,
}

/// What travels between two kernels.
#[derive(Debug)]
pub(super) enum What {
    Syn {
        client: EndId,
        address: SocketAddr,
    },
    SynAck {
        client: EndId,
        server: EndId,
    },
    Stream {
        sender: EndId,
        receiver: EndId,
        number: u64,
        segment: Segment,
    },
    Acknowledgement {
        receiver: EndId,
        sender: EndId,
        total: u64,
        window: usize,
    },
    /// Nobody knows of this connection.
    Reset {
        to: EndId,
    },
    /// Is anyone there?
    Probe {
        sender: EndId,
        receiver: EndId,
    },
    /// The sender's patience ends, if it has waited since then.
    GiveUp {
        sender: EndId,
        since: Instant,
    },
    /// The client has taken too long to say that it heard the answer.
    Forget {
        server: EndId,
    },
}

impl What {
    pub fn length(&self) -> usize {
        match self {
            What::Stream { segment: Segment::Data(data), .. } => data.len(),
            _ => 0,
        }
    }
}

impl Network {
    pub fn add_end(&mut self, node: Node, peer_node: Node, local: SocketAddr, remote: SocketAddr) -> EndId {
        let id = self.next_id();
        let window = self.weather.buffer_bytes.div_ceil(2);
        let end = End {
            node,
            peer_node,
            peer: 0,
            local,
            remote,
            is_client: true,
            state: State::Opening,
            orphaned: false,
            reading: Receiving { window, ..Receiving::default() },
            writing: Sending { window: window as u64, ..Sending::default() },
            read_waker: None,
            write_waker: None,
        };
        self.ends.insert(id, end);
        id
    }
}

impl End {
    fn wake(&mut self, wakers: &mut Vec<Waker>) {
        wakers.extend(self.read_waker.take());
        wakers.extend(self.write_waker.take());
    }

    pub fn broken(&mut self, state: State, wakers: &mut Vec<Waker>) {
        self.state = state;
        self.writing.waiting.clear();
        self.writing.waiting_bytes = 0;
        self.writing.held.clear();
        self.wake(wakers);
    }
}

impl World {
    /// Sends what the peer has room for.
    pub fn pump(&self, network: &mut Network, id: EndId) {
        while let Some(end) = network.ends.get_mut(&id).filter(|end| end.state == State::Open) {
            let writing = &mut end.writing;
            let room = (writing.acknowledged + writing.window).saturating_sub(writing.sent) as usize;
            if let Some(first) = writing.waiting.front_mut() {
                let count = first.len().min(SEGMENT).min(room);
                if count == 0 {
                    return;
                }
                let data = first.split_to(count);
                if first.is_empty() {
                    writing.waiting.pop_front();
                }
                writing.waiting_bytes -= count;
                writing.sent += count as u64;
                self.send(network, id, Segment::Data(data));
            } else if writing.finished && !writing.fin_sent {
                writing.fin_sent = true;
                writing.sent += 1;
                self.send(network, id, Segment::Fin);
            } else {
                return;
            }
        }
    }

    /// Queues bytes that the program wrote.
    pub fn write(&self, network: &mut Network, id: EndId, data: Bytes) {
        if let Some(end) = network.ends.get_mut(&id) {
            end.writing.written += data.len() as u64;
            end.writing.waiting_bytes += data.len();
            end.writing.waiting.push_back(data);
            self.pump(network, id);
        }
    }

    /// Takes bytes that have arrived, and makes room for more.
    pub fn read(&self, network: &mut Network, id: EndId, mut take: impl FnMut(&[u8]) -> usize) -> usize {
        let capacity = network.weather.buffer_bytes.div_ceil(2);
        let Some(end) = network.ends.get_mut(&id) else { return 0 };
        let mut read = 0;
        while let Some(first) = end.reading.arrived.front_mut() {
            let count = take(first);
            first.advance(count);
            read += count;
            if !first.is_empty() {
                break;
            }
            end.reading.arrived.pop_front();
        }
        end.reading.bytes -= read;
        let room = capacity.saturating_sub(end.reading.bytes);
        if end.reading.window < capacity.div_ceil(2) && room >= capacity.div_ceil(2) {
            self.acknowledge(network, id);
        }
        read
    }

    /// The program writes no more.
    pub fn finish(&self, network: &mut Network, id: EndId) {
        if let Some(end) = network.ends.get_mut(&id) {
            end.writing.finished = true;
            self.pump(network, id);
        }
    }

    /// The program has closed it, or is dead: what is unread is an error, and what is unsent still goes.
    pub fn close(&self, network: &mut Network, id: EndId) {
        let Some(end) = network.ends.get_mut(&id) else { return };
        if std::mem::replace(&mut end.orphaned, true) {
            return;
        }
        if end.state != State::Open {
            network.ends.remove(&id);
        } else if end.reading.arrived.is_empty() {
            self.finish(network, id);
            self.forget_if_done(network, id);
        } else {
            end.writing.waiting.clear();
            end.writing.waiting_bytes = 0;
            end.writing.finished = true;
            end.writing.fin_sent = true;
            end.writing.sent += 1;
            self.send(network, id, Segment::Reset);
        }
    }

    /// An orphan has nothing more to do once all that it sent has arrived.
    pub fn forget_if_done(&self, network: &mut Network, id: EndId) {
        let is_done = |end: &End| end.orphaned && end.writing.fin_sent && end.writing.acknowledged == end.writing.sent;
        if network.ends.get(&id).is_some_and(is_done) {
            network.ends.remove(&id);
        }
    }

    /// Breaks every connection between two nodes at both ends.
    pub fn reset_between(&self, one: Node, other: Node) {
        let mut wakers = Vec::new();
        {
            let mut network = self.network();
            let pairs = [(one, other), (other, one)];
            let between = |end: &End| pairs.contains(&(end.node, end.peer_node));
            let ids: Vec<EndId> = network.ends.iter().filter(|(_, end)| between(end)).map(|(id, _)| *id).collect();
            for id in ids {
                self.was_reset(&mut network, id, &mut wakers);
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The process of a node is gone, and its kernel closes its sockets; without power there is no kernel either.
    pub fn network_process_ended(&self, node: Node, power: bool) {
        let mut network = self.network();
        if power {
            network.host_lost_power(node);
            return;
        }
        let listeners: Vec<u64> =
            network.listeners.iter().filter(|(_, listener)| listener.node == node).map(|(id, _)| *id).collect();
        listeners.into_iter().for_each(|id| self.stop_listening(&mut network, id));
        let ends: Vec<EndId> = network.ends.iter().filter(|(_, end)| end.node == node).map(|(id, _)| *id).collect();
        ends.into_iter().for_each(|id| self.close(&mut network, id));
    }
}
