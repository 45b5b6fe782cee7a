//! The image as bytes: what a snapshot of the metadata log holds.

use controller::frame::{self, Batch, FrameError};
use controller::replay::fold;
use controller::snapshot::records_of;
use model::metadata_image::MetadataImage;
use model::{Offset, Timestamp};

/// Records of one frame.
const FRAME_RECORDS: usize = 4096;

/// The image as frames of records, one after the other.
pub fn encode(image: &MetadataImage, timestamp: Timestamp) -> Vec<u8> {
    let base_offset = image.end_offset();
    let mut records = records_of(image).peekable();
    let mut bytes = Vec::new();
    while records.peek().is_some() {
        let records = records.by_ref().take(FRAME_RECORDS).collect();
        let batch = Batch { base_offset, leader_epoch: 0, timestamp, records };
        bytes.extend(frame::encode(&batch).expect("records of a log fit a frame"));
    }
    bytes
}

/// The image of all below `end_offset`.
///
/// # Errors
/// Bytes that are something else, or of a later version.
pub fn decode(bytes: &[u8], end_offset: Offset) -> Result<MetadataImage, FrameError> {
    let mut image = MetadataImage::default();
    let mut at = 0;
    while at < bytes.len() {
        let (batch, size) = frame::decode(&bytes[at..])?;
        for record in &batch.records {
            fold(&mut image, batch.base_offset, record);
        }
        at += size;
    }
    image.set_end_offset(end_offset);
    Ok(image)
}
