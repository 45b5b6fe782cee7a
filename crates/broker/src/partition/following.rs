//! Following the metadata: who leads; and following the leader.

use super::replica::Role;
use super::task::{News, Task};
use bytes::Bytes;
use model::metadata_image::PartitionImage;
use model::{ErrorCode, NodeId, Offset, mark, planted};
use replication::{FetchAnswer, FetchToken, Follower, FollowerStep, Following};
use std::sync::atomic::Ordering;
use storage::{AppendError, StorageFault};

impl Task {
    /// Becomes what the metadata says.
    pub(super) async fn follow(&mut self, news: News) {
        let News { image, cluster, terms } = news;
        self.replicas = image.replicas.len();
        self.partition.has_peers.store(self.replicas > 1, Ordering::Release);
        if image.leader_epoch <= self.partition.leader_epoch() {
            self.partition.change(|replica, now| replica.image_changed(now, &image, &cluster, terms));
            self.partition.propose();
            return;
        }
        self.keep_generation();
        tracing::debug!(
            "{}: node {} follows {:?} in epoch {}, with a log to {} and a high watermark of {}; in sync {:?}",
            self.partition.topic_partition,
            self.node_id,
            image.leader,
            image.leader_epoch,
            self.log.log_end_offset(),
            self.partition.high_watermark(),
            image.isr
        );
        self.partition.leads.store(false, Ordering::Release);
        self.partition.change(|replica, _| replica.end_of_epoch());
        self.partition.leader_epoch.store(image.leader_epoch, Ordering::Release);
        match image.leader {
            Some(leader) if leader == self.node_id => {
                self.partition.fetchers.unassign(&self.partition);
                // The epoch is durable in the metadata; the log's own file of epochs follows with the next checkpoint.
                self.log.note_leader_epoch(image.leader_epoch);
                let own = self.follower_log().ends;
                self.partition.change(|replica, now| replica.lead(now, &image, &cluster, own, terms));
                self.partition.leads.store(true, Ordering::Release);
                self.partition.propose();
            }
            Some(leader) => self.begin_to_follow(leader, &image).await,
            None => self.partition.fetchers.unassign(&self.partition),
        }
        self.partition.wake_all(); // whoever waits here has to ask another broker, or ask again
    }

    fn keep_generation(&mut self) {
        if let Role::Following(follower) = &self.partition.replica().role {
            self.generation = follower.next_generation();
        }
    }

    async fn begin_to_follow(&mut self, leader: NodeId, image: &PartitionImage) {
        let following = Following { leader, leader_epoch: image.leader_epoch, fetch_backoff: self.fetch_backoff };
        let (log, high_watermark) = (self.follower_log(), self.partition.high_watermark());
        let (mut follower, step) = Follower::new(following, log, high_watermark, self.generation);
        follower.image_changed(image.partition_epoch);
        self.partition.change(|replica, _| replica.role = Role::Following(Box::new(follower)));
        self.do_step(step, Bytes::new()).await;
        self.partition.fetchers.assign(&self.partition, leader);
    }

    /// Takes what the leader answered.
    pub(super) async fn replicate(&mut self, token: FetchToken, answer: FetchAnswer, records: Bytes) {
        let reader = self.partition.reader.clone();
        let step = self.partition.change(|replica, now| {
            let step = match &mut replica.role {
                Role::Following(follower) => {
                    follower.answered(now, token, &answer, &|epoch| reader.end_offset_of_epoch(epoch))
                }
                _ => FollowerStep::Nothing,
            };
            replica.settle(); // an answer without records may tell a high watermark
            step
        });
        self.do_step(step, records).await;
        self.follow_log_start().await;
    }

    async fn do_step(&mut self, step: FollowerStep, records: Bytes) {
        let done = match step {
            FollowerStep::Append => self.append_from_leader(records).await,
            FollowerStep::AppendFrom { start } => {
                match self.log.reset(start).await.map_err(|fault| self.cannot("start inside of a batch", &fault)) {
                    Ok(()) => self.append_from_leader(records).await,
                    failed => failed,
                }
            }
            FollowerStep::Truncate { to, below_high_watermark } => {
                tracing::debug!("{}: node {} cuts its log to {to}", self.partition.topic_partition, self.node_id);
                if below_high_watermark {
                    mark!("a follower cuts what was committed");
                    tracing::warn!(
                        "{}: cut to {to}, below its high watermark: an unclean election",
                        self.partition.topic_partition
                    );
                }
                self.cut(to).await
            }
            FollowerStep::ResetTo { start } => {
                self.log.reset(start).await.map_err(|fault| self.cannot("start anew", &fault))
            }
            FollowerStep::BackOff { .. } | FollowerStep::WaitForMetadata => {
                tracing::debug!(
                    "{}: node {} fetches no more for now: {step:?}",
                    self.partition.topic_partition,
                    self.node_id
                );
                return;
            }
            FollowerStep::Nothing => return,
        };
        let log = self.follower_log();
        self.partition.change(|replica, now| {
            if let Role::Following(follower) = &mut replica.role {
                match done {
                    Ok(()) => follower.done(log),
                    Err(()) => drop(follower.failed(now, log)),
                }
            }
            replica.settle();
        });
        // A log that is cut may be durable at once, and nobody else says so.
        self.log_moved();
    }

    /// Where a cleaner was beyond the cut, keys whose newest record is cut have none any more, and the log may end with nothing:
    /// everything is fetched anew.
    async fn cut(&mut self, to: Offset) -> Result<(), ()> {
        if !self.log.is_whole_below(to) && !planted!("what a cleaner took away stays away after a cut") {
            mark!("a follower begins anew after a cut below what was cleaned");
            let start = self.log.log_start_offset();
            return self.log.reset(start).await.map_err(|fault| self.cannot("start anew", &fault));
        }
        self.log.truncate(to).await.map(drop).map_err(|fault| {
            if matches!(fault, StorageFault::Corrupt { .. }) {
                self.partition.suspect(to);
            }
            self.cannot("truncate", &fault);
        })
    }

    async fn append_from_leader(&mut self, records: Bytes) -> Result<(), ()> {
        if let Err(fault) = self.reach_promised_mode().await {
            self.cannot("become journaled", &fault);
            return Err(());
        }
        self.settled &= self.log.is_journaled();
        match self.log.append_follower(records, runtime::clock::now()).await {
            Ok(_) => {
                self.set_full(false);
                Ok(())
            }
            Err(AppendError::Outcome { error, message }) => {
                tracing::warn!("{}: cannot append what its leader sent: {message}", self.partition.topic_partition);
                self.set_full(error == ErrorCode::KafkaStorageError);
                Err(())
            }
            Err(AppendError::Fault(message)) => {
                self.partition.go_offline(&message);
                Err(())
            }
        }
    }

    /// What was deleted at the leader goes here too (KIP-107).
    async fn follow_log_start(&mut self) {
        let to = match &self.partition.replica().role {
            Role::Following(follower) => follower.log_start_to_take(),
            _ => None,
        };
        if let Some(to) = to
            && self.advance_start(to).await.is_err()
        {
            // It is tried again with the next answer.
            self.partition.change(|replica, now| {
                if let Role::Following(follower) = &mut replica.role {
                    follower.could_not_take_log_start(now);
                }
            });
        }
    }
}
