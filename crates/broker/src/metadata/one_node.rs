//! The metadata of a server of one node of earlier versions, which had no quorum:
//!
//! ```text
//! __cluster_metadata-0/00000000000000000000.records     frames from this offset on, an offset a record
//! __cluster_metadata-0/00000000000000001234.snapshot    all that is below this offset, as the shortest log
//! ```
//! It is read once; what it says is the snapshot that a quorum of one goes on from.

use super::fault::MetadataFault;
use super::files::{DIRECTORY, read_all};
use super::state;
use bytes::Bytes;
use controller::frame::{self, Batch, FrameError};
use controller::replay::fold;
use model::metadata_image::MetadataImage;
use model::{Offset, mark};
use raft::{Snapshot, Voters};
use runtime::disk::Disk;
use std::collections::BTreeSet;

/// What the files say; none when they say nothing. It names no voters.
///
/// # Errors
/// Any of it is damaged but a last frame that was never acknowledged.
pub async fn read(disk: &Disk) -> Result<Option<Snapshot>, MetadataFault> {
    let image = read_image(disk).await?;
    if image.cluster_id().is_none() {
        return Ok(None);
    }
    let state = Bytes::from(state::encode(&image, -1));
    Ok(Some(Snapshot { end_offset: image.end_offset(), epoch: 0, voters: Voters::default(), state }))
}

async fn read_image(disk: &Disk) -> Result<MetadataImage, MetadataFault> {
    let (snapshots, bases) = offsets(disk).await?;
    let mut image = match snapshots.last() {
        Some(end) => read_snapshot(disk, *end).await?,
        None => MetadataImage::default(),
    };
    let start = image.end_offset();
    let bases: Vec<Offset> = bases.into_iter().filter(|base| *base >= start).collect();
    for (index, base) in bases.iter().enumerate() {
        let path = format!("{DIRECTORY}/{base:020}.records");
        if *base != image.end_offset() {
            let why = format!("the records from offset {} on are missing before it", image.end_offset());
            return Err(MetadataFault::Damaged { path, at: 0, why });
        }
        let (_, bytes) = read_all(disk, &path).await?;
        for batch in read_frames(&path, &bytes, *base, index + 1 == bases.len())? {
            fold_batch(&mut image, &batch);
        }
    }
    Ok(image)
}

async fn offsets(disk: &Disk) -> Result<(BTreeSet<Offset>, BTreeSet<Offset>), MetadataFault> {
    let entries = disk.list(DIRECTORY).await.map_err(MetadataFault::io("list", DIRECTORY))?;
    let named = |suffix: &str| {
        entries.iter().filter_map(|entry| entry.name.strip_suffix(suffix)?.parse().ok()).collect::<BTreeSet<Offset>>()
    };
    Ok((named(".snapshot"), named(".records")))
}

fn fold_batch(image: &mut MetadataImage, batch: &Batch) {
    for (offset, record) in (batch.base_offset..).zip(&batch.records) {
        fold(image, offset, record);
    }
}

/// The good frames of the file at `path`, whose first record has the offset `base`.
fn read_frames(path: &str, bytes: &[u8], base: Offset, is_last: bool) -> Result<Vec<Batch>, MetadataFault> {
    let damaged = |at: usize, why: String| MetadataFault::Damaged { path: path.to_owned(), at: at as u64, why };
    let (mut batches, mut at, mut next) = (Vec::new(), 0, base);
    while at < bytes.len() {
        match frame::decode(&bytes[at..]) {
            Ok((batch, _)) if batch.base_offset != next => {
                let why = format!("it has the records from offset {} where {next} belongs", batch.base_offset);
                return Err(damaged(at, why));
            }
            Ok((batch, size)) => {
                next = batch.end_offset();
                batches.push(batch);
                at += size;
            }
            Err(error) if !error.is_damage() => {
                return Err(MetadataFault::TooNew { path: path.to_owned(), why: error.to_string() });
            }
            Err(error) if !is_last || is_followed_by_a_frame(&bytes[at + 1..], next) => {
                return Err(damaged(at, error.to_string()));
            }
            Err(_) => {
                mark!("torn tail of a one-node metadata log");
                break;
            }
        }
    }
    Ok(batches)
}

/// Whether a good frame with later records starts anywhere in `bytes`.
fn is_followed_by_a_frame(bytes: &[u8], next: Offset) -> bool {
    (0..bytes.len()).any(|at| match frame::decode(&bytes[at..]) {
        Ok((batch, _)) => batch.base_offset > next,
        Err(error) => matches!(error, FrameError::Payload(_)),
    })
}

async fn read_snapshot(disk: &Disk, end: Offset) -> Result<MetadataImage, MetadataFault> {
    let path = format!("{DIRECTORY}/{end:020}.snapshot");
    let (_, bytes) = read_all(disk, &path).await?;
    let damaged = |at: usize, why: &str| MetadataFault::Damaged { path: path.clone(), at: at as u64, why: why.into() };
    let (mut image, mut at, mut whole) = (MetadataImage::default(), 0, false);
    while at < bytes.len() {
        if whole {
            return Err(damaged(at, "bytes come after its end"));
        }
        let (batch, size) = frame::decode(&bytes[at..]).map_err(|error| match error.is_damage() {
            true => damaged(at, &error.to_string()),
            false => MetadataFault::TooNew { path: path.clone(), why: error.to_string() },
        })?;
        if batch.base_offset != end {
            return Err(damaged(at, "it belongs to another snapshot"));
        }
        fold_batch(&mut image, &batch);
        whole = batch.records.is_empty();
        at += size;
    }
    if !whole {
        return Err(damaged(at, "its end is missing"));
    }
    image.set_end_offset(end);
    Ok(image)
}
