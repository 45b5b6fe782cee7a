//! Goes through the crashes of a history.

use super::found::{Found, open_and_read};
use super::history::History;
use super::judge::{Crash, Past};
use super::ledger::{Book, Ledger};
use super::machine::{Machine, Program};
use super::run::{Ran, run};
use runtime::record::{CrashPoint, Image, Kept, Log, Operation, Recorder, SectorSize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// How much is tried.
#[derive(Clone, Copy)]
pub struct Settings {
    /// The sectors of the disks.
    pub sizes: &'static [SectorSize],
    /// Single things kept or lost at each boundary, at most; from one boundary to the next it is the turn of others.
    pub single: usize,
    /// Random choices at each boundary, besides the systematic ones.
    pub random: u64,
    /// At each so-manyth boundary the crash is recovered from under the recorder, and the recovery cut short in its turn.
    /// 0 for none.
    pub again_every: usize,
    /// So many boundaries of such a recovery, spread over it: from one recovery to the next it is the turn of others.
    pub again_points: usize,
    /// Each sync of the history fails once, and that is recovered from.
    pub syncs_fail: bool,
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
    let (log, book) = explorer.record(&Image::new(), None).await;
    explorer.report.operations = log.operations().len();
    let log = explorer.leave_out(log);
    explorer.crash(&log, &book, None, Turns::all()).await;
    if settings.syncs_fail && explorer.report.wrong.is_empty() {
        explorer.fail_syncs().await;
    }
    explorer.report
}

/// Which boundaries of a log are tried.
#[derive(Clone, Copy)]
struct Turns {
    every: usize,
    turn: usize,
}

impl Turns {
    fn all() -> Turns {
        Turns { every: 1, turn: 0 }
    }

    fn is(self, boundary: usize) -> bool {
        boundary % self.every == self.turn
    }
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
    async fn record(&mut self, image: &Image, past: Option<&Past>) -> (Log, Arc<Book>) {
        let (recorder, ledger, program) = self.program(past.is_some());
        let ran = self.machine.run(image, Some(&recorder), program).await;
        if let Some(why) = ran.stopped {
            let place = past.map(Past::places).unwrap_or_default();
            self.report.wrong.push(format!("{}: {place}: stopped: {why}", self.history.name));
        }
        if let Some(past) = past {
            self.judge(past, &ran.found);
        }
        let book = Arc::new(ledger.book().clone());
        (recorder.log(), book)
    }

    fn program(&self, again: bool) -> (Recorder, Ledger, Program<Ran>) {
        let recorder = Recorder::new();
        let ledger = Ledger::new(recorder.clone());
        let (history, of_program) = (self.history.clone(), ledger.clone());
        let (steps, first) = if again { (&history.after, 1_000_000) } else { (&history.steps, 0) };
        let steps = steps.clone();
        let program: Program<Ran> = Box::new(move |disk| Box::pin(run(disk, history, of_program, steps, first)));
        (recorder, ledger, program)
    }

    fn leave_out(&self, log: Log) -> Log {
        match self.settings.left_out {
            Some(left_out) => log.without(|operation| left_out(&log, operation)),
            None => log,
        }
    }

    /// Cuts the recorded process short everywhere, or where it is the boundary's turn.
    async fn crash(&mut self, log: &Log, book: &Arc<Book>, before: Option<&Arc<Past>>, turns: Turns) {
        let first = before.is_none();
        for (boundary, point) in log.crash_points().enumerate().filter(|(boundary, _)| turns.is(*boundary)) {
            if self.is_enough() {
                return;
            }
            let mut past = Past {
                book: book.clone(),
                events: moments(log, &point),
                crash: Crash::Process,
                place: place(&point, None),
                before: before.cloned(),
            };
            self.open(&past, &point.after_process_crash()).await;
            let process = past.clone();
            past.crash = Crash::Power;
            for (size, kept) in self.choices(&point, boundary, first) {
                past.place = place(&point, Some((size, kept)));
                self.open(&past, &point.after_power_failure(size, kept)).await;
                if self.is_enough() {
                    return;
                }
            }
            if first && self.settings.again_every > 0 && boundary % self.settings.again_every == 0 {
                self.crash_again(process, &point.after_process_crash_with_loose()).await;
                let (size, kept) = (self.settings.sizes[0], Kept::Random(boundary as u64));
                past.place = place(&point, Some((size, kept)));
                self.crash_again(past, &point.after_power_failure(size, kept)).await;
            }
        }
    }

    fn is_enough(&self) -> bool {
        self.report.wrong.len() >= self.settings.enough
    }

    /// The history runs again and again, and each time another of its syncs fails, until none does. What of it reached
    /// the disk, and what the page cache shows then, is drawn anew each time.
    async fn fail_syncs(&mut self) {
        for syncs in (0_u64..).flat_map(|syncs| [syncs; 3]) {
            if self.is_enough() {
                return;
            }
            let (recorder, ledger, program) = self.program(false);
            let Some((ran, image)) = self.machine.run_failing(syncs, &recorder, program).await else { return };
            let stopped = ran.stopped.unwrap_or_else(|| "and nobody minded".to_owned());
            let book = Arc::new(ledger.book().clone());
            let events = notes(recorder.log().operations());
            let events = events..=events;
            let place = format!("sync {syncs} failed ({stopped})");
            // The pages that it was to save may be gone as with the power.
            let past = Past { book, events, crash: Crash::Power, place, before: None };
            self.open(&past, &image).await;
            self.open(&past, &self.without_power(&image).await).await;
            self.crash_again(past, &image).await;
        }
    }

    /// What a machine keeps that holds `image` when the power fails.
    async fn without_power(&self, image: &Image) -> Image {
        let recorder = Recorder::new();
        self.machine.run(image, Some(&recorder), Box::new(|_| Box::pin(async {}))).await;
        let log = recorder.log();
        let point = log.crash_points().next().expect("there is one before the first operation");
        point.after_power_failure(self.settings.sizes[0], Kept::Nothing)
    }

    /// Recovers from a crash, works a little, and cuts that short.
    async fn crash_again(&mut self, past: Past, image: &Image) {
        self.report.recoveries += 1;
        let (log, book) = self.record(image, Some(&past)).await;
        let log = self.leave_out(log);
        let boundaries = log.operations().iter().filter(|operation| operation.changes_something()).count();
        let every = boundaries.div_ceil(self.settings.again_points).max(1);
        let turns = Turns { every, turn: self.report.recoveries as usize % every };
        Box::pin(self.crash(&log, &book, Some(&Arc::new(past)), turns)).await;
    }

    fn choices(&self, point: &CrashPoint<'_>, boundary: usize, first: bool) -> Vec<(SectorSize, Kept)> {
        if first || self.settings.again_all {
            let of_size = |size: &SectorSize| {
                let choices = point.choices(*size, self.settings.random).into_iter();
                choices.map(|kept| (*size, kept)).collect::<Vec<_>>()
            };
            return self.some(self.settings.sizes.iter().flat_map(of_size).collect(), boundary);
        }
        let seed = (point.operations as u64) << 8;
        let few = [Kept::Nothing, Kept::Everything, Kept::Random(seed), Kept::Random(seed + 1)];
        few.into_iter().map(|kept| (self.settings.sizes[0], kept)).collect()
    }

    /// Leaves out single things where there are too many.
    fn some(&self, mut choices: Vec<(SectorSize, Kept)>, boundary: usize) -> Vec<(SectorSize, Kept)> {
        let is_single = |(_, kept): &(SectorSize, Kept)| matches!(kept, Kept::AllBut(_) | Kept::Only(_));
        let singles = choices.iter().filter(|kept| is_single(kept)).count();
        let (turns, mut number) = (singles.div_ceil(self.settings.single.max(1)), 0);
        choices.retain(|choice| {
            number += usize::from(is_single(choice));
            !is_single(choice) || turns <= 1 || number % turns == boundary % turns
        });
        choices
    }

    /// Opens what a crash left, unless the same was opened before, and judges it.
    async fn open(&mut self, past: &Past, image: &Image) {
        let fingerprint = image.fingerprint();
        let found = match self.known.get(&fingerprint) {
            Some(found) => found.clone(),
            None => {
                let history = self.history.clone();
                let program: Program<Result<Found, String>> =
                    Box::new(move |disk| Box::pin(open_and_read(disk, history)));
                let found = Arc::new(self.machine.run(image, None, program).await);
                self.report.opened += 1;
                self.known.insert(fingerprint, found.clone());
                found
            }
        };
        self.judge(past, &found);
    }

    fn judge(&mut self, past: &Past, found: &Result<Found, String>) {
        self.report.judged += 1;
        if let Err(why) = past.judge(found) {
            self.report.wrong.push(format!("{}: {}: {why}", self.history.name, past.places()));
        }
    }
}

/// How many events had happened when the last operation was done, and when the next one is about to be.
fn moments(log: &Log, point: &CrashPoint<'_>) -> RangeInclusive<usize> {
    let before = notes(point.done());
    let pause = log.operations()[point.operations..].iter().take_while(|operation| !operation.changes_something());
    before..=before + pause.filter(|operation| matches!(operation, Operation::Note(_))).count()
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
