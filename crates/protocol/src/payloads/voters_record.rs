//! `VotersRecord`.

use crate::definition::{Text, Uuid, messages};

messages! {
    message VotersRecord, versions 0, flexible 0+ {
        version: i16 [0+],
        voters: Vec<Voter> [0+],
    }

    struct Voter {
        voter_id: i32 [0+],
        voter_directory_id: Uuid [0+],
        endpoints: Vec<Endpoint> [0+],
        k_raft_version_feature: KRaftVersionFeature [0+],
    }

    struct Endpoint {
        name: Text [0+],
        host: Text [0+],
        port: u16 [0+],
    }

    struct KRaftVersionFeature {
        min_supported_version: i16 [0+],
        max_supported_version: i16 [0+],
    }
}
