//! AlterUserScramCredentials.

use crate::definition::{Bytes, Text, messages};

messages! {
    api AlterUserScramCredentials = 51, versions 0, flexible 0+, listeners broker controller;

    request AlterUserScramCredentialsRequest {
        deletions: Vec<ScramCredentialDeletion> [0+],
        upsertions: Vec<ScramCredentialUpsertion> [0+],
    }

    struct ScramCredentialDeletion {
        name: Text [0+],
        mechanism: i8 [0+],
    }

    struct ScramCredentialUpsertion {
        name: Text [0+],
        mechanism: i8 [0+],
        iterations: i32 [0+],
        salt: Bytes [0+],
        salted_password: Bytes [0+],
    }

    response AlterUserScramCredentialsResponse {
        throttle_time_ms: i32 [0+],
        results: Vec<AlterUserScramCredentialsResult> [0+],
    }

    struct AlterUserScramCredentialsResult {
        user: Text [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
    }
}
