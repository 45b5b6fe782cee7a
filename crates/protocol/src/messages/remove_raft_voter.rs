//! RemoveRaftVoter.

use crate::definition::{Text, Uuid, messages};

messages! {
    api RemoveRaftVoter = 81, versions 0, flexible 0+, listeners controller broker;

    request RemoveRaftVoterRequest {
        cluster_id: Option<Text> [0+, null 0+],
        voter_id: i32 [0+],
        voter_directory_id: Uuid [0+],
    }

    response RemoveRaftVoterResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+ ignorable, null 0+],
    }
}
