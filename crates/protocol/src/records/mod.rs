//! Record batches of format 2 (KIP-98): what a partition is made of, on the wire and on disk alike.
//!
//! A batch is a header of 61 bytes and a payload of records, maybe compressed. Everything here works on the bytes:
//! [`BatchHeader`] is a parsed copy of the header, [`Batches`] walks a run of batches, [`RecordView`] borrows from an
//! uncompressed payload, [`Record`] shares it. A broker never rebuilds a batch that it need not: it checks one
//! ([`validate`]) and patches three fields in place ([`patch`]).

mod batches;
mod builder;
mod compression;
mod control;
mod error;
mod gzip;
mod header;
pub mod patch;
mod record;
pub mod validate;
pub mod varint;
mod xerial;
mod zstandard;

pub use batches::{BatchView, Batches};
pub use builder::{BatchBuilder, BatchOptions};
pub use compression::{CODEC_BYTES, Compression};
pub use control::{ControlKind, EndTransactionMarker};
pub use error::BatchError;
pub use header::{BatchHeader, HEADER_BYTES, LENGTH_PREFIX_BYTES, MAGIC, NO_TIMESTAMP, TimestampType};
pub use patch::{set_base_offset, set_leader_epoch, set_max_timestamp_and_append_time};
pub use record::{Header, HeaderViews, Record, RecordView, RecordViews, Records};
