//! `LeaderChangeMessage`.

use crate::definition::{Uuid, messages};

messages! {
    message LeaderChangeMessage, versions 0-1, flexible 0+ {
        version: i16 [0+],
        leader_id: i32 [0+],
        voters: Vec<Voter> [0+],
        granting_voters: Vec<Voter> [0+],
    }

    struct Voter {
        voter_id: i32 [0+],
        voter_directory_id: Uuid [1+],
    }
}
