//! What is on its way, what got lost there, and when it is sent again.

use super::connection::{End, EndId, Segment, What};
use super::network::{Delivery, Network, RETRANSMISSION};
use super::timers::Due;
use super::world::World;

impl World {
    pub fn send(&self, network: &mut Network, id: EndId, segment: Segment) {
        let Some(end) = network.ends.get_mut(&id) else { return };
        let number = end.writing.next;
        end.writing.next += 1;
        self.send_numbered(network, id, number, segment);
    }

    fn send_numbered(&self, network: &mut Network, id: EndId, number: u64, segment: Segment) {
        let Some(end) = network.ends.get(&id) else { return };
        let (way, receiver, after) = ((end.node, end.peer_node), end.peer, end.writing.last_arrival);
        if network.is_closed(way.0, way.1) {
            self.hold_back(network, id, number, segment);
            return;
        }
        let what = What::Stream { sender: id, receiver, number, segment };
        let at = self.transmit(network, way, after, what);
        network.ends.get_mut(&id).expect("looked up above").writing.last_arrival = Some(at);
    }

    /// A segment waits to be sent again.
    pub fn hold_back(&self, network: &mut Network, sender: EndId, number: u64, segment: Segment) {
        let patience = network.weather.gives_up_after;
        let Some(end) = network.ends.get_mut(&sender) else { return };
        end.writing.held.insert(number, segment);
        if end.writing.held_since.is_none() {
            let since = self.now();
            end.writing.held_since = Some(since);
            let node = end.node;
            self.schedule(since + patience, Due::Deliver(Delivery::local(node, What::GiveUp { sender, since })));
        }
    }

    /// Something did not get through.
    pub fn lost(&self, network: &mut Network, what: What) {
        match what {
            What::Syn { .. } | What::SynAck { .. } => {} // the client asks again
            What::Stream { sender, number, segment, .. } => self.hold_back(network, sender, number, segment),
            What::Acknowledgement { receiver, .. } => {
                if let Some(end) = network.ends.get_mut(&receiver) {
                    (end.reading.acknowledging, end.reading.owes) = (false, true);
                }
            }
            What::Reset { to: sender } | What::Probe { sender, .. } => {
                if let Some(end) = network.ends.get_mut(&sender) {
                    end.writing.unanswered = true;
                }
            }
            What::GiveUp { .. } | What::Forget { .. } => {} // the machine has forgotten more than this
        }
    }

    /// Sends again what did not get through and now may, each end after a while of its own.
    pub fn retransmit(&self) {
        let mut network = self.network();
        let network = &mut *network;
        let waits = |end: &End| !end.writing.held.is_empty() || end.reading.owes || end.writing.unanswered;
        let waiting: Vec<EndId> = network.ends.iter().filter(|(_, end)| waits(end)).map(|(id, _)| *id).collect();
        for id in waiting {
            let end = &network.ends[&id];
            let way = (end.node, end.peer_node);
            if network.is_closed(way.0, way.1) {
                continue;
            }
            if end.reading.owes && !end.reading.acknowledging {
                self.acknowledge(network, id);
            }
            self.send_again(network, id);
        }
    }

    fn send_again(&self, network: &mut Network, id: EndId) {
        let now = self.now();
        let longest = network.weather.longest_retransmission.max(RETRANSMISSION);
        let Some(end) = network.ends.get_mut(&id) else { return };
        let silent = end.writing.held_since.map_or(RETRANSMISSION, |since| now.saturating_duration_since(since));
        // the timer doubles at each try, so the next one is up to as far away as the silence was long
        let wait = network.dice.duration(RETRANSMISSION / 20, silent.clamp(RETRANSMISSION, longest));
        let first = (now + wait).max(end.writing.last_arrival.unwrap_or(now));
        let held = std::mem::take(&mut end.writing.held);
        let (way, receiver) = ((end.node, end.peer_node), end.peer);
        if std::mem::take(&mut end.writing.unanswered) {
            self.transmit(network, way, Some(now + wait), What::Probe { sender: id, receiver });
        }
        if !held.is_empty() {
            network.ends.get_mut(&id).expect("looked up above").writing.last_arrival = Some(first);
        }
        for (number, segment) in held {
            self.send_numbered(network, id, number, segment);
        }
    }
}
