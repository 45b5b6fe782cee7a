//! Goes through the crashes of a history.

use super::found::{Found, open_and_read};
use super::history::History;
use super::judge::{Crash, Past};
use super::ledger::{Book, Ledger};
use super::machine::Machine;
use super::run::run;
use runtime::record::{CrashPoint, Image, Kept, Log, Operation, Recorder, SectorSize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How much is tried.
#[derive(Clone, Copy)]
pub struct Settings {
    /// The sectors of the disks.
    pub sizes: &'static [SectorSize],
    /// Random choices at each boundary, besides the systematic ones.
    pub random: u64,
    /// At each so-manyth boundary the crash is recovered from under the recorder, and the recovery cut short in its turn
    /// at every boundary. 0 for none.
    pub again_every: usize,
    /// Try all choices there too, not only nothing, everything and two random ones.
    pub again_all: bool,
    /// Stop after so many wrong images.
    pub enough: usize,
    /// What the program did not do. For showing that this would be seen.
    pub left_out: Option<fn(&Log, &Operation) -> bool>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Operations of the history.
    pub operations: usize,
    /// Crashes that were judged.
    pub judged: u64,
    /// Different images that were opened.
    pub opened: u64,
    /// Recoveries that were recorded and cut short.
    pub recoveries: u64,
    /// What was wrong.
    pub wrong: Vec<String>,
}

/// Opened images, by what their disks hold.
type Known = BTreeMap<u64, Arc<Result<Found, String>>>;

/// Goes through the crashes of `history` on `machine`.
pub async fn explore(machine: &impl Machine, history: &History, settings: Settings) -> Report {
    let mut explorer = Explorer { machine, history, settings, known: Known::new(), report: Report::default() };
    let (log, book) = explorer.record(&Image::new(), 0, None).await;
    explorer.report.operations = log.operations().len();
    let log = explorer.leave_out(log);
    explorer.crash(&log, &book, None).await;
    explorer.report
}

struct Explorer<'a, M> {
    machine: &'a M,
    history: &'a History,
    settings: Settings,
    known: Known,
    report: Report,
}

impl<M: Machine> Explorer<'_, M> {
    /// Runs the history, or after a crash what comes after it, on a disk with `image`.
    async fn record(&mut self, image: &Image, level: u64, past: Option<&Past>) -> (Log, Arc<Book>) {
        let recorder = Recorder::new();
        let ledger = Ledger::new(recorder.clone());
        let (history, of_program) = (self.history.clone(), ledger.clone());
        let steps = if level == 0 { history.steps.clone() } else { history.after.clone() };
        let program = move |disk| -> std::pin::Pin<Box<dyn Future<Output = Result<Found, String>> + Send>> {
            Box::pin(run(disk, history, of_program, steps, level * 1_000_000))
        };
        let found = self.machine.run(image, Some(&recorder), Box::new(program)).await;
        if let Some(past) = past {
            self.judge(past, &found, || format!("level {level}"));
        }
        let book = Arc::new(ledger.book().clone());
        (recorder.log(), book)
    }

    fn leave_out(&self, log: Log) -> Log {
        match self.settings.left_out {
            Some(left_out) => log.without(|operation| left_out(&log, operation)),
            None => log,
        }
    }

    /// Cuts the recorded process short everywhere.
    async fn crash(&mut self, log: &Log, book: &Arc<Book>, before: Option<&Arc<Past>>) {
        let first = before.is_none();
        let mut boundary = 0;
        for point in log.crash_points() {
            if self.report.wrong.len() >= self.settings.enough {
                return;
            }
            let past = |crash| Past { book: book.clone(), events: events(&point), crash, before: before.cloned() };
            let process = past(Crash::Process);
            self.open(&process, &point.after_process_crash(), || place(&point, None)).await;
            let power = past(Crash::Power);
            for (size, kept) in self.choices(&point, first) {
                let image = point.after_power_failure(size, kept);
                self.open(&power, &image, || place(&point, Some((size, kept)))).await;
            }
            boundary += 1;
            if first && self.settings.again_every > 0 && boundary % self.settings.again_every == 0 {
                self.crash_again(process, &point.after_process_crash_with_loose()).await;
                let kept = Kept::Random(boundary as u64);
                let image = point.after_power_failure(self.settings.sizes[0], kept);
                self.crash_again(power, &image).await;
            }
        }
        if first && self.settings.again_every > 0 {
            self.fail_syncs(log, book).await;
        }
    }

    /// Each sync of a file fails, and the process ends over it.
    async fn fail_syncs(&mut self, log: &Log, book: &Arc<Book>) {
        for drops in [false, true] {
            for failed in log.failed_syncs(drops) {
                if self.report.wrong.len() >= self.settings.enough {
                    return;
                }
                let events = notes(&log.operations()[..failed.operations]);
                let past = Past { book: book.clone(), events, crash: Crash::Power, before: None };
                let place = || format!("after operation {}, whose sync failed", failed.operations);
                self.open(&past, &failed.image, place).await;
                if failed.operations % self.settings.again_every == 0 || self.settings.again_all {
                    self.crash_again(past, &failed.image).await;
                }
            }
        }
    }

    /// Recovers from a crash, works a little, and cuts that short everywhere.
    async fn crash_again(&mut self, past: Past, image: &Image) {
        self.report.recoveries += 1;
        let (log, book) = self.record(image, 1, Some(&past)).await;
        let log = self.leave_out(log);
        Box::pin(self.crash(&log, &book, Some(&Arc::new(past)))).await;
    }

    fn choices(&self, point: &CrashPoint<'_>, first: bool) -> Vec<(SectorSize, Kept)> {
        let sizes = self.settings.sizes.iter();
        if first || self.settings.again_all {
            return sizes
                .flat_map(|size| point.choices(*size, self.settings.random).into_iter().map(|k| (*size, k)))
                .collect();
        }
        let seed = (point.operations as u64) << 8;
        let few = [Kept::Nothing, Kept::Everything, Kept::Random(seed), Kept::Random(seed + 1)];
        few.into_iter().map(|kept| (self.settings.sizes[0], kept)).collect()
    }

    /// Opens what a crash left, unless the same was opened before, and judges it.
    async fn open(&mut self, past: &Past, image: &Image, place: impl Fn() -> String) {
        let fingerprint = image.fingerprint();
        let found = match self.known.get(&fingerprint) {
            Some(found) => found.clone(),
            None => {
                let history = self.history.clone();
                let program = move |disk| -> std::pin::Pin<Box<dyn Future<Output = Result<Found, String>> + Send>> {
                    Box::pin(open_and_read(disk, history))
                };
                let found = Arc::new(self.machine.run(image, None, Box::new(program)).await);
                self.report.opened += 1;
                self.known.insert(fingerprint, found.clone());
                found
            }
        };
        self.judge(past, &found, place);
    }

    fn judge(&mut self, past: &Past, found: &Result<Found, String>, place: impl Fn() -> String) {
        self.report.judged += 1;
        if let Err(why) = past.judge(found) {
            self.report.wrong.push(format!("{} {}: {why}", self.history.name, place()));
        }
    }
}

/// How many events had happened at this point.
fn events(point: &CrashPoint<'_>) -> usize {
    notes(point.done())
}

fn notes(operations: &[Operation]) -> usize {
    operations.iter().filter(|operation| matches!(operation, Operation::Note(_))).count()
}

fn place(point: &CrashPoint<'_>, kept: Option<(SectorSize, Kept)>) -> String {
    let last = point.done().iter().rfind(|operation| operation.changes_something()).map(named);
    let last = last.unwrap_or_else(|| "nothing".to_owned());
    match kept {
        None => format!("process crash after operation {} ({last})", point.operations),
        Some((size, kept)) => {
            format!("power failure after operation {} ({last}), {size:?}, kept {kept:?}", point.operations)
        }
    }
}

fn named(operation: &Operation) -> String {
    match operation {
        Operation::Write { file, offset, bytes } => format!("write of {} to {file:?} at {offset}", bytes.len()),
        other => format!("{other:?}"),
    }
}
