//! How transactions ended: of an aborted one no record stays, and none says what the last value of a key is. A batch does
//! not tell how its transaction ended; the marker comes later, and with the same producer id.

use super::Pace;
use crate::control::{self, Marker};
use crate::fault::StorageFault;
use crate::log::Segments;
use crate::scan::{Scan, ScanError};
use crate::volume::Volume;
use model::{Offset, ProducerId, mark};
use protocol::records::BatchHeader;
use std::collections::BTreeMap;

/// Aborted transactions that one cleaning knows of, at most; where there are more it goes less far.
const MOST_ABORTED: usize = 1 << 20;
/// Bytes between two looks at the clock.
const STRIDE: u64 = 256 << 10;

/// How the transactions of a part of the log ended.
#[derive(Debug)]
pub(super) struct Outcomes {
    /// For each producer the aborted ones: first offset and offset of the marker, in order.
    aborted: BTreeMap<ProducerId, Vec<(Offset, Offset)>>,
    /// From here on it is not known.
    pub known_to: Offset,
}

impl Default for Outcomes {
    /// Nothing is known yet.
    fn default() -> Self {
        Outcomes { aborted: BTreeMap::new(), known_to: Offset::MIN }
    }
}

/// What is learned on the way.
#[derive(Debug, Default)]
struct Learning {
    outcomes: Outcomes,
    open: BTreeMap<ProducerId, Offset>,
    count: usize,
}

impl Outcomes {
    /// Looks at the batches from `position` of the first of `segments` on, up to `up_to`.
    pub async fn look(
        volume: &Volume,
        segments: &Segments,
        mut position: u64,
        up_to: Offset,
        pace: &Pace,
    ) -> Result<Outcomes, StorageFault> {
        let mut learning = Learning::default();
        let mut reached = up_to;
        'segments: for segment in segments {
            let path = segment.path();
            let file = segment.file(volume).await?;
            let mut scan = Scan::new(file, path.clone(), position, segment.length());
            let mut paid = position;
            position = 0;
            while let Some(scanned) = scan.next_header().await.map_err(|error| error.into_fault(&path))? {
                let header = scanned.header;
                if header.next_offset() > up_to || learning.count >= MOST_ABORTED {
                    reached = reached.min(header.base_offset);
                    break 'segments;
                }
                let marker = if header.is_control() { marker(&mut scan, &scanned, &path).await? } else { None };
                learning.learn(&header, marker);
                if scan.position() - paid >= STRIDE {
                    pace.spent(scan.position() - paid).await;
                    paid = scan.position();
                }
            }
            pace.spent(scan.position() - paid).await;
        }
        Ok(learning.ended(reached))
    }

    /// Whether the batch at `offset` is of a transaction that was aborted.
    pub fn is_aborted(&self, producer_id: ProducerId, offset: Offset) -> bool {
        let Some(aborted) = self.aborted.get(&producer_id) else { return false };
        let after = aborted.partition_point(|(_, marker)| *marker <= offset);
        aborted.get(after).is_some_and(|(first, _)| *first <= offset)
    }
}

async fn marker(scan: &mut Scan, scanned: &crate::scan::Scanned, path: &str) -> Result<Option<Marker>, StorageFault> {
    let bytes = scan.bytes_of(scanned).await.map_err(|error: ScanError| error.into_fault(path))?;
    Ok(control::marker(bytes))
}

impl Learning {
    fn learn(&mut self, header: &BatchHeader, marker: Option<Marker>) {
        match marker {
            Some(marker) => {
                let first = self.open.remove(&header.producer_id);
                if let Some(first) = first.filter(|_| !marker.is_commit) {
                    self.outcomes.aborted.entry(header.producer_id).or_default().push((first, header.base_offset));
                    self.count += 1;
                }
            }
            None if header.is_transactional() && !header.is_control() => {
                self.open.entry(header.producer_id).or_insert(header.base_offset);
            }
            None => {}
        }
    }

    /// What comes after a transaction that had not ended is not known either.
    fn ended(mut self, reached: Offset) -> Outcomes {
        let open = self.open.values().min().copied();
        if open.is_some() {
            mark!("the cleaner stops at an open transaction");
        }
        self.outcomes.known_to = reached.min(open.unwrap_or(reached));
        self.outcomes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(producer_id: ProducerId, offset: Offset) -> BatchHeader {
        let bytes = crate::test_batches::batch(offset, 1, 0);
        let header = BatchHeader::parse(&bytes).expect("a batch");
        BatchHeader { producer_id, producer_epoch: 0, attributes: 0x10, ..header }
    }

    fn learned(steps: &[(ProducerId, Option<bool>)], up_to: Offset) -> Outcomes {
        let mut learning = Learning::default();
        for (offset, (producer_id, commits)) in (0..).zip(steps) {
            let marker = commits.map(|is_commit| Marker { is_commit, coordinator_epoch: 0 });
            learning.learn(&batch(*producer_id, offset), marker);
        }
        learning.ended(up_to)
    }

    #[test]
    fn a_batch_belongs_to_the_next_marker_of_its_producer() {
        let (abort, commit) = (Some(false), Some(true));
        let steps = [(1, None), (2, None), (1, None), (1, abort), (1, None), (2, commit), (1, commit), (2, abort)];
        let outcomes = learned(&steps, 8);
        let aborted: Vec<bool> = (0..8).map(|at| outcomes.is_aborted(steps[at as usize].0, at)).collect();
        assert_eq!(aborted[..3], [true, false, true]);
        assert_eq!(aborted[4..], [false; 4], "a marker without records aborts none of the next transaction");
        assert_eq!(outcomes.known_to, 8);
    }

    #[test]
    fn what_comes_after_an_open_transaction_is_left_alone() {
        let outcomes = learned(&[(1, None), (1, Some(true)), (2, None), (1, None), (1, Some(false))], 5);
        assert_eq!(outcomes.known_to, 2);
        assert_eq!(learned(&[(1, None)], 5).known_to, 0);
        assert_eq!(learned(&[], 5).known_to, 5);
    }
}
