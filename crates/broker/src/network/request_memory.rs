//! One budget for the bytes of requests that are being received or worked on, for the whole process.

use runtime::sync::{OwnedSemaphorePermit, Semaphore};
use std::sync::Arc;

/// What the budget counts in: a request of 100 MiB must fit a semaphore's count.
const UNIT: usize = 1024;
/// Below this a request costs nothing: it fits the buffer that every connection has anyway.
const FREE: usize = 16 * 1024;

/// The budget. Clones share it.
///
/// Frames take memory as their bytes arrive, so a full budget could hold many half-received frames that all wait for
/// each other. Hence the overdraft: one connection at a time may go beyond the budget and finish its frame.
#[derive(Clone, Debug)]
pub struct RequestMemory {
    budget: Arc<Semaphore>,
    overdraft: Arc<Semaphore>,
}

/// What one frame holds of the budget, given back when dropped.
#[derive(Debug, Default)]
pub struct Reservation {
    held: Option<OwnedSemaphorePermit>,
    overdraft: Option<OwnedSemaphorePermit>,
    units: usize,
}

impl RequestMemory {
    /// A budget of `bytes`.
    pub fn new(bytes: usize) -> RequestMemory {
        RequestMemory {
            budget: Arc::new(Semaphore::new((bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS))),
            overdraft: Arc::new(Semaphore::new(1)),
        }
    }

    /// Makes `reservation` cover `bytes`, waiting for others to give back theirs.
    pub async fn grow(&self, reservation: &mut Reservation, bytes: usize) {
        let wanted = bytes.saturating_sub(FREE).div_ceil(UNIT);
        if wanted <= reservation.units || reservation.overdraft.is_some() {
            return;
        }
        let more = u32::try_from(wanted - reservation.units).unwrap_or(u32::MAX);
        if let Ok(permit) = self.budget.clone().try_acquire_many_owned(more) {
            reservation.add(permit, wanted);
            return;
        }
        model::mark!("request memory is used up");
        runtime::sync::select! {
            biased;
            permit = self.budget.clone().acquire_many_owned(more) => {
                reservation.add(permit.expect("the budget is never closed"), wanted);
            }
            permit = self.overdraft.clone().acquire_owned() => {
                reservation.overdraft = Some(permit.expect("the overdraft is never closed"));
            }
        }
    }
}

impl Reservation {
    fn add(&mut self, permit: OwnedSemaphorePermit, units: usize) {
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        self.units = units;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::time::{Duration, timeout};

    #[test]
    fn a_full_budget_lets_one_connection_finish_and_holds_the_next_back() {
        let story = async {
            let memory = RequestMemory::new(64 * UNIT);
            let (mut first, mut second, mut third) =
                (Reservation::default(), Reservation::default(), Reservation::default());
            memory.grow(&mut first, FREE + 64 * UNIT).await;
            memory.grow(&mut second, FREE + UNIT).await;
            assert!(second.overdraft.is_some(), "the budget is full, so the second frame goes into overdraft");
            let waiting = timeout(Duration::from_millis(20), memory.grow(&mut third, FREE + UNIT)).await;
            assert!(waiting.is_err(), "there is one overdraft");
            drop(first);
            memory.grow(&mut third, FREE + UNIT).await;
            assert_eq!(third.units, 1);
        };
        runtime::task::run(1, story).expect("a runtime");
    }
}
