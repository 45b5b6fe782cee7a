//! How ids and bytes are written by serde: as bytes, not number by number.

use bytes::Bytes;
use model::Uuid;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// [`Bytes`] as one run of bytes.
pub mod run_of_bytes {
    use super::*;

    /// Writes them.
    pub fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    /// Reads them.
    pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Bytes, D::Error> {
        from.deserialize_byte_buf(RunOfBytes)
    }
}

/// [`Uuid`] as its sixteen bytes.
pub mod sixteen_bytes {
    use super::*;

    /// Writes it.
    pub fn serialize<S: Serializer>(id: &Uuid, to: S) -> Result<S::Ok, S::Error> {
        id.0.serialize(to)
    }

    /// Reads it.
    pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Uuid, D::Error> {
        <[u8; 16]>::deserialize(from).map(Uuid)
    }
}

struct RunOfBytes;

impl Visitor<'_> for RunOfBytes {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a run of bytes")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes::copy_from_slice(bytes))
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(bytes.into())
    }
}
