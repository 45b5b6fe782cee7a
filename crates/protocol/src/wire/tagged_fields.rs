//! Tagged fields: those this code does not know are kept and written back, those it knows are merged in by tag.

use bytes::Bytes;

use super::{EncodeError, EncodeProblem, Field, Reader, Writer, write_field};
use crate::schema::{FieldSpec, Layout};
use crate::wire::DecodeError;

/// The tagged fields of a struct that its definition does not know (KIP-482). As small as a pointer when empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::box_collection)] // nearly every struct has one and nearly all are empty: 8 bytes, not 24
pub struct TaggedFields(Option<Box<Vec<(u32, Bytes)>>>);

impl TaggedFields {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Tags with their values, in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Bytes)> {
        self.0.iter().flat_map(|fields| fields.iter()).map(|(tag, value)| (*tag, value))
    }

    /// The last value of `tag`.
    pub fn get(&self, tag: u32) -> Option<&Bytes> {
        self.iter().filter(|(other, _)| *other == tag).last().map(|(_, value)| value)
    }

    /// Adds a value at the end.
    pub fn insert(&mut self, tag: u32, value: Bytes) {
        match &mut self.0 {
            Some(fields) => fields.push((tag, value)),
            none => *none = Some(Box::new(vec![(tag, value)])), // room for one: there is seldom another
        }
    }

    /// Keeps what is left of the tagged field that `reader` is in.
    pub fn keep(&mut self, tag: u32, reader: &mut Reader) -> Result<(), DecodeError> {
        let value = reader.bytes(reader.remaining())?;
        self.insert(tag, value);
        Ok(())
    }

    /// Reads a section of which no tag is known.
    pub fn read(reader: &mut Reader) -> Result<TaggedFields, DecodeError> {
        let mut fields = TaggedFields::default();
        let mut section = reader.tag_section(true)?;
        while let Some(tag) = reader.next_tag(&mut section)? {
            fields.keep(tag, reader)?;
        }
        Ok(fields)
    }
}

/// The tagged fields of a struct that its definition knows and that differ from their defaults, already encoded.
#[derive(Debug, Default)]
pub struct KnownTags(Vec<(u32, Writer)>);

impl KnownTags {
    /// Encodes `value` as the tagged field that `spec` describes.
    pub fn add<T: Field>(&mut self, value: &T, layout: Layout, spec: &FieldSpec) -> Result<(), EncodeError> {
        let mut writer = Writer::new();
        write_field(value, &mut writer, layout, spec)?;
        self.0.push((spec.tag.expect("only tagged fields come here"), writer));
        Ok(())
    }

    /// Writes the section: these fields and the unknown ones, ordered by tag.
    #[inline]
    pub fn finish(self, unknown: &TaggedFields, writer: &mut Writer) -> Result<(), EncodeError> {
        if self.0.is_empty() && unknown.is_empty() {
            writer.u8(0);
            return Ok(());
        }
        self.merge(unknown, writer)
    }

    fn merge(mut self, unknown: &TaggedFields, writer: &mut Writer) -> Result<(), EncodeError> {
        for (tag, value) in unknown.iter() {
            let mut copy = Writer::new();
            copy.bytes(value);
            self.0.push((tag, copy));
        }
        self.0.sort_by_key(|(tag, _)| *tag);
        writer.unsigned_varint(length(self.0.len())?);
        for (tag, value) in self.0 {
            writer.unsigned_varint(tag);
            writer.unsigned_varint(length(value.len())?);
            writer.append(value);
        }
        Ok(())
    }
}

fn length(length: usize) -> Result<u32, EncodeError> {
    u32::try_from(length)
        .ok()
        .filter(|length| *length <= i32::MAX as u32)
        .ok_or_else(|| EncodeError::new(EncodeProblem::TooLong(length)))
}
