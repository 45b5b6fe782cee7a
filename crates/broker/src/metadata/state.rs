//! The image as bytes: what a snapshot of the metadata log holds.

use controller::frame::{self, Batch, FrameError, TooLarge};
use controller::replay::fold;
use controller::snapshot::records_of;
use model::metadata_image::MetadataImage;
use model::{Offset, Timestamp};

/// Records of one frame, at most.
const FRAME_RECORDS: usize = 4096;

/// The image as frames of records, one after the other.
pub fn encode(image: &MetadataImage, timestamp: Timestamp) -> Vec<u8> {
    let base_offset = image.end_offset();
    let mut records = records_of(image).peekable();
    let mut bytes = Vec::new();
    while records.peek().is_some() {
        let records = records.by_ref().take(FRAME_RECORDS).collect();
        encode_in_frames(Batch { base_offset, leader_epoch: 0, timestamp, records }, &mut bytes);
    }
    bytes
}

/// One frame, or as many as its records need: a config's value may have megabytes.
fn encode_in_frames(mut batch: Batch, bytes: &mut Vec<u8>) {
    match frame::encode(&batch) {
        Ok(frame) => bytes.extend(frame),
        Err(TooLarge) => {
            assert!(batch.records.len() > 1, "a record of a log fits a frame");
            let records = batch.records.split_off(batch.records.len() / 2);
            let rest = Batch { records, ..batch };
            encode_in_frames(batch, bytes);
            encode_in_frames(rest, bytes);
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use model::metadata_image::ConfigResource;

    /// Every node ended at its next snapshot, and again at each start.
    #[test]
    fn large_values_go_into_several_frames() {
        let mut image = MetadataImage::default();
        image.set_cluster_id("c");
        let value = "x".repeat(4 << 20);
        for broker in 1..=5 {
            image.set_config(&ConfigResource::Broker(broker), "log.cleanup.policy", Some(&value));
        }
        image.set_end_offset(9);
        let bytes = encode(&image, 0);
        assert!(bytes.len() > frame::MAX_FRAME_BYTES);
        assert_eq!(decode(&bytes, 9).expect("good frames"), image);
    }
}
