//! Whether a write into the page cache will return at once.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // this is the replacement that the lint names

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Above this many bytes, copying them takes longer than a hop to another thread.
const LARGE: usize = 1 << 20;
/// An inline write that took this long waited for the device.
const SLOW: Duration = Duration::from_millis(5);
/// How long writes stay off the workers after that.
const PENALTY: Duration = Duration::from_millis(500);
/// Where the kernel begins to write back on its own, and a while before it makes writers wait: its default is a tenth of
/// the memory.
const DIRTY_SHARE: u64 = 10;

/// What is known about the device behind a data directory.
#[derive(Debug)]
pub(super) struct Pressure {
    start: Instant,
    /// Bytes written and neither synced nor, by a guess, written back.
    dirty: AtomicU64,
    /// Milliseconds since `start` when `dirty` was last lowered for the kernel's own work.
    decayed: AtomicU64,
    /// Milliseconds since `start` until which writes go to another thread.
    slow_until: AtomicU64,
    /// The file system refuses reads that must not wait.
    no_cached_reads: AtomicBool,
}

impl Default for Pressure {
    fn default() -> Self {
        Pressure {
            start: Instant::now(),
            dirty: AtomicU64::new(0),
            decayed: AtomicU64::new(0),
            slow_until: AtomicU64::new(0),
            no_cached_reads: AtomicBool::new(false),
        }
    }
}

impl Pressure {
    fn milliseconds(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_millis() as u64
    }

    /// Whether a write of so many bytes may run on the worker.
    pub fn may_write_inline(&self, bytes: usize, now: Instant) -> bool {
        bytes <= LARGE
            && self.dirty.load(Ordering::Relaxed) < dirty_bound()
            && self.milliseconds(now) >= self.slow_until.load(Ordering::Relaxed)
    }

    /// A write is done.
    pub fn wrote(&self, bytes: u64, began: Instant) {
        let took = began.elapsed();
        let now = self.milliseconds(began + took);
        if took > SLOW {
            self.slow_until.fetch_max(now + PENALTY.as_millis() as u64, Ordering::Relaxed);
        }
        self.dirty.fetch_add(bytes, Ordering::Relaxed);
        let decayed = self.decayed.load(Ordering::Relaxed);
        if now >= decayed + 1000
            && self.decayed.compare_exchange(decayed, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            let _ = self.dirty.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |dirty| Some(dirty - dirty / 4));
        }
    }

    /// So many bytes are on the device now.
    pub fn synced(&self, bytes: u64) {
        let lower = |dirty: u64| Some(dirty.saturating_sub(bytes));
        let _ = self.dirty.fetch_update(Ordering::Relaxed, Ordering::Relaxed, lower);
    }

    pub fn can_read_cached(&self) -> bool {
        !self.no_cached_reads.load(Ordering::Relaxed)
    }

    pub fn cannot_read_cached(&self) {
        self.no_cached_reads.store(true, Ordering::Relaxed);
    }
}

#[allow(unsafe_code)] // sysconf has no safe wrapper in std
fn dirty_bound() -> u64 {
    static BOUND: OnceLock<u64> = OnceLock::new();
    *BOUND.get_or_init(|| {
        // SAFETY: sysconf only reads its argument.
        let (pages, page) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
        let memory = u64::try_from(pages).unwrap_or(0) * u64::try_from(page).unwrap_or(0);
        (memory / DIRTY_SHARE).max(64 << 20)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_write_sends_the_next_ones_to_another_thread_for_a_while() {
        let pressure = Pressure::default();
        let now = pressure.start + Duration::from_secs(1);
        assert!(pressure.may_write_inline(100, now));
        let began = Instant::now() - 2 * SLOW;
        pressure.wrote(100, began);
        assert!(!pressure.may_write_inline(100, Instant::now()));
        assert!(pressure.may_write_inline(100, Instant::now() + PENALTY));
    }

    #[test]
    fn large_writes_and_writes_above_much_that_is_dirty_go_to_another_thread() {
        let pressure = Pressure::default();
        let now = Instant::now();
        assert!(pressure.may_write_inline(LARGE, now));
        assert!(!pressure.may_write_inline(LARGE + 1, now));
        pressure.wrote(dirty_bound(), now);
        assert!(!pressure.may_write_inline(100, now));
        pressure.synced(dirty_bound() / 2);
        assert!(pressure.may_write_inline(100, now));
        pressure.synced(u64::MAX);
        assert_eq!(pressure.dirty.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_nobody_syncs_counts_less_as_the_kernel_writes_it_back() {
        let mut pressure = Pressure::default();
        pressure.start -= Duration::from_secs(10);
        pressure.wrote(4000, Instant::now());
        assert_eq!(pressure.dirty.load(Ordering::Relaxed), 3000);
        pressure.wrote(0, Instant::now());
        assert_eq!(pressure.dirty.load(Ordering::Relaxed), 3000, "once a second");
    }
}
