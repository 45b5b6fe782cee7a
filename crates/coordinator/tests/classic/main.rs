//! Stories of classic groups and of offsets, each on a coordinator whose log is read by fresh machines after every append,
//! whole and compacted, which must know the same.

mod administration;
mod cluster;
mod coordinator_moves;
mod departures;
mod forgetting;
mod history;
mod joins;
mod member;
mod offsets;
mod process;
mod random_groups;
mod rebalances;
mod records;
mod refused_appends;
mod static_members;
mod transactions;
