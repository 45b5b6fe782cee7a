//! Progress of long work, on standard error when that is a terminal. Nothing is shown for work that is soon done.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use runtime::time::{Duration, Instant};
use std::fmt::Write;

/// Work that takes less than this shows nothing.
const SOON: Duration = Duration::from_millis(500);

/// A bar, or a count where the end is not known.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    shown_from: Instant,
    is_shown: bool,
}

impl Progress {
    /// Counts records until nobody knows when.
    pub fn of_records() -> Progress {
        let style = "{spinner} {human_pos} records, {rate}, {elapsed}";
        Progress::new(ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()), style)
    }

    /// A bar to this many records.
    pub fn to_records(total: u64) -> Progress {
        let style = "{bar:30} {human_pos} of {human_len} records, {rate}, {eta} left";
        Progress::new(ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden()), style)
    }

    fn new(bar: ProgressBar, style: &str) -> Progress {
        let whole_per_second = |state: &ProgressState, out: &mut dyn Write| {
            let _ = write!(out, "{:.0}/s", state.per_sec()); // a bar that cannot be drawn is not missed
        };
        let style = ProgressStyle::with_template(style).expect("a constant template");
        bar.set_style(style.with_key("rate", whole_per_second));
        Progress { bar, shown_from: Instant::now() + SOON, is_shown: false }
    }

    /// So much more is done.
    pub fn add(&mut self, amount: u64) {
        self.bar.inc(amount);
        if !self.is_shown && Instant::now() >= self.shown_from {
            self.is_shown = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
