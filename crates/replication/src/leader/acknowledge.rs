//! When a producer may be answered.

use super::Leader;
use model::{ErrorCode, Offset, planted};

/// What producers that asked for acks=all may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Everything below is committed: whoever waits for an offset up to here is answered now.
    pub end: Offset,
    /// With this: NONE, or NOT_ENOUGH_REPLICAS_AFTER_APPEND when the ISR has shrunk since the append.
    pub error: ErrorCode,
}

impl Leader {
    /// Whether records may be appended for a producer that asks for `acks` (-1 is all).
    ///
    /// # Errors
    /// NOT_ENOUGH_REPLICAS: acks=all, and the ISR is smaller than `min.insync.replicas`.
    pub fn check_append(&self, acks: i16) -> Result<(), ErrorCode> {
        if acks == -1 && self.is_under_min_isr() { Err(ErrorCode::NotEnoughReplicas) } else { Ok(()) }
    }

    /// Who of those that wait for acks=all is answered now, and with what.
    pub fn acknowledged(&self) -> Acknowledged {
        let early = planted!("acknowledge at the leader's log end");
        let end = if early { self.log.log_end_offset } else { self.high_watermark };
        let short = self.is_under_min_isr();
        Acknowledged { end, error: if short { ErrorCode::NotEnoughReplicasAfterAppend } else { ErrorCode::None } }
    }
}
