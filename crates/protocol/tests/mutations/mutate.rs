//! Cheap damage.

use protocol::records::{Compression, HEADER_BYTES};

use crate::samples::Dice;

/// No frame grows beyond this.
const LONGEST: usize = 32 << 10;

const NUMBERS: [i32; 10] = [-1, 0, 1, i32::MAX, i32::MIN, i32::MAX - 1, 0x00ff_ffff, 127, 128, 0x7fff];
const VARINTS: [&[u8]; 5] =
    [&[0], &[0xff, 0xff, 0xff, 0xff, 0x0f], &[0xff, 0xff, 0xff, 0xff, 0x07], &[0xff, 0x7f], &[0x80; 6]];

/// Spoils `frame` in up to four places.
pub fn mutate(frame: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    for _ in 0..dice.below(4) + 1 {
        if frame.is_empty() {
            return;
        }
        once(frame, other, dice);
    }
    frame.truncate(LONGEST);
}

fn once(frame: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.index(frame.len());
    match dice.below(11) {
        0..3 => frame[at] ^= 1 << dice.below(8),
        3 => frame[at] = [0, 1, 2, 0x7f, 0x80, 0xff][dice.index(6)],
        4 => overwrite(frame, at, &NUMBERS[dice.index(10)].to_be_bytes()),
        5 => overwrite(frame, at, &(NUMBERS[dice.index(10)] as i16).to_be_bytes()),
        6 => overwrite(frame, at, VARINTS[dice.index(5)]),
        7 => frame.truncate(at),
        8 => {
            let end = (at + dice.index(32)).min(frame.len());
            frame.drain(at..end);
        }
        9 => {
            let end = (at + dice.index(64)).min(frame.len());
            let part = frame[at..end].repeat(dice.index(40));
            frame.splice(at..at, part);
        }
        _ => {
            frame.truncate(at);
            frame.extend(&other[dice.index(other.len())..]);
        }
    }
}

fn overwrite(frame: &mut [u8], at: usize, bytes: &[u8]) {
    let end = (at + bytes.len()).min(frame.len());
    frame[at..end].copy_from_slice(&bytes[..end - at]);
}

/// Spoils a run of batches. Three times in four the first is given a right length and checksum again, without which
/// nobody would look any further.
pub fn mutate_batch(frame: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    if frame.len() > HEADER_BYTES && frame[22] & 7 == 0 && dice.one_in(4) {
        // The records are spoiled before they are compressed.
        let mut payload = frame.split_off(HEADER_BYTES);
        mutate(&mut payload, other, dice);
        let codec = Compression::ALL[dice.index(5)];
        frame.extend(codec.compress(&payload, None));
        frame[22] |= codec.code();
    } else {
        mutate(frame, other, dice);
    }
    if frame.len() >= HEADER_BYTES && !dice.one_in(4) {
        let length = (frame.len() - 12) as u32;
        frame[8..12].copy_from_slice(&length.to_be_bytes());
        frame[16] = 2;
        let checksum = crc32c::crc32c(&frame[21..]);
        frame[17..21].copy_from_slice(&checksum.to_be_bytes());
    }
}
