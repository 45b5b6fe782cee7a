//! The log cleaner at work: whichever compacted log is the dirtiest, leader's or follower's, is cleaned next, beside the
//! task that owns it and no faster than it may be. Each replica cleans on its own, up to what is committed and stable.

mod settings;

use crate::broker::Broker;
use crate::partition::{CleaningStep, Command, Partition};
use model::{ErrorCode, PartitionId, Uuid, mark};
use runtime::sync::{mpsc, select, watch};
use runtime::task::JoinHandle;
use runtime::time::{Duration, Instant, sleep};
use settings::Settings;
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::{Cleanable, CleanerMemory, CleaningFault, CleaningSummary, Pace};

/// A log that could not be cleaned is left alone for so long.
const REST: Duration = Duration::from_secs(60);

/// A partition, whatever the name of its topic is by now.
type Key = (Uuid, PartitionId);

/// Cleans until the broker stops.
pub(crate) async fn run(broker: Arc<Broker>, mut stop: watch::Receiver<bool>) {
    let (ended, mut endings) = mpsc::unbounded_channel();
    let pace = Arc::new(Pace::new(f64::MAX));
    let mut image = broker.metadata.image();
    let mut settings = Settings::of(&broker, &image);
    let mut cleaner = Cleaner { broker, pace, running: BTreeMap::new(), resting: BTreeMap::new(), ended };
    loop {
        let newest = cleaner.broker.metadata.image();
        if !Arc::ptr_eq(&newest, &image) {
            (settings, image) = (Settings::of(&cleaner.broker, &newest), newest);
        }
        cleaner.pace.set(settings.bytes_per_second);
        if settings.is_enabled {
            cleaner.start_more(settings).await;
        }
        select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some((key, rest)) = endings.recv() => cleaner.ended(key, rest),
            () = sleep(settings.backoff) => {}
        }
    }
    cleaner.running.values().for_each(JoinHandle::abort);
}

struct Cleaner {
    broker: Arc<Broker>,
    pace: Arc<Pace>,
    running: BTreeMap<Key, JoinHandle<()>>,
    /// Until when a log is left alone.
    resting: BTreeMap<Key, Instant>,
    /// Told when a cleaning ends, and whether its log had better rest.
    ended: mpsc::UnboundedSender<(Key, bool)>,
}

impl Cleaner {
    async fn start_more(&mut self, settings: Settings) {
        self.resting.retain(|_, until| *until > Instant::now());
        while self.running.len() < settings.threads
            && let Some((partition, cleanable)) = self.dirtiest().await
        {
            let (pace, ended, key) = (self.pace.clone(), self.ended.clone(), key(&partition));
            let cleaning = async move {
                let is_done = clean(&partition, cleanable, settings.memory, &pace).await;
                let _ = ended.send((key, !is_done)); // an error means that the broker stops
            };
            self.running.insert(key, runtime::task::spawn("clean a log", cleaning));
        }
    }

    fn ended(&mut self, key: Key, rests: bool) {
        self.running.remove(&key);
        if rests {
            self.resting.insert(key, Instant::now() + REST);
        }
    }

    /// The log that is to be cleaned next: one in which something waits for too long, else the dirtiest.
    async fn dirtiest(&self) -> Option<(Arc<Partition>, Cleanable)> {
        let now = runtime::clock::now();
        let mut dirtiest: Option<(Arc<Partition>, Cleanable)> = None;
        for topic in self.broker.partitions.topics() {
            for partition in topic.online().filter(|_| topic.config.cleanup_policy.compact) {
                let key = key(partition);
                if partition.is_offline() || self.running.contains_key(&key) || self.resting.contains_key(&key) {
                    continue;
                }
                let up_to = partition.high_watermark().min(partition.last_stable_offset());
                let Ok(Some(cleanable)) = partition.reader.cleanable(up_to, now).await else { continue };
                let urgency = |it: &Cleanable| (it.is_overdue, it.dirty_ratio());
                let is_dirtier = dirtiest.as_ref().is_none_or(|(_, other)| urgency(&cleanable) > urgency(other));
                if cleanable.is_due && is_dirtier {
                    dirtiest = Some((partition.clone(), cleanable));
                }
            }
        }
        dirtiest
    }
}

fn key(partition: &Partition) -> Key {
    (partition.topic_id, partition.topic_partition.partition)
}

/// Cleans one log. Says whether it got on.
async fn clean(partition: &Arc<Partition>, cleanable: Cleanable, memory: CleanerMemory, pace: &Pace) -> bool {
    let name = &partition.topic_partition;
    let begun = Instant::now();
    match clean_to_end(partition, cleanable, memory, pace).await {
        Ok(Some(summary)) => {
            tracing::info!(
                "{name}: compacted up to offset {}: {} keys, {} bytes read and {} written in {:.1?}",
                summary.cleaned_to,
                summary.keys,
                summary.read,
                summary.written,
                begun.elapsed()
            );
            summary.cleaned_to > cleanable.first_dirty()
        }
        Ok(None) => false,
        Err(NotCleaned::Fault(CleaningFault::Corrupt { offset, reason })) => {
            mark!("the cleaner found rot");
            tracing::warn!("{name}: not compacted: {reason}");
            partition.suspect(offset);
            false
        }
        Err(NotCleaned::Fault(fault)) => {
            tracing::warn!("{name}: not compacted: {fault}");
            false
        }
        Err(NotCleaned::Gone) => false,
    }
}

/// Why a log was not cleaned to the end.
enum NotCleaned {
    Fault(CleaningFault),
    /// It is hosted here no more.
    Gone,
}

impl From<CleaningFault> for NotCleaned {
    fn from(fault: CleaningFault) -> NotCleaned {
        NotCleaned::Fault(fault)
    }
}

impl From<ErrorCode> for NotCleaned {
    fn from(_: ErrorCode) -> NotCleaned {
        NotCleaned::Gone
    }
}

async fn clean_to_end(
    partition: &Arc<Partition>,
    cleanable: Cleanable,
    memory: CleanerMemory,
    pace: &Pace,
) -> Result<Option<CleaningSummary>, NotCleaned> {
    let step = |step: CleaningStep| Command::Clean(Box::new(step));
    let begin = |done| step(CleaningStep::Begin { cleanable, memory, done });
    let Some(mut cleaning) = partition.ask(begin).await? else { return Ok(None) };
    let mut is_whole = true;
    while let Some(cleaned) = cleaning.next(pace).await? {
        let swapped = partition.ask(|done| step(CleaningStep::Swap { cleaned, done })).await?;
        is_whole &= swapped.map_err(CleaningFault::Fault)?;
    }
    let summary = cleaning.summary();
    if !is_whole {
        mark!("retention was faster than the cleaner");
        return Ok(None);
    }
    if let Some(cleaning) = partition.ask(|done| step(CleaningStep::End { cleaning, done })).await? {
        cleaning.save().await.map_err(CleaningFault::Fault)?;
    }
    Ok(Some(summary))
}
