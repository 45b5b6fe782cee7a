//! A log does what a vector of records would, whatever happens to it.

mod support;

use model::Offset;
use proptest::prelude::*;
use storage::{Log, LogConfig, LogDirectory};
use support::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Append { records: usize, size: usize },
    Truncate { back: i64 },
    Reset { to: Offset },
    AdvanceStart { by: i64 },
    Retention { keep: i64 },
    Roll,
    SwitchMode,
    CrashAndOpen,
    StopAndOpen,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (1..20usize, 0..200usize).prop_map(|(records, size)| Step::Append { records, size }),
        3 => (1..40i64).prop_map(|back| Step::Truncate { back }),
        1 => (0..1000i64).prop_map(|to| Step::Reset { to }),
        2 => (1..30i64).prop_map(|by| Step::AdvanceStart { by }),
        2 => (0..5000i64).prop_map(|keep| Step::Retention { keep }),
        1 => Just(Step::Roll),
        1 => Just(Step::SwitchMode),
        2 => Just(Step::CrashAndOpen),
        1 => Just(Step::StopAndOpen),
    ]
}

/// What the log should be: its batches, each with the values of its records.
#[derive(Debug, Default)]
struct Model {
    start: Offset,
    end: Offset,
    batches: Vec<(Offset, Vec<String>)>,
}

impl Model {
    fn append(&mut self, values: Vec<String>) {
        let base = self.end;
        self.end += values.len() as i64;
        self.batches.push((base, values));
    }

    fn truncate(&mut self, to: Offset) {
        while let Some((base, values)) = self.batches.last() {
            if base + values.len() as i64 <= to {
                break;
            }
            self.end = *base;
            self.batches.pop();
        }
    }

    fn contents(&self) -> Vec<(Offset, String)> {
        let all = self.batches.iter().flat_map(|(base, values)| {
            values.iter().enumerate().map(move |(n, value)| (base + n as i64, value.clone()))
        });
        all.filter(|(offset, _)| *offset >= self.start).collect()
    }
}

struct Run {
    place: Place,
    config: LogConfig,
    open: Option<(LogDirectory, Log)>,
    model: Model,
    count: usize,
}

impl Run {
    async fn step(&mut self, step: Step) {
        let (directory, mut log) = self.open.take().expect("open");
        match step {
            Step::Append { records: count, size } => {
                self.count += 1;
                let text = format!("{}{}", self.count, "x".repeat(size));
                append(&mut log, records(&text, count, START + self.model.end)).await;
                self.model.append((0..count).map(|n| format!("{text} {n}")).collect());
            }
            Step::Truncate { back } => {
                let to = self.model.end - back;
                log.truncate(to.max(0)).await.expect("a cut");
                if to >= self.model.start {
                    self.model.truncate(to);
                } else {
                    self.model = Model { start: to.max(0), end: to.max(0), batches: Vec::new() };
                }
                // A batch that reaches over the log start may have gone as a whole.
                self.model.start = self.model.start.min(self.model.end);
            }
            Step::Reset { to } => {
                log.reset(to).await.expect("a reset");
                self.model = Model { start: to, end: to, batches: Vec::new() };
            }
            Step::AdvanceStart { by } => {
                let to = (self.model.start + by).min(self.model.end);
                log.advance_start(to).await.expect("a new start");
                self.model.start = to;
            }
            Step::Retention { keep } => {
                let config = LogConfig { retention_bytes: keep, retention_ms: -1, ..self.config.clone() };
                log.set_config(config);
                log.apply_retention(START, self.model.end).await.expect("retention");
                log.set_config(self.config.clone());
                assert!(log.log_start_offset() >= self.model.start);
                self.model.start = log.log_start_offset();
            }
            Step::Roll => {
                log.roll_if_due(i64::MAX).await.expect("a roll");
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
        assert_eq!((log.log_start_offset(), log.log_end_offset()), (self.model.start, self.model.end));
        let expected = self.model.contents();
        assert_eq!(contents(log).await, expected);
        let reader = log.reader();
        for at in (0..expected.len()).step_by(1 + expected.len() / 5) {
            let (offset, value) = &expected[at];
            let bytes = reader.read(*offset, self.model.end, 1, true).await.expect("a read");
            assert!(records_of(&bytes).contains(&(*offset, value.clone())));
        }
        let largest = reader.max_timestamp(self.model.end).await.expect("a search");
        if let Some((last, _)) = expected.last() {
            assert_eq!(largest.map(|found| found.offset >= *last), Some(true));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_leads_to_what_the_model_says(
        journaled in any::<bool>(),
        segment_bytes in 5000..9000u64,
        steps in proptest::collection::vec(any_step(), 1..40),
    ) {
        story(async {
            let config = LogConfig {
                segment_bytes,
                index_interval_bytes: 300,
                flush_messages: if journaled { 1 } else { i64::MAX },
                file_delete_delay_ms: 0,
                ..LogConfig::default()
            };
            let place = Place::new();
            let open = Some(place.with_log(config.clone()).await);
            let mut run = Run { place, config, open, model: Model::default(), count: 0 };
            for step in steps {
                run.step(step).await;
                run.check().await;
            }
        });
    }
}
