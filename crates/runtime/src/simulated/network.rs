//! The network of a run: who is where, who listens, and what travels.

use super::connection::{End, EndId, What};
use super::instant::Instant;
use super::latency::Latency;
use super::lifecycle::Node;
use super::simulation::net::Weather;
use super::stream::Stream;
use super::timers::Due;
use super::world::World;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// What one way takes when nobody says otherwise.
pub(super) const LATENCY: Latency =
    Latency::between(Duration::from_micros(20), Duration::from_micros(400)).with_tail(0.005, Duration::from_millis(40));
/// How long it takes until a lost segment is sent again.
pub(super) const RETRANSMISSION: Duration = Duration::from_millis(200);
/// Connections of a listener that nobody has accepted yet. Beyond them SYNs are dropped.
const BACKLOG: usize = 128;
/// Where ports begin that the kernel picks.
const EPHEMERAL: u16 = 32_768;

/// Bytes that a process writes to a connection.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// Who writes.
    pub from: Node,
    /// Whom to.
    pub to: Node,
    /// Names this direction of the connection, never again used for another.
    pub stream: u64,
    /// Names the other direction; 0 while the connection is not made.
    pub back: u64,
    /// The port that was connected to, whichever end writes.
    pub port: u16,
    /// Whether the end that connected writes: in request-and-answer protocols, requests.
    pub from_client: bool,
    /// How many bytes this end wrote before.
    pub offset: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// What is called with everything that is written.
pub type Watcher = Arc<dyn Fn(&Written<'_>) + Send + Sync>;

/// The network of a run.
pub(super) struct Network {
    pub dice: Stream,
    hosts: BTreeMap<IpAddr, Node>,
    addresses: BTreeMap<Node, IpAddr>,
    names: BTreeMap<String, IpAddr>,
    dark: BTreeSet<Node>,
    pub listeners: BTreeMap<u64, Listener>,
    pub ends: BTreeMap<EndId, End>,
    /// When each way has carried what was given to it.
    busy: BTreeMap<(Node, Node), Instant>,
    last_id: u64,
    last_port: BTreeMap<Node, u16>,
    pub weather: Weather,
    pub segments: u64,
    pub watcher: Option<Watcher>,
}

impl Default for Network {
    fn default() -> Self {
        Network::new(0)
    }
}

/// A listening socket, as its kernel has it.
pub(super) struct Listener {
    pub node: Node,
    pub address: SocketAddr,
    /// Server ends by the client end that asked, until they are accepted.
    pub half_open: BTreeMap<EndId, EndId>,
    pub waiting: VecDeque<EndId>,
    pub wakers: Vec<Waker>,
}

impl Listener {
    pub fn is_full(&self) -> bool {
        self.half_open.len() + self.waiting.len() >= BACKLOG
    }

    /// Whether it hears what is sent to this address.
    fn hears(&self, node: Node, address: SocketAddr) -> bool {
        self.node == node && covers(self.address, address)
    }
}

/// Whether a socket bound to `bound` hears what is sent to `address`.
fn covers(bound: SocketAddr, address: SocketAddr) -> bool {
    let same_family = bound.is_ipv4() == address.is_ipv4();
    bound.port() == address.port() && same_family && (bound.ip().is_unspecified() || bound.ip() == address.ip())
}

/// A segment on its way.
#[derive(Debug)]
pub(super) struct Delivery {
    from: Node,
    to: Node,
    what: What,
}

impl Delivery {
    /// Something that concerns only the node itself.
    pub fn local(node: Node, what: What) -> Delivery {
        Delivery { from: node, to: node, what }
    }
}

impl Network {
    pub fn new(seed: u64) -> Network {
        Network {
            dice: Stream::new(seed, "net"),
            hosts: BTreeMap::new(),
            addresses: BTreeMap::new(),
            names: BTreeMap::new(),
            dark: BTreeSet::new(),
            listeners: BTreeMap::new(),
            ends: BTreeMap::new(),
            busy: BTreeMap::new(),
            last_id: 0,
            last_port: BTreeMap::new(),
            weather: Weather::default(),
            segments: 0,
            watcher: None,
        }
    }

    pub fn add_host(&mut self, node: Node, name: &str, address: IpAddr) {
        self.hosts.insert(address, node);
        self.addresses.insert(node, address);
        self.names.insert(name.to_owned(), address);
    }

    /// A machine without power knows nothing of its connections any more, and says nothing to anyone.
    pub fn host_lost_power(&mut self, node: Node) {
        self.dark.insert(node);
        self.ends.retain(|_, end| end.node != node);
        self.listeners.retain(|_, listener| listener.node != node);
    }

    pub fn host_has_power(&mut self, node: Node) {
        self.dark.remove(&node);
    }

    pub fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn next_port(&mut self, node: Node) -> u16 {
        let port = self.last_port.entry(node).or_insert(EPHEMERAL);
        *port = port.checked_add(1).unwrap_or(EPHEMERAL);
        *port
    }

    /// What goes from one node to another gets nowhere.
    pub fn is_closed(&self, from: Node, to: Node) -> bool {
        self.weather.is_cut(from, to) || self.dark.contains(&to) || self.dark.contains(&from)
    }

    /// The listener that hears what is sent to `address` on `node`.
    pub fn listener(&mut self, node: Node, address: SocketAddr) -> Option<&mut Listener> {
        self.listeners.values_mut().find(|listener| listener.hears(node, address))
    }

    /// The address that a name and port stand for.
    pub fn resolve(&self, address: &str) -> io::Result<SocketAddr> {
        let (host, port) = address
            .rsplit_once(':')
            .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "invalid socket address"))?;
        let port = port.parse().map_err(|_| io::Error::new(ErrorKind::InvalidInput, "invalid port value"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let named =
            || if host == "localhost" { Some(Ipv4Addr::LOCALHOST.into()) } else { self.names.get(host).copied() };
        let ip = host.parse().ok().or_else(named);
        let ip = ip.ok_or_else(|| io::Error::other(format!("failed to lookup address information: {host}")))?;
        Ok(SocketAddr::new(ip, port))
    }

    /// The node that an address leads to from `me`; none when nobody has it.
    pub fn host(&self, me: Node, ip: IpAddr) -> Option<Node> {
        if ip.is_loopback() || ip.is_unspecified() { Some(me) } else { self.hosts.get(&ip).copied() }
    }

    /// The address and port of the nearer end of a new connection to `peer`.
    pub fn local_address(&mut self, me: Node, peer: IpAddr) -> SocketAddr {
        let ip = if peer.is_loopback() { peer } else { self.addresses[&me] };
        SocketAddr::new(ip, self.next_port(me))
    }

    /// A listening socket on `node`, and where it listens.
    pub fn listen(&mut self, node: Node, mut address: SocketAddr) -> io::Result<(u64, SocketAddr)> {
        if self.host(node, address.ip()) != Some(node) {
            return Err(ErrorKind::AddrNotAvailable.into());
        }
        if address.port() == 0 {
            address.set_port(self.next_port(node));
        }
        let mut others = self.listeners.values().filter(|other| other.node == node);
        if others.any(|other| covers(other.address, address) || covers(address, other.address)) {
            return Err(ErrorKind::AddrInUse.into());
        }
        let id = self.next_id();
        let listener =
            Listener { node, address, half_open: BTreeMap::new(), waiting: VecDeque::new(), wakers: Vec::new() };
        self.listeners.insert(id, listener);
        Ok((id, address))
    }

    /// How long it takes until `bytes` that leave now arrive.
    fn travel(&mut self, from: Node, to: Node, bytes: usize, now: Instant) -> Duration {
        let transfer = self.weather.transfer(from, to, bytes);
        let mut latency = self.weather.latency(from, to).draw(&mut self.dice);
        let mut wait = RETRANSMISSION;
        while from != to && self.dice.chance(self.weather.loss.min(0.9)) {
            latency += wait;
            wait = (wait * 2).min(self.weather.longest_retransmission.max(RETRANSMISSION));
        }
        if transfer.is_zero() {
            return latency;
        }
        let busy = self.busy.entry((from, to)).or_insert(now);
        *busy = (*busy).max(now) + transfer;
        latency + busy.saturating_duration_since(now)
    }
}

impl World {
    /// Sends something on its way; `after` is the earliest that it may arrive.
    pub fn transmit(&self, network: &mut Network, way: (Node, Node), after: Option<Instant>, what: What) -> Instant {
        let (from, to) = way;
        let now = self.now();
        let travel = network.travel(from, to, what.length(), now);
        let mut at = now + travel;
        if let Some(after) = after {
            at = at.max(after + Duration::from_nanos(1));
        }
        network.segments += 1;
        self.schedule(at, Due::Deliver(Delivery { from, to, what }));
        at
    }

    /// Something arrives, unless the way is cut or nobody is there.
    pub fn deliver(&self, delivery: Delivery) {
        let mut wakers = Vec::new();
        {
            let mut network = self.network();
            let Delivery { from, to, what } = delivery;
            if network.is_closed(from, to) {
                self.lost(&mut network, what);
            } else {
                self.arrived(&mut network, (from, to), what, &mut wakers);
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}
