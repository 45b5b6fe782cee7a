//! Looks after the servers while nothing comes: a consumer alone would try for ever and say nothing.

use crate::explain::explain;
use crate::failure::say;
use anyhow::anyhow;
use client::{Cluster, Wanted};
use model::ErrorCode;
use runtime::time::{Duration, Instant, timeout};
use std::sync::Arc;

/// How long a server may take to say that it is there.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// What is known of the servers.
#[derive(Debug)]
pub struct Watch<'a> {
    cluster: &'a Cluster,
    topic: Arc<str>,
    /// How long they may be away; none for ever.
    patience: Option<Duration>,
    away_since: Option<Instant>,
}

impl<'a> Watch<'a> {
    /// The servers of `cluster` are there.
    pub fn new(cluster: &'a Cluster, topic: &str, patience: Option<Duration>) -> Watch<'a> {
        Watch { cluster, topic: topic.into(), patience, away_since: None }
    }

    /// They are there: something came from them.
    pub fn heard(&mut self) {
        if self.away_since.take().is_some() {
            say("connected again");
        }
    }

    /// Asks them for the topic, and says when they go and come back.
    ///
    /// # Errors
    /// The topic is gone, or they are away for too long.
    pub async fn look(&mut self) -> anyhow::Result<()> {
        let asked = self.cluster.refresh(Wanted::Topics(std::slice::from_ref(&self.topic)));
        let why = match timeout(ANSWER_LIMIT, asked).await {
            Ok(Ok(view)) if view.missing.get(&self.topic) == Some(&ErrorCode::UnknownTopicOrPartition) => {
                return Err(anyhow!("topic {} was deleted", self.topic));
            }
            Ok(Ok(_)) => {
                self.heard();
                return Ok(());
            }
            Ok(Err(error)) => explain(self.cluster, error),
            Err(_) => anyhow!("no server answered within {ANSWER_LIMIT:?}"),
        };
        match (self.away_since, self.patience) {
            (Some(since), Some(patience)) if since.elapsed() >= patience => return Err(why),
            (Some(_), _) => {}
            (None, _) => {
                self.away_since = Some(Instant::now());
                say(&format!("{why}; still trying"));
            }
        }
        Ok(())
    }
}
