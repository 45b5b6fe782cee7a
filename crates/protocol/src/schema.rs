//! The tables as data: what is written in which version, for codecs, generators of samples and documentation.

/// A range of versions, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The first version.
    pub first: i16,
    /// The last one; `i16::MAX` for "and all later".
    pub last: i16,
}

impl Versions {
    /// No version at all.
    pub const NONE: Versions = Versions { first: 0, last: -1 };

    /// Whether `version` is one of them.
    #[inline]
    pub const fn contain(self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }
}

/// One field of a table.
#[derive(Clone, Copy, Debug)]
pub struct FieldSpec {
    /// Its name in snake_case.
    pub name: &'static str,
    /// The versions that have it.
    pub versions: Versions,
    /// The versions in which it may be null.
    pub nullable: Versions,
    /// Its number, if it is a tagged field.
    pub tag: Option<u32>,
    /// Whether a value is silently dropped in versions that lack the field.
    pub ignorable: bool,
}

impl FieldSpec {
    /// Whether `version` has the field among the plain, not the tagged ones.
    #[inline]
    pub const fn is_plain_in(&self, version: i16) -> bool {
        self.tag.is_none() && self.versions.contain(version)
    }

    /// Whether `version` may leave out a value that is not the default.
    #[inline]
    pub const fn may_miss_in(&self, version: i16) -> bool {
        self.ignorable || self.versions.contain(version)
    }
}

/// A struct: the fields of a message, or of an element.
#[derive(Clone, Copy, Debug)]
pub struct Struct {
    /// Its name.
    pub name: &'static str,
    /// Its fields in wire order, each with its type.
    pub fields: &'static [(FieldSpec, Type)],
}

/// The type of a field, in Kafka's terms. `records` are bytes.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // the names say it
pub enum Type {
    Bool,
    Int8,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Int64,
    Float64,
    String,
    Bytes,
    Uuid,
    Array(&'static Type),
    Struct(&'static Struct),
}

/// What decides how a value is written.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// The version of the message.
    pub version: i16,
    /// Whether lengths are compact and structs end with tagged fields (KIP-482).
    pub flexible: bool,
    /// Whether the value at hand may be null.
    pub nullable: bool,
}

impl Layout {
    /// The layout of a message in `version`, whose flexible versions begin with `flexible_from`.
    #[inline]
    pub const fn new(version: i16, flexible_from: i16) -> Layout {
        Layout { version, flexible: version >= flexible_from, nullable: false }
    }

    /// The layout of one of its fields.
    #[inline]
    pub const fn of(self, field: &FieldSpec) -> Layout {
        Layout { nullable: field.nullable.contain(self.version), ..self }
    }

    /// The layout of an array's elements, which are never null.
    #[inline]
    pub const fn of_element(self) -> Layout {
        Layout { nullable: false, ..self }
    }
}
