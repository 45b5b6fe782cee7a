//! What happens when something arrives at a kernel.

use super::connection::{EndId, Segment, State, What};
use super::lifecycle::Node;
use super::network::Network;
use super::world::World;
use std::task::Waker;

impl World {
    /// Something gets to the node that it was sent to.
    pub fn arrived(&self, network: &mut Network, way: (Node, Node), what: What, wakers: &mut Vec<Waker>) {
        match what {
            What::Syn { client, address } => self.asked(network, way, client, address),
            What::SynAck { client, server } => self.answered(network, way, client, server, wakers),
            What::Stream { sender, receiver, number, segment } => {
                self.take_in(network, way, (sender, receiver), number, segment, wakers);
            }
            What::Acknowledgement { receiver, sender, total, window } => {
                self.acknowledged(network, (receiver, sender), total, window, wakers);
            }
            What::Reset { to } => self.was_reset(network, to, wakers),
            What::Probe { sender, receiver } => {
                if network.ends.get(&receiver).is_none_or(|end| end.orphaned) {
                    self.transmit(network, (way.1, way.0), None, What::Reset { to: sender });
                }
            }
            What::Forget { server } => self.forget_half_open(network, server),
            What::GiveUp { sender, since } => {
                if let Some(end) = network.ends.get_mut(&sender).filter(|end| end.writing.held_since == Some(since)) {
                    end.broken(State::TimedOut, wakers);
                    if end.orphaned {
                        network.ends.remove(&sender);
                    }
                }
            }
        }
    }

    pub fn was_reset(&self, network: &mut Network, id: EndId, wakers: &mut Vec<Waker>) {
        self.forget_half_open(network, id);
        let Some(end) = network.ends.get_mut(&id) else { return };
        self.event(end.node, "reset", [id, 0, 0]);
        let state = if end.state == State::Opening && end.is_client { State::Refused } else { State::Reset };
        end.broken(state, wakers);
        if end.orphaned {
            network.ends.remove(&id);
        }
    }

    /// A segment of a stream arrives; it counts when those before it have.
    fn take_in(
        &self,
        network: &mut Network,
        way: (Node, Node),
        (sender, receiver): (EndId, EndId),
        number: u64,
        segment: Segment,
        wakers: &mut Vec<Waker>,
    ) {
        let Some(end) = network.ends.get_mut(&receiver) else {
            if matches!(segment, Segment::Reset) {
                network.ends.remove(&sender); // it was only kept to send this
            } else {
                self.transmit(network, (way.1, way.0), None, What::Reset { to: sender });
            }
            return;
        };
        if number != end.reading.next {
            self.hold_back(network, sender, number, segment);
            return;
        }
        end.reading.next += 1;
        self.event(way.1, "segment", [receiver, number, 0]);
        match segment {
            Segment::Opened => self.opened(network, receiver, wakers),
            Segment::Data(_) if end.orphaned => {
                self.transmit(network, (way.1, way.0), None, What::Reset { to: sender });
                return;
            }
            Segment::Data(data) => {
                end.reading.total += data.len() as u64;
                end.reading.bytes += data.len();
                end.reading.arrived.push_back(data);
                wakers.extend(end.read_waker.take());
                self.acknowledge(network, receiver);
            }
            Segment::Fin => {
                end.reading.total += 1;
                end.reading.finished = true;
                wakers.extend(end.read_waker.take());
                self.acknowledge(network, receiver);
            }
            Segment::Reset => {
                self.was_reset(network, receiver, wakers);
                network.ends.remove(&sender);
                return;
            }
        }
        // what came out of order and was kept follows it
        if let Some(next) = network.ends.get_mut(&sender).and_then(|end| end.writing.held.remove(&(number + 1))) {
            self.take_in(network, way, (sender, receiver), number + 1, next, wakers);
        }
    }

    /// Tells the peer what arrived and how much room is left.
    pub fn acknowledge(&self, network: &mut Network, receiver: EndId) {
        let capacity = network.weather.buffer_bytes.div_ceil(2);
        let Some(end) = network.ends.get_mut(&receiver) else { return };
        let way = (end.node, end.peer_node);
        if std::mem::replace(&mut end.reading.acknowledging, true) {
            end.reading.owes = true;
            return;
        }
        end.reading.owes = false;
        end.reading.window = capacity.saturating_sub(end.reading.bytes);
        let (sender, total, window) = (end.peer, end.reading.total, end.reading.window);
        let what = What::Acknowledgement { receiver, sender, total, window };
        if network.is_closed(way.0, way.1) {
            self.lost(network, what);
        } else {
            self.transmit(network, way, None, what);
        }
    }

    fn acknowledged(
        &self,
        network: &mut Network,
        (receiver, sender): (EndId, EndId),
        total: u64,
        window: usize,
        wakers: &mut Vec<Waker>,
    ) {
        if let Some(end) = network.ends.get_mut(&sender)
            && total >= end.writing.acknowledged
        {
            end.writing.acknowledged = total;
            end.writing.window = window as u64;
            wakers.extend(end.write_waker.take());
            if end.writing.held.is_empty() {
                end.writing.held_since = None;
            }
            self.pump(network, sender);
            self.forget_if_done(network, sender);
        }
        if let Some(end) = network.ends.get_mut(&receiver) {
            end.reading.acknowledging = false;
            if end.reading.owes {
                self.acknowledge(network, receiver);
            }
        }
    }
}
