//! The Kafka wire protocol: messages, frames, record batches
