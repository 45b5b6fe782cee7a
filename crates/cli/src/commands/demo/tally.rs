//! What was acknowledged, and when.

use super::stage::PARTITIONS;
use runtime::time::{Duration, Instant};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Filled while records are acknowledged, and read by who draws.
#[derive(Debug)]
pub struct Tally {
    acknowledged: AtomicU64,
    partitions: Mutex<Vec<Acknowledged>>,
}

#[derive(Debug)]
struct Acknowledged {
    last: Instant,
    longest_gap: Duration,
    numbers: Vec<u64>,
}

impl Tally {
    /// Nothing is acknowledged yet.
    pub fn new() -> Tally {
        let nothing = || Acknowledged { last: Instant::now(), longest_gap: Duration::ZERO, numbers: Vec::new() };
        Tally { acknowledged: AtomicU64::new(0), partitions: Mutex::new((0..PARTITIONS).map(|_| nothing()).collect()) }
    }

    /// A record of partition `at` was acknowledged.
    pub fn add(&self, at: usize, number: u64) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        let mut partitions = self.partitions.lock().expect("no panic inside");
        let (now, partition) = (Instant::now(), &mut partitions[at]);
        partition.longest_gap = partition.longest_gap.max(now - partition.last);
        partition.last = now;
        partition.numbers.push(number);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Forgets the gaps before now. One that is open counts from its beginning.
    pub fn begin_to_measure(&self) {
        let mut partitions = self.partitions.lock().expect("no panic inside");
        partitions.iter_mut().for_each(|partition| partition.longest_gap = Duration::ZERO);
    }

    /// The longest time without an acknowledgement in each partition; one that is open counts up to now.
    pub fn gaps(&self) -> Vec<Duration> {
        let (now, partitions) = (Instant::now(), self.partitions.lock().expect("no panic inside"));
        partitions.iter().map(|partition| partition.longest_gap.max(now - partition.last)).collect()
    }

    /// The acknowledged records of each partition.
    pub fn numbers(&self) -> Vec<Vec<u64>> {
        let partitions = self.partitions.lock().expect("no panic inside");
        partitions.iter().map(|partition| partition.numbers.clone()).collect()
    }
}
