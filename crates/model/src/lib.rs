//! Names and numbers every part of Thalweg shares. Pure: no clock, dice, file, thread or async.

pub mod config;
pub mod dice;
pub mod error_code;
pub mod ids;
pub mod map;
pub mod marks;
pub mod metadata_image;
pub mod state_machine;
pub mod uuid;

pub use error_code::ErrorCode;
pub use ids::{
    LeaderEpoch, NodeId, Offset, PartitionId, ProducerEpoch, ProducerId, Sequence, Timestamp, TopicPartition,
};
pub use uuid::Uuid;
