//! DescribeUserScramCredentials.

use crate::definition::{Text, messages};

messages! {
    api DescribeUserScramCredentials = 50, versions 0, flexible 0+, listeners broker controller;

    request DescribeUserScramCredentialsRequest {
        users: Option<Vec<UserName>> [0+, null 0+],
    }

    struct UserName {
        name: Text [0+],
    }

    response DescribeUserScramCredentialsResponse {
        throttle_time_ms: i32 [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
        results: Vec<DescribeUserScramCredentialsResult> [0+],
    }

    struct DescribeUserScramCredentialsResult {
        user: Text [0+],
        error_code: i16 [0+],
        error_message: Option<Text> [0+, null 0+],
        credential_infos: Vec<CredentialInfo> [0+],
    }

    struct CredentialInfo {
        mechanism: i8 [0+],
        iterations: i32 [0+],
    }
}
