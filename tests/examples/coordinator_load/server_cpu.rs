//! Processor time of the server's processes.

use std::time::Duration;

/// Linux counts in hundredths of a second here, whatever the kernel's own clock.
const TICK: Duration = Duration::from_millis(10);

/// The processes that serve.
pub struct ServerCpu(Vec<u32>);

impl ServerCpu {
    /// Those with these ids.
    pub fn of(pids: Vec<u32>) -> ServerCpu {
        ServerCpu(pids)
    }

    /// What they have used since they were started, user and system.
    ///
    /// # Panics
    /// When one of them is not there.
    pub fn spent(&self) -> Duration {
        self.0.iter().map(|pid| spent_by(*pid)).sum()
    }
}

fn spent_by(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the server runs");
    // The name in parentheses may hold anything; after it come numbers, utime and stime as the 12th and 13th.
    let (_, after_name) = stat.rsplit_once(')').expect("a name in parentheses");
    let ticks: u32 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|number| number.parse::<u32>().expect("a count of ticks"))
        .sum();
    TICK * ticks
}
