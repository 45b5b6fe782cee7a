//! Operators of the metadata quorum: they have its leadership handed over, take voters out and let them in again. What they
//! do is no fault: whatever goes wrong meanwhile, one controller decides, and in the end all voters are voters again.

use super::cluster::Cluster;
use super::stage::ClientNode;
use crate::clients::Client;
use crate::plan::{QuorumChange, QuorumDeed, WorldShape};
use broker::metadata::{QuorumReply, QuorumRequest};
use model::{ErrorCode, NodeId, Uuid};
use protocol::Request;
use protocol::messages::add_raft_voter::Listener;
use protocol::messages::{AddRaftVoterRequest, RemoveRaftVoterRequest};
use raft::ReplicaProgress;
use runtime::time::{Duration, Instant, sleep, sleep_until, timeout};

/// Rest before something that did not work is tried again.
const AGAIN: Duration = Duration::from_millis(300);
/// How long a request may take.
const WITHIN: Duration = Duration::from_secs(4);
/// Once nothing goes wrong any more, all voters are voters again within this time.
const RESTORED_WITHIN: Duration = Duration::from_secs(60);

/// Whoever operates.
pub struct Operators {
    /// What they look at.
    pub cluster: Cluster,
    /// Where they work.
    pub from: ClientNode,
    /// The nodes that are to vote.
    pub voters: Vec<NodeId>,
}

impl Operators {
    /// The operators of a world.
    pub fn new(world: &WorldShape, cluster: &Cluster, from: ClientNode) -> Operators {
        let voters = (1..).zip(&world.nodes).filter(|(_, node)| node.votes).map(|(id, _)| id).collect();
        Operators { cluster: cluster.clone(), from, voters }
    }

    /// Does the deeds, one after the other, for as long as things go wrong.
    pub async fn operate(self, deeds: Vec<QuorumDeed>, lasts: Duration) -> Operators {
        let began = Instant::now();
        let working = async {
            for deed in deeds {
                sleep_until(began + Duration::from_millis(deed.at_ms)).await;
                self.change(deed.change).await;
            }
        };
        let _ = timeout(lasts, working).await; // what is left undone is restored
        self
    }

    async fn change(&self, change: QuorumChange) {
        match change {
            QuorumChange::HandOver(to) => self.hand_over(self.cluster.at(to).id).await,
            QuorumChange::TakeOut(voter, gap_ms) => {
                let voter = self.cluster.at(voter).id;
                self.take_out(voter).await;
                sleep(Duration::from_millis(gap_ms.into())).await;
                self.let_in(voter).await;
            }
        }
    }

    /// Lets in who was taken out, once nothing goes wrong any more.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn restore(&self) {
        sleep(WITHIN).await; // what was asked for and not answered may still happen
        for voter in &self.voters {
            let restored = timeout(RESTORED_WITHIN, self.let_in(*voter)).await;
            assert!(restored.is_ok(), "node {voter} is not let in among the voters within {RESTORED_WITHIN:?}");
        }
    }

    async fn hand_over(&self, to: NodeId) {
        let controller = self.cluster.controller().and_then(|id| self.cluster.of(id)?.broker());
        if let Some(controller) = controller {
            let _ = timeout(WITHIN, controller.metadata.transfer_leadership(to)).await; // it may be paused, or gone
        }
    }

    async fn take_out(&self, voter: NodeId) {
        let Some(known) = self.replica(voter).await.filter(|known| known.is_voter) else { return };
        let (voter_id, voter_directory_id) = (voter, known.key.directory);
        let request = RemoveRaftVoterRequest { cluster_id: None, voter_id, voter_directory_id, ..Default::default() };
        let answer = self.ask(request, 0).await.map(|answer| answer.error_code);
        tracing::info!("voter {voter} is taken out: {answer:?}");
    }

    /// Lets a node in that is no voter, however long that takes.
    async fn let_in(&self, voter: NodeId) {
        loop {
            match self.replica(voter).await {
                Some(known) if known.is_voter => return,
                Some(known) => self.add(voter, known.key.directory).await,
                None => {} // no controller, or it does not fetch yet
            }
            sleep(AGAIN).await;
        }
    }

    async fn add(&self, voter_id: NodeId, voter_directory_id: Uuid) {
        let host = format!("10.0.0.{voter_id}");
        let listener =
            Listener { name: "CONTROLLER".into(), host: host.as_str().into(), port: 9093, ..Default::default() };
        let request = AddRaftVoterRequest {
            cluster_id: None,
            timeout_ms: 3000,
            voter_id,
            voter_directory_id,
            listeners: vec![listener],
            ..Default::default()
        };
        let answer = self.ask(request, 1).await.map(|answer| ErrorCode::from_wire(answer.error_code));
        tracing::info!("node {voter_id} is let in among the voters: {answer:?}");
    }

    /// A replica of the quorum, as the controller sees it: the voter of this id, else who was heard of last.
    async fn replica(&self, id: NodeId) -> Option<ReplicaProgress> {
        let controller = self.cluster.controller().and_then(|id| self.cluster.of(id)?.broker())?;
        let described = timeout(WITHIN, controller.metadata.quorum(QuorumRequest::Describe)).await.ok()?.ok()?;
        let QuorumReply::Described(Some(described)) = described else { return None };
        let of_node = described.replicas.into_iter().filter(|replica| replica.key.id == id);
        of_node.max_by_key(|replica| (replica.is_voter, replica.last_fetch))
    }

    /// Asks any node.
    async fn ask<R: Request + Send + Sync + 'static>(&self, request: R, version: i16) -> Option<R::Response>
    where
        R::Response: Send + 'static,
    {
        let asking = move |client: Client| async move {
            let mut wire = client.connect().await.ok()?;
            wire.call(&request, version, WITHIN).await.ok()
        };
        self.from.run("operator", asking).await
    }
}
