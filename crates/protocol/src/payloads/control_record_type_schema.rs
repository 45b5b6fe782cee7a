//! `ControlRecordTypeSchema`.

use crate::definition::messages;

messages! {
    message ControlRecordTypeSchema, versions 0, flexible none {
        type_: i16 [0+],
    }
}
