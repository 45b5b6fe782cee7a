//! What both disks do alike: the real one and the simulated one.

use bytes::Bytes;
use runtime::disk::{Disk, Entry, Open};
use std::io::{self, ErrorKind};

/// Runs a story in an empty data directory that has to be made first.
fn story<F: Future<Output = io::Result<()>>>(story: impl FnOnce(Disk) -> F) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let root = directory.path().join("deep").join("data");
    let body = async { story(Disk::open(root).await?).await };
    runtime::task::run(2, body).expect("a runtime").expect("the story");
}

fn entry(name: &str, is_directory: bool) -> Entry {
    Entry { name: name.to_owned(), is_directory }
}

#[test]
fn files_are_opened_as_asked_for() {
    story(|disk| async move {
        let missing = disk.open_file("a", Open::Read).await.expect_err("it does not exist");
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        assert_eq!(disk.open_file("a", Open::Existing).await.expect_err("nor here").kind(), ErrorKind::NotFound);
        let file = disk.open_file("a", Open::New).await?;
        file.write_at(&[Bytes::from_static(b"bytes")], 0).await?;
        assert_eq!(disk.open_file("a", Open::New).await.expect_err("it exists").kind(), ErrorKind::AlreadyExists);
        assert_eq!(disk.open_file("a", Open::OrCreate).await?.length().await?, 5);
        let reader = disk.open_file("a", Open::Read).await?;
        assert!(reader.write_at(&[Bytes::from_static(b"x")], 0).await.is_err());
        assert!(disk.open_file("no/such", Open::New).await.is_err());
        Ok(())
    });
}

#[test]
fn reads_end_with_the_file_and_holes_are_zeros() {
    story(|disk| async move {
        let file = disk.open_file("a", Open::New).await?;
        let parts = [Bytes::from_static(b"one"), Bytes::new(), Bytes::from_static(b"two")];
        file.write_at(&parts, 10_000).await?;
        let mut buffer = [9; 8];
        assert_eq!(file.read_at(&mut buffer, 9_998).await?, 8);
        assert_eq!(&buffer, b"\0\0onetwo");
        assert_eq!(file.read_at(&mut buffer, 10_003).await?, 3);
        assert_eq!(file.read_at(&mut buffer, 10_006).await?, 0);
        assert_eq!(file.read_at(&mut buffer, 1 << 40).await?, 0);
        assert_eq!(file.read_at(&mut [], 0).await?, 0);
        file.set_length(10_004).await?;
        assert_eq!(file.length().await?, 10_004);
        file.set_length(20_000).await?;
        assert_eq!(file.read_at(&mut buffer, 10_001).await?, 8);
        assert_eq!(&buffer, b"net\0\0\0\0\0");
        Ok(())
    });
}

#[test]
fn large_writes_and_reads_come_back_whole() {
    story(|disk| async move {
        let file = disk.open_file("a", Open::New).await?;
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| (number / 7) as u8).collect();
        let parts: Vec<Bytes> = bytes.chunks(700).map(Bytes::copy_from_slice).collect();
        file.write_at(&parts, 5).await?;
        file.sync().await?;
        let mut read = vec![0; bytes.len()];
        assert_eq!(file.read_at(&mut read, 5).await?, bytes.len());
        assert!(read == bytes);
        Ok(())
    });
}

#[test]
fn allocation_only_ever_adds_zeros() {
    story(|disk| async move {
        let file = disk.open_file("journal", Open::New).await?;
        file.write_at(&[Bytes::from_static(b"head")], 0).await?;
        file.allocate(2_500_000).await?;
        file.allocate(10).await?;
        assert_eq!(file.length().await?, 2_500_000);
        let mut buffer = [1; 6];
        file.read_at(&mut buffer, 0).await?;
        assert_eq!(&buffer, b"head\0\0");
        assert_eq!(file.read_at(&mut buffer, 2_499_998).await?, 2);
        Ok(())
    });
}

#[test]
fn names_can_be_made_listed_renamed_and_removed() {
    story(|disk| async move {
        disk.create_directory("topic-1").await?;
        assert_eq!(disk.create_directory("topic-1").await.expect_err("again").kind(), ErrorKind::AlreadyExists);
        assert_eq!(disk.create_directory("no/such").await.expect_err("no parent").kind(), ErrorKind::NotFound);
        disk.open_file("topic-1/b", Open::New).await?.write_at(&[Bytes::from_static(b"b")], 0).await?;
        disk.open_file("topic-1/a", Open::New).await?.write_at(&[Bytes::from_static(b"a")], 0).await?;
        assert_eq!(disk.list("topic-1").await?, [entry("a", false), entry("b", false)]);
        assert_eq!(disk.list("").await?, [entry("topic-1", true)]);
        assert_eq!(disk.list("topic-2").await.expect_err("no such").kind(), ErrorKind::NotFound);
        assert_eq!(disk.list("topic-1/a").await.expect_err("a file").kind(), ErrorKind::NotADirectory);

        disk.rename("topic-1/a", "topic-1/b").await?;
        assert_eq!(disk.open_file("topic-1/b", Open::Read).await?.length().await?, 1);
        disk.rename("topic-1", "topic-1.deleted").await?;
        assert_eq!(disk.list("topic-1.deleted").await?, [entry("b", false)]);
        assert_eq!(disk.rename("topic-1", "x").await.expect_err("gone").kind(), ErrorKind::NotFound);

        let full = disk.remove_directory("topic-1.deleted").await.expect_err("not empty");
        assert_eq!(full.kind(), ErrorKind::DirectoryNotEmpty);
        disk.remove_file("topic-1.deleted/b").await?;
        assert_eq!(disk.remove_file("topic-1.deleted/b").await.expect_err("gone").kind(), ErrorKind::NotFound);
        disk.sync_directory("topic-1.deleted").await?;
        disk.remove_directory("topic-1.deleted").await?;
        disk.sync_directory("").await?;
        assert!(disk.list("").await?.is_empty());
        assert!(disk.sync_directory("topic-1.deleted").await.is_err());
        Ok(())
    });
}

#[test]
fn a_removed_file_lives_as_long_as_it_is_open() {
    story(|disk| async move {
        let file = disk.open_file("a", Open::New).await?;
        file.write_at(&[Bytes::from_static(b"still here")], 0).await?;
        disk.remove_file("a").await?;
        disk.sync_directory("").await?;
        let again = disk.open_file("a", Open::New).await?;
        let mut buffer = [0; 10];
        assert_eq!(file.read_at(&mut buffer, 0).await?, 10);
        assert_eq!(&buffer, b"still here");
        assert_eq!(again.length().await?, 0);
        Ok(())
    });
}

#[test]
fn a_lock_is_held_once_and_freed_by_its_drop() {
    story(|disk| async move {
        let lock = disk.lock(".lock").await?;
        assert_eq!(disk.lock(".lock").await.expect_err("held").kind(), ErrorKind::WouldBlock);
        drop(lock);
        disk.lock(".lock").await.map(drop)
    });
}

#[test]
fn there_is_room() {
    story(|disk| async move {
        assert!(disk.available().await? > 0);
        assert!(disk.root().ends_with("data"));
        Ok(())
    });
}
