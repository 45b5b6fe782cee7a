//! UpdateRaftVoter.

use crate::definition::{Text, Uuid, messages};

messages! {
    api UpdateRaftVoter = 82, versions 0, flexible 0+, listeners controller;

    request UpdateRaftVoterRequest {
        cluster_id: Option<Text> [0+, null 0+],
        current_leader_epoch: i32 [0+],
        voter_id: i32 [0+],
        voter_directory_id: Uuid [0+],
        listeners: Vec<Listener> [0+],
        k_raft_version_feature: KRaftVersionFeature [0+],
    }

    struct Listener {
        name: Text [0+],
        host: Text [0+],
        port: u16 [0+],
    }

    struct KRaftVersionFeature {
        min_supported_version: i16 [0+],
        max_supported_version: i16 [0+],
    }

    response UpdateRaftVoterResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        current_leader: CurrentLeader [0+, tag 0],
    }

    struct CurrentLeader {
        leader_id: i32 [0+, default -1],
        leader_epoch: i32 [0+, default -1],
        host: Text [0+],
        port: i32 [0+],
    }
}
