//! `KRaftVersionRecord`.

use crate::definition::messages;

messages! {
    message KRaftVersionRecord, versions 0, flexible 0+ {
        version: i16 [0+],
        k_raft_version: i16 [0+],
    }
}
