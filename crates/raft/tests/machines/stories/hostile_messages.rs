//! Whatever a peer says, nothing panics.

use crate::cluster::Cluster;
use crate::cluster::dice::Dice;
use crate::cluster::shape::{Shape, endpoint};
use model::{LeaderEpoch, NodeId, Offset, Uuid};
use raft::{Body, Chunk, Entry, LogEnd, Message, Payload, ProbeAnswer, Raft, ReplicaKey, Snapshot, Voter, Voters};

#[test]
fn messages_out_of_range_do_not_panic() {
    let mut roles = std::collections::BTreeSet::new();
    for seed in 1..=300 {
        let mut dice = Dice::seeded(seed);
        let shape = Shape { snapshot_every: 10, spares: 1, ..Shape::of(3) };
        let mut cluster = Cluster::started(shape, seed);
        let _ = cluster.run_for(dice.millis(0, 6000));
        cluster.serving().and_then(|leader| cluster.propose(leader));
        let _ = cluster.run_for(dice.millis(0, 3000));
        let keys: Vec<ReplicaKey> = cluster.nodes.iter().map(|node| node.key()).collect();
        let mut now = cluster.now;
        for node in &mut cluster.nodes {
            let Some(running) = &mut node.running else { continue };
            let raft = &mut running.raft;
            roles.insert(raft.role());
            for _ in 0..300 {
                let message = Liar { dice: &mut dice, keys: &keys, raft }.message();
                raft.step(now, message.sender.id, message);
                raft.take_effects();
                raft.persisted(now);
                if dice.chance(100) {
                    now = raft.next_deadline().max(now);
                    raft.tick(now);
                }
            }
        }
    }
    assert!(roles.len() >= 4, "it lies to all kinds: {roles:?}");
}

struct Liar<'a> {
    dice: &'a mut Dice,
    keys: &'a [ReplicaKey],
    raft: &'a Raft,
}

impl Liar<'_> {
    fn message(&mut self) -> Message {
        let me = self.raft.me();
        let receiver_directory = if self.dice.chance(500) { me.directory } else { Uuid::ZERO };
        let epoch = self.epoch();
        Message { sender: self.key(), receiver: me.id, receiver_directory, epoch, body: self.body() }
    }

    fn body(&mut self) -> Body {
        match self.dice.below(13) {
            0 => Body::PreVote(self.log_end()),
            1 => Body::Vote { log: self.log_end(), transfer: self.dice.chance(500) },
            2 => Body::Ballot { pre: self.coin(), granted: self.coin(), leader: Some(self.key().id) },
            3..5 => Body::Append {
                base_offset: self.offset(),
                previous_epoch: self.epoch(),
                entries: (0..self.dice.below(4)).map(|_| self.entry()).collect(),
                high_watermark: self.offset(),
            },
            5 => Body::Appended { matched: self.offset() },
            6 => Body::Diverged { log: self.log_end() },
            7 => Body::Chunk(self.chunk()),
            8 => Body::Received { end_offset: self.offset(), position: self.offset() as u64 },
            9 => Body::TakeOver,
            10 => Body::Hello { endpoint: endpoint(7), may_vote: self.coin(), log: self.log_end() },
            11 => Body::Redirect { leader: Some(self.voter()) },
            _ => self.founding(),
        }
    }

    fn founding(&mut self) -> Body {
        let nonce = self.dice.roll();
        let snapshot = Snapshot {
            end_offset: self.offset(),
            epoch: self.epoch(),
            voters: self.voters(),
            state: vec![1, 2, 3].into(),
        };
        match self.dice.below(3) {
            0 => Body::Probe { nonce, configured: vec![(self.key().id, endpoint(1))] },
            1 => Body::Probed { nonce, answer: ProbeAnswer::Voter(snapshot) },
            _ => Body::Probed { nonce, answer: ProbeAnswer::Blank { nonce } },
        }
    }

    fn chunk(&mut self) -> Chunk {
        let bytes = vec![0; self.dice.below(5) as usize].into();
        let (position, total) = (self.dice.below(6), self.dice.below(9));
        let huge = self.dice.chance(100);
        let total = if huge { u64::MAX - total } else { total };
        Chunk { end: self.log_end(), voters: self.voters(), position, total, bytes }
    }

    fn entry(&mut self) -> Entry {
        let payload = match self.dice.below(3) {
            0 => Payload::LeaderChange,
            1 => Payload::Voters(self.voters()),
            _ => Payload::Data(vec![0; 9].into()),
        };
        Entry { epoch: self.epoch(), payload }
    }

    fn voters(&mut self) -> Voters {
        (0..self.dice.below(4)).map(|_| self.voter()).collect()
    }

    fn voter(&mut self) -> Voter {
        Voter { key: self.key(), endpoint: endpoint(1) }
    }

    fn key(&mut self) -> ReplicaKey {
        let id = self.dice.below(9) as NodeId - 2;
        self.dice.pick(self.keys).filter(|_| self.dice.chance(900)).unwrap_or(ReplicaKey { id, directory: Uuid::ZERO })
    }

    fn log_end(&mut self) -> LogEnd {
        LogEnd { epoch: self.epoch(), offset: self.offset() }
    }

    fn epoch(&mut self) -> LeaderEpoch {
        let epoch = self.raft.epoch();
        let rare = [LeaderEpoch::MIN, -1, 0, LeaderEpoch::MAX];
        match self.dice.below(60) {
            0 => self.dice.pick(&rare).unwrap_or(0),
            1..4 => epoch.saturating_add(1),
            4..8 => epoch.saturating_sub(1),
            _ => epoch,
        }
    }

    fn offset(&mut self) -> Offset {
        let raft = self.raft;
        let near = [raft.log_start_offset(), raft.high_watermark(), raft.log_end_offset()];
        let rare = [Offset::MIN, -1, 0, 1, Offset::MAX - 1, Offset::MAX];
        match self.dice.below(10) {
            0 => self.dice.pick(&rare).unwrap_or(0),
            _ => self.dice.pick(&near).unwrap_or(0).saturating_add(self.dice.below(5) as Offset - 2),
        }
    }

    fn coin(&mut self) -> bool {
        self.dice.chance(500)
    }
}
