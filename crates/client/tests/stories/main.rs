//! The client against brokers that answer as a story wants it: late, wrongly, twice or never.

mod admin;
mod admin_of_clusters;
mod admin_of_groups;
mod batching;
mod cluster;
mod connection;
mod consumer;
mod consumer_group;
mod fake;
mod fetched;
mod group;
mod group_errors;
mod leaders;
mod producer;
mod random_faults;
mod sessions;

/// Runs a story in the world this was built for: the real one or the simulator's.
fn story<F: Future<Output = ()>>(story: F) {
    runtime::task::run(2, story).expect("a runtime");
}
