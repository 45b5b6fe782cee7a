//! Record batches, uncompressed: the codecs are not the other crate's own.

use bytes::BytesMut;
use kafka_protocol::records as theirs;
use protocol::records::{BatchView, Compression, Header};

use crate::samples::{Dice, batches};

#[test]
fn batches_mean_the_same_to_both() {
    for seed in 0..2000 {
        let bytes = batches::batch(Compression::None, &mut Dice::new(seed));
        let view = BatchView::parse(&bytes).expect("a batch");
        let set = theirs::RecordBatchDecoder::decode(&mut bytes.clone()).expect("a batch for the other crate");
        assert_eq!(set.records.len(), view.header.record_count as usize);
        for (ours, theirs) in view.records(0).expect("records").zip(&set.records) {
            let ours = ours.expect("a record");
            assert_eq!(view.header.timestamp_of(ours.timestamp_delta), theirs.timestamp);
            assert_eq!(view.header.base_offset + i64::from(ours.offset_delta), theirs.offset);
            assert_eq!((&ours.key, &ours.value), (&theirs.key, &theirs.value));
            let headers =
                theirs.headers.iter().map(|(key, value)| Header { key: key.clone().into(), value: value.clone() });
            assert_eq!(ours.headers, headers.collect::<Vec<_>>());
            assert_eq!(
                (view.header.producer_id, view.header.producer_epoch),
                (theirs.producer_id, theirs.producer_epoch)
            );
            assert_eq!(
                (view.header.is_transactional(), view.header.is_control()),
                (theirs.transactional, theirs.control)
            );
        }
        let options = theirs::RecordEncodeOptions { version: 2, compression: theirs::Compression::None };
        let mut written = BytesMut::new();
        theirs::RecordBatchEncoder::encode(&mut written, &set.records, &options).expect("what was read can be written");
        assert_eq!(written, bytes, "seed {seed}: {view:?}");
    }
}
