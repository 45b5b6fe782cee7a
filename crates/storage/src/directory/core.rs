//! What the parts of an open log directory share.

use super::checkpoints::Checkpoints;
use super::removals::Removals;
use super::syncer;
use crate::config::DirectoryOptions;
use crate::fault::StorageFault;
use crate::journal::{Entry, Journal};
use crate::log::{Place, Reading, Shared};
use crate::meta_properties::MetaProperties;
use model::{TopicPartition, mark};
use runtime::disk::Lock;
use runtime::sync::{Notify, watch};
use runtime::task::JoinHandle;
use runtime::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The journal is emptied from this fill on.
const HALF_FULL: f32 = 0.5;
/// How often is looked whether a sync is due, at the least.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// An open log directory.
#[derive(Debug)]
pub(crate) struct Core {
    pub reading: Arc<Reading>,
    pub options: DirectoryOptions,
    pub properties: MetaProperties,
    pub journal: Journal,
    pub checkpoints: Checkpoints,
    pub removals: Arc<Removals>,
    /// A sync failed here before: what the page cache shows proves nothing.
    pub doubted: bool,
    logs: Mutex<BTreeMap<TopicPartition, Arc<Shared>>>,
    /// Deleted, and still named by the checkpoint on the disk.
    dropped: Mutex<Vec<Arc<Shared>>>,
    /// Which logs wait for which journal group, in the order of the groups.
    acknowledgements: Mutex<VecDeque<(u64, Arc<Shared>)>>,
    syncer: Arc<Notify>,
    /// The same for logs that are not journaled.
    page_cache_syncer: Arc<Notify>,
    out_of_space: AtomicBool,
    /// The journal is to be emptied, and entries that were not durable held it.
    awaits_news: AtomicBool,
    /// Names in the root changed since it was last synced.
    root_changed: AtomicBool,
    /// Held while the root is synced: who waits for it has waited for the sync.
    root_sync: runtime::sync::Mutex<()>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    lock: Mutex<Option<Lock>>,
    /// The logs that are being cleaned.
    cleaned: Arc<Mutex<BTreeSet<TopicPartition>>>,
}

/// A log is being cleaned: another one of its name, made since, is not, for both would write the same files.
#[derive(Debug)]
pub(crate) struct BeingCleaned {
    topic_partition: TopicPartition,
    all: Arc<Mutex<BTreeSet<TopicPartition>>>,
}

impl Drop for BeingCleaned {
    fn drop(&mut self) {
        locked(&self.all).remove(&self.topic_partition);
    }
}

impl Core {
    pub fn new(
        reading: Arc<Reading>,
        options: DirectoryOptions,
        properties: MetaProperties,
        journal: Journal,
        checkpoints: Checkpoints,
        lock: Lock,
        doubted: bool,
    ) -> Core {
        let syncer = journal.starved();
        Core {
            reading,
            options,
            properties,
            journal,
            checkpoints,
            removals: Arc::default(),
            doubted,
            logs: Mutex::default(),
            dropped: Mutex::default(),
            acknowledgements: Mutex::default(),
            syncer,
            page_cache_syncer: Arc::default(),
            out_of_space: AtomicBool::new(false),
            awaits_news: AtomicBool::new(false),
            root_changed: AtomicBool::new(false),
            root_sync: runtime::sync::Mutex::new(()),
            tasks: Mutex::default(),
            lock: Mutex::new(Some(lock)),
            cleaned: Arc::default(),
        }
    }

    /// All logs, by name.
    pub fn logs(&self) -> Vec<Arc<Shared>> {
        locked(&self.logs).values().cloned().collect()
    }

    /// Makes a log known. Says no when there is one of that name.
    pub fn register(&self, shared: Arc<Shared>) -> bool {
        let mut logs = locked(&self.logs);
        if logs.contains_key(&shared.topic_partition) {
            return false;
        }
        logs.insert(shared.topic_partition.clone(), shared);
        true
    }

    /// Forgets a log; `dropped` if the checkpoint may still have its line.
    pub fn unregister(&self, shared: &Arc<Shared>, dropped: bool) {
        // In this order: who looks at the logs first and then at the dropped ones sees it in one of the two.
        if dropped {
            locked(&self.dropped).push(shared.clone());
        }
        locked(&self.logs).remove(&shared.topic_partition);
    }

    /// The deleted logs whose lines are still to go.
    pub fn dropped(&self) -> Vec<Arc<Shared>> {
        locked(&self.dropped).clone()
    }

    /// The lines of `gone` are off the checkpoint.
    pub fn forget_dropped(&self, gone: &[Arc<Shared>]) {
        locked(&self.dropped).retain(|dropped| !gone.iter().any(|gone| Arc::ptr_eq(gone, dropped)));
    }

    /// Gives the journal entries of one log, each with where the log is after it. Gives the last one's group.
    pub fn submit(&self, shared: &Arc<Shared>, entries: impl IntoIterator<Item = (Entry, Place)>) -> u64 {
        let (mut last, now) = (0, runtime::time::Instant::now());
        {
            // Under one lock, so that the queue has the groups in order.
            let mut queue = locked(&self.acknowledgements);
            for (entry, place) in entries {
                // A checkpoint that is written meanwhile sees either that the log needs the group or a journal without it.
                let mut progress = shared.progress();
                last = self.journal.submit(entry);
                if progress.submitted(last, place, now) {
                    queue.push_back((last, shared.clone()));
                }
            }
        }
        if self.journal.fill() >= HALF_FULL {
            self.wake_syncer();
        }
        last
    }

    /// Submits the entry of a change that has begun and waits until it is durable; only then may the change be done. Gives its
    /// group.
    pub async fn announce(&self, shared: &Arc<Shared>, entry: Entry, place: Place) -> Result<u64, StorageFault> {
        let sequence = self.submit(shared, [(entry, place)]);
        shared.progress().announced(sequence);
        // The syncer may have looked before the log could be captured again.
        if self.is_journal_half_full() {
            self.wake_syncer();
        }
        let durable = self.wait_durable(sequence).await;
        shared.progress().carry_out();
        durable.map(|()| sequence)
    }

    /// The last journal group on stable storage.
    pub fn journal_durable(&self) -> u64 {
        *self.journal.durable().borrow()
    }

    /// Tells every log what of it the journal has made durable.
    pub fn settle_acknowledgements(&self) {
        let durable = self.journal_durable();
        loop {
            let next = {
                let mut queue = locked(&self.acknowledgements);
                if queue.front().is_none_or(|(sequence, _)| *sequence > durable) {
                    return;
                }
                queue.pop_front()
            };
            let Some((_, shared)) = next else { return };
            settle(&shared, durable);
        }
    }

    /// Tells one log what of it the journal has made durable. Who waits for that can't ask the queue: the turn of its log
    /// may have been taken and not be over.
    pub fn settle_acknowledgements_of(&self, shared: &Shared) {
        settle(shared, self.journal_durable());
    }

    /// Waits until the journal has group `sequence` on stable storage.
    pub async fn wait_durable(&self, sequence: u64) -> Result<(), StorageFault> {
        let mut durable = self.journal.durable();
        let mut failed = self.reading.volume.failed();
        let mut journal_failed = self.journal.failed();
        while *durable.borrow_and_update() < sequence {
            self.reading.volume.check()?;
            if let Some(reason) = journal_failed.borrow_and_update().clone() {
                return Err(StorageFault::Failed(reason));
            }
            runtime::sync::select! {
                biased;
                _ = durable.changed() => {}
                _ = failed.changed() => {}
                _ = journal_failed.changed() => {}
            }
        }
        Ok(())
    }

    /// The syncer looks again once more of the journal is durable.
    pub fn await_news(&self) {
        self.awaits_news.store(true, Ordering::Release);
    }

    /// Something may be due for a sync.
    pub fn wake_syncer(&self) {
        self.syncer.notify_one();
    }

    /// A segment of a log was closed.
    pub fn wake_syncer_of(&self, shared: &Shared) {
        if shared.progress().journaled { self.syncer.notify_one() } else { self.page_cache_syncer.notify_one() }
    }

    /// Whether the journal is to be emptied.
    pub fn is_journal_half_full(&self) -> bool {
        self.journal.fill() >= HALF_FULL
    }

    /// Whether the last checkpoint could not be written for want of space.
    pub fn is_out_of_space(&self) -> bool {
        self.out_of_space.load(Ordering::Relaxed)
    }

    /// What a checkpoint came to: with a full disk it is tried again, any other fault is final.
    pub fn checkpoint_ended(&self, result: &Result<Option<u64>, StorageFault>) {
        let full = matches!(result, Err(fault) if fault.is_out_of_space());
        if full {
            mark!("no space for the checkpoint");
        }
        self.out_of_space.store(full, Ordering::Relaxed);
        if let Err(fault) = result
            && !full
        {
            self.reading.volume.fail(format!("checkpoint: {fault}"));
        }
    }

    /// Names in the root changed.
    pub fn root_changed(&self) {
        self.root_changed.store(true, Ordering::Release);
    }

    /// Makes the names in the root durable, if they changed.
    pub async fn sync_root(&self) -> Result<(), StorageFault> {
        let _one_at_a_time = self.root_sync.lock().await;
        if !self.root_changed.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let result = self.reading.volume.sync_directory("").await;
        if result.is_err() {
            self.root_changed();
        }
        result
    }

    /// Takes the name of a log that is to be cleaned; none while one of that name is.
    pub fn be_cleaned(&self, topic_partition: &TopicPartition) -> Option<BeingCleaned> {
        let is_new = locked(&self.cleaned).insert(topic_partition.clone());
        is_new.then(|| BeingCleaned { topic_partition: topic_partition.clone(), all: self.cleaned.clone() })
    }

    /// Starts what runs behind an open directory.
    pub fn start_tasks(self: &Arc<Self>) {
        let tasks = [
            runtime::task::spawn("acknowledge", acknowledge(Arc::downgrade(self), self.journal.durable())),
            runtime::task::spawn("watch journal", watch_journal(Arc::downgrade(self), self.journal.failed())),
            runtime::task::spawn("sync segments", {
                let pause = self.options.sync_interval.min(LONGEST_PAUSE);
                syncer::run(Arc::downgrade(self), syncer::Kind::Journaled, self.syncer.clone(), pause)
            }),
            runtime::task::spawn("sync the page cache", {
                let pause = self.options.sync_interval.min(LONGEST_PAUSE);
                syncer::run(Arc::downgrade(self), syncer::Kind::PageCache, self.page_cache_syncer.clone(), pause)
            }),
            runtime::task::spawn("remove files", {
                super::removals::run(self.removals.clone(), self.reading.volume.clone())
            }),
        ];
        locked(&self.tasks).extend(tasks);
    }

    /// Ends the tasks.
    pub fn stop_tasks(&self) {
        for task in locked(&self.tasks).drain(..) {
            task.abort();
        }
    }

    /// Lets another process open the directory.
    pub fn unlock(&self) {
        locked(&self.lock).take();
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.stop_tasks();
    }
}

/// Hears from the journal and tells the logs.
async fn acknowledge(core: std::sync::Weak<Core>, mut durable: watch::Receiver<u64>) {
    while durable.changed().await.is_ok() {
        let Some(core) = core.upgrade() else { return };
        core.settle_acknowledgements();
        if core.awaits_news.swap(false, Ordering::AcqRel) {
            core.wake_syncer();
        }
    }
}

/// When the journal fails the directory does.
async fn watch_journal(core: std::sync::Weak<Core>, mut failed: watch::Receiver<Option<String>>) {
    loop {
        let reason = failed.borrow_and_update().clone();
        if let Some(reason) = reason {
            if let Some(core) = core.upgrade() {
                core.reading.volume.fail(reason);
            }
            return;
        }
        if failed.changed().await.is_err() {
            return;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn settle(shared: &Shared, durable: u64) {
    let news = shared.progress().settle(durable);
    if let Some(news) = news {
        shared.publish_durable(news);
    }
}
