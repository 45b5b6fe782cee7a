//! A barrier: all of a log is on stable storage, and its line will say so, maybe with another mode.

use crate::checkpoint::Mode;
use crate::log::{Claim, Shared};
use std::sync::Arc;

/// What a line will say of a log whose owner waits.
#[derive(Debug)]
pub(crate) struct Barrier {
    pub shared: Arc<Shared>,
    pub mode: Mode,
    pub claim: Claim,
}
