//! What a recorded run may leave behind. The same stories hold for a real directory and for a simulated disk.

use bytes::Bytes;
use runtime::disk::{Disk, Open};
use runtime::record::{FileId, Image, Kept, Log, Operation, Recorder, SectorSize};
use std::collections::BTreeSet;

/// Runs a story on a recorded empty directory, and gives the log.
fn record<F: Future<Output = std::io::Result<()>>>(story: impl FnOnce(Disk, Recorder) -> F) -> Log {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let root = directory.path().join("data");
    let recorder = Recorder::new();
    let body = async {
        let disk = Disk::open_recorded(root, &recorder).await?;
        story(disk, recorder.clone()).await
    };
    runtime::task::run(1, body).expect("a runtime").expect("the story");
    recorder.log()
}

/// Every image that a power failure after the last operation may leave.
fn last_images(log: &Log, size: SectorSize) -> Vec<Image> {
    let last = log.crash_points().last().expect("there is always one");
    last.power_failures(size, 32).into_iter().map(|failure| failure.image).collect()
}

#[test]
fn what_was_synced_under_a_synced_name_is_in_every_image() {
    let log = record(|disk, _| async move {
        let file = disk.open_file("a", Open::New).await?;
        file.write_at(&[Bytes::from_static(b"one"), Bytes::from_static(b"two")], 0).await?;
        file.sync().await?;
        disk.sync_directory("").await?;
        file.write_at(&[Bytes::from(vec![7; 5000])], 6).await
    });
    for size in [SectorSize::Bytes512, SectorSize::Bytes4096] {
        for image in last_images(&log, size) {
            let bytes = image.file("a").expect("its name is durable");
            assert!(bytes.len() == 6 || bytes.len() == 5006);
            assert_eq!(&bytes[..6], b"onetwo");
        }
    }
}

#[test]
fn a_sync_of_the_file_does_not_save_its_name() {
    let log = record(|disk, _| async move {
        disk.create_directory("topic-0").await?;
        disk.sync_directory("").await?;
        let file = disk.open_file("topic-0/log", Open::New).await?;
        file.write_at(&[Bytes::from_static(b"x")], 0).await?;
        file.sync().await
    });
    let present: BTreeSet<bool> =
        last_images(&log, SectorSize::Bytes512).iter().map(|image| image.file("topic-0/log").is_some()).collect();
    assert_eq!(present, BTreeSet::from([false, true]));
}

#[test]
fn a_synced_name_in_an_unsynced_directory_is_lost_with_it() {
    let log = record(|disk, _| async move {
        disk.create_directory("topic-0").await?;
        disk.open_file("topic-0/log", Open::New).await?.sync().await?;
        disk.sync_directory("topic-0").await
    });
    assert!(last_images(&log, SectorSize::Bytes512).iter().any(|image| image.directories().is_empty()));
}

#[test]
fn each_unsynced_sector_is_kept_or_lost_by_itself() {
    let log = record(|disk, _| async move {
        let file = disk.open_file("a", Open::New).await?;
        file.allocate(2048).await?;
        file.sync().await?;
        disk.sync_directory("").await?;
        file.write_at(&[Bytes::from(vec![1; 2048])], 0).await
    });
    let shapes = |size| -> BTreeSet<Vec<u8>> {
        let bytes = last_images(&log, size).into_iter().map(|image| image.file("a").expect("synced name"));
        bytes.map(|bytes| bytes.chunks(512).map(|sector| sector[0]).collect()).collect()
    };
    let small = shapes(SectorSize::Bytes512);
    for only in 0..4 {
        let kept: Vec<u8> = (0..4).map(|sector| u8::from(sector == only)).collect();
        let lost: Vec<u8> = (0..4).map(|sector| u8::from(sector != only)).collect();
        assert!(small.contains(&kept) && small.contains(&lost));
    }
    assert_eq!(shapes(SectorSize::Bytes4096), BTreeSet::from([vec![0; 4], vec![1; 4]]));
}

#[test]
fn a_sector_may_be_as_it_was_at_any_time_since_the_last_sync() {
    // a kernel that writes back early leaves what neither the last sync nor the last write had
    let log = record(|disk, _| async move {
        let file = disk.open_file("a", Open::New).await?;
        file.write_at(&[Bytes::from(vec![1; 512])], 0).await?;
        file.sync().await?;
        disk.sync_directory("").await?;
        for byte in 2..=9 {
            file.write_at(&[Bytes::from(vec![byte; 512])], 0).await?;
        }
        Ok(())
    });
    let last = log.crash_points().last().expect("there is always one");
    let seen: BTreeSet<u8> = (0..200)
        .map(|seed| {
            last.after_power_failure(SectorSize::Bytes512, Kept::Random(seed)).file("a").expect("synced name")[0]
        })
        .collect();
    assert!(seen.contains(&1) && seen.contains(&9) && seen.len() > 4, "{seen:?}");
}

#[test]
fn a_rename_over_another_file_leaves_the_old_or_the_new_one() {
    let log = record(|disk, _| async move {
        for (name, bytes) in [("checkpoint", b"old"), ("checkpoint.tmp", b"new")] {
            let file = disk.open_file(name, Open::New).await?;
            file.write_at(&[Bytes::from_static(bytes)], 0).await?;
            file.sync().await?;
            if name == "checkpoint" {
                disk.sync_directory("").await?;
            }
        }
        disk.rename("checkpoint.tmp", "checkpoint").await
    });
    let seen: BTreeSet<Bytes> = last_images(&log, SectorSize::Bytes512)
        .iter()
        .map(|image| image.file("checkpoint").expect("it never has no name"))
        .collect();
    assert_eq!(seen, BTreeSet::from([Bytes::from_static(b"old"), Bytes::from_static(b"new")]));
}

#[test]
fn a_rename_before_the_sync_may_leave_an_empty_file() {
    let log = record(|disk, _| async move {
        disk.open_file("checkpoint", Open::New).await?;
        disk.sync_directory("").await?;
        let file = disk.open_file("checkpoint.tmp", Open::New).await?;
        file.write_at(&[Bytes::from_static(b"new")], 0).await?;
        disk.rename("checkpoint.tmp", "checkpoint").await?;
        disk.sync_directory("").await
    });
    let images = last_images(&log, SectorSize::Bytes512);
    assert!(images.iter().any(|image| image.file("checkpoint").is_some_and(|bytes| bytes.is_empty())));
    assert!(images.iter().all(|image| image.file("checkpoint.tmp").is_none()));
}

#[test]
fn a_removed_file_may_come_back_until_its_directory_is_synced() {
    let log = record(|disk, _| async move {
        let file = disk.open_file("a", Open::New).await?;
        file.write_at(&[Bytes::from_static(b"x")], 0).await?;
        file.sync().await?;
        disk.sync_directory("").await?;
        disk.remove_file("a").await?;
        disk.sync_directory("").await
    });
    let points: Vec<_> = log.crash_points().collect();
    let removed = log.operations().iter().position(|done| matches!(done, Operation::RemoveFile { .. }));
    let after_removal = points.iter().find(|point| Some(point.operations) == removed.map(|at| at + 1));
    let failures = after_removal.expect("it was removed").power_failures(SectorSize::Bytes512, 0);
    assert!(failures.iter().any(|failure| failure.image.file("a").as_deref() == Some(b"x")));
    assert!(failures.iter().any(|failure| failure.image.file("a").is_none()));
    assert!(last_images(&log, SectorSize::Bytes512).iter().all(|image| image.file("a").is_none()));
}

#[test]
fn a_process_crash_keeps_all_that_was_done_up_to_it() {
    let log = record(|disk, recorder| async move {
        let file = disk.open_file("a", Open::OrCreate).await?;
        for number in 0..3_u8 {
            file.write_at(&[Bytes::from(vec![number])], u64::from(number)).await?;
            recorder.note(u64::from(number));
        }
        file.set_length(1).await
    });
    for point in log.crash_points() {
        let written = point.done().iter().filter(|done| matches!(done, Operation::Write { .. })).count();
        let cut = point.done().iter().any(|done| matches!(done, Operation::SetLength { .. }));
        let noted = point.done().iter().filter(|done| matches!(done, Operation::Note(_))).count();
        assert!(noted <= written);
        let length = point.after_process_crash().file("a").map_or(0, |bytes| bytes.len());
        assert_eq!(length, if cut { 1 } else { written });
    }
    assert_eq!(log.operations().iter().filter(|done| matches!(done, Operation::Note(_))).count(), 3);
}

#[test]
fn a_recording_of_a_directory_that_holds_something_starts_from_that() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let recorder = Recorder::new();
    let story = async {
        let disk = Disk::open(directory.path()).await?;
        disk.create_directory("sub").await?;
        disk.open_file("sub/a", Open::New).await?.write_at(&[Bytes::from_static(b"before")], 0).await?;
        let disk = Disk::open_recorded(directory.path(), &recorder).await?;
        disk.open_file("sub/a", Open::Existing).await?.write_at(&[Bytes::from_static(b"after.")], 0).await?;
        disk.rename("sub", "other").await
    };
    runtime::task::run(1, story).expect("a runtime").expect("the story");
    let log = recorder.log();
    assert_eq!(log.initial().file("sub/a").as_deref(), Some(&b"before"[..]));
    let last = log.crash_points().last().expect("there is always one");
    assert_eq!(last.after_process_crash().file("other/a").as_deref(), Some(&b"after."[..]));
}

#[cfg(not(madsim))]
#[test]
fn an_image_can_be_written_to_a_directory_and_read_again() {
    let mut image = Image::new();
    image.put("topic-0/00.log", b"bytes");
    image.put("empty", b"");
    image.put_directory("topic-1/deep");
    let directory = tempfile::tempdir().expect("a temporary directory");
    image.write_to(directory.path()).expect("it can be written");
    let again = Image::read_from(directory.path()).expect("it can be read");
    assert_eq!(again, image);
    assert_eq!(again.fingerprint(), image.fingerprint());
    assert_ne!(Image::new().fingerprint(), image.fingerprint());
}

#[test]
fn a_program_without_its_directory_sync_leaves_more() {
    let log = record(|disk, _| async move {
        let file = disk.open_file("a", Open::New).await?;
        file.write_at(&[Bytes::from_static(b"x")], 0).await?;
        file.sync().await?;
        disk.sync_directory("").await
    });
    assert!(last_images(&log, SectorSize::Bytes512).iter().all(|image| image.file("a").is_some()));
    let is_directory = |of: FileId| log.first_name(of).is_none();
    let worse = log.without(|done| matches!(done, Operation::EndSync { of, .. } if is_directory(*of)));
    assert!(last_images(&worse, SectorSize::Bytes512).iter().any(|image| image.file("a").is_none()));
}
