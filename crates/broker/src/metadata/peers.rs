//! Connections between the nodes of the metadata quorum. Messages may be lost, and come in order on one connection; the
//! quorum's machine needs no more.
//!
//! A node dials the voters it knows and takes the connections of others on its controller listener. Either side may send
//! on either; the newest connection to a node counts. Both sides say something every half second, so that a connection to
//! a machine that is gone does not pass for one.

use crate::network::frames::FrameReader;
use crate::network::request_memory::RequestMemory;
use bytes::Bytes;
use controller::frame;
use model::{NodeId, mark};
use raft::{Message, ReplicaKey};
use runtime::io::AsyncWriteExt;
use runtime::net::{OwnedReadHalf, OwnedWriteHalf, TcpStream};
use runtime::sync::{mpsc, select};
use runtime::time::{Duration, sleep, timeout};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// The API key of these connections' frames; Kafka's own keys are far below.
pub const QUORUM_KEY: i16 = 30_000;
const QUORUM_VERSION: i16 = 0;
/// The version of a frame's payload.
const FRAME_VERSION: u16 = 4;
/// Messages that wait for a slow connection, at most; more are lost.
const QUEUE: usize = 128;
/// How often both sides say something.
const PING: Duration = Duration::from_millis(500);
/// Silence after which a connection is given up.
const SILENCE: Duration = Duration::from_secs(2);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(1);
/// Rest between two attempts, at first and at most.
const REST: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// No frame between nodes has more bytes than this.
pub const LIMIT: usize = 20 << 20;

/// One frame. The bytes are frozen: a new kind goes to the end.
#[derive(Debug, Serialize, Deserialize)]
enum PeerFrame {
    /// The first in each direction.
    Hello { from: ReplicaKey, cluster_id: Option<String> },
    /// Nothing new.
    Ping,
    /// For the quorum's machine.
    Message(Message),
}

/// What a connection brings.
#[derive(Debug)]
pub enum PeerEvent {
    /// A node can be sent to.
    Connected(NodeId),
    /// No connection to this node is left.
    Disconnected(NodeId),
    /// A message.
    Message(NodeId, Box<Message>),
}

/// All connections of this node.
#[derive(Debug)]
pub struct Peers {
    me: ReplicaKey,
    links: Mutex<Links>,
    events: mpsc::Sender<PeerEvent>,
    cluster_id: Mutex<Option<String>>,
    memory: RequestMemory,
}

#[derive(Debug, Default)]
struct Links {
    by_node: BTreeMap<NodeId, Vec<(u64, mpsc::Sender<Bytes>)>>,
    dialled: BTreeSet<String>,
    next: u64,
}

impl Peers {
    /// Connections of the node `me`, which tell `events` what they bring.
    pub fn new(me: ReplicaKey, events: mpsc::Sender<PeerEvent>, memory: RequestMemory) -> Arc<Peers> {
        Arc::new(Peers { me, links: Mutex::default(), events, cluster_id: Mutex::default(), memory })
    }

    /// Nodes of other clusters are refused from now on.
    pub fn set_cluster_id(&self, id: &str) {
        let mut known = self.cluster_id.lock().expect("no panic inside");
        if known.as_deref() != Some(id) {
            *known = Some(id.to_owned());
        }
    }

    /// The cluster of this node, where it is known.
    pub fn cluster_id(&self) -> Option<String> {
        self.cluster_id.lock().expect("no panic inside").clone()
    }

    /// Keeps a connection to each of these addresses, from now on and for ever.
    pub fn dial(self: &Arc<Peers>, addresses: impl IntoIterator<Item = String>) {
        for address in addresses {
            if self.links.lock().expect("no panic inside").dialled.insert(address.clone()) {
                runtime::task::spawn("dial", keep_dialling(self.clone(), address));
            }
        }
    }

    /// Sends a message, or loses it.
    pub fn send(&self, to: NodeId, message: Message) {
        let links = self.links.lock().expect("no panic inside");
        let Some((_, link)) = links.by_node.get(&to).and_then(|links| links.last()) else { return };
        let Some(frame) = seal(&PeerFrame::Message(message)) else { return };
        if link.try_send(frame).is_err() {
            mark!("a message between controllers was lost at its sender");
        }
    }

    /// Whether there is a connection to this node.
    pub fn is_connected(&self, node: NodeId) -> bool {
        self.links.lock().expect("no panic inside").by_node.contains_key(&node)
    }

    /// Takes over a connection whose first frame came already.
    pub async fn serve(self: Arc<Peers>, first: Bytes, frames: FrameReader<OwnedReadHalf>, write: OwnedWriteHalf) {
        let hello = match decode(&first) {
            Ok(PeerFrame::Hello { from, cluster_id }) => (from, cluster_id),
            Ok(_) | Err(_) => return,
        };
        let ours = self.hello();
        if let Err(why) = self.clone().talk(hello, frames, write, Some(ours)).await {
            tracing::debug!("connection of node {}: {why}", hello_id(&first));
        }
    }

    async fn talk(
        self: Arc<Peers>,
        (from, cluster_id): (ReplicaKey, Option<String>),
        mut frames: FrameReader<OwnedReadHalf>,
        write: OwnedWriteHalf,
        hello: Option<Bytes>,
    ) -> Result<(), String> {
        self.check(&from, cluster_id.as_deref())?;
        let (sender, queue) = mpsc::channel(QUEUE);
        let link = self.add(from.id, sender);
        runtime::task::spawn("to a node", write_all(write, hello, queue));
        let ended = self.read(from.id, &mut frames).await;
        if self.remove(from.id, link) {
            let _ = self.events.send(PeerEvent::Disconnected(from.id)).await; // an error means that this node stops
        }
        ended
    }

    async fn read(&self, from: NodeId, frames: &mut FrameReader<OwnedReadHalf>) -> Result<(), String> {
        self.events.send(PeerEvent::Connected(from)).await.map_err(|e| e.to_string())?;
        loop {
            let frame = match timeout(SILENCE, frames.next()).await {
                Ok(Ok(Some(frame))) => frame,
                Ok(Ok(None)) => return Err("closed".to_owned()),
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => return Err("silent for too long".to_owned()),
            };
            if let PeerFrame::Message(message) = decode(&frame.bytes)? {
                let event = PeerEvent::Message(from, Box::new(message));
                self.events.send(event).await.map_err(|e| e.to_string())?;
            }
        }
    }

    fn check(&self, from: &ReplicaKey, cluster_id: Option<&str>) -> Result<(), String> {
        if from.id == self.me.id {
            if from.directory != self.me.directory {
                tracing::error!("another node calls itself node {}; give it another node.id", from.id);
            }
            return Err("it is this node".to_owned());
        }
        let ours = self.cluster_id.lock().expect("no panic inside");
        match (ours.as_deref(), cluster_id) {
            (Some(ours), Some(theirs)) if ours != theirs => {
                let id = from.id;
                tracing::error!(
                    "node {id} belongs to the cluster {theirs} and this one to {ours}: one of them has the wrong data directory or the wrong addresses"
                );
                Err("it belongs to another cluster".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn hello(&self) -> Bytes {
        seal(&PeerFrame::Hello { from: self.me, cluster_id: self.cluster_id() }).expect("a hello is small")
    }

    fn add(&self, node: NodeId, sender: mpsc::Sender<Bytes>) -> u64 {
        let mut links = self.links.lock().expect("no panic inside");
        links.next += 1;
        let link = links.next;
        links.by_node.entry(node).or_default().push((link, sender));
        link
    }

    /// Whether it was the last one.
    fn remove(&self, node: NodeId, link: u64) -> bool {
        let mut links = self.links.lock().expect("no panic inside");
        let Some(of_node) = links.by_node.get_mut(&node) else { return false };
        of_node.retain(|(id, _)| *id != link);
        let last = of_node.is_empty();
        if last {
            links.by_node.remove(&node);
        }
        last
    }
}

async fn keep_dialling(peers: Arc<Peers>, address: String) {
    let mut rest = REST.0;
    while !peers.events.is_closed() {
        let started = runtime::time::Instant::now();
        if let Err(why) = dial(peers.clone(), &address).await {
            tracing::debug!("controller at {address}: {why}");
        }
        rest = if started.elapsed() > SILENCE { REST.0 } else { (rest * 2).min(REST.1) };
        sleep(rest.mul_f64(0.5 + runtime::rand::below(1000) as f64 / 1000.0)).await;
    }
}

async fn dial(peers: Arc<Peers>, address: &str) -> Result<(), String> {
    let stream = timeout(CONNECT, TcpStream::connect(address)).await.map_err(|_| "no answer".to_owned())?;
    let (read, mut write) = stream.map_err(|error| error.to_string())?.into_split();
    write.write_all(&peers.hello()).await.map_err(|error| error.to_string())?;
    let mut frames = FrameReader::new(read, LIMIT, peers.memory.clone());
    let first = timeout(SILENCE, frames.next()).await.map_err(|_| "no hello".to_owned())?;
    let first = first.map_err(|error| error.to_string())?.ok_or_else(|| "closed before a hello".to_owned())?;
    match decode(&first.bytes)? {
        PeerFrame::Hello { from, cluster_id } => peers.talk((from, cluster_id), frames, write, None).await,
        _ => Err("no hello".to_owned()),
    }
}

/// Sends what comes, and something now and then. Ends with the queue, or with the connection.
async fn write_all(mut write: OwnedWriteHalf, hello: Option<Bytes>, mut queue: mpsc::Receiver<Bytes>) {
    let ping = seal(&PeerFrame::Ping).expect("a ping is small");
    if let Some(hello) = hello
        && write.write_all(&hello).await.is_err()
    {
        return;
    }
    loop {
        let frame = select! {
            biased;
            frame = queue.recv() => match frame {
                Some(frame) => frame,
                None => return,
            },
            () = sleep(PING) => ping.clone(),
        };
        if write.write_all(&frame).await.is_err() {
            return;
        }
    }
}

fn seal(value: &impl Serialize) -> Option<Bytes> {
    let payload = frame::seal(FRAME_VERSION, value).ok()?;
    let mut bytes = Vec::with_capacity(8 + payload.len());
    bytes.extend_from_slice(&u32::try_from(payload.len() + 4).ok()?.to_be_bytes());
    bytes.extend_from_slice(&QUORUM_KEY.to_be_bytes());
    bytes.extend_from_slice(&QUORUM_VERSION.to_be_bytes());
    bytes.extend_from_slice(&payload);
    Some(bytes.into())
}

fn decode(frame: &Bytes) -> Result<PeerFrame, String> {
    match frame.split_at_checked(4) {
        Some((head, body)) if head[..2] == QUORUM_KEY.to_be_bytes() => {
            let frame = frame::open(body).map_err(|error| error.to_string())?;
            if frame.version != FRAME_VERSION {
                return Err(format!("version {} of frames between nodes is not known here", frame.version));
            }
            frame.payload().map_err(|error| error.to_string())
        }
        _ => Err("no frame of a node".to_owned()),
    }
}

fn hello_id(first: &Bytes) -> NodeId {
    match decode(first) {
        Ok(PeerFrame::Hello { from, .. }) => from.id,
        _ => -1,
    }
}
