//! What a leader's answer means for the log.

use super::{EndOfEpoch, FetchToken, Follower, FollowerStep, State};
use crate::EpochEnd;
use model::state_machine::Instant;
use model::{ErrorCode, LeaderEpoch, Offset, mark, planted};

/// The batches of an answer, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batches {
    /// The base offset of the first.
    pub base_offset: Offset,
    /// The last offset of the last.
    pub last_offset: Offset,
    /// The leader epoch of the last.
    pub last_epoch: LeaderEpoch,
}

/// A leader's answer for one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchAnswer {
    /// NONE, or why there is nothing.
    pub error: ErrorCode,
    /// The logs differ above here; beside OFFSET_OUT_OF_RANGE where the leader's log ends.
    pub diverging: Option<EpochEnd>,
    /// The leader's.
    pub high_watermark: Offset,
    /// Where the leader's log starts; -1 when it does not say.
    pub log_start_offset: Offset,
    /// What came; `None` when nothing did.
    pub batches: Option<Batches>,
}

impl Follower {
    /// The leader has answered the fetch of `token`. `end_of_epoch` asks the own log. An answer to a fetch that was
    /// made before the log moved, or before this machine was there, is void.
    #[must_use = "the step is to be done"]
    pub fn answered(
        &mut self,
        now: Instant,
        token: FetchToken,
        answer: &FetchAnswer,
        end_of_epoch: EndOfEpoch<'_>,
    ) -> FollowerStep {
        let is_current = token == self.token() && !matches!(self.state, State::Working { .. } | State::Fenced);
        if !is_current {
            mark!("fetch answer is void");
            return FollowerStep::Nothing;
        }
        self.state = State::Fetching;
        match answer.error {
            ErrorCode::None => {
                self.early = 0;
                self.answered_well(now, answer, end_of_epoch)
            }
            ErrorCode::OffsetOutOfRange => self.out_of_range(now, answer),
            ErrorCode::FencedLeaderEpoch => {
                mark!("follower of an old epoch");
                self.state = State::Fenced;
                FollowerStep::WaitForMetadata
            }
            // The leader is behind with its metadata: one that leads no more says FENCED_LEADER_EPOCH.
            ErrorCode::UnknownLeaderEpoch
            | ErrorCode::NotLeaderOrFollower
            | ErrorCode::UnknownTopicId
            | ErrorCode::UnknownTopicOrPartition => self.ask_again_soon(now),
            // Its disk has failed, or it cannot read.
            _ => self.back_off(now),
        }
    }

    fn answered_well(&mut self, now: Instant, answer: &FetchAnswer, end_of_epoch: EndOfEpoch<'_>) -> FollowerStep {
        if let Some(diverging) = answer.diverging {
            if planted!("believe the leader before cutting what diverges") {
                self.believe(answer.high_watermark);
            }
            return self.diverges(now, diverging, end_of_epoch);
        }
        self.leader_log_start = self.leader_log_start.max(answer.log_start_offset);
        match answer.batches {
            None => {
                self.believe(answer.high_watermark);
                FollowerStep::Nothing
            }
            Some(batches) if self.follows_log(&batches) => self.work(FollowerStep::Append, answer.high_watermark),
            Some(batches) if self.reaches_into_start(&batches) => {
                mark!("a leader's log starts inside of a batch");
                self.work(FollowerStep::AppendFrom { start: batches.base_offset }, answer.high_watermark)
            }
            Some(_) => {
                mark!("leader sent what does not follow");
                self.back_off(now)
            }
        }
    }

    /// DeleteRecords lets a log start inside of a batch, and only whole batches come: an empty log takes the first one
    /// whole, and starts where the leader's does once it has it.
    fn reaches_into_start(&self, batches: &Batches) -> bool {
        let ends = &self.log.ends;
        let is_empty = ends.log_start_offset == ends.log_end_offset;
        let straddles = batches.base_offset < ends.log_end_offset && batches.last_offset >= ends.log_end_offset;
        is_empty && straddles && batches.base_offset >= 0 && batches.last_epoch <= self.following.leader_epoch
    }

    /// Offsets may be missing where the leader's cleaner was; none may come twice, nor an epoch that goes back or that
    /// the leader has not reached itself.
    fn follows_log(&self, batches: &Batches) -> bool {
        let epochs = self.log.last_epoch..=self.following.leader_epoch;
        batches.base_offset >= self.log.ends.log_end_offset
            && batches.last_offset >= batches.base_offset
            && epochs.contains(&batches.last_epoch)
    }
}
