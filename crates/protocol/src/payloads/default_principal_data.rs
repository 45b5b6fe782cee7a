//! `DefaultPrincipalData`.

use crate::definition::{Text, messages};

messages! {
    message DefaultPrincipalData, versions 0, flexible 0+ {
        type_: Text [0+],
        name: Text [0+],
        token_authenticated: bool [0+],
    }
}
