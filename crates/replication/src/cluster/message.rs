//! What is sent between nodes and the controller.

use super::controller::Image;
use super::disk::Record;
use crate::{FetchAnswer, FetchToken, FollowerFetch, IsrAnswer, IsrProposal, ProposalId};
use model::{NodeId, Offset};
use std::sync::Arc;

/// The controller's place on the network.
pub(super) const CONTROLLER: NodeId = 0;

#[derive(Clone, Debug)]
pub(super) enum Message {
    Register {
        incarnation: u64,
        directory: u64,
    },
    Heartbeat {
        broker_epoch: Offset,
        version: u64,
    },
    Image(Arc<Image>),
    Alter {
        incarnation: u64,
        broker_epoch: Offset,
        proposal: IsrProposal,
    },
    Altered {
        incarnation: u64,
        id: ProposalId,
        answer: IsrAnswer,
    },
    Fetch {
        incarnation: u64,
        token: FetchToken,
        fetch: FollowerFetch,
        /// The partition epoch that the fetch goes by.
        made_in: i32,
    },
    /// `incarnation` is the process that asked: nobody else reads from its connection.
    Fetched {
        incarnation: u64,
        token: FetchToken,
        answer: FetchAnswer,
        records: Vec<Record>,
    },
}
