//! What is promised about an acknowledged record, and under which settings and faults the promise is smaller.
//!
//! The checkers, the simulator and the durability page ([`render`]) read this one table. A row applies when all it names
//! applies; the first row that applies decides; where none does, the record is [`Keeping::Kept`].
//!
//! A row says what a fault does to the copies on the node that it hits. An acknowledgement speaks for as many copies as
//! must be in sync ([`copies_spoken_for`]): what is promised ends only when so many nodes were hit before the first of
//! them was in sync again. A row that names no fault needs none.

use crate::history::{Acks, Durability, FaultKind, FileKind};
use FaultKind as F;
use FileKind as File;
use std::fmt::Write;

/// What happens to an acknowledged record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keeping {
    /// It stays at its offset with its bytes.
    Kept,
    /// It stays, or the partition refuses to serve and says so; it is never silently absent or different.
    KeptOrRefused,
    /// The newest records may be lost at the next start, all after some offset; those before it stay.
    TailMayBeLost,
    /// Nothing.
    NotPromised,
}

impl Keeping {
    const fn words(self) -> &'static str {
        match self {
            Keeping::Kept => "kept",
            Keeping::KeptOrRefused => "kept, or refused loudly",
            Keeping::TailMayBeLost => "the tail may be lost",
            Keeping::NotPromised => "nothing promised",
        }
    }
}

/// How many replicas an acknowledgement speaks for: `min.insync.replicas`, but at most the number of replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InSync {
    /// The partition has one replica.
    Alone,
    /// It has several, and one in sync is enough.
    One,
    /// At least two are in sync.
    Several,
}

/// What a promise depends on, of one partition and one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where an acknowledged record is.
    pub durability: Durability,
    /// When the write was answered.
    pub acks: Acks,
    /// How many replicas that speaks for.
    pub in_sync: InSync,
    /// Whether a replica out of sync may lead when no other can.
    pub unclean_election: bool,
}

/// A fault as the table sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What.
    pub kind: FaultKind,
    /// Which kind of file. `None`: it hit none, or it is not known which, and the first row that may apply decides.
    pub file: Option<FileKind>,
}

/// How many copies an acknowledgement to `acks` speaks for.
pub const fn copies_spoken_for(acks: Acks, replicas: i16, min_in_sync: u16) -> usize {
    match acks {
        Acks::None | Acks::Leader => 1,
        Acks::All if replicas <= 1 || min_in_sync <= 1 => 1,
        Acks::All if min_in_sync > replicas.unsigned_abs() => replicas as usize,
        Acks::All => min_in_sync as usize,
    }
}

/// A row of the table. Empty lists and `None` mean "any".
#[derive(Debug)]
pub struct Row {
    durability: Option<Durability>,
    acks: &'static [Acks],
    in_sync: &'static [InSync],
    unclean_election: Option<bool>,
    faults: &'static [FaultKind],
    files: &'static [FileKind],
    /// What is promised.
    pub keeping: Keeping,
    /// Why it is not more.
    pub because: &'static str,
}

const ANY: Row = Row {
    durability: None,
    acks: &[],
    in_sync: &[],
    unclean_election: None,
    faults: &[],
    files: &[],
    keeping: Keeping::Kept,
    because: "",
};

/// Faults after which stored bytes are not what was written.
const WRONG_BYTES: &[FaultKind] = &[F::RotAtRest, F::RotOnRead, F::MisdirectedRead, F::MisdirectedWrite, F::LostWrite];

/// Whether what a fault did may be found out at any later time: a disk that holds other bytes than it was given.
pub fn leaves_wrong_bytes(kind: FaultKind) -> bool {
    WRONG_BYTES.contains(&kind) || kind == F::FailedSync
}

/// Whether a fault changes single bytes of what was stored, or of what is read. The checksum of a batch tells, but for
/// the fields that brokers set after it was made: base offset and leader epoch.
pub fn changes_bytes(kind: FaultKind) -> bool {
    matches!(kind, F::RotAtRest | F::RotOnRead)
}

/// Whether a copy may refuse to serve, once all is well again, because of what a fault did to its node.
pub fn may_refuse(settings: Settings, hit: Hit) -> bool {
    let harmless = hit.file == Some(File::Derived);
    let untrusted = settings.durability == Durability::PageCache && settings.in_sync != InSync::Alone;
    WRONG_BYTES.contains(&hit.kind) && !harmless
        || matches!(hit.kind, F::FailedRead | F::WipedDisk)
        || untrusted && UNCLEAN_STOPS.contains(&hit.kind)
}

/// Whether a copy may stay out of sync, once all is well again: it waits for a restart, or for a repair.
pub fn may_stay_out(hit: Hit) -> bool {
    let harmless = hit.file == Some(File::Derived);
    WRONG_BYTES.contains(&hit.kind) && !harmless || matches!(hit.kind, F::FailedRead | F::FailedWrite | F::FailedSync)
}

/// After these a copy in the page cache claims nothing any more: it may have less than it said.
const UNCLEAN_STOPS: &[FaultKind] =
    &[F::ProcessCrash, F::PowerFailure, F::FailedSync, F::FailedWrite, F::StalledDisk, F::FullDisk];

/// What is promised about an acknowledged record.
pub static KEEPING: &[Row] = &[
    Row {
        acks: &[Acks::None],
        keeping: Keeping::NotPromised,
        because: "acks=0 asks for no answer, so nothing was acknowledged",
        ..ANY
    },
    Row {
        in_sync: &[InSync::One, InSync::Several],
        unclean_election: Some(true),
        keeping: Keeping::TailMayBeLost,
        because: "an unclean election prefers service over records: the new leader may lack the newest",
        ..ANY
    },
    Row {
        acks: &[Acks::Leader],
        in_sync: &[InSync::One, InSync::Several],
        keeping: Keeping::TailMayBeLost,
        because: "acks=1 speaks for the leader alone; another one, which may never have fetched it, can lead at any time",
        ..ANY
    },
    Row {
        faults: &[F::WipedDisk],
        keeping: Keeping::NotPromised,
        because: "the only copies that the acknowledgement spoke for are gone",
        ..ANY
    },
    Row {
        durability: Some(Durability::PageCache),
        faults: &[F::PowerFailure],
        keeping: Keeping::TailMayBeLost,
        because: "it was in memory of the machines that lost power, and nowhere else",
        ..ANY
    },
    Row {
        durability: Some(Durability::PageCache),
        in_sync: &[InSync::One, InSync::Several],
        faults: &[F::ProcessCrash],
        keeping: Keeping::TailMayBeLost,
        because: "a copy in the page cache is not trusted after an unclean stop; one that lost power may then lead",
        ..ANY
    },
    Row {
        durability: Some(Durability::PageCache),
        faults: &[F::FailedSync],
        keeping: Keeping::TailMayBeLost,
        because: "a failed background sync drops pages that were acknowledged from memory",
        ..ANY
    },
    Row {
        durability: Some(Durability::PageCache),
        faults: WRONG_BYTES,
        files: &[File::Segment, File::Metadata],
        keeping: Keeping::TailMayBeLost,
        because: "after an unclean stop a bad batch above the recovery point cannot be told from a torn write",
        ..ANY
    },
    Row {
        durability: Some(Durability::Journaled),
        faults: WRONG_BYTES,
        files: &[File::Journal],
        keeping: Keeping::TailMayBeLost,
        because: "rot in the last group of the journal cannot be told from a torn write; elsewhere in it, it is refused",
        ..ANY
    },
    Row {
        faults: WRONG_BYTES,
        files: &[File::Derived],
        keeping: Keeping::Kept,
        because: "indexes and snapshots are rebuilt from the segments",
        ..ANY
    },
    Row {
        faults: WRONG_BYTES,
        keeping: Keeping::KeptOrRefused,
        because: "wrong bytes are found and refused; one replica alone cannot repair them",
        ..ANY
    },
    Row {
        faults: &[F::FailedRead],
        keeping: Keeping::KeptOrRefused,
        because: "what could not be read at a start is refused until the next one",
        ..ANY
    },
];

/// What is promised about records once deleted: that they stay deleted, but for these rows.
pub static DELETION: &[Row] = &[
    Row {
        in_sync: &[InSync::One, InSync::Several],
        unclean_election: Some(true),
        keeping: Keeping::TailMayBeLost,
        because: "an unclean election prefers service: the new leader may not have heard of the deletion",
        ..ANY
    },
    Row {
        durability: Some(Durability::PageCache),
        faults: &[F::ProcessCrash, F::PowerFailure, F::FailedSync, F::FailedWrite, F::StalledDisk],
        keeping: Keeping::TailMayBeLost,
        because: "the log start of a partition that is not journaled is written down from time to time, as Kafka does",
        ..ANY
    },
    Row {
        faults: WRONG_BYTES,
        files: &[File::Journal, File::Metadata],
        keeping: Keeping::TailMayBeLost,
        because: "the deletion itself may be in the rotten place",
        ..ANY
    },
    Row { faults: &[F::WipedDisk], keeping: Keeping::NotPromised, because: "nothing is left to know it", ..ANY },
];

/// What is promised about topics that were made or deleted, and configs that were set: that they stay so, but for these
/// rows.
pub static METADATA: &[Row] = &[
    Row {
        faults: WRONG_BYTES,
        files: &[File::MetadataLog],
        keeping: Keeping::TailMayBeLost,
        because: "rot in the last entry of the metadata log cannot be told from a torn write",
        ..ANY
    },
    Row { faults: &[F::WipedDisk], keeping: Keeping::NotPromised, because: "nothing is left to know it", ..ANY },
];

/// How often a record that was sent once by the application may be in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// Once at most, and in the order of sending.
    OnceInOrder,
    /// Once at most; the order is that of the acknowledgements.
    Once,
    /// As often as it was sent again.
    EachResend,
}

/// What is promised about duplicates and order. No fault changes it: what the log keeps and what it knows of producers
/// are the same bytes.
pub const fn copies(idempotent: bool, may_resend: bool) -> Copies {
    match (idempotent, may_resend) {
        (true, _) => Copies::OnceInOrder,
        (false, false) => Copies::Once,
        (false, true) => Copies::EachResend,
    }
}

impl Row {
    /// Whether it speaks of these settings under this fault.
    pub fn applies(&self, settings: Settings, hit: Hit) -> bool {
        fn among<T: PartialEq>(list: &[T], value: T) -> bool {
            list.is_empty() || list.contains(&value)
        }
        self.durability.is_none_or(|durability| durability == settings.durability)
            && among(self.acks, settings.acks)
            && among(self.in_sync, settings.in_sync)
            && self.unclean_election.is_none_or(|unclean| unclean == settings.unclean_election)
            && among(self.faults, hit.kind)
            && (self.files.is_empty() || hit.file.is_none_or(|file| self.files.contains(&file)))
    }

    /// Whether it speaks of these settings whatever happens.
    fn needs_no_fault(&self, settings: Settings) -> bool {
        let any = Hit { kind: F::Pause, file: None };
        self.faults.is_empty() && self.files.is_empty() && self.applies(settings, any)
    }
}

/// What is promised about a record under `settings` when `hit` strikes, and the row that says so; no row: it is kept.
pub fn keeping(settings: Settings, hit: Hit) -> (Keeping, Option<&'static Row>) {
    first(KEEPING, settings, hit)
}

/// What is promised about a deletion under `settings` when `hit` strikes, and the row that says so.
pub fn deletion(settings: Settings, hit: Hit) -> (Keeping, Option<&'static Row>) {
    first(DELETION, settings, hit)
}

/// What is promised about metadata when `hit` strikes, and the row that says so.
pub fn metadata(settings: Settings, hit: Hit) -> (Keeping, Option<&'static Row>) {
    first(METADATA, settings, hit)
}

/// The row of a table that takes a promise under `settings` away even without a fault.
pub fn without_fault(table: &'static [Row], settings: Settings) -> Option<&'static Row> {
    table.iter().find(|row| row.needs_no_fault(settings))
}

fn first(table: &'static [Row], settings: Settings, hit: Hit) -> (Keeping, Option<&'static Row>) {
    let row = table.iter().find(|row| row.applies(settings, hit));
    (row.map_or(Keeping::Kept, |row| row.keeping), row)
}

/// The table as a page of Markdown: `PROMISES.md`.
pub fn render() -> String {
    let mut page = String::from(PREFACE);
    rows(&mut page, "Records", KEEPING);
    page.push_str("\nIn all other cases an acknowledged record is **kept**: at its offset, with its bytes.\n");
    rows(&mut page, "Deleted records", DELETION);
    page.push_str("\nIn all other cases they **stay deleted**.\n");
    rows(&mut page, "Topics and configs", METADATA);
    page.push_str("\nIn all other cases topics **stay made or deleted**, and configs **stay set**.\n");
    page.push_str(COPIES_PAGE);
    page
}

const PREFACE: &str = "<!-- Written by a test from jepsen-lite/src/promise_table.rs. Change it there. -->
# What is promised

The checkers of the simulator and of jepsen-lite judge by this table. The first row that fits decides.
\"Journaled\" is `flush.messages=1`, our default; \"page cache\" is any other value.
\"In sync\" is `min.insync.replicas`, but at most the number of replicas.
A fault does to a record what its row says once it has hit as many nodes as are \"in sync\" before the first of them was in
sync again; faults of several kinds add up. A fault of fewer nodes takes nothing away. Of the metadata, a majority of the
controllers is \"in sync\".
";

const COPIES_PAGE: &str = "
## Duplicates and order

| producer | in the log |
|---|---|
| idempotent | once at most, in the order of sending |
| not idempotent, never resends | once at most; later than all that was acknowledged before it was sent |
| not idempotent, resends | as often as it was sent; later than all that was acknowledged before it was sent |

No fault changes this. A write that timed out may be there, come later, or never. A write that was refused never comes.
";

fn rows(page: &mut String, title: &str, table: &[Row]) {
    let head = "| durability | acks | in sync | unclean election | faults | promise | because |";
    let _ = writeln!(page, "\n## {title}\n\n{head}\n|---|---|---|---|---|---|---|");
    for row in table {
        let durability = match row.durability {
            None => "any",
            Some(Durability::Journaled) => "journaled",
            Some(Durability::PageCache) => "page cache",
        };
        let unclean = row.unclean_election.map_or("any", |unclean| if unclean { "on" } else { "off" });
        let (acks, in_sync) = (list(row.acks, acks_words), list(row.in_sync, in_sync_words));
        let (faults, keeping, because) = (faults_words(row), row.keeping.words(), row.because);
        let _ =
            writeln!(page, "| {durability} | {acks} | {in_sync} | {unclean} | {faults} | **{keeping}** | {because} |");
    }
}

fn list<T: Copy>(values: &[T], words: fn(T) -> &'static str) -> String {
    if values.is_empty() { "any".into() } else { values.iter().map(|v| words(*v)).collect::<Vec<_>>().join(", ") }
}

fn acks_words(acks: Acks) -> &'static str {
    match acks {
        Acks::None => "0",
        Acks::Leader => "1",
        Acks::All => "all",
    }
}

fn in_sync_words(in_sync: InSync) -> &'static str {
    match in_sync {
        InSync::Alone => "one replica",
        InSync::One => "1 of several",
        InSync::Several => "2 or more",
    }
}

fn faults_words(row: &Row) -> String {
    let mut words = if row.faults.is_empty() { "none needed".into() } else { list(row.faults, F::name) };
    if !row.files.is_empty() {
        let file = |file| match file {
            File::Segment => "segment",
            File::Journal => "journal",
            File::Derived => "index or snapshot",
            File::Metadata => "checkpoint or metadata snapshot",
            File::MetadataLog => "metadata log",
        };
        let _ = write!(words, " (of a {})", list(row.files, file));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Settings = Settings {
        durability: Durability::Journaled,
        acks: Acks::All,
        in_sync: InSync::Alone,
        unclean_election: false,
    };

    fn hit(kind: FaultKind) -> Hit {
        Hit { kind, file: None }
    }

    #[test]
    fn the_default_survives_every_crash_and_power_failure() {
        for kind in [F::ProcessCrash, F::PowerFailure, F::FailedSync, F::FailedWrite, F::FullDisk, F::Cut] {
            assert_eq!(keeping(DEFAULT, hit(kind)).0, Keeping::Kept, "{kind}");
        }
    }

    #[test]
    fn page_cache_loses_its_tail_to_power_and_not_to_a_crash() {
        let settings = Settings { durability: Durability::PageCache, ..DEFAULT };
        assert_eq!(keeping(settings, hit(F::PowerFailure)).0, Keeping::TailMayBeLost);
        assert_eq!(keeping(settings, hit(F::ProcessCrash)).0, Keeping::Kept);
    }

    #[test]
    fn an_acknowledgement_speaks_for_the_minimum_in_sync_but_never_for_more_than_there_are() {
        assert_eq!(copies_spoken_for(Acks::All, 3, 2), 2);
        assert_eq!(copies_spoken_for(Acks::All, 3, 5), 3);
        assert_eq!(copies_spoken_for(Acks::All, 1, 2), 1);
        assert_eq!(copies_spoken_for(Acks::All, 3, 1), 1);
        assert_eq!(copies_spoken_for(Acks::Leader, 3, 2), 1);
    }

    #[test]
    fn acks_of_one_leader_may_end_without_any_fault() {
        let settings = Settings { acks: Acks::Leader, in_sync: InSync::Several, ..DEFAULT };
        assert!(without_fault(KEEPING, settings).is_some());
        assert!(without_fault(KEEPING, Settings { in_sync: InSync::Alone, ..settings }).is_none());
        assert!(without_fault(KEEPING, Settings { acks: Acks::All, ..settings }).is_none());
        let unclean = Settings { acks: Acks::All, unclean_election: true, ..settings };
        assert!(without_fault(KEEPING, unclean).is_some() && without_fault(DELETION, unclean).is_some());
        assert!(without_fault(KEEPING, Settings { in_sync: InSync::Alone, ..unclean }).is_none());
        assert_eq!(keeping(Settings { acks: Acks::None, ..settings }, hit(F::ClockBack)).0, Keeping::NotPromised);
    }

    #[test]
    fn rot_is_refused_where_it_can_be_told_from_a_torn_write() {
        let of = |file| Hit { file: Some(file), ..hit(F::RotAtRest) };
        assert_eq!(keeping(DEFAULT, of(File::Segment)).0, Keeping::KeptOrRefused);
        assert_eq!(keeping(DEFAULT, of(File::Journal)).0, Keeping::TailMayBeLost);
        assert_eq!(keeping(DEFAULT, of(File::Derived)).0, Keeping::Kept);
        assert_eq!(keeping(DEFAULT, of(File::Metadata)).0, Keeping::KeptOrRefused);
    }

    /// A snapshot is whole before anything relies on it: one that is bad was not torn.
    #[test]
    fn metadata_is_lost_with_the_end_of_its_log_and_not_with_its_snapshot() {
        let of = |file| metadata(DEFAULT, Hit { file: Some(file), ..hit(F::RotAtRest) }).0;
        assert_eq!(of(File::MetadataLog), Keeping::TailMayBeLost);
        assert_eq!(of(File::Metadata), Keeping::Kept);
    }

    #[test]
    fn every_row_decides_something() {
        let mut used = vec![false; KEEPING.len()];
        for (settings, hit) in every_case() {
            if let Some(row) = keeping(settings, hit).1 {
                let at = KEEPING.iter().position(|r| std::ptr::eq(r, row)).expect("a row of the table");
                used[at] = true;
            }
        }
        let idle: Vec<_> = KEEPING.iter().zip(used).filter(|(_, used)| !used).map(|(row, _)| row.because).collect();
        assert!(idle.is_empty(), "rows behind rows that always win: {idle:?}");
    }

    fn every_case() -> Vec<(Settings, Hit)> {
        let mut cases = Vec::new();
        let (bytes, words) = ([File::Segment, File::Journal, File::Derived], [File::Metadata, File::MetadataLog]);
        let files = || bytes.into_iter().chain(words).map(Some).chain([None]);
        for durability in [Durability::Journaled, Durability::PageCache] {
            for acks in [Acks::None, Acks::Leader, Acks::All] {
                for in_sync in [InSync::Alone, InSync::One, InSync::Several] {
                    for unclean_election in [false, true] {
                        let settings = Settings { durability, acks, in_sync, unclean_election };
                        for (kind, file) in F::ALL.iter().flat_map(|k| files().map(|file| (*k, file))) {
                            cases.push((settings, Hit { kind, file }));
                        }
                    }
                }
            }
        }
        cases
    }

    #[test]
    #[allow(clippy::disallowed_methods)] // a test that keeps a page up to date
    fn the_page_says_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/PROMISES.md");
        let page = std::fs::read_to_string(path).unwrap_or_default();
        if page != render() {
            std::fs::write(path, render()).expect("the page can be written");
            panic!("PROMISES.md was not what the table says; it has been written anew");
        }
    }
}
