//! Why bytes are not a record batch.

use super::compression::Compression;

/// Bytes that are not a record batch, or not one that can be read here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The bytes end inside a batch: normal at the end of a fetch, a torn write at the end of a log.
    #[error("the batch is cut short: {needed} bytes are needed and {found} are here")]
    Cut {
        /// Bytes that the batch or its prefix needs.
        needed: usize,
        /// Bytes that are left.
        found: usize,
    },
    /// The length field is smaller than any batch could be.
    #[error("a batch cannot be {0} bytes long")]
    Length(i32),
    /// A format of the future, or no batch at all.
    #[error("magic {0} is not a known batch format")]
    Magic(i8),
    /// A message set of before Kafka 0.11, which Kafka 4 does not read either (KIP-724).
    #[error("message format {0} is no longer supported, format 2 is needed")]
    Legacy(i8),
    /// The CRC-32C over attributes to end is another one.
    #[error("the checksum is {computed:#010x} where the batch says {stored:#010x}")]
    Checksum {
        /// From the header.
        stored: u32,
        /// Of the bytes.
        computed: u32,
    },
    /// A record inside is malformed.
    #[error("record {index}: {what}")]
    Record {
        /// The record's place in the batch, from 0.
        index: i32,
        /// What is wrong.
        what: &'static str,
    },
    /// Bytes are left after the announced number of records.
    #[error("{0} bytes are left after the last record")]
    Remaining(usize),
    /// Codec numbers 5 to 7 mean nothing so far.
    #[error("compression codec {0} is not known")]
    Codec(u8),
    /// The payload is not what the codec makes.
    #[error("the payload is not {codec}: {why}")]
    Undecodable {
        /// As the header says.
        codec: Compression,
        /// In the words of the codec.
        why: String,
    },
    /// Decompressed, the payload is larger than the reader allows.
    #[error("the payload decompresses to more than {limit} bytes")]
    OverLimit {
        /// The reader's cap, in bytes.
        limit: usize,
    },
}
