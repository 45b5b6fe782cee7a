//! A node of a quorum of three, whose loop does not run: what comes to it is done one by one, and in between it stands
//! still.

use super::super::log::FoundLog;
use super::*;
use crate::network::request_memory::RequestMemory;
use model::Uuid;
use model::config::ServerConfig;
use protocol::messages::broker_heartbeat::BrokerHeartbeatRequest;
use raft::{Body, Durable, Endpoint, HardState, Message, Payload, ReplicaKey, Snapshot, Voter, VoterChange};
use runtime::disk::Disk;
use runtime::sync::oneshot::error::TryRecvError;
use std::time::Duration;

struct Node {
    driver: Driver,
    _directory: tempfile::TempDir,
    _mailbox: (mpsc::Sender<Command>, mpsc::Receiver<Command>),
    _events: mpsc::Receiver<PeerEvent>,
}

fn key(id: NodeId) -> ReplicaKey {
    ReplicaKey { id, directory: Uuid([u8::try_from(id).expect("a small id"); 16]) }
}

fn endpoint() -> Endpoint {
    Endpoint { host: "h".to_owned(), port: 9093 }
}

fn snapshot() -> Snapshot {
    let mut image = MetadataImage::default();
    image.set_cluster_id("c");
    image.set_end_offset(1);
    let voters = (1..=3).map(|id| Voter { key: key(id), endpoint: endpoint() }).collect();
    Snapshot { end_offset: 1, epoch: 0, voters, state: state::encode(&image, 0).into() }
}

fn config(fetch_timeout: Duration) -> raft::Config {
    raft::Config {
        me: key(1),
        endpoint: endpoint(),
        configured: Vec::new(),
        may_vote: true,
        election_timeout: fetch_timeout,
        fetch_timeout,
        heartbeat_interval: fetch_timeout / 5,
        max_append_bytes: 1 << 20,
        snapshot_chunk_bytes: 1 << 20,
        seed: 1,
    }
}

impl Node {
    async fn new(fetch_timeout: Duration) -> Node {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let disk = Disk::open(directory.path()).await.expect("a disk");
        let found = FoundLog::read(&disk).await.expect("an empty directory");
        let mut log = found.ready(key(1).directory, 1 << 16).await.expect("room");
        let snapshot = snapshot();
        log.install(&snapshot).await.expect("room");
        let committed = image_of(&snapshot).expect("good bytes");
        let durable = Durable { hard_state: HardState::default(), snapshot: Some(snapshot), entries: Vec::new() };
        let raft = Raft::new(config(fetch_timeout), Instant::default(), durable);
        let (mailbox, commands) = mpsc::channel(1);
        let (events, incoming) = mpsc::channel(1);
        let driver = Driver {
            log,
            settings: Settings { server: ServerConfig::new() },
            founding: Founding::new("c"),
            published: committed.end_offset(),
            images: watch::Sender::new(Arc::new(committed.clone())),
            committed,
            status: watch::Sender::new(QuorumStatus::of(&raft, false)),
            raft,
            peers: Peers::new(key(1), events, RequestMemory::new(1 << 20)),
            mailbox: mailbox.downgrade(),
            started: time::Instant::now(),
            snapshot_after: 1 << 20,
            snapshot_at: 1 << 20,
            leading: None,
            changes: Vec::new(),
        };
        Node { driver, _directory: directory, _mailbox: (mailbox, commands), _events: incoming }
    }

    /// One that leads in epoch 1.
    async fn leading(fetch_timeout: Duration) -> Node {
        let mut node = Node::new(fetch_timeout).await;
        let deadline = node.driver.raft.next_deadline();
        node.driver.raft.tick(deadline);
        node.driver.settle().await.expect("a good disk");
        for (pre, epoch) in [(true, 0), (false, 1)] {
            node.hear(2, epoch, Body::Ballot { pre, granted: true, leader: None }).await;
        }
        node.acknowledge(2).await;
        assert!(node.driver.leading.is_some());
        node
    }

    async fn hear(&mut self, from: NodeId, epoch: i32, body: Body) {
        let message = Message { sender: key(from), receiver: 1, receiver_directory: key(1).directory, epoch, body };
        self.driver.hear(PeerEvent::Message(from, Box::new(message))).await.expect("a good disk");
    }

    /// Another voter has all there is.
    async fn acknowledge(&mut self, from: NodeId) {
        let (epoch, matched) = (self.driver.raft.epoch(), self.driver.raft.log_end_offset());
        self.hear(from, epoch, Body::Appended { matched }).await;
    }

    async fn change(&mut self, change: VoterChange) -> oneshot::Receiver<QuorumReply> {
        let (reply, mut answer) = oneshot::channel();
        self.driver.obey(Command::Quorum(QuorumRequest::Change(change), reply)).await.expect("a good disk");
        assert!(matches!(answer.try_recv(), Err(TryRecvError::Empty)), "nobody else has it yet");
        answer
    }
}

fn heartbeat() -> Box<Request> {
    let request = BrokerHeartbeatRequest { broker_id: 1, broker_epoch: 7, ..Default::default() };
    Box::new(Request::BrokerHeartbeat { request, unusable: vec![], full: vec![] })
}

/// A controller that was paused told brokers that their sessions live, while another one led.
#[test]
fn a_controller_that_stood_still_looks_at_the_clock_before_it_answers() {
    let story = async {
        let mut node = Node::leading(Duration::from_millis(20)).await;
        time::sleep(Duration::from_millis(60)).await;
        let (reply, mut answer) = oneshot::channel();
        node.driver.obey(Command::Ask(heartbeat(), reply)).await.expect("a good disk");
        assert_eq!(answer.try_recv(), Ok(Err(AskError::NotController)));
    };
    runtime::task::run(1, story).expect("a runtime");
}

const LONG: Duration = Duration::from_secs(600);

#[test]
fn a_controller_that_is_heard_answers_and_tells_of_a_change_of_voters_once_it_is_committed() {
    let story = async {
        let mut node = Node::leading(LONG).await;
        let (reply, mut answer) = oneshot::channel();
        node.driver.obey(Command::Ask(heartbeat(), reply)).await.expect("a good disk");
        assert!(matches!(answer.try_recv(), Ok(Ok(_))));
        let mut answer = node.change(VoterChange::Remove(key(3))).await;
        node.acknowledge(2).await;
        assert!(matches!(answer.try_recv(), Ok(QuorumReply::Changed(Ok(2)))));
    };
    runtime::task::run(1, story).expect("a runtime");
}

/// The entry was overwritten, and what came in its place was taken for it.
#[test]
fn a_change_of_voters_that_another_leader_overwrites_is_not_told_as_made() {
    let story = async {
        let mut node = Node::leading(LONG).await;
        let mut answer = node.change(VoterChange::Remove(key(3))).await;
        let entries = vec![Entry { epoch: 2, payload: Payload::LeaderChange }];
        node.hear(2, 2, Body::Append { base_offset: 2, previous_epoch: 1, entries, high_watermark: 3 }).await;
        assert_eq!((node.driver.committed.end_offset(), node.driver.raft.voters().len()), (3, 3));
        assert!(matches!(answer.try_recv(), Err(TryRecvError::Closed)), "who asked is told that it is not known");
    };
    runtime::task::run(1, story).expect("a runtime");
}

#[test]
fn a_leader_that_takes_itself_out_says_so_before_it_goes() {
    let story = async {
        let mut node = Node::leading(LONG).await;
        let mut answer = node.change(VoterChange::Remove(key(1))).await;
        node.acknowledge(2).await;
        assert!(matches!(answer.try_recv(), Err(TryRecvError::Empty)), "one of the two that are left");
        node.acknowledge(3).await;
        assert!(matches!(answer.try_recv(), Ok(QuorumReply::Changed(Ok(2)))));
        assert!(node.driver.leading.is_none());
    };
    runtime::task::run(1, story).expect("a runtime");
}
