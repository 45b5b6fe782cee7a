//! The metadata quorum: Raft as a plain machine, with observers, snapshots, founding and voters that change one by one.
