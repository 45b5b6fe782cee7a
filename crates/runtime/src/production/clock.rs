//! The wall clock. Only for what is stored or shown: deadlines use [`time`](crate::time).
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // this is the replacement that the lint names

use model::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970 UTC by this machine's wall clock, which may jump either way.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::try_from(since.as_millis()).unwrap_or(Timestamp::MAX)
}
