//! Compares a follower's log with the leader's, by what its fetch says (KIP-279, KIP-595).
//!
//! The last record that the follower has is at `fetch_offset - 1`, of `last_fetched_epoch`. The logs match below
//! `fetch_offset` exactly when the leader has that epoch and it reaches at least that far there.

use model::state_machine::Instant;
use model::{ErrorCode, LeaderEpoch, NodeId, Offset, mark, planted};

/// The largest leader epoch at or below the one asked for, and the offset where it ends; (-1, -1) for one above the
/// last. `LogReader::end_offset_of_epoch` of the storage is one.
pub type EndOfEpoch<'a> = &'a dyn Fn(LeaderEpoch) -> (LeaderEpoch, Offset);

/// Where a leader epoch ends in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The epoch; -1 where it is not known.
    pub epoch: LeaderEpoch,
    /// The offset after its last record.
    pub end_offset: Offset,
}

/// What a replica's fetch says of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerFetch {
    /// Who fetches.
    pub replica: NodeId,
    /// Which registration of that broker; -1 when it does not say (KIP-903).
    pub broker_epoch: Offset,
    /// The leader epoch that it follows.
    pub current_leader_epoch: LeaderEpoch,
    /// Where its log ends.
    pub fetch_offset: Offset,
    /// The epoch of the last record in its log; -1 when its log is empty.
    pub last_fetched_epoch: LeaderEpoch,
    /// Where its log starts; -1 when it does not say.
    pub log_start_offset: Offset,
    /// Up to where its log is on stable storage; `None` when its partition is not journaled.
    pub durable_end: Option<Offset>,
    /// A moment before it was sent, by the leader's clock: when the one before it on the same connection was answered.
    /// `None` for the first one: it may have been on its way for long.
    pub sent_after: Option<Instant>,
}

/// The leader's log, as a fetch is compared with it.
#[derive(Clone, Copy)]
pub struct LeaderLog<'a> {
    /// The epoch it is led in. Read before the rest; if it is another one after, the comparison is void.
    pub leader_epoch: LeaderEpoch,
    /// The first offset that may be read.
    pub log_start_offset: Offset,
    /// The offset after the last record.
    pub log_end_offset: Offset,
    /// Where its epochs end.
    pub end_of_epoch: EndOfEpoch<'a>,
}

/// How the logs compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchCheck {
    /// Everything the follower has is in the leader's log too: it is to be given what follows.
    Matches,
    /// The logs differ above here (at most): it is told so in `diverging_epoch`, without error and without records.
    Diverging(EpochEnd),
    /// All that the follower has was deleted here, and nothing of it can be compared. It is told where the log starts, at
    /// once and without records: once its own starts there too they are alike.
    Deleted,
    /// Nothing can be given from there: OFFSET_OUT_OF_RANGE. The answer to a replica says where the log starts in
    /// `log_start_offset` and where it ends in `diverging_epoch`, so that it need not ask.
    OutOfRange {
        /// The first offset that may be read.
        log_start_offset: Offset,
        /// The leader's present epoch and the offset after the last record.
        latest: EpochEnd,
    },
}

/// A fetch that was compared with the leader's log. Nothing else can be counted as progress.
#[derive(Clone, Copy, Debug)]
pub struct CheckedFetch {
    fetch: FollowerFetch,
    leader_epoch: LeaderEpoch,
    partition_epoch: Option<i32>,
    outcome: FetchCheck,
}

impl CheckedFetch {
    /// What the fetch said.
    pub fn fetch(&self) -> &FollowerFetch {
        &self.fetch
    }

    /// How the logs compare.
    pub fn outcome(&self) -> FetchCheck {
        self.outcome
    }

    /// The fetch also said by the image of which partition epoch it was made (a tagged field of ours). One from before
    /// a replica was taken away says nothing about the log that it began when it was given back; without this word it
    /// is believed, as Kafka does.
    #[must_use]
    pub fn made_in(self, partition_epoch: i32) -> CheckedFetch {
        CheckedFetch { partition_epoch: Some(partition_epoch), ..self }
    }

    /// Whether it was made under the assignment of `partition_epoch`, or does not say.
    pub(crate) fn knows(&self, partition_epoch: i32) -> bool {
        self.partition_epoch.is_none_or(|made_in| made_in >= partition_epoch)
    }

    /// The leader epoch in which they were compared.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }
}

/// Compares a follower's log with the leader's.
///
/// # Errors
/// FENCED_LEADER_EPOCH when it follows an older epoch, UNKNOWN_LEADER_EPOCH when it follows a newer one or none.
pub fn check_fetch(fetch: FollowerFetch, log: LeaderLog<'_>) -> Result<CheckedFetch, ErrorCode> {
    if fetch.current_leader_epoch < log.leader_epoch && fetch.current_leader_epoch >= 0 {
        return Err(ErrorCode::FencedLeaderEpoch);
    }
    if fetch.current_leader_epoch != log.leader_epoch {
        return Err(ErrorCode::UnknownLeaderEpoch);
    }
    let outcome = compare(&fetch, &log);
    Ok(CheckedFetch { fetch, leader_epoch: log.leader_epoch, partition_epoch: None, outcome })
}

fn compare(fetch: &FollowerFetch, log: &LeaderLog<'_>) -> FetchCheck {
    let latest = EpochEnd { epoch: log.leader_epoch, end_offset: log.log_end_offset };
    let out_of_range = FetchCheck::OutOfRange { log_start_offset: log.log_start_offset, latest };
    if fetch.fetch_offset < log.log_start_offset {
        mark!("follower is below the log start");
        return out_of_range;
    }
    if ends_at_start(fetch, log) && !planted!("a log that ends where the leader's starts is like it") {
        mark!("all that a follower has was deleted at its leader");
        return FetchCheck::Deleted;
    }
    if fetch.last_fetched_epoch >= 0 {
        let end = end_of_epoch(fetch.last_fetched_epoch, log);
        if end.epoch < 0 || end.end_offset < 0 {
            mark!("follower knows an epoch above the leader's");
            return out_of_range;
        }
        if end.epoch < fetch.last_fetched_epoch || end.end_offset < fetch.fetch_offset {
            mark!("follower's log diverges");
            return FetchCheck::Diverging(end);
        }
    }
    if fetch.fetch_offset > log.log_end_offset { out_of_range } else { FetchCheck::Matches }
}

/// The follower's last record would be the one before the leader's first. Of which epoch that was the leader need not
/// know: it may say that any epoch before its first one ends there.
fn ends_at_start(fetch: &FollowerFetch, log: &LeaderLog<'_>) -> bool {
    fetch.fetch_offset == log.log_start_offset && (0..fetch.fetch_offset).contains(&fetch.log_start_offset)
}

fn end_of_epoch(asked: LeaderEpoch, log: &LeaderLog<'_>) -> EpochEnd {
    let (epoch, end_offset) = (log.end_of_epoch)(asked);
    if epoch != asked && planted!("an unknown epoch ends at the log end") {
        return EpochEnd { epoch: asked, end_offset: log.log_end_offset };
    }
    EpochEnd { epoch, end_offset }
}
