//! What has gone wrong with write-ahead journals, this one's forerunners or others, each told as a story of this one.

mod support;

use bytes::{Buf, Bytes};
use model::{Offset, Uuid};
use runtime::disk::{Disk, Open};
use runtime::time::{Duration, sleep, timeout};
use storage::journal::{Change, Entry, Journal, JournalFault, JournalOptions, JournalPosition};
use support::Place;

const BLOCK: u64 = 4096;

/// Two groups of one block fit into a file.
const SMALL: JournalOptions =
    JournalOptions { file_bytes: 2 * BLOCK, initial_files: 2, max_bytes: 6 * BLOCK, group_bytes_max: 2048 };

fn story<F: Future<Output = ()>>(story: impl FnOnce(Disk) -> F) {
    support::story(async {
        let place = Place::new();
        story(place.disk().await).await;
    });
}

/// Where a journal file is.
fn path(number: u64) -> String {
    format!("thalweg-journal-{number:06}")
}

fn entry(offset: Offset, bytes: usize) -> Entry {
    let batches = Bytes::from(vec![offset as u8; bytes]);
    let change = Change::Append(vec![batches]);
    Entry { topic_id: Uuid([1; 16]), partition: 0, end_before: offset, end_after: offset + 1, change }
}

/// What opening finds, and the journal.
struct Opened {
    journal: Journal,
    /// Sequence and offsets of each group that has entries.
    groups: Vec<(u64, Vec<Offset>)>,
    torn_tail: bool,
    corrupt: Vec<u64>,
}

async fn open(disk: &Disk, options: JournalOptions, from: Option<JournalPosition>) -> Result<Opened, JournalFault> {
    let (journal, mut replay) = Journal::open(disk.clone(), options, from).await?;
    let mut groups = Vec::new();
    while let Some(group) = replay.next_group().await? {
        let offsets: Vec<Offset> = group.entries.iter().map(|entry| entry.end_before).collect();
        if !offsets.is_empty() {
            groups.push((group.sequence, offsets));
        }
    }
    Ok(Opened { journal, groups, torn_tail: replay.torn_tail, corrupt: replay.corrupt })
}

/// A journal that is new, and takes groups.
async fn begun(disk: &Disk, options: JournalOptions) -> Journal {
    let journal = open(disk, options, None).await.expect("a new journal").journal;
    journal.start_generation().await.expect("a generation");
    journal
}

async fn again(disk: &Disk, from: JournalPosition) -> Opened {
    open(disk, SMALL, Some(from)).await.expect("a journal that can be opened")
}

fn position(journal: &Journal, tail_sequence: u64) -> JournalPosition {
    JournalPosition { generation: journal.generation(), tail_sequence }
}

/// Writes a group of one entry.
async fn write(journal: &Journal, offset: Offset) -> u64 {
    let sequence = journal.submit(entry(offset, 100));
    wait(journal, sequence).await;
    sequence
}

async fn wait(journal: &Journal, sequence: u64) {
    let mut durable = journal.durable();
    let waiting = durable.wait_for(|durable| *durable >= sequence);
    timeout(Duration::from_secs(120), waiting).await.expect("in time").expect("the journal is open");
}

/// The journal's files, in order.
async fn files(disk: &Disk) -> Vec<(u64, Vec<u8>)> {
    let mut files = Vec::new();
    for number in 0..100 {
        let Ok(file) = disk.open_file(&path(number), Open::Read).await else { continue };
        let mut bytes = vec![0; file.length().await.expect("a length") as usize];
        assert_eq!(file.read_at(&mut bytes, 0).await.expect("a read"), bytes.len());
        files.push((number, bytes));
    }
    files
}

/// Every group in the files: its sequence, the file and where in it, and its length.
async fn groups(disk: &Disk) -> Vec<(u64, u64, u64, u64)> {
    let mut found = Vec::new();
    for (number, bytes) in files(disk).await {
        for (mut block, at) in bytes.chunks(BLOCK as usize).zip((0..).step_by(BLOCK as usize)) {
            if block.starts_with(b"ThalwegJ") {
                block.advance(8 + 4 + 8); // its magic, format and generation
                found.push((block.get_u64(), number, at, u64::from(block.get_u32())));
            }
        }
    }
    found.sort_unstable();
    found
}

/// Overwrites the last bytes of a group.
async fn damage(disk: &Disk, sequence: u64) {
    let found = groups(disk).await.into_iter().find(|group| group.0 == sequence);
    let (_, number, at, length) = found.expect("the group is there");
    let file = disk.open_file(&path(number), Open::Existing).await.expect("its file");
    file.write_at(&[Bytes::from_static(&[0xee; 10])], at + length - 10).await.expect("a write");
}

/// A replay in the order of the files gave the newest lap before the one that it had partly overwritten.
#[test]
fn after_many_laps_the_groups_come_in_the_order_of_their_writing() {
    story(async |disk| {
        let journal = begun(&disk, SMALL).await;
        for n in 0..23 {
            let sequence = write(&journal, n).await;
            journal.release(sequence.saturating_sub(3));
        }
        let last = *journal.durable().borrow();
        let opened = again(&disk, position(&journal, last - 3)).await;
        let offsets: Vec<Offset> = opened.groups.iter().flat_map(|(_, offsets)| offsets.clone()).collect();
        assert_eq!(offsets[..], [20, 21, 22][3 - offsets.len()..], "{:?}", opened.groups);
        assert!(!offsets.is_empty() && opened.corrupt.is_empty() && !opened.torn_tail);
        assert!(files(&disk).await.len() <= 3, "laps go over the same files");
    });
}

/// What an earlier lap left in a file that is used again is whole, has a right CRC, and was once replayed.
#[test]
fn what_is_left_of_an_earlier_lap_is_not_replayed() {
    story(async |disk| {
        let journal = begun(&disk, SMALL).await;
        let mut tail = 0;
        for n in 0..9 {
            tail = write(&journal, n).await;
            journal.release(tail);
        }
        let last = write(&journal, 9).await;
        let opened = again(&disk, position(&journal, tail)).await;
        assert_eq!(opened.groups, [(last, vec![9])]);
        assert!(groups(&disk).await.len() > 2, "older ones are in the files");
    });
}

/// A crash in the middle of a group's write is no reason to refuse the journal; that once was one.
#[cfg(madsim)] // where time is real an empty group comes between, when a thread is late
#[test]
fn a_torn_last_group_is_left_out_and_its_sequence_is_not_used_again() {
    story(async |disk| {
        let journal = begun(&disk, SMALL).await;
        for n in 0..3 {
            write(&journal, n).await;
        }
        let from = position(&journal, 0);
        drop(journal);
        damage(&disk, 3).await;
        let opened = again(&disk, from).await;
        assert_eq!(opened.groups, [(1, vec![0]), (2, vec![1])]);
        assert!(opened.torn_tail && opened.corrupt.is_empty());
        opened.journal.start_generation().await.expect("a generation");
        assert!(write(&opened.journal, 2).await > 3);
    });
}

/// A group behind which others follow was synced: taking its rot for a torn tail silently loses all that follows.
#[cfg(madsim)] // where time is real an empty group comes between, when a thread is late
#[test]
fn a_rotten_group_before_a_good_one_is_told_from_a_torn_tail() {
    story(async |disk| {
        let journal = begun(&disk, SMALL).await;
        for n in 0..4 {
            write(&journal, n).await;
        }
        let from = position(&journal, 0);
        drop(journal);
        damage(&disk, 2).await;
        let opened = again(&disk, from).await;
        assert_eq!(opened.corrupt, [2]);
        assert_eq!(opened.groups, [(1, vec![0]), (3, vec![2]), (4, vec![3])]);
    });
}

/// Below the checkpoint's tail nothing is needed, and rot there is no reason to close anything.
#[cfg(madsim)] // where time is real an empty group comes between, when a thread is late
#[test]
fn rot_below_the_tail_is_nobodys_loss() {
    story(async |disk| {
        let journal = begun(&disk, SMALL).await;
        for n in 0..4 {
            write(&journal, n).await;
        }
        let from = position(&journal, 2);
        drop(journal);
        damage(&disk, 2).await;
        let opened = again(&disk, from).await;
        assert!(opened.corrupt.is_empty() && !opened.torn_tail);
        assert_eq!(opened.groups, [(3, vec![2]), (4, vec![3])]);
    });
}

/// The last group cannot be told from a torn one, so a quiet journal proves it with an empty one.
#[test]
fn rot_of_the_last_group_is_seen_once_the_journal_was_quiet() {
    story(async |disk| {
        let journal = begun(&disk, SMALL).await;
        let last = write(&journal, 0).await;
        wait(&journal, last + 1).await;
        let from = position(&journal, 0);
        drop(journal);
        damage(&disk, last).await;
        assert_eq!(again(&disk, from).await.corrupt, [last]);
    });
}

/// A full ring went on over groups that the checkpoint still needed.
#[test]
fn a_full_journal_waits_until_the_checkpoint_has_moved() {
    story(async |disk| {
        let journal = begun(&disk, SMALL).await;
        let mut last = 0;
        for n in 0..40 {
            last = journal.submit(entry(n, 1500));
        }
        wait(&journal, 6).await; // a block each, and that is all there are
        let full = timeout(Duration::from_millis(300), journal.ready()).await;
        assert!(full.is_err() && journal.fill() >= 1.0, "{}", journal.fill());
        let durable = *journal.durable().borrow();
        assert!(durable < last, "it does not fit");
        let whole = groups(&disk).await;
        assert_eq!(whole.iter().map(|group| group.0).collect::<Vec<_>>(), (1..=durable).collect::<Vec<_>>());
        while *journal.durable().borrow() < last {
            let durable = *journal.durable().borrow();
            journal.release(durable);
            wait(&journal, last.min(durable + 1)).await;
        }
        journal.release(last);
        timeout(Duration::from_secs(20), journal.ready()).await.expect("there is room again");
    });
}

/// The file that is written to is not freed when its last group is released, and later on nobody did: a large one alone
/// filled the journal, no log held anything of it, and appends stood still until a checkpoint came that nobody had a reason for.
#[test]
fn a_file_that_was_released_while_it_was_written_to_is_free_once_it_is_left() {
    story(async |disk| {
        let journal = begun(&disk, SMALL).await;
        let large = journal.submit(entry(0, 5 * BLOCK as usize));
        wait(&journal, large).await;
        journal.release(large);
        wait(&journal, large + 1).await;
        assert!(journal.fill() < 0.5, "an empty group alone: {}", journal.fill());
        timeout(Duration::from_secs(1), journal.ready()).await.expect("there is room");
    });
}

/// A group that fits no file waits until nothing is needed, while most of the journal is free: nobody saw to that before the
/// next look at the clock. A follower that caught up with large fetches stood still for up to a second before each of them.
#[cfg(madsim)] // where a disk is always as fast
#[test]
fn a_group_that_finds_no_place_is_made_room_for_at_once() {
    use support::{append, durable, journaled, options, partition, records};
    support::story(async {
        let journal = JournalOptions { initial_files: 16, max_bytes: 40 * BLOCK, ..SMALL };
        let options = storage::DirectoryOptions { journal, ..options() };
        let directory = Place::new().open_with(options, journaled()).await.directory;
        let mut log = directory.create(partition(0), support::TOPIC_ID, journaled(), true).await.expect("a new log");
        for blocks in [6, 7] {
            append(&mut log, records(&"x".repeat(blocks * BLOCK as usize), 1, support::START)).await;
            timeout(Duration::from_millis(100), durable(&log)).await.expect("no look at the clock is waited for");
            sleep(Duration::from_millis(150)).await; // until the journal is quiet
        }
    });
}

/// The proof that all is durable is a group, too. Where a new log came while it was written, and its first records were too
/// large for any file, they waited for ever: nobody needed the proof, and only logs with something to say moved the tail.
#[cfg(madsim)] // as above
#[test]
fn an_empty_group_keeps_no_new_log_waiting() {
    use runtime::simulation::{Latency, current_node, disk};
    use support::{append, durable, journaled, options, partition, records};
    let sync_in = |millis: u64| {
        let latency = Duration::from_millis(millis);
        disk::change(current_node(), move |faults| faults.sync_latency = Latency::between(latency, latency));
    };
    support::story(async move {
        let journal = JournalOptions { initial_files: 16, max_bytes: 40 * BLOCK, ..SMALL };
        let options = storage::DirectoryOptions { journal, ..options() };
        let directory = Place::new().open_with(options, journaled()).await.directory;
        for (at, blocks) in [(0, 6), (1, 7)] {
            let id = Uuid([at as u8 + 1; 16]);
            let mut log = directory.create(partition(at), id, journaled(), true).await.expect("a new log");
            append(&mut log, records(&"x".repeat(blocks * BLOCK as usize), 1, support::START)).await;
            sync_in(1);
            timeout(Duration::from_secs(2), durable(&log)).await.expect("there is room for it");
            log.set_journaled(false).await.expect("a barrier");
            sync_in(500);
            sleep(Duration::from_millis(110)).await; // the proof is being written
        }
    });
}

/// A clean stop closed logs side by side. Those that were done kept what they held of the journal until the last one was, and
/// the last one waited for room in the journal: the server gave up after 20 s, and had to recover at its next start.
#[cfg(madsim)] // as above
#[test]
fn logs_that_are_closed_together_do_not_wait_for_each_other() {
    use support::{append, durable, journaled, options, partition, records};
    support::story(async move {
        let journal = JournalOptions { initial_files: 16, max_bytes: 40 * BLOCK, ..SMALL };
        let options = storage::DirectoryOptions { journal, ..options() };
        let directory = Place::new().open_with(options, journaled()).await.directory;
        let mut logs = Vec::new();
        for (at, blocks) in [(0, 6), (1, 1)] {
            let id = Uuid([at as u8 + 1; 16]);
            let mut log = directory.create(partition(at), id, journaled(), true).await.expect("a new log");
            append(&mut log, records(&"x".repeat(blocks * BLOCK as usize), 1, support::START)).await;
            durable(&log).await;
            logs.push(log);
        }
        // The journal is busy with groups of the first log until the second is closed. Then comes one that is larger than
        // any file, and waits until nothing is needed.
        for blocks in [1, 1, 1, 1, 1, 1, 1, 14] {
            append(&mut logs[0], records(&"x".repeat(blocks * BLOCK as usize / 2), 1, support::START)).await;
        }
        timeout(Duration::from_secs(20), directory.close(logs)).await.expect("it ends").expect("a clean stop");
    });
}

/// A log in the page cache, of small segments and on a slow disk, had so much left to sync that it took half a minute. The
/// journal was emptied after that, and was full by then: who waited for its room was given up by others (groups seed 962).
#[cfg(madsim)] // as above
#[test]
fn the_journal_is_emptied_beside_the_page_cache() {
    use runtime::simulation::{Latency, current_node, disk};
    use support::{append, durable, journaled, options, partition, plain, records};
    support::story(async move {
        let journal = JournalOptions { initial_files: 16, max_bytes: 40 * BLOCK, ..SMALL };
        let options = storage::DirectoryOptions { journal, ..options() };
        let directory = Place::new().open_with(options, journaled()).await.directory;
        let lazy = storage::LogConfig { segment_bytes: BLOCK, ..plain() };
        let mut lazy = directory.create(partition(0), Uuid([1; 16]), lazy, false).await.expect("a new log");
        let mut log = directory.create(partition(1), Uuid([2; 16]), journaled(), true).await.expect("another");
        for _ in 0..500 {
            append(&mut lazy, records(&"x".repeat(BLOCK as usize * 3 / 4), 1, support::START)).await;
        }
        let latency = Duration::from_millis(10);
        disk::change(current_node(), move |faults| faults.sync_latency = Latency::between(latency, latency));
        let writes = async {
            for _ in 0..80 {
                append(&mut log, records(&"x".repeat(BLOCK as usize), 1, support::START)).await;
                durable(&log).await;
            }
        };
        timeout(Duration::from_secs(5), writes).await.expect("it waits for its own syncs alone");
        directory.close(vec![lazy, log]).await.expect("a clean stop");
    });
}

/// A file was used again as soon as its groups were synced to the segments, before the checkpoint said so.
#[test]
fn without_a_release_every_group_is_still_there() {
    story(async |disk| {
        let journal = begun(&disk, SMALL).await;
        let mut offsets = Vec::new();
        while journal.fill() < 0.9 {
            offsets.push(offsets.len() as Offset);
            write(&journal, offsets.len() as Offset - 1).await;
        }
        let from = position(&journal, 0);
        drop(journal);
        let opened = again(&disk, from).await;
        assert_eq!(opened.groups.into_iter().flat_map(|(_, offsets)| offsets).collect::<Vec<_>>(), offsets);
    });
}

#[cfg(madsim)] // where time is real an empty group comes between, when a thread is late
#[test]
fn a_journal_grows_to_its_bound_and_takes_new_sizes_at_the_next_start() {
    story(async |disk| {
        let journal = begun(&disk, JournalOptions { initial_files: 1, ..SMALL }).await;
        assert_eq!(files(&disk).await.len(), 1);
        for n in 0..6 {
            write(&journal, n).await;
        }
        assert_eq!(files(&disk).await.len(), 3, "six blocks");
        let from = position(&journal, 0);
        drop(journal);
        let larger = JournalOptions { file_bytes: 8 * BLOCK, initial_files: 4, max_bytes: 64 * BLOCK, ..SMALL };
        let opened = open(&disk, larger, Some(from)).await.expect("other sizes");
        assert_eq!(opened.groups.len(), 6, "the old files are read all the same");
        let sizes: Vec<usize> = files(&disk).await.iter().map(|(_, bytes)| bytes.len() / BLOCK as usize).collect();
        assert_eq!(sizes, [2, 2, 2, 8]);
        opened.journal.start_generation().await.expect("a generation");
        let sequence = opened.journal.submit(entry(6, 5 * BLOCK as usize));
        wait(&opened.journal, sequence).await;
    });
}

/// Everything that waited became one group once, as large as the backlog.
#[test]
fn a_group_takes_no_more_than_its_bound_and_one_entry() {
    story(async |disk| {
        let options = JournalOptions { file_bytes: 64 * BLOCK, max_bytes: 512 * BLOCK, ..SMALL };
        let journal = begun(&disk, options.clone()).await;
        let sequences: Vec<u64> = (0..300).map(|n| journal.submit(entry(n, 200))).collect();
        assert!(sequences.is_sorted() && sequences[0] < sequences[299]);
        wait(&journal, sequences[299]).await;
        let opened = open(&disk, options, Some(position(&journal, 0))).await.expect("a journal");
        let offsets: Vec<Offset> = opened.groups.iter().flat_map(|(_, offsets)| offsets.clone()).collect();
        assert_eq!(offsets, (0..300).collect::<Vec<_>>());
        let longest = groups(&disk).await.into_iter().map(|group| group.3).max().expect("groups");
        assert!(longest < 2048 + 300, "{longest} bytes");
    });
}

/// After two crashes in a row, entries of the first process were applied again over what the second had written.
#[test]
fn groups_of_an_earlier_generation_are_not_replayed() {
    story(async |disk| {
        let journal = begun(&disk, SMALL).await;
        for n in 0..2 {
            write(&journal, n).await;
        }
        let from = position(&journal, 0);
        drop(journal);
        let opened = again(&disk, from).await;
        assert_eq!(opened.groups.len(), 2);
        opened.journal.start_generation().await.expect("a generation");
        let sequence = write(&opened.journal, 77).await;
        let from = position(&opened.journal, 0);
        drop(opened);
        assert_eq!(again(&disk, from).await.groups, [(sequence, vec![77])]);
    });
}

/// A new generation in the last one's file would overwrite what a crash of the recovery needs again.
#[test]
fn a_new_generation_leaves_alone_what_the_last_one_wrote() {
    story(async |disk| {
        let journal = begun(&disk, SMALL).await;
        write(&journal, 0).await;
        let from = position(&journal, 0);
        drop(journal);
        for _ in 0..2 {
            let opened = again(&disk, from).await;
            assert_eq!(opened.groups, [(1, vec![0])]);
            opened.journal.start_generation().await.expect("a generation");
            write(&opened.journal, 5).await;
        }
    });
}

/// A deleted checkpoint is not a new directory, and deleted journal files are not an empty journal.
#[test]
fn a_lost_checkpoint_and_a_lost_journal_are_refused() {
    story(async |disk| {
        let journal = begun(&disk, SMALL).await;
        write(&journal, 0).await;
        let from = position(&journal, 0);
        drop(journal);
        assert!(matches!(open(&disk, SMALL, None).await, Err(JournalFault::Corrupt { .. })));
        for (number, _) in files(&disk).await {
            disk.remove_file(&path(number)).await.expect("removed");
        }
        assert!(matches!(open(&disk, SMALL, Some(from)).await, Err(JournalFault::Missing)));
    });
}

#[test]
fn a_journal_of_a_later_version_is_refused_by_name() {
    story(async |disk| {
        let journal = begun(&disk, SMALL).await;
        write(&journal, 0).await;
        let from = position(&journal, 0);
        drop(journal);
        let (_, number, at, _) = groups(&disk).await[0];
        let file = disk.open_file(&path(number), Open::Existing).await.expect("its file");
        file.write_at(&[Bytes::from_static(&[0, 0, 0, 9])], at + 8).await.expect("a write");
        let refused = open(&disk, SMALL, Some(from)).await.err().expect("refused").to_string();
        assert!(refused.contains("format 9") && refused.contains("newer program"), "{refused}");
    });
}

/// Idle journals write nothing: a quiet server must not keep its disk awake.
#[test]
fn a_quiet_journal_writes_one_empty_group_and_then_nothing() {
    story(async |disk| {
        let journal = begun(&disk, SMALL).await;
        let last = write(&journal, 0).await;
        wait(&journal, last + 1).await;
        sleep(Duration::from_millis(500)).await;
        assert_eq!(*journal.durable().borrow(), last + 1);
    });
}

#[cfg(madsim)]
mod on_failing_disks {
    use super::*;
    use runtime::simulation::{Latency, current_node, disk as disks, elapsed};

    /// The kernel takes the pages for written after a failed sync: a second one succeeds and proves nothing (fsyncgate).
    #[test]
    fn a_failed_sync_is_not_tried_again() {
        story(async |disk| {
            let journal = begun(&disk, SMALL).await;
            write(&journal, 0).await;
            disks::change(current_node(), |faults| faults.syncs_before_error = Some(0));
            let lost = journal.submit(entry(1, 100));
            let mut failed = journal.failed();
            failed.wait_for(Option::is_some).await.expect("the journal is open");
            let operations = disks::operations(current_node());
            let later = journal.submit(entry(2, 100));
            sleep(Duration::from_secs(600)).await;
            assert_eq!(disks::operations(current_node()), operations, "nothing is written any more");
            assert!(*journal.durable().borrow() < lost && lost < later);
        });
    }

    /// A disk that hangs kept its partitions' leaderships for as long as it hung, in a sync or already in a write.
    #[test]
    fn a_write_or_sync_that_takes_longer_than_its_deadline_is_a_failed_one() {
        for hangs_in_sync in [false, true] {
            story(async |disk| {
                let journal = begun(&disk, SMALL).await;
                let submitted = elapsed();
                let hour = Duration::from_secs(3600);
                disks::change(current_node(), |faults| match hangs_in_sync {
                    false => faults.stalled = Some(submitted + hour),
                    true => faults.sync_latency = Latency::between(hour, hour),
                });
                let sequence = journal.submit(entry(0, 100));
                let mut failed = journal.failed();
                failed.wait_for(Option::is_some).await.expect("the journal is open");
                let took = elapsed() - submitted;
                assert!(took < Duration::from_secs(31), "{took:?}");
                sleep(2 * hour).await;
                assert!(*journal.durable().borrow() < sequence, "late is never");
            });
        }
    }

    /// Growing into a full disk is not the end of the journal: there is room once the checkpoint has moved.
    #[test]
    fn a_full_disk_stops_growth_and_nothing_else() {
        story(async |disk| {
            let journal = begun(&disk, SMALL).await;
            disks::change(current_node(), |faults| faults.capacity = 4 * BLOCK + 1000);
            let mut last = 0;
            for n in 0..6 {
                last = journal.submit(entry(n, 2000));
            }
            sleep(Duration::from_secs(5)).await;
            assert!(journal.failed().borrow().is_none() && *journal.durable().borrow() < last);
            journal.release(*journal.durable().borrow());
            wait(&journal, last).await;
        });
    }
}
