//! Founding a cluster without a format step. A blank node never elects anybody; it asks the others that it was configured
//! with. Only when every one of them is there, blank, and was given the same list, is there surely no cluster yet, and the
//! node with the lowest id founds it. Answers come one after the other, and a founding could pass from a node that has
//! yet to answer to one that has, just before the first is wiped; so all are asked twice. A directory that is blank both
//! times was blank all the while, and between the two rounds all were. The founding is a first snapshot that names all of
//! them as voters, each with its directory. Whoever has that snapshot, or a later one, gives it to those in it that are
//! still blank: their directories have never held anything, so they have promised nothing and may vote from then on. Then
//! a leader is elected as ever.
//!
//! A node that has told a founder that it is blank must not be given another founding afterwards, one that was under way
//! from a founder that was wiped since. So a founding is only taken with the node's own nonce, and it draws another one
//! whenever it tells a founder that it is blank.

use crate::log::LAST_OFFSET;
use crate::{Body, Endpoint, ProbeAnswer, Raft, ReplicaKey, Snapshot, Voter, Voters};
use bytes::Bytes;
use model::state_machine::Instant;
use model::{LeaderEpoch, NodeId, Offset, mark};
use std::collections::BTreeMap;

/// A founding covers no entry; its snapshot stands for offset 0.
const FOUNDING_END: Offset = 1;
const FOUNDING_EPOCH: LeaderEpoch = 0;
/// A state larger than this is not given in one message; it comes from the leader, part by part.
const MAX_GIFT_BYTES: usize = 8 << 20;

/// Why no cluster is founded here yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Founding {
    /// What stands in the way, by configured node. Empty: the node with the lowest id is about to found.
    pub waits_for: BTreeMap<NodeId, Obstacle>,
}

/// What stands in the way of founding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It does not answer.
    Unreachable,
    /// It is blank, too, but has other configured voters.
    OtherList,
    /// It belongs to a cluster already, which this node waits to be let into.
    Member,
}

/// What a blank node that may found has learnt from the others.
#[derive(Debug)]
pub struct FoundingRound {
    /// The one that answers must carry.
    nonce: u64,
    round: u64,
    /// The last answer of each, and in which round it came.
    answers: BTreeMap<NodeId, (u64, ReplicaKey, Answer)>,
    /// All were blank in an earlier round.
    agreed: Option<Voters>,
    probe_at: Instant,
    /// The driver makes the first state for these.
    decided: Option<Voters>,
}

/// What another node said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Blank; a founding can be given to it with this nonce.
    Blank(u64),
    OtherList,
    Member,
}

impl Raft {
    /// A blank node that is among the configured ones begins to ask.
    pub(crate) fn begin_founding(&mut self, now: Instant) {
        let configured = self.config.configured.iter().any(|(id, _)| *id == self.me().id);
        if self.is_blank() && self.config.may_vote && configured {
            let nonce = self.dice.roll();
            let answers = BTreeMap::new();
            let (probe_at, agreed, decided) = (now, None, None);
            self.founding = Some(FoundingRound { nonce, round: 0, answers, agreed, probe_at, decided });
            self.found_when_agreed(now);
        }
    }

    /// It knows no voters: it takes no part in anything until it does.
    pub(crate) fn is_blank(&self) -> bool {
        self.log.voters().is_empty()
    }

    /// When the next round begins.
    pub(crate) fn probe_at(&self) -> Option<Instant> {
        self.founding.as_ref().filter(|founding| founding.decided.is_none() && self.is_blank()).map(|f| f.probe_at)
    }

    /// Asks all others again, when it is time.
    pub(crate) fn probe_on(&mut self, now: Instant) {
        if self.probe_at().is_none_or(|at| now < at) {
            return;
        }
        let probe_at = now + self.config.election_timeout / 2 + self.dice.up_to(self.config.election_timeout / 2);
        let nonce = self.dice.roll();
        if let Some(founding) = &mut self.founding {
            (founding.nonce, founding.round, founding.probe_at) = (nonce, founding.round + 1, probe_at);
        }
        let me = self.me().id;
        let others: Vec<NodeId> = self.config.configured.iter().map(|(id, _)| *id).filter(|id| *id != me).collect();
        for peer in others {
            self.probe(peer);
        }
    }

    /// Asks one, as a part of this round.
    pub(crate) fn probe(&mut self, peer: NodeId) {
        let Some(founding) = self.founding.as_ref().filter(|_| self.probe_at().is_some()) else { return };
        if self.config.configured.iter().any(|(id, _)| *id == peer) {
            let (nonce, configured) = (founding.nonce, self.config.configured.clone());
            self.send_to_node(peer, Body::Probe { nonce, configured });
        }
    }

    pub(crate) fn on_probe(&mut self, from: ReplicaKey, nonce: u64, configured: &[(NodeId, Endpoint)]) {
        let answer = match self.log.snapshot() {
            Some(known) if known.voters.contains(from) && known.state.len() <= MAX_GIFT_BYTES => {
                ProbeAnswer::Voter(known.clone())
            }
            _ if !self.is_blank() => ProbeAnswer::Member,
            _ if self.founding.is_none() || configured != self.config.configured => ProbeAnswer::OtherList,
            _ => ProbeAnswer::Blank { nonce: self.promise_blank(from.id) },
        };
        self.send(from, Body::Probed { nonce, answer });
    }

    /// The nonce with which this node can be given a founding from now on.
    fn promise_blank(&mut self, to: NodeId) -> u64 {
        let founder = self.config.configured.first().is_some_and(|(lowest, _)| *lowest == to);
        let fresh = self.dice.roll();
        let Some(founding) = &mut self.founding else { return fresh };
        if founder {
            founding.nonce = fresh;
        }
        founding.nonce
    }

    pub(crate) fn on_probed(&mut self, now: Instant, from: ReplicaKey, nonce: u64, answer: ProbeAnswer) {
        let blank = self.is_blank();
        let Some(founding) = self.founding.as_mut().filter(|founding| blank && founding.nonce == nonce) else { return };
        let answer = match answer {
            ProbeAnswer::Voter(snapshot) => return self.join_founded(now, snapshot),
            ProbeAnswer::Blank { nonce } => Answer::Blank(nonce),
            ProbeAnswer::OtherList => Answer::OtherList,
            ProbeAnswer::Member => Answer::Member,
        };
        if self.config.configured.iter().any(|(id, _)| *id == from.id) {
            founding.answers.insert(from.id, (founding.round, from, answer));
            self.found_when_agreed(now);
        }
    }

    fn join_founded(&mut self, now: Instant, snapshot: Snapshot) {
        let sane = (FOUNDING_END..=LAST_OFFSET).contains(&snapshot.end_offset) && snapshot.epoch >= FOUNDING_EPOCH;
        if sane && snapshot.voters.contains(self.me()) {
            mark!("founding taken from another node");
            self.install(snapshot);
            self.election_at = now + self.election_wait();
        }
    }

    /// Decides, on the node with the lowest id, when all were blank in this round and in an earlier one.
    fn found_when_agreed(&mut self, now: Instant) {
        let lowest = self.config.configured.first().is_some_and(|(id, _)| *id == self.me().id);
        let Some(voters) = self.all_blank().filter(|_| lowest) else { return };
        let Some(founding) = self.founding.as_mut().filter(|founding| founding.decided.is_none()) else { return };
        if voters.len() > 1 && founding.agreed.as_ref() != Some(&voters) {
            (founding.agreed, founding.probe_at) = (Some(voters), now);
            return self.probe_on(now);
        }
        mark!("cluster founded");
        founding.decided = Some(voters.clone());
        self.effects.push(crate::Effect::Found { voters });
    }

    /// All configured nodes, with the directories that they answered with in this round, when all are blank.
    fn all_blank(&self) -> Option<Voters> {
        let founding = self.founding.as_ref()?;
        let voter = |(id, endpoint): &(NodeId, Endpoint)| {
            let key = match founding.answers.get(id) {
                _ if *id == self.me().id => self.me(),
                Some((round, key, Answer::Blank(_))) if *round == founding.round => *key,
                _ => return None,
            };
            Some(Voter { key, endpoint: endpoint.clone() })
        };
        self.config.configured.iter().map(voter).collect()
    }

    /// The answer to [`Effect::Found`](crate::Effect::Found): the state that the cluster begins with, as of end offset 1.
    /// Nothing happens when a cluster was found meanwhile.
    pub fn found(&mut self, now: Instant, state: Bytes) {
        let blank = self.is_blank();
        let Some(founding) = self.founding.as_mut().filter(|_| blank) else { return };
        let Some(voters) = founding.decided.take() else { return };
        let answers = std::mem::take(&mut founding.answers);
        let snapshot = Snapshot { end_offset: FOUNDING_END, epoch: FOUNDING_EPOCH, voters, state };
        self.install(snapshot.clone());
        for (_, key, answer) in answers.into_values() {
            if let Answer::Blank(nonce) = answer {
                self.send(key, Body::Probed { nonce, answer: ProbeAnswer::Voter(snapshot.clone()) });
            }
        }
        self.election_at = now;
    }

    /// On a blank node that could found: what it waits for.
    pub fn founding(&self) -> Option<Founding> {
        let founding = self.founding.as_ref().filter(|_| self.is_blank())?;
        let obstacle = |id: &NodeId| match founding.answers.get(id) {
            _ if *id == self.me().id => None,
            Some((round, ..)) if round + 1 < founding.round => Some(Obstacle::Unreachable),
            Some((_, _, Answer::Blank(_))) => None,
            Some((_, _, Answer::OtherList)) => Some(Obstacle::OtherList),
            Some((_, _, Answer::Member)) => Some(Obstacle::Member),
            None => Some(Obstacle::Unreachable),
        };
        let ids = self.config.configured.iter().map(|(id, _)| id);
        Some(Founding { waits_for: ids.filter_map(|id| Some((*id, obstacle(id)?))).collect() })
    }
}
