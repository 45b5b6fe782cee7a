//! Random record batches.

use bytes::Bytes;
use protocol::records::{BatchBuilder, BatchOptions, Compression, Header};

use super::Dice;

/// A batch of 1 to 12 records. Their timestamps rise, and the keys of a record's headers differ.
#[allow(dead_code)] // not every test needs batches
pub fn batch(compression: Compression, dice: &mut Dice) -> Bytes {
    let mut options = BatchOptions { compression, ..BatchOptions::default() };
    if dice.one_in(2) {
        options.producer_id = i64::from(dice.below(1000));
        options.producer_epoch = dice.below(10) as i16;
        options.base_sequence = dice.below(i32::MAX as u32) as i32;
        options.transactional = dice.one_in(2);
        options.control = dice.one_in(8);
    }
    let mut builder = BatchBuilder::new(options);
    let mut timestamp = i64::from(dice.below(1 << 20)) << dice.below(20);
    for _ in 0..dice.below(12) + 1 {
        let (key, value) = (bytes(dice), bytes(dice));
        let headers: Vec<Header> = (0..dice.below(4))
            .map(|index| Header { key: format!("header {index}").into(), value: bytes(dice).map(Bytes::from) })
            .collect();
        builder.append(timestamp, key.as_deref(), value.as_deref(), &headers);
        timestamp += i64::from(dice.below(200));
    }
    builder.build()
}

fn bytes(dice: &mut Dice) -> Option<Vec<u8>> {
    let length = match dice.below(16) {
        0 => return None,
        1 => 0,
        2 => 100 + dice.below(200),
        _ => dice.below(20),
    };
    let letters = dice.below(6) + 1;
    Some((0..length).map(|_| b'a' + dice.below(letters) as u8).collect())
}
