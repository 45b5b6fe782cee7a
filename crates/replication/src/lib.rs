//! One replica of one partition: what a leader counts as committed, and how a follower becomes like it.
