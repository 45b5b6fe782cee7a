//! Observers: looking for the leader, and being found by it. An observer says hello to whom it knows; the leader then
//! sends it the log as it does to voters, until it is silent for long.

use crate::progress::Progress;
use crate::raft::Standing;
use crate::{Body, Endpoint, LogEnd, Raft, ReplicaKey, Voter};
use model::state_machine::Instant;
use model::{NodeId, mark};
use std::collections::{BTreeMap, BTreeSet};

/// A leader serves so many observers, and a node remembers so many peers: what others say must not fill the memory.
const MAX_PEERS: usize = 1024;

/// What a node knows of where others are.
#[derive(Debug)]
pub struct Search {
    /// There is a connection to these.
    connected: BTreeSet<NodeId>,
    /// Where these said that they are, or were said to be.
    endpoints: BTreeMap<NodeId, Endpoint>,
    /// When a node that cannot be elected asks around.
    pub hello_at: Instant,
    /// Before this nobody is asked because of a hint: two nodes that each believe the other leads would never rest.
    hints_from: Instant,
}

impl Search {
    pub fn beginning(now: Instant) -> Search {
        Search { connected: BTreeSet::new(), endpoints: BTreeMap::new(), hello_at: now, hints_from: now }
    }

    fn learn(&mut self, id: NodeId, endpoint: Endpoint) {
        if self.endpoints.len() < MAX_PEERS || self.endpoints.contains_key(&id) {
            self.endpoints.insert(id, endpoint);
        }
    }
}

impl Raft {
    /// There is a connection to this node, in either direction, on which messages can be sent.
    pub fn connected(&mut self, now: Instant, peer: NodeId) {
        if peer == self.me().id {
            return;
        }
        if self.search.connected.len() < MAX_PEERS {
            self.search.connected.insert(peer);
        }
        if let Standing::Leading(leading) = &mut self.standing {
            let of_peer = leading.progress.iter_mut().filter(|(key, _)| key.id == peer);
            of_peer.for_each(|(_, progress)| progress.heartbeat());
        } else if !self.is_electable() {
            self.probe(peer);
            if !self.hears_leader(now) {
                self.say_hello(peer);
            }
        }
    }

    /// There is no connection to this node any more. Says nothing about whether it lives.
    pub fn disconnected(&mut self, peer: NodeId) {
        self.search.connected.remove(&peer);
    }

    /// Where that node's controller listener is: by the voter set, by what it said itself, or by the configuration.
    pub fn endpoint_of(&self, id: NodeId) -> Option<&Endpoint> {
        let configured = self.config.configured.iter().find(|(node, _)| *node == id).map(|(_, endpoint)| endpoint);
        let voter = self.log.voters().get(id).map(|voter| &voter.endpoint);
        voter.or_else(|| self.search.endpoints.get(&id)).or(configured)
    }

    /// Asks all it knows, unless a leader is heard.
    pub(crate) fn search_on(&mut self, now: Instant) {
        if now < self.search.hello_at {
            return;
        }
        if self.hears_leader(now) {
            self.search.hello_at = self.heard + self.config.fetch_timeout;
            return;
        }
        self.leader = None;
        self.announce();
        self.search.hello_at = now + self.election_wait() / 2;
        for peer in self.acquaintances() {
            self.say_hello(peer);
        }
    }

    fn acquaintances(&self) -> BTreeSet<NodeId> {
        let configured = self.config.configured.iter().map(|(id, _)| *id);
        let voters = self.log.voters().keys().map(|key| key.id);
        let all = configured.chain(voters).chain(self.search.connected.iter().copied());
        all.filter(|id| *id != self.me().id).collect()
    }

    fn say_hello(&mut self, to: NodeId) {
        let (endpoint, may_vote, log) = (self.config.endpoint.clone(), self.config.may_vote, self.log.end());
        self.send_to_node(to, Body::Hello { endpoint, may_vote, log });
    }

    /// Somebody said that this one leads.
    pub(crate) fn seek(&mut self, now: Instant, leader: NodeId) {
        if leader != self.me().id && now >= self.search.hints_from {
            self.search.hints_from = now + self.config.heartbeat_interval;
            self.say_hello(leader);
        }
    }

    /// A new leader does not know the last one's observers; those that are connected need not wait for a silence.
    pub(crate) fn tell_observers(&mut self) {
        let voters = self.log.voters();
        let Some(leader) = voters.get(self.me().id).filter(|voter| voter.key == self.me()).cloned() else { return };
        let observers: Vec<NodeId> =
            self.search.connected.iter().copied().filter(|id| voters.get(*id).is_none()).collect();
        for observer in observers {
            self.send_to_node(observer, Body::Redirect { leader: Some(leader.clone()) });
        }
    }

    pub(crate) fn on_hello(&mut self, now: Instant, from: ReplicaKey, endpoint: Endpoint, may_vote: bool, log: LogEnd) {
        self.search.learn(from.id, endpoint.clone());
        let end = self.log.end().offset;
        let Standing::Leading(leading) = &mut self.standing else {
            let leader = self.leader.and_then(|leader| self.log.voters().get(leader)).cloned();
            return self.send(from, Body::Redirect { leader });
        };
        let voters = self.log.voters();
        // A node has one directory at a time; what it had before is gone.
        leading.progress.retain(|key, _| key.id != from.id || *key == from || voters.contains(*key));
        if leading.progress.len() >= MAX_PEERS && !leading.progress.contains_key(&from) {
            return mark!("more observers than a leader serves");
        }
        let next = log.offset.clamp(0, end);
        let progress = leading.progress.entry(from).or_insert_with(|| Progress::unknown(next));
        leading.heartbeat_at = leading.heartbeat_at.min(now + self.config.heartbeat_interval);
        (progress.may_vote, progress.endpoint) = (may_vote, Some(endpoint));
        progress.begin_again(now, next);
    }

    pub(crate) fn on_redirect(&mut self, now: Instant, from: ReplicaKey, leader: Option<Voter>) {
        let Some(leader) = leader.filter(|_| !self.hears_leader(now)) else { return };
        self.search.learn(leader.key.id, leader.endpoint);
        if leader.key == from {
            self.say_hello(from.id); // what a leader says of itself goes round no circle
        } else {
            self.seek(now, leader.key.id);
        }
    }
}
