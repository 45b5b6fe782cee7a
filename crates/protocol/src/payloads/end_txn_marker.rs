//! `EndTxnMarker`.

use crate::definition::messages;

messages! {
    message EndTxnMarker, versions 0, flexible none {
        coordinator_epoch: i32 [0+],
    }
}
