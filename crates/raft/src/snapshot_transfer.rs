//! Snapshots: taking one of the driver's state, and sending it, part by part, to a replica that needs what was dropped.

use crate::log::LAST_OFFSET;
use crate::progress::{Outgoing, Progress};
use crate::{Body, Chunk, Effect, LogEnd, Raft, ReplicaKey, Snapshot, Voters};
use bytes::Bytes;
use model::state_machine::Instant;
use model::{LeaderEpoch, Offset, mark, planted};

/// A state larger than this is not received.
const MAX_STATE_BYTES: u64 = 1 << 30;

/// A snapshot that is on its way to here.
#[derive(Debug)]
pub struct Incoming {
    epoch: LeaderEpoch,
    pub end: LogEnd,
    voters: Voters,
    total: u64,
    bytes: Vec<u8>,
}

impl Raft {
    /// The driver's state as it is after all entries below `up_to`, which must be applied. They are dropped
    /// ([`Effect::Compact`]). Nothing happens when a snapshot goes at least as far already.
    pub fn snapshot(&mut self, state: Bytes, up_to: Offset) {
        if up_to <= self.log.start() {
            return;
        }
        assert!(up_to <= self.applied, "a snapshot holds what is applied");
        let snapshot = self.log.compact(up_to, state).clone();
        self.effects.push(Effect::Compact(snapshot));
    }

    /// Sends the next part, one at a time. A snapshot that is under way goes on even when there is a newer one.
    pub(crate) fn send_chunk(&mut self, to: ReplicaKey, progress: &mut Progress) {
        if progress.in_flight > 0 && !progress.due {
            return;
        }
        if progress.outgoing.is_none() {
            let snapshot = self.log.snapshot().expect("a log that starts later has a snapshot").clone();
            progress.outgoing = Some(Outgoing { snapshot, position: 0 });
        }
        let Some(Outgoing { snapshot, position }) = &progress.outgoing else { return };
        let to_byte = position.saturating_add(self.config.snapshot_chunk_bytes.max(1)).min(snapshot.state.len());
        let chunk = Chunk {
            end: LogEnd { epoch: snapshot.epoch, offset: snapshot.end_offset },
            voters: snapshot.voters.clone(),
            position: *position as u64,
            total: snapshot.state.len() as u64,
            bytes: snapshot.state.slice(*position..to_byte),
        };
        (progress.in_flight, progress.due) = (1, false);
        self.send(to, Body::Chunk(chunk));
    }

    pub(crate) fn on_received(
        &mut self,
        now: Instant,
        from: ReplicaKey,
        epoch: LeaderEpoch,
        end_offset: Offset,
        position: u64,
    ) {
        let Some(progress) = self.progress_of(from, epoch) else { return };
        let Some(outgoing) = progress.outgoing.as_mut() else { return };
        if outgoing.snapshot.end_offset != end_offset {
            return;
        }
        outgoing.position = usize::try_from(position).unwrap_or(usize::MAX).min(outgoing.snapshot.state.len());
        progress.hear(now);
        progress.in_flight = 0;
    }

    pub(crate) fn on_chunk(&mut self, now: Instant, leader: ReplicaKey, epoch: LeaderEpoch, chunk: Chunk) {
        if !is_sane(epoch, &chunk) || !self.accept_leader(now, leader, epoch) {
            return;
        }
        let end = chunk.end;
        if end.offset <= self.high_watermark || self.log.epoch_before(end.offset) == Some(end.epoch) {
            mark!("snapshot of what is here already");
            self.incoming = None;
            self.emit_entries();
            self.commit(end.offset);
            return self.send(leader, Body::Appended { matched: self.high_watermark });
        }
        let (received, complete) = self.receive(epoch, chunk);
        if complete {
            self.install_incoming(leader);
        } else {
            self.send(leader, Body::Received { end_offset: end.offset, position: received });
        }
    }

    /// Takes a part, where it is the next one. Parts of another snapshot, or of another leader's, do not fit together.
    fn receive(&mut self, epoch: LeaderEpoch, chunk: Chunk) -> (u64, bool) {
        let Chunk { end, voters, position, total, bytes } = chunk;
        let fits = |incoming: &&mut Incoming| (incoming.epoch, incoming.end, incoming.total) == (epoch, end, total);
        if self.incoming.as_mut().filter(fits).is_none() {
            if planted!("log-wiped-for-catch-up") {
                self.truncate(self.log.start());
            }
            let kept = self.incoming.take().filter(|_| planted!("snapshot-parts-mixed"));
            let bytes = kept.map_or_else(Vec::new, |kept| kept.bytes);
            self.incoming = Some(Incoming { epoch, end, voters, total, bytes });
        }
        let incoming = self.incoming.as_mut().expect("it was just begun");
        if incoming.bytes.len() as u64 == position {
            incoming.bytes.extend_from_slice(&bytes);
        }
        (incoming.bytes.len() as u64, incoming.bytes.len() as u64 >= total)
    }

    fn install_incoming(&mut self, leader: ReplicaKey) {
        let Some(Incoming { end, voters, bytes, .. }) = self.incoming.take() else { return };
        mark!("snapshot installed");
        let matched = end.offset;
        self.install(Snapshot { end_offset: end.offset, epoch: end.epoch, voters, state: bytes.into() });
        self.send(leader, Body::Appended { matched });
    }

    /// Replaces the log, and the driver's state, by a snapshot.
    pub(crate) fn install(&mut self, snapshot: Snapshot) {
        (self.high_watermark, self.applied) = (snapshot.end_offset, snapshot.end_offset);
        self.log.install(snapshot.clone());
        self.effects.push(Effect::InstallSnapshot(snapshot));
    }
}

fn is_sane(epoch: LeaderEpoch, chunk: &Chunk) -> bool {
    let Chunk { end, voters, position, total, bytes } = chunk;
    let fits = position.checked_add(bytes.len() as u64).is_some_and(|after| after <= *total);
    let ends = end.offset > 0 && end.offset <= LAST_OFFSET && end.epoch >= 0 && end.epoch <= epoch;
    ends && fits && *total <= MAX_STATE_BYTES && !voters.is_empty()
}
