//! Making attempts until one works.

use crate::backoff::Backoff;
use crate::config::ClientConfig;
use crate::error::{ClientError, Result};
use runtime::time::{Duration, Instant, sleep, timeout_at};

/// The attempts of one call, `api_timeout` in all.
///
/// Used as `loop { if let Some(result) = retries.attempt(async { .. }).await { return result; } }`: a loop, because a
/// closure that gives futures cannot promise that they are `Send`.
#[derive(Debug)]
pub(crate) struct Retries {
    within: Duration,
    deadline: Instant,
    backoff: Backoff,
    again: fn(&ClientError) -> bool,
    last: Option<ClientError>,
}

impl Retries {
    pub fn new(config: &ClientConfig, again: fn(&ClientError) -> bool) -> Retries {
        let deadline = Instant::now() + config.api_timeout;
        let backoff = Backoff::new(config.retry_backoff);
        Retries { within: config.api_timeout, deadline, backoff, again, last: None }
    }

    /// Makes an attempt. `None` after a wait means: make another. When the time is over the last error stands.
    pub async fn attempt<T>(&mut self, attempt: impl Future<Output = Result<T>>) -> Option<Result<T>> {
        let Ok(result) = timeout_at(self.deadline, attempt).await else {
            let overdue = ClientError::TimedOut { what: "the call".to_owned(), within: self.within };
            return Some(Err(self.last.take().unwrap_or(overdue)));
        };
        match result {
            Err(error) if (self.again)(&error) => {
                let wait = self.backoff.next_wait();
                if Instant::now() + wait >= self.deadline {
                    return Some(Err(error));
                }
                self.last = Some(error);
                sleep(wait).await;
                None
            }
            result => Some(result),
        }
    }
}
