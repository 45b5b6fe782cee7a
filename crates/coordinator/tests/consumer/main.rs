//! Stories of the consumer protocol, each on a coordinator with its log in memory. After every request the log, read by
//! a fresh machine, gives equal hard state; so does the compacted log.

mod assignments;
mod cluster;
mod commits;
mod departures;
mod history;
mod metadata;
mod migration;
mod random_groups;
mod refusals;
mod static_members;
mod subscriptions;
mod timeouts;

use cluster::coordinator;
