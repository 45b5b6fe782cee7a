//! What is seen while it runs: what happens, and on a terminal the acknowledgements as they come.

use super::tally::Tally;
use crate::failure::say;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use runtime::task;
use runtime::time::{Duration, Instant, sleep};
use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::sync::Arc;

/// One column of the picture.
const COLUMN: Duration = Duration::from_millis(50);
const COLUMNS: usize = 60;
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The picture, below what was said.
#[derive(Debug)]
pub struct Drawing {
    began: Instant,
    picture: ProgressBar,
}

impl Drawing {
    /// Begins to draw what `tally` counts.
    pub fn start(tally: Arc<Tally>) -> Drawing {
        let picture = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if io::stderr().is_terminal() {
            picture.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            picture.set_style(ProgressStyle::with_template("{msg}").expect("a constant template"));
            task::spawn("drawing", draw(picture.clone(), tally));
        }
        Drawing { began: Instant::now(), picture }
    }

    /// Tells what happens.
    pub fn say(&self, what: &str) {
        let seconds = self.began.elapsed().as_secs_f64();
        self.picture.suspend(|| say(&format!("{seconds:5.1} s  {what}")));
    }

    /// Takes the picture away.
    pub fn end(&self) {
        self.picture.finish_and_clear();
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        self.end();
    }
}

async fn draw(picture: ProgressBar, tally: Arc<Tally>) {
    let mut columns: VecDeque<u64> = VecDeque::new();
    let mut before = tally.count();
    while !picture.is_finished() {
        sleep(COLUMN).await;
        let now = tally.count();
        columns.push_back(now - before);
        before = now;
        if columns.len() > COLUMNS {
            columns.pop_front();
        }
        picture.set_message(format!("acknowledged  {}  {now}", line(&columns)));
    }
}

/// A column a number, its height relative to what is usual: a burst must not make the rest look low.
fn line(columns: &VecDeque<u64>) -> String {
    let mut sorted: Vec<u64> = columns.iter().copied().collect();
    sorted.sort_unstable();
    let usual = sorted.get(sorted.len() / 2).copied().unwrap_or(0).max(1);
    let level = |count: &u64| match count {
        0 => ' ',
        count => LEVELS[((count * 5 / usual) as usize).min(LEVELS.len() - 1)],
    };
    columns.iter().map(level).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_seen_as_one_and_what_is_made_up_for_stands_out() {
        assert_eq!(line(&VecDeque::from([100, 100, 0, 300, 100])), "▆▆ █▆");
        assert_eq!(line(&VecDeque::new()), "");
    }
}
