//! The form of the tables, and what becomes of them.
//!
//! ```text
//! messages! {
//!     api Fetch = 1, versions 4-18, flexible 12+, listeners broker controller;
//!
//!     request FetchRequest {
//!         cluster_id: Option<Text> [12+ ignorable, null 12+, tag 0, default None],
//!         replica_id: i32          [0-14, default -1],
//!         topics: Vec<FetchTopic>  [0+],
//!     }
//!     struct FetchTopic { ... }
//!
//!     response FetchResponse { ... }
//! }
//! ```
//!
//! In brackets, in this order: the versions that have the field (`3+`: from 3 on; `0-14`: both included) and
//! `ignorable` if other versions drop its value silently; the versions in which it may be null (its type is then an
//! `Option`); its number if it is a tagged field; its default if that is not zero, empty or false. The default of an
//! `Option` is a present, empty value unless the table says `None`. `unstable 6` after `flexible` marks the last
//! version as not yet final; `flexible none` a message without tagged fields. Messages that belong to no API are
//! tables of their own: `message Name, versions 0-3, flexible none { ... }`.

/// Defines the messages of one API, or messages that belong to none. See the [module](crate::definition).
macro_rules! messages {
    (
        api $key:ident = $code:literal, versions $low:literal $(- $high:literal)?, flexible $flexible:tt $(+)?,
            $(unstable $unstable:literal,)? listeners $($listener:ident)+;
        $(#[$request_doc:meta])* request $Request:ident $request:tt
        $( $(#[$in_request_doc:meta])* struct $InRequest:ident $in_request:tt )*
        $(#[$response_doc:meta])* response $Response:ident $response:tt
        $( $(#[$in_response_doc:meta])* struct $InResponse:ident $in_response:tt )*
    ) => {
        messages! {
            message $Request, versions $low $(- $high)?, flexible $flexible $request
            $( struct $InRequest $in_request )*
            message $Response, versions $low $(- $high)?, flexible $flexible $response
            $( struct $InResponse $in_response )*
        }

        impl $crate::Request for $Request {
            const KEY: $crate::ApiKey = $crate::ApiKey::$key;
            #[allow(clippy::needless_update)] // an API of both listeners names them all
            const DEFINITION: $crate::ApiDefinition = $crate::ApiDefinition {
                name: stringify!($key),
                versions: $crate::schema::Versions { first: $low, last: $crate::definition::given!([$($high)?] $low) },
                flexible_from: $crate::definition::flexible_from!($flexible),
                latest_unstable: $crate::definition::given!([$(Some($unstable))?] None),
                listeners: $crate::Listeners { $($listener: true,)+ ..$crate::Listeners::NONE },
            };
            type Response = $Response;
        }

        const _: () = assert!($crate::ApiKey::$key as i16 == $code);
    };

    (
        $( message $Message:ident, versions $low:literal $(- $high:literal)?, flexible $flexible:tt $(+)? { $($fields:tt)* }
           $( struct $Struct:ident $struct:tt )* )*
    ) => { $(
        $crate::definition::structure! { $flexible; $Message { $($fields)* } }
        $( $crate::definition::structure! { $flexible; $Struct $struct } )*

        impl $crate::Message for $Message {
            const NAME: &'static str = stringify!($Message);
            const VERSIONS: std::ops::RangeInclusive<i16> = $low..=$crate::definition::given!([$($high)?] $low);
            const FLEXIBLE_FROM: i16 = $crate::definition::flexible_from!($flexible);
        }
    )* };
}

/// One struct of a table.
macro_rules! structure {
    (none; $Name:ident $fields:tt) => { $crate::definition::structure! { @ [] $Name $fields } };
    ($flexible:tt; $Name:ident $fields:tt) => {
        $crate::definition::structure! { @ [unknown_tagged_fields] $Name $fields }
    };
    (@ [$($unknown:ident)?] $Name:ident { $(
        $(#[$doc:meta])*
        $field:ident: $type:ty [
            $first:literal $(- $last:literal)? $(+)? $($ignorable:ident)?
            $(, null $null_first:literal $(- $null_last:literal)? $(+)?)?
            $(, tag $tag:literal)?
            $(, default $default:expr)?
        ]
    ),* $(,)? }) => {
        #[doc = concat!("Kafka's `", stringify!($Name), "`.")]
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Name {
            $(
                #[doc = concat!("In versions from ", $first $(, " to ", $last)?, ".")]
                $(#[$doc])*
                pub $field: $type,
            )*
            $(
                /// Tagged fields that the table does not have, kept and written back.
                pub $unknown: $crate::TaggedFields,
            )?
        }

        impl Default for $Name {
            fn default() -> Self {
                $Name {
                    $( $field: $crate::definition::given!([$($default)?] $crate::wire::Field::initial()), )*
                    $( $unknown: $crate::TaggedFields::default(), )?
                }
            }
        }

        #[allow(non_upper_case_globals)] // a constant for each field, under its name
        const _: () = {
            use $crate::definition::given;
            use $crate::schema::{FieldSpec, Layout, Struct, Type, Versions};
            use $crate::wire::{DecodeError, EncodeError, EncodeProblem, Field, Reader, Writer};
            use $crate::wire::{read_field, write_field};

            struct Spec;
            impl Spec { $( const $field: FieldSpec = FieldSpec {
                name: stringify!($field),
                versions: Versions { first: $first, last: given!([$($last)?] i16::MAX) },
                nullable: given!(
                    [$(Versions { first: $null_first, last: given!([$($null_last)?] i16::MAX) })?] Versions::NONE
                ),
                tag: given!([$(Some($tag))?] None),
                ignorable: given!([$($crate::definition::is_ignorable!($ignorable))?] false),
            }; )* }

            impl Field for $Name {
                const TYPE: Type = Type::Struct(&Struct {
                    name: stringify!($Name),
                    fields: &[$( (Spec::$field, <$type as Field>::TYPE) ),*],
                });

                fn min_size(layout: Layout) -> usize {
                    let mut size = usize::from(layout.flexible);
                    $( if Spec::$field.is_plain_in(layout.version) {
                        size += <$type as Field>::min_size(layout.of(&Spec::$field));
                    } )*
                    size
                }

                fn read(reader: &mut Reader, layout: Layout) -> Result<Self, DecodeError> {
                    #[allow(unused_mut)] // without tagged fields
                    let mut value = $Name {
                        $( $field: if Spec::$field.is_plain_in(layout.version) {
                            read_field(reader, layout, &Spec::$field)?
                        } else {
                            given!([$($default)?] Field::initial())
                        }, )*
                        $( $unknown: $crate::TaggedFields::default(), )?
                    };
                    $crate::definition::only_if! { [$($unknown)?] {
                        let mut section = reader.tag_section(layout.flexible)?;
                        while let Some(tag) = reader.next_tag(&mut section)? {
                            $( $crate::definition::only_if! { [$($tag)?] {
                                if Spec::$field.tag == Some(tag) && Spec::$field.versions.contain(layout.version) {
                                    value.$field = read_field(reader, layout, &Spec::$field)?;
                                    continue;
                                }
                            } } )*
                            value.unknown_tagged_fields.keep(tag, reader)?;
                        }
                    } }
                    Ok(value)
                }

                fn write(&self, writer: &mut Writer, layout: Layout) -> Result<(), EncodeError> {
                    $( if Spec::$field.is_plain_in(layout.version) {
                        write_field(&self.$field, writer, layout, &Spec::$field)?;
                    } else if !Spec::$field.may_miss_in(layout.version)
                        && self.$field != given!([$($default)?] <$type as Field>::initial())
                    {
                        let problem = EncodeProblem::NotInVersion(layout.version);
                        return Err(EncodeError { problem, field: stringify!($field) });
                    } )*
                    $crate::definition::only_if! { [$($unknown)?] {
                        if !layout.flexible {
                            return match self.unknown_tagged_fields.is_empty() {
                                true => Ok(()),
                                false => Err(EncodeError::new(EncodeProblem::NoTaggedFields)),
                            };
                        }
                        #[allow(unused_mut)] // without tagged fields
                        let mut known = $crate::wire::KnownTags::default();
                        $( $crate::definition::only_if! { [$($tag)?] {
                            if Spec::$field.versions.contain(layout.version)
                                && self.$field != given!([$($default)?] <$type as Field>::initial())
                            {
                                known.add(&self.$field, layout, &Spec::$field)?;
                            }
                        } } )*
                        known.finish(&self.unknown_tagged_fields, writer)?;
                    } }
                    Ok(())
                }

                fn initial() -> Self {
                    <$Name>::default()
                }
            }
        };
    };
}

/// What is in the brackets, or else what follows them.
macro_rules! given {
    ([] $otherwise:expr) => {
        $otherwise
    };
    ([$given:expr] $otherwise:expr) => {
        $given
    };
}

/// What is in the braces, if there is anything in the brackets.
macro_rules! only_if {
    ([] $code:tt) => {};
    ([$given:tt] { $($code:tt)* }) => { $($code)* };
}

macro_rules! flexible_from {
    (none) => {
        i16::MAX
    };
    ($first:literal) => {
        $first
    };
}

macro_rules! is_ignorable {
    (ignorable) => {
        true
    };
}

pub(crate) use {flexible_from, given, is_ignorable, messages, only_if, structure};

// What the tables name.
pub(crate) use {crate::wire::Text, bytes::Bytes, model::Uuid};
