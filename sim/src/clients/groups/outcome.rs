//! What an error says about a commit: that it was definitely not done, or that nobody knows.

use client::ClientError;
use jepsen_lite::history::{Answer, Outcome};
use jepsen_lite::workload::commit_is_refused_for_good;
use model::ErrorCode;

/// Of a request that was sent once.
pub fn of_answer(error_code: i16, done: Answer) -> Outcome {
    match ErrorCode::from_wire(error_code) {
        ErrorCode::None => Outcome::Ok(done),
        error if commit_is_refused_for_good(error) => Outcome::Fail(error.name().to_owned()),
        error => Outcome::Unknown(error.name().to_owned()),
    }
}

/// Of commits that the library made, of so many partitions together: it sends again what may be sent again, and of what
/// was refused in the end some may have been done.
pub fn of_library(result: &client::Result<()>, partitions: usize, epoch: i32) -> Outcome {
    match result {
        Ok(()) => Outcome::Ok(Answer::Committed { epoch }),
        Err(error @ ClientError::Refused { error: code, .. })
            if partitions == 1 && commit_is_refused_for_good(*code) =>
        {
            Outcome::Fail(error.to_string())
        }
        Err(error) => Outcome::Unknown(error.to_string()),
    }
}
