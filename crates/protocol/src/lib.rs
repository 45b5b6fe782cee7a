//! The Kafka wire protocol: messages, frames, record batches. Pure: bytes in, values out, and back.
//!
//! Each message is written down once, as a table, in the file of its API under [`messages`]; the macro in
//! [`definition`] turns a table into a struct and its codec. [`wire`] holds what the tables are made of.

pub mod api_key;
pub mod definition;
pub mod frame;
pub mod header;
pub mod message;
pub mod messages;
pub mod payloads;
pub mod records;
pub mod schema;
pub mod wire;

pub use api_key::{ApiDefinition, ApiKey, Listeners};
pub use message::{Message, Request};
pub use wire::{DecodeError, EncodeError, Reader, TaggedFields, Text, Writer};
