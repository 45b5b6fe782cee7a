//! The replica: what it holds, and what happens to it.

use crate::dice::Dice;
use crate::election::Campaign;
use crate::founding::FoundingRound;
use crate::leading::Leading;
use crate::log::Log;
use crate::search::Search;
use crate::snapshot_transfer::Incoming;
use crate::{Body, Config, Durable, Effect, HardState, Message, ReplicaKey};
use model::state_machine::Instant;
use model::{LeaderEpoch, NodeId, Offset, Uuid};
use std::time::Duration;

/// A replica of the metadata log.
#[derive(Debug)]
pub struct Raft {
    pub(crate) config: Config,
    pub(crate) hard_state: HardState,
    pub(crate) log: Log,
    pub(crate) high_watermark: Offset,
    /// Entries before this are in an [`Effect::Apply`], or in the state that the driver began with.
    pub(crate) applied: Offset,
    pub(crate) standing: Standing,
    pub(crate) leader: Option<NodeId>,
    /// When the leader was last heard of.
    pub(crate) heard: Instant,
    /// The leader's process is known to be gone; nothing is gained by waiting.
    pub(crate) leader_died: bool,
    /// When a voter that does not lead asks for votes.
    pub(crate) election_at: Instant,
    pub(crate) search: Search,
    pub(crate) founding: Option<FoundingRound>,
    pub(crate) incoming: Option<Incoming>,
    pub(crate) dice: Dice,
    pub(crate) effects: Vec<Effect>,
    /// The leader and epoch that the driver was told last.
    announced: Option<(Option<NodeId>, LeaderEpoch)>,
}

/// What a replica does about the leadership.
#[derive(Debug)]
pub enum Standing {
    Following,
    Campaigning(Campaign),
    Leading(Box<Leading>),
}

impl Raft {
    /// A replica that starts with what its disk holds. It begins as a follower (or blank, or observer); the driver's
    /// state begins with the snapshot's.
    pub fn new(mut config: Config, now: Instant, durable: Durable) -> Raft {
        config.configured.sort();
        config.configured.dedup_by_key(|(id, _)| *id);
        let (hard_state, log) = (durable.hard_state, Log::opened(durable));
        let mut raft = Raft {
            hard_state,
            high_watermark: log.start(),
            applied: log.start(),
            log,
            standing: Standing::Following,
            leader: None,
            heard: now,
            leader_died: false,
            election_at: now,
            search: Search::beginning(now),
            founding: None,
            incoming: None,
            dice: Dice::seeded(config.seed),
            effects: Vec::new(),
            announced: None,
            config,
        };
        raft.begin_founding(now);
        raft.wait_for_leader(now);
        raft
    }

    /// A message has come from the node `from`. Whatever it says, this does not panic.
    pub fn step(&mut self, now: Instant, from: NodeId, message: Message) {
        let Message { sender, receiver, receiver_directory, epoch, body } = message;
        if from != sender.id || receiver != self.me().id || sender == self.me() || epoch < 0 {
            return;
        }
        match body {
            Body::PreVote(log) => return self.on_pre_vote(now, receiver_directory, sender, epoch, log),
            Body::Vote { log, transfer } => {
                return self.on_vote(now, receiver_directory, sender, epoch, log, transfer);
            }
            _ => {}
        }
        if !receiver_directory.is_zero() && receiver_directory != self.me().directory {
            return model::mark!("message for another directory of this node");
        }
        if epoch > self.epoch() {
            self.follow(now, epoch, None);
        }
        self.hear(now, sender, epoch, body);
    }

    fn hear(&mut self, now: Instant, sender: ReplicaKey, epoch: LeaderEpoch, body: Body) {
        match body {
            Body::PreVote(_) | Body::Vote { .. } => {}
            Body::Ballot { pre, granted, leader } => self.on_ballot(now, sender, epoch, pre, granted, leader),
            Body::Append { base_offset, previous_epoch, entries, high_watermark } => {
                self.on_append(now, sender, epoch, base_offset, previous_epoch, entries, high_watermark);
            }
            Body::Appended { matched } => self.on_appended(now, sender, epoch, matched),
            Body::Diverged { log } => self.on_diverged(now, sender, epoch, log),
            Body::Chunk(chunk) => self.on_chunk(now, sender, epoch, chunk),
            Body::Received { end_offset, position } => self.on_received(now, sender, epoch, end_offset, position),
            Body::TakeOver => self.on_take_over(now, sender, epoch),
            Body::Hello { endpoint, may_vote, log } => self.on_hello(now, sender, endpoint, may_vote, log),
            Body::Redirect { leader } => self.on_redirect(now, sender, leader),
            Body::Probe { nonce, configured } => self.on_probe(sender, nonce, &configured),
            Body::Probed { nonce, answer } => self.on_probed(now, sender, nonce, answer),
        }
    }

    /// Time has passed. Does something at and after [`next_deadline`](Raft::next_deadline).
    pub fn tick(&mut self, now: Instant) {
        if let Standing::Leading(leading) = &self.standing {
            if now >= leading.heartbeat_at {
                self.heartbeat(now);
            }
        } else if self.is_electable() {
            if now >= self.election_at {
                self.campaign(now, true, false);
            }
        } else {
            self.search_on(now);
            self.probe_on(now);
        }
    }

    /// When [`tick`](Raft::tick) wants to be called.
    pub fn next_deadline(&self) -> Instant {
        match &self.standing {
            Standing::Leading(leading) => leading.heartbeat_at,
            _ if self.is_electable() => self.election_at,
            _ => self.probe_at().map_or(self.search.hello_at, |probe_at| probe_at.min(self.search.hello_at)),
        }
    }

    /// What is to be done now, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        // A leader's entries go out beside its own write: its own copy counts only once it is persisted.
        self.replicate();
        self.emit_entries();
        self.log.handed();
        std::mem::take(&mut self.effects)
    }

    /// All persistence effects that [`take_effects`](Raft::take_effects) has handed out are on stable storage.
    pub fn persisted(&mut self, now: Instant) {
        self.log.persisted();
        self.advance_high_watermark(now);
    }

    /// There is positive evidence that the process behind this node id is gone (its address refuses connections, or
    /// another incarnation answers there): if it led, nobody waits for it any longer. Silence is no such evidence.
    pub fn peer_died(&mut self, now: Instant, peer: NodeId) {
        self.disconnected(peer);
        if self.leader != Some(peer) || peer == self.me().id {
            return;
        }
        model::mark!("leader known to be dead");
        self.leader = None;
        self.leader_died = true;
        self.election_at = now + self.dice.up_to(self.config.election_timeout / 10);
        self.search.hello_at = now;
        self.announce();
    }

    /// Follows that leader, or waits for one, in that epoch.
    pub(crate) fn follow(&mut self, now: Instant, epoch: LeaderEpoch, leader: Option<NodeId>) {
        if epoch > self.epoch() {
            self.hard_state = HardState { epoch, voted_for: None };
            self.save_hard_state();
        }
        let waited = matches!(self.standing, Standing::Following) && self.leader.is_none();
        self.standing = Standing::Following;
        self.leader = leader;
        if leader.is_some() {
            self.heard = now;
            self.leader_died = false;
            self.election_at = now + self.config.fetch_timeout + self.dice.up_to(self.config.election_timeout);
        } else if !waited {
            self.wait_for_leader(now);
        }
        self.announce();
    }

    /// When nobody leads: how long until it asks for votes, or for the leader.
    pub(crate) fn wait_for_leader(&mut self, now: Instant) {
        self.search.hello_at = self.search.hello_at.min(now);
        self.election_at = if self.is_sole_voter() { now } else { now + self.election_wait() };
    }

    /// Between two campaigns: one to two election timeouts, and a fifth of it where the last leader is known to be dead.
    pub(crate) fn election_wait(&mut self) -> Duration {
        let timeout = self.config.election_timeout / if self.leader_died { 5 } else { 1 };
        timeout + self.dice.up_to(timeout)
    }

    /// Whether it may ask for votes.
    pub(crate) fn is_electable(&self) -> bool {
        self.config.may_vote && self.is_voter()
    }

    /// Whether it is a voter, or was one up to an entry that is not known to be committed: perhaps only its log can win the
    /// votes that commit it, and what came before that entry it may have been counted for. After a restart that is all
    /// after its snapshot, in which it may not have been a voter yet.
    pub(crate) fn is_voter(&self) -> bool {
        if self.log.voters().contains(self.me()) {
            return true;
        }
        if model::planted!("removed-voter-forgets-its-word") {
            return self.log.voters_before(self.high_watermark).contains(self.me());
        }
        self.log.taken_out_at(self.me()).is_some_and(|offset| offset >= self.high_watermark)
    }

    fn is_sole_voter(&self) -> bool {
        self.is_electable() && self.log.voters().len() == 1
    }

    /// A leader is there: this one, or one that spoke within the fetch timeout.
    pub(crate) fn hears_leader(&self, now: Instant) -> bool {
        match self.standing {
            Standing::Leading(_) => true,
            _ => self.leader.is_some() && now.saturating_since(self.heard) < self.config.fetch_timeout,
        }
    }

    /// Tells the driver whom it follows, when that is news. A leader tells once it may serve.
    pub(crate) fn announce(&mut self) {
        let news = (self.leader.filter(|leader| *leader != self.me().id), self.epoch());
        if self.announced != Some(news) {
            self.announced = Some(news);
            self.effects.push(Effect::Follow { leader: news.0, epoch: news.1 });
        }
    }

    /// Tells the driver that it may serve.
    pub(crate) fn announce_leading(&mut self) {
        let epoch = self.epoch();
        self.announced = Some((Some(self.me().id), epoch));
        self.effects.push(Effect::Lead { epoch });
    }

    pub(crate) fn save_hard_state(&mut self) {
        let save = Effect::SaveHardState(self.hard_state);
        match self.effects.last_mut() {
            Some(last @ Effect::SaveHardState(_)) => *last = save,
            _ => self.effects.push(save),
        }
    }

    pub(crate) fn emit_entries(&mut self) {
        if let Some((base_offset, entries)) = self.log.emit() {
            self.effects.push(Effect::Append { base_offset, entries });
        }
    }

    /// Moves the high watermark up, and hands out what is committed now.
    pub(crate) fn commit(&mut self, high_watermark: Offset) {
        self.high_watermark = self.high_watermark.max(high_watermark);
        self.incoming.take_if(|incoming| incoming.end.offset <= self.high_watermark);
        if self.applied >= self.high_watermark {
            return;
        }
        self.emit_entries();
        let base_offset = self.applied;
        let entries = self.log.range(base_offset, self.high_watermark).cloned().collect();
        self.applied = self.high_watermark;
        self.effects.push(Effect::Apply { base_offset, entries });
    }

    pub(crate) fn send(&mut self, to: ReplicaKey, body: Body) {
        self.send_as(self.me(), to, self.epoch(), body);
    }

    /// To whichever directory that node has.
    pub(crate) fn send_to_node(&mut self, to: NodeId, body: Body) {
        self.send(ReplicaKey { id: to, directory: Uuid::ZERO }, body);
    }

    pub(crate) fn send_as(&mut self, sender: ReplicaKey, to: ReplicaKey, epoch: LeaderEpoch, body: Body) {
        let (receiver, receiver_directory) = (to.id, to.directory);
        let message = Message { sender, receiver, receiver_directory, epoch, body };
        self.effects.push(Effect::Send { to: receiver, message });
    }
}
