//! How a value of each type looks on the wire, by version.

use bytes::Bytes;
use model::Uuid;

use super::{DecodeError, DecodeProblem, EncodeError, EncodeProblem, Reader, Text, Writer};
use crate::schema::{FieldSpec, Layout, Type};

/// A type that fields have. Implemented for primitives, arrays, options, and by the tables for their structs.
pub trait Field: Sized {
    /// The type in Kafka's terms.
    const TYPE: Type;

    /// How many bytes a value takes at least, in this layout. Never more than it can be.
    fn min_size(layout: Layout) -> usize;

    /// Reads a value.
    fn read(reader: &mut Reader, layout: Layout) -> Result<Self, DecodeError>;

    /// Writes a value.
    fn write(&self, writer: &mut Writer, layout: Layout) -> Result<(), EncodeError>;

    /// The default of a field whose table names none.
    fn initial() -> Self;

    /// Reads a value or null. For structs: a byte in front, negative for null (KIP-893).
    fn read_nullable(reader: &mut Reader, layout: Layout) -> Result<Option<Self>, DecodeError> {
        let present = reader.u8()? < 0x80;
        if present { Self::read(reader, layout).map(Some) } else { Ok(None) }
    }

    /// Writes a value or null.
    fn write_nullable(value: Option<&Self>, writer: &mut Writer, layout: Layout) -> Result<(), EncodeError> {
        let Some(value) = value else {
            writer.u8(0xff);
            return Ok(());
        };
        writer.u8(1);
        value.write(writer, layout)
    }
}

/// Reads the field that `spec` describes; an error carries its name.
#[inline]
pub fn read_field<T: Field>(reader: &mut Reader, layout: Layout, spec: &FieldSpec) -> Result<T, DecodeError> {
    T::read(reader, layout.of(spec)).map_err(|error| error.within(spec.name))
}

/// Writes the field that `spec` describes; an error carries its name.
#[inline]
pub fn write_field<T: Field>(
    value: &T,
    writer: &mut Writer,
    layout: Layout,
    spec: &FieldSpec,
) -> Result<(), EncodeError> {
    value.write(writer, layout.of(spec)).map_err(|error| error.within(spec.name))
}

macro_rules! numbers {
    ($($number:ident $kafka:ident;)*) => { $(
        impl Field for $number {
            const TYPE: Type = Type::$kafka;

            #[inline]
            fn min_size(_: Layout) -> usize {
                size_of::<$number>()
            }

            #[inline]
            fn read(reader: &mut Reader, _: Layout) -> Result<Self, DecodeError> {
                Ok($number::from_be_bytes(reader.array()?))
            }

            #[inline]
            fn write(&self, writer: &mut Writer, _: Layout) -> Result<(), EncodeError> {
                writer.slice(&self.to_be_bytes());
                Ok(())
            }

            fn initial() -> Self {
                <$number>::default()
            }
        }
    )* };
}

numbers! {
    i8 Int8;
    i16 Int16;
    u16 Uint16;
    i32 Int32;
    u32 Uint32;
    i64 Int64;
    f64 Float64;
}

impl Field for bool {
    const TYPE: Type = Type::Bool;

    #[inline]
    fn min_size(_: Layout) -> usize {
        1
    }

    #[inline]
    fn read(reader: &mut Reader, _: Layout) -> Result<Self, DecodeError> {
        Ok(reader.u8()? != 0)
    }

    #[inline]
    fn write(&self, writer: &mut Writer, _: Layout) -> Result<(), EncodeError> {
        writer.u8(u8::from(*self));
        Ok(())
    }

    fn initial() -> Self {
        false
    }
}

impl Field for Uuid {
    const TYPE: Type = Type::Uuid;

    #[inline]
    fn min_size(_: Layout) -> usize {
        16
    }

    #[inline]
    fn read(reader: &mut Reader, _: Layout) -> Result<Self, DecodeError> {
        Ok(Uuid(reader.array()?))
    }

    #[inline]
    fn write(&self, writer: &mut Writer, _: Layout) -> Result<(), EncodeError> {
        writer.slice(&self.0);
        Ok(())
    }

    fn initial() -> Self {
        Uuid::ZERO
    }
}

impl Field for Text {
    const TYPE: Type = Type::String;

    #[inline]
    fn min_size(layout: Layout) -> usize {
        if layout.flexible { 1 } else { 2 }
    }

    #[inline]
    fn read(reader: &mut Reader, layout: Layout) -> Result<Self, DecodeError> {
        Self::read_nullable(reader, layout)?.ok_or_else(|| reader.error(DecodeProblem::Null))
    }

    #[inline]
    fn write(&self, writer: &mut Writer, layout: Layout) -> Result<(), EncodeError> {
        Self::write_nullable(Some(self), writer, layout)
    }

    fn initial() -> Self {
        Text::default()
    }

    fn read_nullable(reader: &mut Reader, layout: Layout) -> Result<Option<Self>, DecodeError> {
        let length = if layout.flexible { reader.compact_length()? } else { reader.short_length()? };
        let Some(length) = length else { return Ok(None) };
        if length > i16::MAX as usize {
            return Err(reader.error(DecodeProblem::StringTooLong(length)));
        }
        Ok(Some(Text::from_utf8_lossy(reader.bytes(length)?)))
    }

    fn write_nullable(value: Option<&Self>, writer: &mut Writer, layout: Layout) -> Result<(), EncodeError> {
        let length = value.map(|text| text.as_bytes().len());
        if let Some(length) = length.filter(|length| *length > i16::MAX as usize) {
            return Err(EncodeError::new(EncodeProblem::TooLong(length)));
        }
        if layout.flexible {
            writer.compact_length(length)?
        } else {
            writer.short_length(length)?
        }
        if let Some(text) = value {
            writer.bytes(text.as_bytes());
        }
        Ok(())
    }
}

impl Field for Bytes {
    const TYPE: Type = Type::Bytes;

    #[inline]
    fn min_size(layout: Layout) -> usize {
        if layout.flexible { 1 } else { 4 }
    }

    #[inline]
    fn read(reader: &mut Reader, layout: Layout) -> Result<Self, DecodeError> {
        Self::read_nullable(reader, layout)?.ok_or_else(|| reader.error(DecodeProblem::Null))
    }

    #[inline]
    fn write(&self, writer: &mut Writer, layout: Layout) -> Result<(), EncodeError> {
        Self::write_nullable(Some(self), writer, layout)
    }

    fn initial() -> Self {
        Bytes::new()
    }

    fn read_nullable(reader: &mut Reader, layout: Layout) -> Result<Option<Self>, DecodeError> {
        let length = if layout.flexible { reader.compact_length()? } else { reader.long_length()? };
        length.map(|length| reader.bytes(length)).transpose()
    }

    fn write_nullable(value: Option<&Self>, writer: &mut Writer, layout: Layout) -> Result<(), EncodeError> {
        let length = value.map(Bytes::len);
        if layout.flexible {
            writer.compact_length(length)?
        } else {
            writer.long_length(length)?
        }
        if let Some(bytes) = value {
            writer.bytes(bytes);
        }
        Ok(())
    }
}

impl<T: Field> Field for Vec<T> {
    const TYPE: Type = Type::Array(&T::TYPE);

    #[inline]
    fn min_size(layout: Layout) -> usize {
        if layout.flexible { 1 } else { 4 }
    }

    #[inline]
    fn read(reader: &mut Reader, layout: Layout) -> Result<Self, DecodeError> {
        Self::read_nullable(reader, layout)?.ok_or_else(|| reader.error(DecodeProblem::Null))
    }

    #[inline]
    fn write(&self, writer: &mut Writer, layout: Layout) -> Result<(), EncodeError> {
        Self::write_nullable(Some(self), writer, layout)
    }

    fn initial() -> Self {
        Vec::new()
    }

    fn read_nullable(reader: &mut Reader, layout: Layout) -> Result<Option<Self>, DecodeError> {
        let count = if layout.flexible { reader.compact_length()? } else { reader.long_length()? };
        let Some(count) = count else { return Ok(None) };
        let element = layout.of_element();
        let mut elements = Vec::with_capacity(capacity::<T>(reader, element, count)?);
        for _ in 0..count {
            if elements.len() == elements.capacity() {
                // Not left to push, which would take up to twice of what all of them need.
                elements.reserve_exact((count - elements.len()).min(elements.len().max(4)));
            }
            elements.push(T::read(reader, element)?);
        }
        Ok(Some(elements))
    }

    fn write_nullable(value: Option<&Self>, writer: &mut Writer, layout: Layout) -> Result<(), EncodeError> {
        let count = value.map(Vec::len);
        if layout.flexible {
            writer.compact_length(count)?
        } else {
            writer.long_length(count)?
        }
        for element in value.into_iter().flatten() {
            element.write(writer, layout.of_element())?;
        }
        Ok(())
    }
}

/// For how many elements to allocate before the first is read. A count that the rest of the frame cannot hold is
/// refused, and never are more bytes taken than the frame still has: elements that are larger in memory than on the
/// wire make the array grow as they really come.
fn capacity<T: Field>(reader: &Reader, layout: Layout, count: usize) -> Result<usize, DecodeError> {
    let smallest = T::min_size(layout).max(1);
    if count > reader.remaining() / smallest {
        return Err(reader.error(DecodeProblem::TooManyElements { count, remaining: reader.remaining() }));
    }
    Ok(count.min(reader.remaining() / size_of::<T>().max(1)))
}

impl<T: Field> Field for Option<T> {
    const TYPE: Type = T::TYPE;

    #[inline]
    fn min_size(layout: Layout) -> usize {
        if layout.nullable { T::min_size(layout).min(1) } else { T::min_size(layout) }
    }

    #[inline]
    fn read(reader: &mut Reader, layout: Layout) -> Result<Self, DecodeError> {
        if layout.nullable { T::read_nullable(reader, layout) } else { T::read(reader, layout).map(Some) }
    }

    #[inline]
    fn write(&self, writer: &mut Writer, layout: Layout) -> Result<(), EncodeError> {
        match self {
            value if layout.nullable => T::write_nullable(value.as_ref(), writer, layout),
            Some(value) => value.write(writer, layout),
            None => Err(EncodeError::new(EncodeProblem::Null)),
        }
    }

    fn initial() -> Self {
        Some(T::initial())
    }
}
