//! How connections begin: SYN, its answer, and the first segment after it.

use super::connection::{End, EndId, Segment, State, What};
use super::lifecycle::Node;
use super::network::{Delivery, Network};
use super::timers::Due;
use super::world::World;
use std::net::SocketAddr;
use std::task::Waker;
use std::time::Duration;

/// How long a kernel remembers a client that has sent a SYN and nothing after it.
const HALF_OPEN: Duration = Duration::from_secs(63);

impl World {
    /// Asks for the connection of a client end.
    pub fn ask(&self, client: EndId) {
        let mut network = self.network();
        let network = &mut *network;
        let Some(end) = network.ends.get(&client) else { return };
        let (me, address) = (end.node, end.remote);
        let Some(to) = network.host(me, address.ip()) else { return }; // nobody has the address, nobody answers
        self.event(me, "syn", [client, to.number(), u64::from(address.port())]);
        if !network.is_closed(me, to) {
            self.transmit(network, (me, to), None, What::Syn { client, address });
        }
    }

    /// A SYN arrives. Asked again, the kernel gives the same answer again.
    pub(super) fn asked(&self, network: &mut Network, (from, me): (Node, Node), client: EndId, address: SocketAddr) {
        if network.weather.hangs(me) {
            return;
        }
        let back = (me, from);
        let refuses = network.weather.refuses(me);
        let Some(listener) = network.listener(me, address).filter(|_| !refuses) else {
            self.transmit(network, back, None, What::Reset { to: client });
            return;
        };
        let known = listener.half_open.get(&client).copied();
        if known.is_none() && listener.is_full() {
            return;
        }
        let server = known.unwrap_or_else(|| self.half_open(network, back, client, address));
        if !network.is_closed(me, from) {
            self.transmit(network, back, None, What::SynAck { client, server });
        }
    }

    fn half_open(&self, network: &mut Network, (me, from): (Node, Node), client: EndId, address: SocketAddr) -> EndId {
        let remote = network.ends.get(&client).map_or(address, |end| end.local);
        let server = network.add_end(me, from, address, remote);
        let end = network.ends.get_mut(&server).expect("just added");
        (end.peer, end.is_client) = (client, false);
        let listener = network.listener(me, address).expect("looked up by the caller");
        listener.half_open.insert(client, server);
        self.schedule_after(HALF_OPEN, Due::Deliver(Delivery::local(me, What::Forget { server })));
        server
    }

    /// Gives up a connection whose client says nothing.
    pub(super) fn forget_half_open(&self, network: &mut Network, server: EndId) {
        let is_half_open = |end: &End| !end.is_client && end.state == State::Opening;
        let Some(end) = network.ends.get(&server).filter(|end| is_half_open(end)) else { return };
        let (node, client, local) = (end.node, end.peer, end.local);
        network.ends.remove(&server);
        if let Some(listener) = network.listener(node, local) {
            listener.half_open.remove(&client);
        }
    }

    /// The answer to a SYN arrives.
    pub(super) fn answered(
        &self,
        network: &mut Network,
        (from, me): (Node, Node),
        client: EndId,
        server: EndId,
        wakers: &mut Vec<Waker>,
    ) {
        match network.ends.get_mut(&client) {
            Some(end) if end.state == State::Opening => {
                (end.state, end.peer) = (State::Open, server);
                wakers.extend(end.read_waker.take());
                self.send(network, client, Segment::Opened);
            }
            Some(_) => {} // an answer to a SYN that was sent again
            None => _ = self.transmit(network, (me, from), None, What::Reset { to: server }),
        }
    }

    /// The client has heard the answer: the connection waits to be accepted.
    pub(super) fn opened(&self, network: &mut Network, server: EndId, wakers: &mut Vec<Waker>) {
        let Some(end) = network.ends.get_mut(&server) else { return };
        end.state = State::Open;
        let (node, client, local) = (end.node, end.peer, end.local);
        let listener = network.listener(node, local);
        match listener.filter(|listener| listener.half_open.contains_key(&client)) {
            Some(listener) => {
                listener.half_open.remove(&client);
                listener.waiting.push_back(server);
                wakers.append(&mut listener.wakers);
            }
            // the listener is gone, or another has its address
            None => self.refuse(network, server),
        }
    }

    /// A listening socket is closed, with the connections that nobody accepted.
    pub fn stop_listening(&self, network: &mut Network, id: u64) {
        let Some(listener) = network.listeners.remove(&id) else { return };
        let unaccepted = listener.waiting.into_iter().chain(listener.half_open.into_values());
        unaccepted.for_each(|end| self.refuse(network, end));
    }

    /// Resets a connection that no program has.
    fn refuse(&self, network: &mut Network, server: EndId) {
        let Some(end) = network.ends.remove(&server) else { return };
        if end.state == State::Open && !network.is_closed(end.node, end.peer_node) {
            self.transmit(network, (end.node, end.peer_node), None, What::Reset { to: end.peer });
        }
    }
}
