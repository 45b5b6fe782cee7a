//! TCP between nodes: byte streams over a network that delays, loses, cuts and resets.
//!
//! Segments travel one by one and arrive in order; what a cut holds back arrives after it is healed, as retransmissions
//! would. FIN and RST are segments like any other. A peer without power says nothing; one that came back does not know
//! the connection and resets it.

use super::latency::Latency;
use super::lifecycle::Node;
use super::simulation::net::Weather;
use super::stream::Stream;
use super::time::{Duration, Instant, sleep};
use super::timers::Due;
use super::world::World;
use bytes::{Buf, Bytes};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How often a SYN is sent again, and how long a caller waits for an answer at most.
const SYN_RETRY: Duration = Duration::from_secs(1);
const SYN_RETRIES: u32 = 60;
/// How long it takes until a lost segment is sent again.
const RETRANSMISSION: Duration = Duration::from_millis(200);
/// Connections that wait to be accepted.
const BACKLOG: usize = 128;

/// The network of a run.
#[derive(Default)]
pub(super) struct Network {
    dice: Option<Stream>,
    hosts: BTreeMap<IpAddr, Node>,
    addresses: BTreeMap<Node, IpAddr>,
    names: BTreeMap<String, IpAddr>,
    dark: BTreeSet<Node>,
    listeners: BTreeMap<(Node, u16), Listening>,
    ends: BTreeMap<u64, End>,
    next_end: u64,
    next_port: u16,
    pub weather: Weather,
    pub segments: u64,
}

struct Listening {
    waiting: VecDeque<(u64, SocketAddr)>,
    waker: Option<Waker>,
}

/// One end of a connection, as its kernel has it.
struct End {
    node: Node,
    peer: u64,
    peer_node: Node,
    /// Arrived and not read yet.
    arrived: VecDeque<Bytes>,
    finished: bool,
    reset: bool,
    /// Bytes sent that the peer's process has not read.
    unread_by_peer: usize,
    /// Bytes read here of which the peer does not know, because the way to it is cut.
    unreported: usize,
    sent_fin: bool,
    reader_gone: bool,
    /// When the last segment that was sent from here arrives.
    last_arrival: Instant,
    /// Number of the next segment that is sent from here, and of the next one that arrives at the peer.
    next_sent: u64,
    next_arriving: u64,
    /// Sent from here and held back by a cut, or by one that was and is still on its way. By number.
    held: BTreeMap<u64, Segment>,
    read_waker: Option<Waker>,
    write_waker: Option<Waker>,
}

#[derive(Debug)]
enum Segment {
    Data(Bytes),
    Fin,
    Reset,
}

/// A segment that is due at an end.
#[derive(Debug)]
pub(super) struct Delivery {
    from: Node,
    sender: u64,
    number: u64,
    to: u64,
    segment: Segment,
}

impl Network {
    pub fn new(seed: u64) -> Network {
        Network { dice: Some(Stream::new(seed, "net")), ..Network::default() }
    }

    pub fn add_host(&mut self, node: Node, name: &str, address: IpAddr) {
        self.hosts.insert(address, node);
        self.addresses.insert(node, address);
        self.names.insert(name.to_owned(), address);
    }

    pub fn host_lost_power(&mut self, node: Node) {
        self.dark.insert(node);
    }

    pub fn host_has_power(&mut self, node: Node) {
        self.dark.remove(&node);
    }

    fn dice(&mut self) -> &mut Stream {
        self.dice.as_mut().expect("the world has begun")
    }

    fn one_way(&mut self, from: Node, to: Node, bytes: usize) -> Duration {
        let latency = self.weather.latency(from, to);
        let loss = self.weather.loss;
        let transfer = self.weather.transfer(bytes);
        let dice = self.dice();
        let lost = if dice.chance(loss) { RETRANSMISSION } else { Duration::ZERO };
        latency.draw(dice) + lost + transfer
    }

    fn is_cut(&self, from: Node, to: Node) -> bool {
        self.weather.is_cut(from, to)
    }

    fn resolve(&self, me: Node, address: &str) -> io::Result<(Node, SocketAddr)> {
        let invalid = || io::Error::new(ErrorKind::InvalidInput, format!("no such address: {address}"));
        let (host, port) = address.rsplit_once(':').ok_or_else(invalid)?;
        let port: u16 = port.parse().map_err(|_| invalid())?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let ip = match host {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            "" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            host => host.parse().ok().or_else(|| self.names.get(host).copied()).ok_or_else(invalid)?,
        };
        let node = if ip.is_loopback() || ip.is_unspecified() { Some(me) } else { self.hosts.get(&ip).copied() };
        Ok((node.ok_or_else(invalid)?, SocketAddr::new(ip, port)))
    }

    fn add_end(&mut self, node: Node, peer_node: Node, peer: u64, now: Instant) -> u64 {
        self.next_end += 1;
        let end = End {
            node,
            peer,
            peer_node,
            arrived: VecDeque::new(),
            finished: false,
            reset: false,
            unread_by_peer: 0,
            unreported: 0,
            sent_fin: false,
            reader_gone: false,
            last_arrival: now,
            next_sent: 0,
            next_arriving: 0,
            held: BTreeMap::new(),
            read_waker: None,
            write_waker: None,
        };
        self.ends.insert(self.next_end, end);
        self.next_end
    }
}

impl World {
    /// Sends a segment from one end to its peer.
    fn send(&self, network: &mut Network, id: u64, segment: Segment) {
        let Some(end) = network.ends.get_mut(&id) else { return };
        let number = end.next_sent;
        end.next_sent += 1;
        self.send_numbered(network, id, number, segment);
    }

    fn send_numbered(&self, network: &mut Network, id: u64, number: u64, segment: Segment) {
        let Some(end) = network.ends.get(&id) else { return };
        let (from, to, peer) = (end.node, end.peer_node, end.peer);
        let bytes = if let Segment::Data(data) = &segment { data.len() } else { 0 };
        let latency = network.one_way(from, to, bytes);
        network.segments += 1;
        let now = self.now();
        let end = network.ends.get_mut(&id).expect("looked up above");
        let at = (now + latency).max(end.last_arrival + Duration::from_nanos(1));
        end.last_arrival = at;
        self.event(from, "segment sent", [id, peer, bytes as u64]);
        self.schedule(at, Due::Deliver(Delivery { from, sender: id, number, to: peer, segment }));
    }

    /// A segment arrives, unless the way is cut or nobody is there.
    pub fn deliver(&self, delivery: Delivery) {
        let mut wakers = Vec::new();
        {
            let mut network = self.network();
            self.arrive(&mut network, delivery, &mut wakers);
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    fn arrive(&self, network: &mut Network, delivery: Delivery, wakers: &mut Vec<Waker>) {
        let Delivery { from, sender, number, to, segment } = delivery;
        let to_node = network.ends.get(&sender).map(|end| end.peer_node);
        if let Some(to_node) = to_node {
            let cut = network.is_cut(from, to_node);
            let end = network.ends.get_mut(&sender).expect("looked up above");
            if cut || number != end.next_arriving {
                end.held.insert(number, segment);
                return;
            }
            end.next_arriving += 1;
        }
        self.take_in(network, Delivery { from, sender, number, to, segment }, to_node, wakers);
        // What overtook it while it was sent again follows it.
        if let Some(segment) = network.ends.get_mut(&sender).and_then(|end| end.held.remove(&(number + 1))) {
            self.arrive(network, Delivery { from, sender, number: number + 1, to, segment }, wakers);
        }
    }

    /// A segment reaches the other end in its turn.
    fn take_in(&self, network: &mut Network, delivery: Delivery, to_node: Option<Node>, wakers: &mut Vec<Waker>) {
        let Delivery { sender, to, segment, .. } = delivery;
        if to_node.is_some_and(|node| network.dark.contains(&node)) {
            return;
        }
        let Some(end) = network.ends.get_mut(&to) else {
            // Nobody knows this connection any more.
            if !matches!(segment, Segment::Reset) && network.ends.contains_key(&sender) {
                reset_end(network, sender, wakers);
            }
            return;
        };
        match segment {
            Segment::Data(_) if end.reader_gone => {
                reset_end(network, sender, wakers);
                return;
            }
            Segment::Data(data) => end.arrived.push_back(data),
            Segment::Fin => end.finished = true,
            Segment::Reset => {
                end.reset = true;
                wakers.extend(end.write_waker.take());
            }
        }
        wakers.extend(end.read_waker.take());
    }

    /// The process of a node is gone; with it, or with the machine's power, its sockets.
    pub fn network_process_ended(&self, node: Node, power: bool) {
        let mut network = self.network();
        network.listeners.retain(|(owner, _), _| *owner != node);
        let ends: Vec<u64> = network.ends.iter().filter(|(_, end)| end.node == node).map(|(id, _)| *id).collect();
        for id in ends {
            if !power {
                let unread = !network.ends[&id].arrived.is_empty();
                let last = if unread { Segment::Reset } else { Segment::Fin };
                if !network.ends[&id].sent_fin {
                    self.send(&mut network, id, last);
                }
            }
            let end = network.ends.get_mut(&id).expect("listed above");
            end.reader_gone = true;
            end.arrived.clear();
            if power {
                network.ends.remove(&id);
            }
        }
    }

    /// What a cut held back goes on its way.
    pub fn release_held(&self) {
        let mut network = self.network();
        let ids: Vec<u64> = network.ends.iter().filter(|(_, e)| !e.held.is_empty()).map(|(id, _)| *id).collect();
        for id in ids {
            let (from, to) = (network.ends[&id].node, network.ends[&id].peer_node);
            if network.is_cut(from, to) {
                continue;
            }
            let held = std::mem::take(&mut network.ends.get_mut(&id).expect("listed above").held);
            network.ends.get_mut(&id).expect("listed above").last_arrival = self.now() + RETRANSMISSION;
            for (number, segment) in held {
                self.send_numbered(&mut network, id, number, segment);
            }
        }
        let unreported: Vec<u64> = network.ends.iter().filter(|(_, e)| e.unreported > 0).map(|(id, _)| *id).collect();
        for id in unreported {
            report_read(&mut network, id, 0);
        }
    }

    /// Resets every connection between two nodes.
    pub fn reset_between(&self, one: Node, other: Node) {
        let mut wakers = Vec::new();
        {
            let mut network = self.network();
            let between =
                |end: &End| (end.node == one && end.peer_node == other) || (end.node == other && end.peer_node == one);
            let ids: Vec<u64> = network.ends.iter().filter(|(_, end)| between(end)).map(|(id, _)| *id).collect();
            for id in ids {
                reset_end(&mut network, id, &mut wakers);
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}

fn reset_end(network: &mut Network, id: u64, wakers: &mut Vec<Waker>) {
    if let Some(end) = network.ends.get_mut(&id) {
        end.reset = true;
        wakers.extend(end.read_waker.take());
        wakers.extend(end.write_waker.take());
    }
}

/// The peer hears that `count` bytes were read here, unless the way is cut.
fn report_read(network: &mut Network, id: u64, count: usize) {
    let Some(end) = network.ends.get_mut(&id) else { return };
    end.unreported += count;
    let (from, to, peer) = (end.node, end.peer_node, end.peer);
    if network.weather.is_cut(from, to) {
        return;
    }
    let read = std::mem::take(&mut network.ends.get_mut(&id).expect("looked up above").unreported);
    if let Some(peer) = network.ends.get_mut(&peer) {
        peer.unread_by_peer = peer.unread_by_peer.saturating_sub(read);
        if let Some(waker) = peer.write_waker.take() {
            waker.wake();
        }
    }
}

/// A listening socket.
#[derive(Debug)]
pub struct TcpListener {
    world: Arc<World>,
    node: Node,
    incarnation: u64,
    address: SocketAddr,
}

impl TcpListener {
    /// Listens on `address` (`host:port`; port 0 picks a free one). The port may be taken again at once after a crash.
    ///
    /// # Errors
    /// `AddrInUse`, or the name does not resolve.
    pub async fn bind(address: &str) -> io::Result<TcpListener> {
        let world = World::current();
        let (node, incarnation) = world.current_process();
        let address = {
            let mut network = world.network();
            let (_, mut address) = network.resolve(node, address)?;
            if address.port() == 0 {
                network.next_port = network.next_port.wrapping_add(1);
                address.set_port(40_000 + network.next_port % 20_000);
            }
            let key = (node, address.port());
            if network.listeners.contains_key(&key) {
                return Err(ErrorKind::AddrInUse.into());
            }
            network.listeners.insert(key, Listening { waiting: VecDeque::new(), waker: None });
            if address.ip().is_unspecified() {
                address.set_ip(network.addresses[&node]);
            }
            address
        };
        world.event(node, "listening", [u64::from(address.port()), 0, 0]);
        Ok(TcpListener { world, node, incarnation, address })
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// The process is dead.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (id, peer) = poll_fn(|cx| {
            let mut network = self.world.network();
            let Some(listening) = network.listeners.get_mut(&(self.node, self.address.port())) else {
                return Poll::Ready(Err(io::Error::from(ErrorKind::ConnectionAborted)));
            };
            match listening.waiting.pop_front() {
                Some(accepted) => Poll::Ready(Ok(accepted)),
                None => {
                    listening.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await?;
        Ok((TcpStream::new(self.world.clone(), id, self.address, peer), peer))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// None here.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        if self.world.nodes().of(self.node).incarnation == self.incarnation {
            self.world.network().listeners.remove(&(self.node, self.address.port()));
        }
    }
}

/// A connection.
#[derive(Debug)]
pub struct TcpStream {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    local: SocketAddr,
    peer: SocketAddr,
}

impl TcpStream {
    fn new(world: Arc<World>, id: u64, local: SocketAddr, peer: SocketAddr) -> TcpStream {
        TcpStream { read: OwnedReadHalf { world: world.clone(), id }, write: OwnedWriteHalf { world, id }, local, peer }
    }

    /// Connects to `address` (`host:port`). Has no deadline of its own but that of the kernel, a minute.
    ///
    /// # Errors
    /// `ConnectionRefused`, `TimedOut`, or the name does not resolve.
    pub async fn connect(address: &str) -> io::Result<TcpStream> {
        let world = World::current();
        let me = world.current_node();
        for _ in 0..SYN_RETRIES {
            let (to, address, round_trip) = {
                let mut network = world.network();
                let (to, address) = network.resolve(me, address)?;
                let round_trip = network.one_way(me, to, 0) + network.one_way(to, me, 0);
                (to, address, round_trip)
            };
            world.event(me, "syn", [to.number(), u64::from(address.port()), 0]);
            sleep(round_trip).await;
            let answers = {
                let network = world.network();
                let reached = !network.is_cut(me, to) && !network.is_cut(to, me) && !network.dark.contains(&to);
                reached && !network.weather.hangs(to)
            };
            if answers {
                return establish(&world, me, to, address);
            }
            sleep(SYN_RETRY).await;
        }
        Err(ErrorKind::TimedOut.into())
    }

    /// Both directions apart. Dropping the write half sends FIN.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        (self.read, self.write)
    }

    /// The other end.
    ///
    /// # Errors
    /// None here.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }

    /// This end.
    ///
    /// # Errors
    /// None here.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}

fn establish(world: &Arc<World>, me: Node, to: Node, address: SocketAddr) -> io::Result<TcpStream> {
    let now = world.now();
    let mut network = world.network();
    let refused = network.weather.refuses(to);
    let listening = network.listeners.get(&(to, address.port()));
    if refused || listening.is_none_or(|listening| listening.waiting.len() >= BACKLOG) {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    network.next_port = network.next_port.wrapping_add(1);
    let local = SocketAddr::new(network.addresses[&me], 10_000 + network.next_port % 20_000);
    let mine = network.add_end(me, to, 0, now);
    let theirs = network.add_end(to, me, mine, now);
    network.ends.get_mut(&mine).expect("just added").peer = theirs;
    let listening = network.listeners.get_mut(&(to, address.port())).expect("looked up above");
    listening.waiting.push_back((theirs, local));
    let waker = listening.waker.take();
    drop(network);
    world.event(me, "connected", [mine, theirs, to.number()]);
    if let Some(waker) = waker {
        waker.wake();
    }
    Ok(TcpStream::new(world.clone(), mine, local, address))
}

/// The reading direction of a connection.
#[derive(Debug)]
pub struct OwnedReadHalf {
    world: Arc<World>,
    id: u64,
}

impl AsyncRead for OwnedReadHalf {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut network = self.world.network();
        let Some(end) = network.ends.get_mut(&self.id) else {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        };
        let mut read = 0;
        while buffer.remaining() > 0
            && let Some(first) = end.arrived.front_mut()
        {
            let count = first.len().min(buffer.remaining());
            buffer.put_slice(&first[..count]);
            first.advance(count);
            read += count;
            if first.is_empty() {
                end.arrived.pop_front();
            }
        }
        if read > 0 {
            let node = end.node;
            report_read(&mut network, self.id, read);
            drop(network);
            self.world.event(node, "received", [self.id, read as u64, 0]);
            return Poll::Ready(Ok(()));
        }
        if end.reset {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if end.finished {
            return Poll::Ready(Ok(()));
        }
        end.read_waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for OwnedReadHalf {
    fn drop(&mut self) {
        let mut network = self.world.network();
        if let Some(end) = network.ends.get_mut(&self.id) {
            end.reader_gone = true;
            end.arrived.clear();
            forget_if_closed(&mut network, self.id);
        }
    }
}

/// The writing direction of a connection.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    world: Arc<World>,
    id: u64,
}

impl OwnedWriteHalf {
    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        length: usize,
        take: impl FnOnce(usize) -> Bytes,
    ) -> Poll<io::Result<usize>> {
        let mut network = self.world.network();
        let buffer = network.weather.buffer_bytes;
        let Some(end) = network.ends.get_mut(&self.id) else {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        };
        if end.reset {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if end.sent_fin {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        if length == 0 {
            return Poll::Ready(Ok(0));
        }
        if end.unread_by_peer >= buffer {
            end.write_waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let data = take(length.min(buffer - end.unread_by_peer));
        let sent = data.len();
        end.unread_by_peer += sent;
        self.world.send(&mut network, self.id, Segment::Data(data));
        Poll::Ready(Ok(sent))
    }
}

impl AsyncWrite for OwnedWriteHalf {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, bytes.len(), |count| Bytes::copy_from_slice(&bytes[..count]))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = parts.iter().map(|part| part.len()).sum();
        self.poll_send(cx, length, |count| {
            let mut data = Vec::with_capacity(count);
            for part in parts {
                let left = count - data.len();
                data.extend_from_slice(&part[..part.len().min(left)]);
            }
            Bytes::from(data)
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish();
        Poll::Ready(Ok(()))
    }
}

impl OwnedWriteHalf {
    fn finish(&self) {
        let mut network = self.world.network();
        let Some(end) = network.ends.get(&self.id) else { return };
        if end.sent_fin || end.reset {
            return;
        }
        self.world.send(&mut network, self.id, Segment::Fin);
        network.ends.get_mut(&self.id).expect("looked up above").sent_fin = true;
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        self.finish();
        let mut network = self.world.network();
        if let Some(end) = network.ends.get_mut(&self.id) {
            end.sent_fin = true;
        }
        forget_if_closed(&mut network, self.id);
    }
}

/// An end that neither reads nor writes any more, with nothing held back, is forgotten once its peer is closed too.
fn forget_if_closed(network: &mut Network, id: u64) {
    let is_closed = |end: &End| end.reader_gone && end.sent_fin && end.held.is_empty();
    let Some(peer) = network.ends.get(&id).filter(|end| is_closed(end)).map(|end| end.peer) else { return };
    if network.ends.get(&peer).is_none_or(is_closed) {
        network.ends.remove(&id);
        network.ends.remove(&peer);
    }
}

/// What one way takes when nobody says otherwise.
pub(super) const LATENCY: Latency =
    Latency::between(Duration::from_micros(20), Duration::from_micros(400)).with_tail(0.005, Duration::from_millis(40));
