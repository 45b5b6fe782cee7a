//! AddRaftVoter.

use crate::definition::{Text, Uuid, messages};

messages! {
    api AddRaftVoter = 80, versions 0-1, flexible 0+, listeners controller broker;

    request AddRaftVoterRequest {
        cluster_id: Option<Text> [0+, null 0+],
        timeout_ms: i32 [0+],
        voter_id: i32 [0+],
        voter_directory_id: Uuid [0+],
        listeners: Vec<Listener> [0+],
        ack_when_committed: bool [1+, default true],
    }

    struct Listener {
        name: Text [0+],
        host: Text [0+],
        port: u16 [0+],
    }

    response AddRaftVoterResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+ ignorable, null 0+],
    }
}
