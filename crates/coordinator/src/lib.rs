//! Coordinators: machines whose log is a partition of an internal topic, in Kafka's own records.
//!
//! [`group`] keeps consumer groups and the offsets they committed, in `__consumer_offsets`;
//! [`assignor`] decides who of a group gets which partitions.

pub mod assignor;
pub mod group;
