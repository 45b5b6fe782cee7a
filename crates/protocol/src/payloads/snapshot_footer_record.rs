//! `SnapshotFooterRecord`.

use crate::definition::messages;

messages! {
    message SnapshotFooterRecord, versions 0, flexible 0+ {
        version: i16 [0+],
    }
}
