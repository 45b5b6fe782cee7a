//! Does what a history says, and keeps the ledger.

use super::batch::{self, Batch, NOW};
use super::found::{Found, read_logs};
use super::history::{History, Step};
use super::ledger::Ledger;
use super::life::{Kind, State};
use bytes::{Bytes, BytesMut};
use model::{Offset, TopicPartition, Uuid};
use protocol::records::Batches;
use runtime::disk::{Disk, Open};
use runtime::sync::watch;
use runtime::task::JoinHandle;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use storage::{CleanerMemory, Durable, LeaderAppend, Log, LogConfig, LogDirectory, Opened, Origin, Pace};

/// The topic of all partitions.
pub const TOPIC: &str = "crash";

/// A partition and its log.
struct Hosted {
    slot: i32,
    life: usize,
    log: Log,
    config: LogConfig,
    leader_epoch: i32,
    /// What each producer sent last.
    sent: BTreeMap<i64, BytesMut>,
    ledger: Ledger,
    numbers: Arc<AtomicU64>,
    watcher: JoinHandle<()>,
    disk: Disk,
}

struct Runner {
    history: History,
    ledger: Ledger,
    disk: Disk,
    directory: Option<LogDirectory>,
    hosted: BTreeMap<i32, Hosted>,
    numbers: Arc<AtomicU64>,
}

/// What a run came to.
pub struct Ran {
    /// What opening found.
    pub found: Result<Found, String>,
    /// Why it could not go on to its end.
    pub stopped: Option<String>,
}

/// Opens the directory and does `steps`, as far as the disk lets it.
pub async fn run(disk: Disk, history: History, ledger: Ledger, steps: Vec<Step>, first: u64) -> Ran {
    let numbers = Arc::new(AtomicU64::new(first));
    let mut runner = Runner { history, ledger, disk, directory: None, hosted: BTreeMap::new(), numbers };
    let found = runner.open().await;
    if let Err(why) = &found {
        return Ran { stopped: Some(why.clone()), found };
    }
    for step in steps {
        if let Err(why) = runner.step(step.clone()).await {
            return Ran { found, stopped: Some(format!("{step:?}: {why}")) };
        }
    }
    Ran { found, stopped: None }
}

/// What a step came to.
type Done = Result<(), String>;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Opens a directory as the history wants it.
pub async fn open(disk: Disk, history: &History) -> Result<Opened, String> {
    let config_of = {
        let history = history.clone();
        move |topic_partition: &TopicPartition| history.config_of(topic_partition.partition)
    };
    let opened = LogDirectory::open(disk, history.options.clone(), &config_of).await;
    opened.map_err(|fault| format!("the directory cannot be opened: {fault}"))
}

impl Runner {
    async fn open(&mut self) -> Result<Found, String> {
        let opened = open(self.disk.clone(), &self.history).await?;
        let directory_id = opened.directory.directory_id();
        let (found, logs) = read_logs(opened.logs, directory_id).await;
        self.ledger.opened(directory_id);
        for (topic_partition, log) in logs {
            let state = match found.logs.get(&topic_partition) {
                Some(log) => log.contents.as_ref().map(|contents| contents.state()).unwrap_or_default(),
                None => State::default(),
            };
            let life = self.ledger.found(topic_partition.clone(), log.topic_id(), state);
            self.host(topic_partition.partition, life, log);
        }
        self.directory = Some(opened.directory);
        Ok(found)
    }

    fn host(&mut self, slot: i32, life: usize, log: Log) {
        let watcher = runtime::task::spawn("hear what is durable", hear(log.durable(), life, self.ledger.clone()));
        let hosted = Hosted {
            slot,
            life,
            leader_epoch: log.latest_epoch().unwrap_or(0),
            log,
            config: self.history.config_of(slot),
            sent: BTreeMap::new(),
            ledger: self.ledger.clone(),
            numbers: self.numbers.clone(),
            watcher,
            disk: self.disk.clone(),
        };
        self.hosted.insert(slot, hosted);
    }

    fn directory(&self) -> &LogDirectory {
        self.directory.as_ref().expect("it is open")
    }

    async fn step(&mut self, step: Step) -> Done {
        match step {
            Step::Create { slot, journaled } => self.create(slot, journaled).await,
            Step::Delete { slot } => self.delete(slot).await,
            Step::Durable => {
                for hosted in self.hosted.values() {
                    hosted.durable().await?;
                }
                Ok(())
            }
            Step::Wait(duration) => {
                runtime::time::sleep(duration).await;
                Ok(())
            }
            Step::Offsets => self.directory().checkpoint().await.map_err(text),
            Step::Stop => self.stop().await,
            Step::Together(steps) => self.together(steps).await,
            step => match self.hosted.get_mut(&step.slot()) {
                Some(hosted) => hosted.act(step).await,
                // After a crash that came before its creation there is no such partition.
                None => Ok(()),
            },
        }
    }

    async fn together(&mut self, steps: Vec<Step>) -> Done {
        let mut running = Vec::new();
        for step in steps {
            let Some(mut hosted) = self.hosted.remove(&step.slot()) else { continue };
            running.push(runtime::task::spawn("a step", async move {
                let done = hosted.act(step).await;
                (hosted, done)
            }));
        }
        let mut all = Ok(());
        for task in running {
            let (hosted, done) = task.await.map_err(text)?;
            self.hosted.insert(hosted.slot, hosted);
            all = all.and(done);
        }
        all
    }

    async fn create(&mut self, slot: i32, journaled: bool) -> Done {
        if self.hosted.contains_key(&slot) {
            return Ok(());
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let topic_id = Uuid::from_random_bits(slot as u64 + 1, number);
        let topic_partition = TopicPartition::new(TOPIC, slot);
        let life = self.ledger.making(topic_partition.clone(), topic_id, !journaled);
        let config = self.history.config_of(slot);
        let log = self.directory().create(topic_partition, topic_id, config, journaled).await.map_err(text)?;
        self.ledger.made(life);
        self.host(slot, life, log);
        Ok(())
    }

    async fn delete(&mut self, slot: i32) -> Done {
        let Some(hosted) = self.hosted.remove(&slot) else { return Ok(()) };
        self.ledger.dropping(hosted.life, !hosted.log.is_journaled());
        hosted.watcher.abort();
        self.directory().delete(hosted.log).await.map_err(text)?;
        self.ledger.dropped(hosted.life);
        Ok(())
    }

    async fn stop(&mut self) -> Done {
        let hosted = std::mem::take(&mut self.hosted);
        let lives: Vec<usize> = hosted.values().map(|hosted| hosted.life).collect();
        for hosted in hosted.values() {
            hosted.begin(Kind::Settled, hosted.state());
            hosted.watcher.abort();
        }
        let logs = hosted.into_values().map(|hosted| hosted.log).collect();
        let directory = self.directory.take().expect("it is open");
        directory.close(logs).await.map_err(text)?;
        for life in &lives {
            self.ledger.returned(*life);
        }
        let opened = open(self.disk.clone(), &self.history).await?;
        assert!(opened.clean, "the stop was clean");
        for opened in opened.logs {
            let log = opened.log.expect("nothing happened to it");
            let known = lives
                .iter()
                .copied()
                .find(|life| self.ledger.book().lives[*life].topic_partition == opened.topic_partition);
            let life = known.expect("it was there before the stop");
            // The log opens again with no cuts counted, and in the mode of its config.
            self.host(opened.topic_partition.partition, life, log);
        }
        self.directory = Some(opened.directory);
        Ok(())
    }
}

/// Notes what a log tells to be durable.
async fn hear(mut durable: watch::Receiver<Durable>, life: usize, ledger: Ledger) {
    loop {
        let now = *durable.borrow_and_update();
        ledger.durable(life, now);
        if durable.changed().await.is_err() {
            return;
        }
    }
}

impl Step {
    fn slot(&self) -> i32 {
        match self {
            Step::Create { slot, .. }
            | Step::Append { slot, .. }
            | Step::Put { slot, .. }
            | Step::Clean { slot, .. }
            | Step::Produce { slot, .. }
            | Step::Retry { slot, .. }
            | Step::Follow { slot, .. }
            | Step::Truncate { slot, .. }
            | Step::Reset { slot, .. }
            | Step::Start { slot, .. }
            | Step::Retention { slot, .. }
            | Step::Roll { slot }
            | Step::Epoch { slot }
            | Step::Mode { slot, .. }
            | Step::Delete { slot } => *slot,
            Step::Durable | Step::Together(_) | Step::Wait(_) | Step::Offsets | Step::Stop => {
                panic!("not a step of one partition")
            }
        }
    }
}

impl Hosted {
    fn state(&self) -> State {
        self.ledger.book().lives[self.life].state().clone()
    }

    fn begin(&self, kind: Kind, after: State) {
        let truncation = self.log.reader().bounds().truncation;
        self.ledger.begin(self.life, kind, after, !self.log.is_journaled(), truncation);
    }

    async fn act(&mut self, step: Step) -> Done {
        match step {
            Step::Append { batches, size, .. } => {
                let sent = (0..batches).map(|_| batch::sent(self.number(), 2, size, None)).collect();
                self.append(sent).await?;
            }
            Step::Put { keys, size, .. } => self.append(vec![batch::put(self.number(), keys, size)]).await?,
            Step::Clean { later_ms, .. } => self.clean(NOW + later_ms).await?,
            Step::Produce { producer, size, .. } => {
                let sequence = self.next_sequence(producer);
                let sent = batch::sent(self.number(), 2, size, Some((producer, 0, sequence)));
                self.sent.insert(producer, sent.clone());
                self.append(vec![sent]).await?;
            }
            Step::Retry { producer, .. } => self.retry(producer).await?,
            Step::Follow { batches, size, .. } => self.follow(batches, size).await?,
            Step::Truncate { back, .. } => self.truncate(back).await?,
            Step::Reset { ahead, .. } => self.reset(ahead).await?,
            Step::Start { by, .. } => self.advance_start(by).await?,
            Step::Retention { keep, .. } => self.retention(keep).await?,
            Step::Roll { .. } => {
                self.begin(Kind::Other, self.state());
                self.log.roll_if_due(i64::MAX).await.map_err(text)?;
                self.ledger.returned(self.life);
            }
            Step::Epoch { .. } => {
                self.leader_epoch += 1;
                self.begin(Kind::Epoch(self.leader_epoch), self.state());
                self.log.assign_leader_epoch(self.leader_epoch).await.map_err(text)?;
                self.ledger.returned(self.life);
            }
            // Its creation was not durable, and its id was lost: the metadata would give it one.
            Step::Mode { .. } if self.log.topic_id().is_zero() => return Ok(()),
            Step::Mode { journaled, .. } => {
                self.begin(Kind::Settled, self.state());
                self.log.set_journaled(journaled).await.map_err(text)?;
                self.ledger.returned(self.life);
            }
            step => panic!("{step:?} is no step of one partition"),
        }
        let state = self.state();
        let ends = (self.log.log_start_offset(), self.log.log_end_offset());
        assert_eq!(ends, (state.start, state.end), "the log does what the model does");
        Ok(())
    }

    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn next_sequence(&self, producer: i64) -> i32 {
        let state = self.state();
        let last = state.lineage.iter().rev().filter_map(|batch| batch.producer).find(|(id, ..)| *id == producer);
        last.map_or(0, |(_, _, last)| last + 1)
    }

    async fn append(&mut self, sent: Vec<BytesMut>) -> Done {
        let mut end = self.state().end;
        let mut batches = Vec::new();
        for sent in &sent {
            let batch = Batch::appended(sent, end, self.leader_epoch);
            end = batch.end_offset;
            batches.push(batch);
        }
        let truncation = self.log.reader().bounds().truncation;
        self.ledger.begin_appends(self.life, batches, !self.log.is_journaled(), truncation);
        let leader_epoch = self.leader_epoch;
        let request =
            |sent: BytesMut| LeaderAppend { records: sent.freeze(), leader_epoch, now: NOW, origin: Origin::Client };
        let mut requests: Vec<LeaderAppend> = sent.into_iter().map(request).collect();
        for appended in self.log.append(&mut requests).await {
            let appended = appended.map_err(text)?;
            assert!(!appended.duplicate, "a new batch is no duplicate");
        }
        self.ledger.returned(self.life);
        Ok(())
    }

    async fn retry(&mut self, producer: i64) -> Done {
        let Some(sent) = self.sent.get(&producer).cloned() else { return Ok(()) };
        self.begin(Kind::Other, self.state());
        let leader_epoch = self.leader_epoch;
        let request = LeaderAppend { records: sent.freeze(), leader_epoch, now: NOW, origin: Origin::Client };
        let appended = self.log.append(&mut [request]).await.remove(0).map_err(text)?;
        assert!(appended.duplicate, "a retry is a duplicate");
        self.ledger.returned(self.life);
        Ok(())
    }

    async fn follow(&mut self, count: usize, size: usize) -> Done {
        let mut end = self.state().end;
        let mut batches = Vec::new();
        let mut fetched = BytesMut::new();
        for _ in 0..count {
            let batch = Batch::appended(&batch::sent(self.number(), 2, size, None), end, self.leader_epoch);
            end = batch.end_offset;
            fetched.extend_from_slice(&batch.bytes);
            batches.push(batch);
        }
        let truncation = self.log.reader().bounds().truncation;
        self.ledger.begin_appends(self.life, batches, !self.log.is_journaled(), truncation);
        self.log.append_follower(fetched.freeze(), NOW).await.map_err(text)?;
        self.ledger.returned(self.life);
        Ok(())
    }

    async fn truncate(&mut self, back: i64) -> Done {
        let before = self.state();
        let to = (before.end - back).max(0);
        let mut after = before.clone();
        after.truncate(to);
        let empties = to < before.start;
        self.begin(Kind::Cut { to: after.end, empties }, after);
        self.log.truncate(to).await.map_err(text)?;
        self.ledger.returned(self.life);
        self.sent.clear();
        Ok(())
    }

    async fn reset(&mut self, ahead: i64) -> Done {
        let to = self.state().end + ahead;
        let mut after = self.state();
        after.reset(to);
        self.begin(Kind::Cut { to, empties: true }, after);
        self.log.reset(to).await.map_err(text)?;
        self.ledger.returned(self.life);
        self.sent.clear();
        Ok(())
    }

    async fn advance_start(&mut self, by: i64) -> Done {
        let mut after = self.state();
        after.start = (after.start + by).min(after.end);
        self.begin(Kind::Start, after.clone());
        self.log.advance_start(after.start).await.map_err(text)?;
        self.ledger.returned(self.life);
        Ok(())
    }

    async fn retention(&mut self, keep: i64) -> Done {
        let end = self.state().end;
        self.log.set_config(LogConfig { retention_bytes: keep, ..self.config.clone() });
        self.begin(Kind::Start, self.state());
        self.log.apply_retention(NOW, end).await.map_err(text)?;
        let mut after = self.state();
        let moved = self.log.log_start_offset() > after.start;
        after.start = self.log.log_start_offset();
        self.ledger.learn_state(self.life, if moved { Kind::Start } else { Kind::Other }, after);
        self.ledger.returned(self.life);
        self.log.set_config(self.config.clone());
        Ok(())
    }

    async fn clean(&mut self, now: i64) -> Done {
        let end = self.log.log_end_offset();
        let Some(cleanable) = self.log.reader().cleanable(end, now).await.map_err(text)? else { return Ok(()) };
        let memory = CleanerMemory { io_bytes: 1, ..CleanerMemory::default() };
        let mut cleaning = self.log.begin_cleaning(&cleanable, memory).ok_or("it is not begun")?;
        let pace = Pace::new(f64::MAX);
        while let Some(cleaned) = cleaning.next(&pace).await.map_err(text)? {
            let mut after = self.state();
            let (from, batches) = self.written_by_cleaner().await?;
            after.clean(from, batches);
            self.begin(Kind::Cleaned, after);
            assert!(self.log.swap(cleaned).await.map_err(text)?, "the segments are there");
            self.ledger.returned(self.life);
        }
        assert!(self.log.end_cleaning(&cleaning));
        cleaning.save().await.map_err(text)
    }

    /// The segment that the cleaner has just written: its base offset and its batches.
    async fn written_by_cleaner(&self) -> Result<(Offset, Vec<Batch>), String> {
        let directory = self.log.topic_partition().to_string();
        let names = self.disk.list(&directory).await.map_err(text)?;
        let name = names.iter().find(|entry| entry.name.ends_with(".log.cleaned")).ok_or("nothing is written")?;
        let path = format!("{directory}/{}", name.name);
        let file = self.disk.open_file(&path, Open::Read).await.map_err(text)?;
        let mut bytes = vec![0; file.length().await.map_err(text)? as usize];
        file.read_at(&mut bytes, 0).await.map_err(text)?;
        let batches = Batches::new(&bytes).map(|batch| Bytes::copy_from_slice(batch.expect("whole batches").bytes));
        let base_offset = name.name.split('.').next().and_then(|digits| digits.parse().ok());
        Ok((base_offset.ok_or("it has no number")?, batches.map(Batch::of).collect()))
    }

    async fn durable(&self) -> Done {
        let end = self.log.log_end_offset();
        let mut durable = self.log.durable();
        let wait = durable.wait_for(|durable| durable.offset >= end);
        let in_time = runtime::time::timeout(runtime::time::Duration::from_secs(60), wait).await;
        in_time.map_err(|_| "not durable in time".to_owned())?.map_err(text).map(drop)
    }
}
