//! Reading a bad frame to its end, as a broker or a client would.

use bytes::Bytes;
use protocol::header::RequestHeader;
use protocol::records::validate::{Rules, validate};
use protocol::records::{BatchHeader, Batches, Compression, TimestampType};
use protocol::wire::EncodeProblem;
use protocol::{DecodeError, Reader};

use super::{CODEC_MEMORY, Corpus, DECOMPRESSED_LIMIT, MEMORY_BASE, MEMORY_FACTOR, Outcome, Target};
use crate::every_message::{Kind, Value};
use crate::meter::peak_of;
use crate::samples::Dice;

impl Corpus {
    /// Reads `frame` and checks what is true of any that can be read.
    pub fn read(&self, target: Target, frame: Bytes, dice: &mut Dice) -> Outcome {
        let size = frame.len();
        let allowed = MEMORY_FACTOR * size + MEMORY_BASE;
        match target {
            Target::Request => {
                let (result, peak) = peak_of(|| self.request(&frame));
                let read = result.ok();
                read.iter().for_each(|(kind, version, value)| check_written(kind, *version, &**value, dice));
                Outcome { accepted: read.is_some(), size, peak, allowed }
            }
            Target::Body(kind, version) => {
                let kind = &self.kinds[kind];
                let (result, peak) = peak_of(|| (kind.decode)(&mut Reader::new(frame), version));
                result.iter().for_each(|value| check_written(kind, version, &**value, dice));
                Outcome { accepted: result.is_ok(), size, peak, allowed }
            }
            Target::Batches => {
                let rules = rules(dice);
                let (accepted, peak) = peak_of(|| {
                    let read = read_batches(&frame);
                    read | validate(frame.clone(), &rules).is_ok()
                });
                let codecs = if any_compressed(&frame) || rules.compression.is_some() { CODEC_MEMORY } else { 0 };
                Outcome { accepted, size, peak, allowed: allowed + codecs }
            }
        }
    }

    fn request(&self, frame: &Bytes) -> Result<(&Kind, i16, Box<dyn Value>), DecodeError> {
        let mut reader = Reader::new(frame.clone());
        let header = RequestHeader::decode(&mut reader)?;
        let kind = self.requests[header.api_key as usize].expect("a known key is one of a kind");
        let value = (self.kinds[kind].decode)(&mut reader, header.api_version)?;
        Ok((&self.kinds[kind], header.api_version, value))
    }
}

/// What was read can be written, and means the same when it is read again. Looked at in one case of four: it takes
/// longer than all else.
fn check_written(kind: &Kind, version: i16, value: &dyn Value, dice: &mut Dice) {
    if !dice.one_in(4) {
        return;
    }
    match value.encode(version) {
        Ok(written) => {
            let again = kind.decode_whole(&written, version).expect("what was written can be read");
            assert_eq!(again.encode(version), Ok(written), "{} v{version}: {value:?}", kind.name);
        }
        // Bytes that are no text become a letter of three bytes each.
        Err(error) => assert!(matches!(error.problem, EncodeProblem::TooLong(_)), "{} v{version}: {error}", kind.name),
    }
}

fn read_batches(frame: &Bytes) -> bool {
    let mut whole = false;
    for batch in Batches::new(frame) {
        let Ok(batch) = batch else { return whole };
        let BatchHeader { base_offset, .. } = batch.header;
        let sane = batch.header.next_offset() > base_offset && batch.header.last_sequence() >= -1;
        let Ok(records) = batch.records_of(frame, DECOMPRESSED_LIMIT) else { continue };
        let mut times = 0;
        let mut count = 0;
        for record in records {
            let Ok(record) = record else { break };
            times ^= batch.header.timestamp_of(record.timestamp_delta);
            count += 1;
        }
        whole |= batch.check_crc().is_ok() && sane && count == batch.header.record_count && times != 1;
    }
    whole
}

fn any_compressed(frame: &Bytes) -> bool {
    Batches::new(frame).flatten().any(|batch| batch.header.compression() != Ok(Compression::None))
}

fn rules(dice: &mut Dice) -> Rules {
    Rules {
        produce_version: 3 + dice.below(11) as i16,
        has_transactional_id: dice.one_in(2),
        max_message_bytes: 1 << 20,
        compacted: dice.one_in(4),
        timestamp_type: if dice.one_in(4) { TimestampType::LogAppendTime } else { TimestampType::CreateTime },
        before_max_ms: i64::MAX,
        after_max_ms: if dice.one_in(2) { 0 } else { i64::MAX },
        now: 1_000_000,
        compression: dice.one_in(8).then(|| (Compression::ALL[dice.index(5)], None)),
        decompressed_limit: DECOMPRESSED_LIMIT,
    }
}
