//! A file's bytes against the obvious model: a vector, and what it was when the last sync began.

use super::SectorSize;
use super::contents::Contents;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Write(u64, usize, u8),
    Allocate(u64),
    SetLength(u64),
    Sync,
    BeginSync,
    EndSync,
    WriteBack(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..20_000_u64, 0..9_000_usize, 1..=255_u8).prop_map(|(at, length, byte)| Step::Write(at, length, byte)),
        1 => (0..30_000_u64).prop_map(Step::Allocate),
        2 => (0..25_000_u64).prop_map(Step::SetLength),
        1 => Just(Step::Sync),
        1 => Just(Step::BeginSync),
        1 => Just(Step::EndSync),
        2 => any::<u64>().prop_map(Step::WriteBack),
    ]
}

/// A file, what reads of it must show, and what its last ended sync must have made durable.
#[derive(Default)]
struct Checked {
    contents: Contents,
    cached: Vec<u8>,
    durable: Vec<u8>,
    began: Option<Vec<u8>>,
    wrote_back: bool,
}

impl Checked {
    fn take(&mut self, step: &Step) {
        match *step {
            Step::Write(at, length, byte) => {
                self.contents.write(at, &vec![byte; length]);
                let end = at as usize + length;
                if length > 0 && self.cached.len() < end {
                    self.cached.resize(end, 0);
                }
                self.cached[at as usize..][..length].fill(byte);
            }
            Step::Allocate(length) => {
                self.contents.allocate(length);
                self.cached.resize(self.cached.len().max(length as usize), 0);
            }
            Step::SetLength(length) => {
                self.contents.set_length(length);
                self.cached.resize(length as usize, 0);
            }
            Step::Sync => {
                self.contents.begin_sync(1);
                self.contents.end_sync(1);
                self.durable.clone_from(&self.cached);
                self.wrote_back = false;
                if self.began.take().is_some() {
                    self.contents.end_sync(2);
                }
            }
            Step::BeginSync if self.began.is_none() => {
                self.contents.begin_sync(2);
                self.began = Some(self.cached.clone());
            }
            Step::EndSync => {
                if let Some(began) = self.began.take() {
                    self.contents.end_sync(2);
                    self.durable = began;
                }
            }
            Step::BeginSync => {}
            Step::WriteBack(choice) => {
                self.contents.write_back(choice);
                self.wrote_back = true;
            }
        }
    }
}

proptest! {
    #[test]
    fn reads_show_what_was_written(steps in prop::collection::vec(step(), 0..30)) {
        let mut file = Checked::default();
        for step in &steps {
            if let Step::Write(at, length, _) = step
                && *length == 0
                && *at as usize > file.cached.len()
            {
                continue; // the vector cannot say it
            }
            file.take(step);
            prop_assert_eq!(&file.contents.to_bytes()[..], &file.cached[..]);
        }
    }

    #[test]
    fn a_power_failure_that_keeps_nothing_leaves_what_was_synced(steps in prop::collection::vec(step(), 0..30)) {
        let mut file = Checked::default();
        for step in steps.iter().filter(|step| !matches!(step, Step::WriteBack(_) | Step::Write(_, 0, _))) {
            file.take(step);
        }
        for size in [SectorSize::Bytes512, SectorSize::Bytes4096] {
            let mut after = file.contents.clone();
            after.power_failure(size, false, |_| false);
            prop_assert_eq!(&after.to_bytes()[..], &file.durable[..]);
        }
    }

    #[test]
    fn a_power_failure_that_keeps_everything_leaves_what_was_written(steps in prop::collection::vec(step(), 0..30)) {
        let mut file = Checked::default();
        for step in steps.iter().filter(|step| !matches!(step, Step::Write(_, 0, _))) {
            file.take(step);
        }
        for size in [SectorSize::Bytes512, SectorSize::Bytes4096] {
            let mut after = file.contents.clone();
            after.power_failure(size, true, |_| true);
            prop_assert_eq!(&after.to_bytes()[..], &file.cached[..]);
        }
    }

    #[test]
    fn a_power_failure_leaves_each_sector_old_or_new(
        before in prop::collection::vec(1..100_u8, 1..40),
        writes in prop::collection::vec((0..20_000_u64, 1..3_000_usize, 100..=255_u8), 1..6),
        choices in any::<u64>(),
    ) {
        let mut file = Checked::default();
        let before: Vec<u8> = before.into_iter().flat_map(|byte| [byte; 512]).collect();
        file.contents.write(0, &before);
        file.cached = before;
        file.take(&Step::Sync);
        for (at, length, byte) in writes {
            file.take(&Step::Write(at, length, byte));
        }
        let mut after = file.contents.clone();
        after.power_failure(SectorSize::Bytes512, true, |sector| choices >> (sector % 64) & 1 == 1);
        let mut old = file.durable.clone();
        old.resize(file.cached.len(), 0);
        for ((after, new), old) in after.to_bytes().chunks(512).zip(file.cached.chunks(512)).zip(old.chunks(512)) {
            prop_assert!(after == new || after == old);
        }
    }
}

#[test]
fn a_cut_that_is_lost_brings_back_what_was_cut_off_and_nothing_new_beyond_it() {
    let mut file = Contents::default();
    file.write(0, &[1; 8192]);
    file.begin_sync(1);
    file.end_sync(1);
    file.set_length(4096);
    file.write(4096, &[2; 8192]);

    let mut lost = file.clone();
    lost.power_failure(SectorSize::Bytes512, false, |_| true);
    assert_eq!(&lost.to_bytes()[..], &[1; 8192][..]);

    let mut kept = file.clone();
    kept.power_failure(SectorSize::Bytes512, true, |_| false);
    assert_eq!(&kept.to_bytes()[..4096], &[1; 4096][..]);
    assert_eq!(&kept.to_bytes()[4096..], &[0; 8192][..]);
}

#[test]
fn a_failed_sync_leaves_pages_that_no_later_sync_writes() {
    for drops in [false, true] {
        let mut file = Contents::default();
        file.write(0, &[1; 4096]);
        file.begin_sync(1);
        file.end_sync(1);
        file.write(0, &[2; 4096]);
        file.begin_sync(2);
        file.fail_sync(2, drops, || false);
        assert_eq!(file.to_bytes()[0], if drops { 1 } else { 2 });
        file.begin_sync(3);
        file.end_sync(3);
        file.power_failure(SectorSize::Bytes512, true, |_| true);
        assert_eq!(file.to_bytes()[0], 1, "the second sync succeeded and proved nothing");
    }
}

#[test]
fn a_page_written_again_after_a_failed_sync_is_written_whole() {
    let mut file = Contents::default();
    file.write(0, &[1; 4096]);
    file.begin_sync(1);
    file.fail_sync(1, false, || false);
    file.write(0, &[2; 10]);
    file.begin_sync(2);
    file.end_sync(2);
    file.power_failure(SectorSize::Bytes512, true, |_| false);
    assert_eq!((file.to_bytes()[0], file.to_bytes()[4095]), (2, 1));
}

#[test]
fn rot_on_the_disk_shows_once_the_page_is_evicted() {
    let mut file = Contents::default();
    file.write(0, &[1; 5000]);
    file.begin_sync(1);
    file.end_sync(1);
    file.scribble(4500, &[9]);
    assert_eq!(file.to_bytes()[4500], 1);
    file.evict();
    assert_eq!((file.to_bytes()[4499], file.to_bytes()[4500]), (1, 9));
}

#[test]
fn overlapping_syncs_never_undo_each_other() {
    // the older one ended last and put its older bytes back over the younger's
    let mut file = Contents::default();
    file.write(0, &[1; 100]);
    file.begin_sync(1);
    file.write(0, &[2; 100]);
    file.begin_sync(2);
    file.end_sync(2);
    file.write(0, &[3; 10]);
    file.end_sync(1);
    file.power_failure(SectorSize::Bytes512, false, |_| false);
    assert_eq!(&file.to_bytes()[..], &[2; 100][..]);
}
