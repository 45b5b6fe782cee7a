//! One damaged replica, from when it is known until it is whole.

use super::source::{NoRecords, Source, Wanted, candidates};
use super::{Standing, standing_in};
use crate::broker::Broker;
use crate::partition::{Command, Mending, Partition};
use model::metadata_image::{MetadataImage, PartitionImage};
use model::{NodeId, mark};
use runtime::time::{Duration, Instant};
use std::sync::Arc;
use storage::{Damage, RepairError};

/// How often it is looked whether the others count on the replica no more.
const LOOK: Duration = Duration::from_millis(100);
/// The first rest after an attempt that failed, and the longest.
const REST: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// How often the leader's records must not have fit before all is fetched anew.
const UNFIT: u32 = 3;

/// A damaged replica.
pub(super) struct Patient {
    pub partition: Arc<Partition>,
    /// When something is to be done for it.
    pub due: Instant,
    failures: u32,
    unfit: u32,
    /// The last thing that was said of it.
    said: String,
}

/// How an attempt to repair one range ended.
enum Attempt {
    Whole,
    /// The others count on the replica still, or there are none.
    NotYet(Standing),
    /// Nobody has the records now.
    Failed(String),
    /// The leader has others.
    Unfit(String),
}

impl Patient {
    pub fn new(partition: Arc<Partition>, due: Instant) -> Patient {
        Patient { partition, due, failures: 0, unfit: 0, said: String::new() }
    }

    /// Does what can be done now. Says whether that is all that will ever be needed.
    pub async fn treat(&mut self, broker: &Broker) -> bool {
        self.due = Instant::now() + LOOK;
        for damage in self.partition.reader.damage() {
            match self.attempt(broker, damage.clone()).await {
                Ok(Attempt::Whole) => (self.failures, self.unfit) = (0, 0),
                Ok(Attempt::NotYet(standing)) => {
                    self.wait(standing, &damage);
                    return false;
                }
                Ok(Attempt::Failed(why)) => {
                    self.rest(&damage, &why);
                    return false;
                }
                Ok(Attempt::Unfit(why)) => {
                    self.unfit += 1;
                    self.rest(&damage, &why);
                    return self.unfit >= UNFIT && self.begin_anew(broker).await;
                }
                Err(()) => return true, // it is hosted here no more
            }
        }
        if self.partition.is_damaged() {
            return false;
        }
        self.partition.is_cleared();
        true
    }

    async fn attempt(&mut self, broker: &Broker, known: Damage) -> Result<Attempt, ()> {
        let image = broker.metadata.image();
        let Some(shown) = self.shown(&image) else { return Ok(Attempt::NotYet(Standing::Claims)) };
        let standing = standing_in(&shown, broker.node_id);
        if standing == Standing::Claims {
            return Ok(Attempt::NotYet(standing));
        }
        let mut damage = match self.partition.reader.look_again(&known).await {
            Ok(Some(damage)) => damage,
            Ok(None) => return self.heal(&known).await,
            Err(fault) => return Ok(Attempt::Failed(fault.to_string())),
        };
        if standing == Standing::Only {
            return Ok(Attempt::NotYet(standing));
        }
        if damage != known {
            self.note(damage.clone()).await?;
        }
        let mut why = Attempt::Failed("no other replica is there".to_owned());
        for node in candidates(&shown, &image, broker.node_id) {
            let (left, attempt) = self.fill(broker, &image, (node, &shown), damage).await?;
            match attempt {
                Attempt::Whole => return Ok(Attempt::Whole),
                Attempt::Unfit(_) => why = attempt,
                attempt if !matches!(why, Attempt::Unfit(_)) => why = attempt,
                _ => {}
            }
            damage = left;
        }
        Ok(why)
    }

    /// Fetches what is damaged from `node` and writes it, a part at a time. Gives what is left beside how it ended.
    async fn fill(
        &self,
        broker: &Broker,
        image: &MetadataImage,
        (node, shown): (NodeId, &PartitionImage),
        mut damage: Damage,
    ) -> Result<(Damage, Attempt), ()> {
        let failed = |no_records| match no_records {
            NoRecords::Differs(why) if shown.leader == Some(node) => Attempt::Unfit(format!("broker {node}: {why}")),
            NoRecords::Differs(why) | NoRecords::NotNow(why) => Attempt::Failed(format!("broker {node}: {why}")),
        };
        let source = match Source::connect(broker, image, node).await {
            Ok(source) => source,
            Err(no_records) => return Ok((damage, failed(no_records))),
        };
        loop {
            let records = match source.fetch(self.wanted(shown, &damage)).await {
                Ok(records) => records,
                Err(no_records) => return Ok((damage, failed(no_records))),
            };
            match self.write(damage.clone(), records).await? {
                Ok(Some(left)) => {
                    self.note(left.clone()).await?;
                    damage = left;
                }
                Ok(None) => match self.partition.reader.look_again(&damage).await {
                    Ok(None) => {
                        mark!("a damaged replica is repaired");
                        tracing::info!("{}: {damage} repaired from broker {node}", self.partition.topic_partition);
                        return Ok((damage.clone(), self.heal(&damage).await?));
                    }
                    Ok(Some(next)) => {
                        self.note(next.clone()).await?;
                        damage = next;
                    }
                    Err(fault) => return Ok((damage, Attempt::Failed(fault.to_string()))),
                },
                Err(RepairError::Unfit(why)) => return Ok((damage, failed(NoRecords::Differs(why)))),
                Err(RepairError::Fault(fault)) => return Ok((damage, Attempt::Failed(fault.to_string()))),
            }
        }
    }

    fn wanted<'a>(&self, shown: &PartitionImage, damage: &'a Damage) -> Wanted<'a> {
        Wanted {
            topic_id: self.partition.topic_id,
            partition: self.partition.topic_partition.partition,
            leader_epoch: shown.leader_epoch,
            epoch_before: self.partition.reader.epoch_of(damage.first_offset - 1).unwrap_or(-1),
            damage,
        }
    }

    async fn write(&self, damage: Damage, records: bytes::Bytes) -> Result<Result<Option<Damage>, RepairError>, ()> {
        let command = |done| Command::Mend(Mending::Repair { damage, records, done });
        self.partition.ask(command).await.map_err(drop)
    }

    pub async fn note(&self, damage: Damage) -> Result<(), ()> {
        self.partition.ask(|done| Command::Mend(Mending::Note { damage, done })).await.map_err(drop)
    }

    async fn heal(&self, damage: &Damage) -> Result<Attempt, ()> {
        let segment_base_offset = damage.segment_base_offset;
        let command = |done| Command::Mend(Mending::Healed { segment_base_offset, done });
        self.partition.ask(command).await.map_err(drop)?;
        Ok(Attempt::Whole)
    }

    /// All is fetched anew, from a leader that does not have what was here.
    async fn begin_anew(&mut self, broker: &Broker) -> bool {
        let image = broker.metadata.image();
        let is_free = self
            .shown(&image)
            .is_some_and(|shown| standing_in(&shown, broker.node_id) == Standing::Free && shown.leader.is_some());
        if !is_free {
            return false;
        }
        mark!("a damaged replica begins anew");
        tracing::warn!("{}: cannot be repaired in place: all of it is fetched anew", self.partition.topic_partition);
        let begun = self.partition.ask(|done| Command::Mend(Mending::BeginAnew(done))).await.unwrap_or(true);
        if begun {
            self.partition.is_cleared();
        }
        begun
    }

    fn shown(&self, image: &MetadataImage) -> Option<Arc<PartitionImage>> {
        let topic = image.topic_by_id(self.partition.topic_id)?;
        topic.partition(self.partition.topic_partition.partition).cloned()
    }

    fn wait(&mut self, standing: Standing, damage: &Damage) {
        if standing == Standing::Only {
            self.due = Instant::now() + REST.1;
            let name = &self.partition.topic_partition;
            self.say(format!(
                "{name}: {damage} cannot be read, and there is no other replica; the rest is served; restore the file of the segment, or let the records go up to there (DeleteRecords)"
            ));
        }
    }

    fn rest(&mut self, damage: &Damage, why: &str) {
        self.due = Instant::now() + REST.0.saturating_mul(1 << self.failures.min(5)).min(REST.1);
        self.failures += 1;
        let name = &self.partition.topic_partition;
        self.say(format!("{name}: {damage} cannot be read, and is not repaired yet: {why}; it is tried again"));
    }

    /// Once, as long as it is the same.
    fn say(&mut self, what: String) {
        if self.said != what {
            tracing::warn!("{what}");
            self.said = what;
        }
    }
}
