//! Unexpected error: a request that is right is answered with an error that says that the broker is wrong.

use super::evidence::Evidence;
use super::witness;
use crate::checker::{Anomaly, Class, Verdict};
use crate::history::{OperationId, Outcome};
use model::ErrorCode;

/// Errors that no state of a right broker, its disk or its network explains. Clients of ours send no malformed request.
const NEVER: &[ErrorCode] = &[ErrorCode::UnknownServerError, ErrorCode::InvalidRequest, ErrorCode::InvalidRecord];

/// Looks at every error.
pub fn check(evidence: &Evidence<'_>, verdict: &mut Verdict) {
    for (id, operation) in evidence.history.operations.iter().enumerate() {
        let (Outcome::Fail(error) | Outcome::Unknown(error)) = &operation.outcome else { continue };
        if NEVER.iter().any(|code| code.name() == error) {
            let id = id as OperationId;
            let witness = format!("{} was answered with {error}", witness::operation(evidence, id));
            verdict.report(Anomaly { class: Class::UnexpectedError, partition: None, witness, operations: vec![id] });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checker::Class;
    use crate::checker::log::story::Story;
    use crate::history::Outcome;

    #[test]
    fn an_error_of_the_server_is_an_anomaly_and_a_full_disk_is_not() {
        for (error, clean) in [("UNKNOWN_SERVER_ERROR", false), ("KAFKA_STORAGE_ERROR", true)] {
            let mut story = Story::with_topic(&[]);
            let write = story.produce(0, 1);
            story.complete(write, Outcome::Unknown(error.into()));
            assert_eq!(story.verdict().is_clean(), clean);
            if !clean {
                story.assert_only(Class::UnexpectedError);
            }
        }
    }
}
