//! A compacted log does what a map of the last value of each key would, whatever happens to it.

mod support;

use model::Offset;
use proptest::prelude::*;
use protocol::records::{BatchOptions, Compression, ControlKind};
use std::collections::BTreeMap;
use storage::{CleanerMemory, Log, LogConfig, LogDirectory};
use support::keyed::*;
use support::*;

/// What is kept of a deletion, and for how long, in milliseconds.
const DELETE_RETENTION: i64 = 1000;

#[derive(Clone, Debug)]
enum Step {
    /// Keys of one batch; none of a value marks a deletion.
    Put {
        keys: Vec<(u8, Option<usize>)>,
        codec: usize,
    },
    Produce {
        producer: i64,
        keys: Vec<(u8, Option<usize>)>,
    },
    Transaction {
        producer: i64,
        keys: Vec<(u8, Option<usize>)>,
        commits: bool,
    },
    /// Up to so much before the end, after so much time.
    Clean {
        back: i64,
        later: i64,
        keys: usize,
    },
    /// Cut off what no cleaner was allowed to see.
    Truncate,
    AdvanceStart {
        by: i64,
    },
    SwitchMode,
    CrashAndOpen,
    StopAndOpen,
}

fn any_keys() -> impl Strategy<Value = Vec<(u8, Option<usize>)>> {
    proptest::collection::vec((0..12u8, prop_oneof![4 => (0..150usize).prop_map(Some), 1 => Just(None)]), 1..8)
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (any_keys(), 0..5usize).prop_map(|(keys, codec)| Step::Put { keys, codec }),
        3 => (50..53i64, any_keys()).prop_map(|(producer, keys)| Step::Produce { producer, keys }),
        3 => (60..62i64, any_keys(), any::<bool>())
            .prop_map(|(producer, keys, commits)| Step::Transaction { producer, keys, commits }),
        6 => (0..30i64, 0..900i64, prop_oneof![Just(3usize), Just(1000)])
            .prop_map(|(back, later, keys)| Step::Clean { back, later, keys }),
        1 => Just(Step::Truncate),
        1 => (1..20i64).prop_map(|by| Step::AdvanceStart { by }),
        1 => Just(Step::SwitchMode),
        2 => Just(Step::CrashAndOpen),
        1 => Just(Step::StopAndOpen),
    ]
}

/// One record as it was appended, and whether its transaction was aborted.
#[derive(Clone, Debug)]
struct Appended {
    offset: Offset,
    key: String,
    value: Option<String>,
    is_aborted: bool,
}

/// What was appended and not cut off.
#[derive(Debug, Default)]
struct Model {
    records: Vec<Appended>,
    end: Offset,
    start: Offset,
    /// Nothing below was ever to be cut off; nothing above was ever to be cleaned.
    committed: Offset,
    /// Where each batch ends, and which sequence of whose comes next.
    batches: Vec<(Offset, Option<(i64, i32)>)>,
    /// Between the records of a transaction and its marker.
    unclear: Vec<Offset>,
}

impl Model {
    fn append(&mut self, records: &[(String, Option<String>)], is_aborted: bool, producer: Option<(i64, i32)>) {
        for (key, value) in records {
            let (key, value) = (key.clone(), value.clone());
            self.records.push(Appended { offset: self.end, key, value, is_aborted });
            self.end += 1;
        }
        let next = producer.map(|(producer, sequence)| (producer, sequence + records.len() as i32));
        self.batches.push((self.end, next));
    }

    /// The sequence that a producer comes to next.
    fn sequence(&self, producer: i64) -> i32 {
        let of_producer = |(_, next): &(Offset, Option<(i64, i32)>)| next.filter(|(id, _)| *id == producer);
        self.batches.iter().rev().find_map(of_producer).map_or(0, |(_, next)| next)
    }

    /// Where a batch ends at or before `offset`.
    fn boundary(&self, offset: Offset) -> Offset {
        let ends = self.batches.iter().map(|(end, _)| *end);
        ends.filter(|end| *end <= offset && !self.unclear.contains(end)).max().unwrap_or(0)
    }

    fn truncate(&mut self, to: Offset) {
        self.records.retain(|record| record.offset < to);
        self.batches.retain(|(end, _)| *end <= to);
        self.unclear.retain(|end| *end <= to);
        self.end = to;
    }

    /// Of what counts, from the log start on.
    fn table(&self) -> BTreeMap<String, String> {
        let counts = self.records.iter().filter(|record| !record.is_aborted && record.offset >= self.start);
        table(&counts.map(|record| (record.offset, record.key.clone(), record.value.clone())).collect::<Vec<_>>())
    }

    /// The offset of the last record of each key, of those that count below `to`.
    fn last(&self, to: Offset) -> BTreeMap<&str, Offset> {
        let counts = self.records.iter().filter(|record| !record.is_aborted && record.offset < to);
        counts.map(|record| (record.key.as_str(), record.offset)).collect()
    }
}

struct Run {
    place: Place,
    config: LogConfig,
    open: Option<(LogDirectory, Log)>,
    model: Model,
    now: i64,
    count: usize,
    cleaned_to: Offset,
}

impl Run {
    fn named(&mut self, keys: &[(u8, Option<usize>)]) -> Vec<(String, Option<String>)> {
        let mut name = |(key, size): &(u8, Option<usize>)| {
            self.count += 1;
            let value = size.map(|size| format!("{} {}", self.count, "x".repeat(size)));
            (format!("key {key}"), value)
        };
        keys.iter().map(&mut name).collect()
    }

    async fn step(&mut self, step: Step) {
        let (directory, mut log) = self.open.take().expect("open");
        match step {
            Step::Put { keys, codec } => {
                let records = self.named(&keys);
                let options = BatchOptions { compression: Compression::ALL[codec], ..BatchOptions::default() };
                append(&mut log, keyed_in(options, &borrowed(&records))).await;
                self.model.append(&records, false, None);
            }
            Step::Produce { producer, keys } => {
                let records = self.named(&keys);
                let base_sequence = self.model.sequence(producer);
                let options =
                    BatchOptions { producer_id: producer, producer_epoch: 0, base_sequence, ..BatchOptions::default() };
                let appended = append(&mut log, keyed_in(options, &borrowed(&records))).await;
                assert!(!appended.duplicate);
                self.model.append(&records, false, Some((producer, base_sequence)));
            }
            Step::Transaction { producer, keys, commits } => {
                let records = self.named(&keys);
                let sequence = self.model.sequence(producer);
                append(&mut log, transactional(producer, sequence, &borrowed(&records))).await;
                self.model.append(&records, !commits, Some((producer, sequence)));
                let within = self.model.end;
                let kind = if commits { ControlKind::Commit } else { ControlKind::Abort };
                self.model.end = end_transaction(&mut log, producer, kind).await + 1;
                self.model.batches.push((self.model.end, None));
                // Whoever loses the marker does not know how it ended.
                self.model.unclear.push(within);
            }
            Step::Clean { back, later, keys } => {
                self.now += later;
                settle(&mut log).await;
                let up_to = self.model.boundary(self.model.end - back).max(self.model.committed);
                self.model.committed = up_to;
                let memory = CleanerMemory { map_bytes: keys * 24, load_factor: 0.9, io_bytes: 100 };
                let summary = clean_with(&mut log, up_to, self.now, memory).await.expect("a cleaning");
                if let Some(summary) = summary {
                    assert!(summary.cleaned_to <= up_to, "nothing is touched that may be cut off");
                    self.cleaned_to = summary.cleaned_to;
                    self.check_compacted(&log).await;
                }
            }
            Step::Truncate => {
                log.truncate(self.model.committed).await.expect("a cut");
                self.model.truncate(self.model.committed);
            }
            Step::AdvanceStart { by } => {
                self.model.start = (self.model.start + by).min(self.model.committed).max(self.model.start);
                log.advance_start(self.model.start).await.expect("a new start");
            }
            Step::SwitchMode => {
                self.config.flush_messages = if log.is_journaled() { i64::MAX } else { 1 };
                log.set_journaled(!log.is_journaled()).await.expect("a barrier");
                log.set_config(self.config.clone());
            }
            Step::CrashAndOpen => {
                durable(&log).await;
                drop((log, directory));
                self.open = Some(self.place.again(self.config.clone()).await);
                return;
            }
            Step::StopAndOpen => {
                close(directory, log).await;
                self.open = Some(self.place.again(self.config.clone()).await);
                return;
            }
        }
        self.open = Some((directory, log));
    }

    async fn check(&self) {
        let (_, log) = self.open.as_ref().expect("open");
        let model = &self.model;
        assert_eq!((log.log_start_offset(), log.log_end_offset()), (model.start, model.end));
        let found = keyed_contents(log).await;
        assert!(found.is_sorted_by_key(|(offset, ..)| *offset), "in order");
        for (offset, key, value) in &found {
            let appended = model.records.iter().find(|record| record.offset == *offset);
            let appended = appended.unwrap_or_else(|| panic!("{key} at {offset} was never there"));
            assert_eq!((&appended.key, &appended.value), (key, value), "each record keeps its offset");
        }
        let aborted = |offset: Offset| model.records.iter().any(|r| r.offset == offset && r.is_aborted);
        let counts: Vec<Keyed> = found.iter().filter(|(offset, ..)| !aborted(*offset)).cloned().collect();
        let visible: Vec<Keyed> = counts.iter().filter(|(offset, ..)| *offset >= model.start).cloned().collect();
        assert_eq!(table(&visible), model.table(), "the table is the same, and nothing that was deleted is back");
        // All that was never to be cleaned is there.
        let there: Vec<Offset> =
            found.iter().map(|(offset, ..)| *offset).filter(|o| *o >= model.committed.max(model.start)).collect();
        let appended: Vec<Offset> =
            model.records.iter().map(|r| r.offset).filter(|o| *o >= model.committed.max(model.start)).collect();
        assert_eq!(there, appended);
        let reader = log.reader();
        for from in (model.start..model.end).step_by(7) {
            let bytes = reader.read(from, model.end, 1, true).await.expect("a read");
            let expected = found.iter().find(|(offset, ..)| *offset >= from);
            let first = keyed_of(&bytes).into_iter().find(|(offset, ..)| *offset >= from);
            assert!(first.is_none() || first.as_ref() == expected, "the first record from {from} on");
        }
    }

    /// Below where the cleaner was each key is there once, with its last record; and nothing that was aborted.
    async fn check_compacted(&self, log: &Log) {
        let last = self.model.last(self.cleaned_to);
        let mut seen = BTreeMap::new();
        // What is below the log start is read by nobody: it goes as it is.
        for (offset, key, _) in keyed_contents(log).await {
            if offset >= self.cleaned_to || offset < self.model.start {
                continue;
            }
            assert_eq!(seen.insert(key.clone(), offset), None, "{key} is there twice");
            assert_eq!(last.get(key.as_str()), Some(&offset), "{key} has its last record below {}", self.cleaned_to);
        }
    }
}

fn borrowed(records: &[(String, Option<String>)]) -> Vec<(&str, Option<&str>)> {
    records.iter().map(|(key, value)| (&**key, value.as_deref())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_leads_to_the_table_that_the_model_has(
        journaled in any::<bool>(),
        segment_bytes in 1500..4000u64,
        steps in proptest::collection::vec(any_step(), 1..50),
    ) {
        story(async {
            let config = LogConfig {
                segment_bytes,
                delete_retention_ms: DELETE_RETENTION,
                flush_messages: if journaled { 1 } else { i64::MAX },
                file_delete_delay_ms: 0,
                ..compacted(LogConfig::default())
            };
            let place = Place::new();
            let open = Some(place.with_log(config.clone()).await);
            let (model, now) = (Model::default(), START);
            let mut run = Run { place, config, open, model, now, count: 0, cleaned_to: 0 };
            for step in steps {
                run.step(step).await;
                run.check().await;
            }
        });
    }
}
