//! What messages are made of: primitive values, text, bytes, arrays, tagged fields, and the two ends they pass through.

mod error;
mod field;
mod reader;
mod tagged_fields;
mod text;
mod writer;

pub use error::{DecodeError, DecodeProblem, EncodeError, EncodeProblem};
pub use field::{Field, read_field, write_field};
pub use reader::{Reader, TagSection};
pub use tagged_fields::{KnownTags, TaggedFields};
pub use text::Text;
pub use writer::{SPLICE_THRESHOLD, Writer};
