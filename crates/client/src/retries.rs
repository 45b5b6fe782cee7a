//! Making attempts until one works.

use crate::backoff::Backoff;
use crate::config::ClientConfig;
use crate::error::{ClientError, Result};
use model::ErrorCode;
use runtime::time::{Duration, Instant, sleep, timeout_at};

/// The attempts of one call, `api_timeout` in all.
///
/// Used as `loop { if let Some(result) = retries.attempt(async { .. }).await { return result; } }`: a loop, because a
/// closure that gives futures cannot promise that they are `Send`.
#[derive(Debug)]
pub(crate) struct Retries {
    of: Call,
    within: Duration,
    deadline: Instant,
    backoff: Backoff,
    last: Option<ClientError>,
    /// An attempt that may have done it.
    doubt: Option<ClientError>,
}

/// What is attempted, and so when an attempt may follow another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// Finding out about what may be about to be created.
    Waiting,
    /// Asking about what there is.
    Question,
    /// Doing what is the same when done twice.
    Repeatable,
    /// Doing what must not be done twice: attempts go on only while it surely was not done.
    Once,
}

impl Call {
    fn may_follow(self, error: &ClientError) -> bool {
        let missing = error.error_code() == Some(ErrorCode::UnknownTopicOrPartition);
        match self {
            Call::Waiting => error.is_retriable(),
            Call::Question | Call::Repeatable => error.is_retriable() && !missing,
            Call::Once => error.is_retriable() && !missing && !error.may_have_happened(),
        }
    }
}

impl Retries {
    pub fn new(config: &ClientConfig, of: Call) -> Retries {
        let deadline = Instant::now() + config.api_timeout;
        let backoff = Backoff::new(config.retry_backoff);
        Retries { of, within: config.api_timeout, deadline, backoff, last: None, doubt: None }
    }

    /// Makes an attempt. `None` after a wait means: make another. When the time is over the last error stands, or an
    /// earlier one that left doubt about what was to be done.
    pub async fn attempt<T>(&mut self, attempt: impl Future<Output = Result<T>>) -> Option<Result<T>> {
        let Ok(result) = timeout_at(self.deadline, attempt).await else {
            return Some(Err(self.cut_short()));
        };
        match result {
            Err(error) if self.of.may_follow(&error) => {
                if self.of == Call::Repeatable && error.may_have_happened() {
                    self.doubt = Some(error.clone());
                }
                let wait = self.backoff.next_wait();
                if Instant::now() + wait >= self.deadline {
                    return Some(Err(self.doubt.take().unwrap_or(error)));
                }
                self.last = Some(error);
                sleep(wait).await;
                None
            }
            result => Some(result),
        }
    }

    /// For a question the error before tells most. Of what was to be done nobody knows how far it came.
    fn cut_short(&mut self) -> ClientError {
        let within = self.within;
        match self.last.take() {
            Some(error) if matches!(self.of, Call::Waiting | Call::Question) => error,
            Some(error) => ClientError::TimedOut { what: format!("the call (before: {error})"), within },
            None => ClientError::TimedOut { what: "the call".to_owned(), within },
        }
    }
}
