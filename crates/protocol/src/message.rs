//! What all messages can do.

use std::fmt::Debug;
use std::ops::RangeInclusive;

use crate::api_key::{ApiDefinition, ApiKey};
use crate::schema::Layout;
use crate::wire::{DecodeError, DecodeProblem, EncodeError, EncodeProblem, Field, Reader, Writer};

/// A message with a form for each of its versions. Its `Default` has the defaults of its table.
pub trait Message: Field + Default + Clone + Debug + PartialEq + Send + Sync + 'static {
    /// Kafka's name for it.
    const NAME: &'static str;
    /// The versions it can be read and written in.
    const VERSIONS: RangeInclusive<i16>;
    /// The first version with compact lengths and tagged fields (KIP-482); `i16::MAX` if there is none.
    const FLEXIBLE_FROM: i16;

    /// Reads the message. Bytes after its end are left in `reader`; Kafka ignores them.
    fn decode(reader: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        if !Self::VERSIONS.contains(&version) {
            return Err(reader.error(DecodeProblem::UnsupportedVersion(version)));
        }
        Self::read(reader, Layout::new(version, Self::FLEXIBLE_FROM))
    }

    /// Writes the message. Fails for a null where `version` allows none, and for a value that `version` has no field
    /// for, unless the table lets it be dropped silently.
    fn encode(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError> {
        if !Self::VERSIONS.contains(&version) {
            return Err(EncodeError::new(EncodeProblem::UnsupportedVersion(version)));
        }
        self.write(writer, Layout::new(version, Self::FLEXIBLE_FROM))
    }
}

/// A message that asks for another.
pub trait Request: Message {
    /// The API that it calls.
    const KEY: ApiKey;
    /// What the header of the API's table says.
    const DEFINITION: ApiDefinition;
    /// The answer, in the same version.
    type Response: Message;
}
