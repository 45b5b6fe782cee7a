//! Zigzag integers of variable length, as inside records: seven bits a byte, lowest first.

use bytes::{BufMut, BytesMut};

/// Reads an `i32` at `*position` and moves past it. `None` when cut short or longer than five bytes.
#[inline(always)]
pub fn read_i32(bytes: &[u8], position: &mut usize) -> Option<i32> {
    let first = *bytes.get(*position)?;
    if first < 0x80 {
        *position += 1;
        return Some(unzigzag(u64::from(first)) as i32);
    }
    let value = read_long(bytes, position, 5)?;
    Some(((value as u32 >> 1) as i32) ^ -((value & 1) as i32))
}

/// Reads an `i64` at `*position` and moves past it. `None` when cut short or longer than ten bytes.
#[inline(always)]
pub fn read_i64(bytes: &[u8], position: &mut usize) -> Option<i64> {
    let first = *bytes.get(*position)?;
    if first < 0x80 {
        *position += 1;
        return Some(unzigzag(u64::from(first)));
    }
    Some(unzigzag(read_long(bytes, position, 10)?))
}

#[inline]
fn read_long(bytes: &[u8], position: &mut usize, at_most: usize) -> Option<u64> {
    let rest = bytes.get(*position..)?;
    let mut value = 0u64;
    for (index, byte) in rest.iter().take(at_most).enumerate() {
        // Bits above the width are lost, as in Kafka.
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            *position += index + 1;
            return Some(value);
        }
    }
    None
}

#[inline(always)]
fn unzigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

/// Writes `value`: one to five bytes for what fits an `i32`, up to ten for others.
pub fn write(out: &mut BytesMut, value: i64) {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        out.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.put_u8(rest as u8);
}

/// How many bytes `value` takes.
pub fn size(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: i64) -> BytesMut {
        let mut out = BytesMut::new();
        write(&mut out, value);
        assert_eq!(out.len(), size(value), "size of {value}");
        out
    }

    #[test]
    fn small_values_of_either_sign_take_one_byte() {
        for (value, bytes) in [(0, [0u8]), (-1, [1]), (1, [2]), (-64, [127]), (63, [126])] {
            assert_eq!(written(value)[..], bytes);
        }
        assert_eq!(written(64)[..], [0x80, 1]);
        assert_eq!(written(i64::from(i32::MIN))[..], [0xff, 0xff, 0xff, 0xff, 0x0f]);
    }

    #[test]
    fn every_width_reads_back() {
        for shift in 0..64 {
            for value in [1i64 << shift, (1i64 << shift).wrapping_neg(), (1i64 << shift).wrapping_sub(1)] {
                let bytes = written(value);
                let mut position = 0;
                assert_eq!(read_i64(&bytes, &mut position), Some(value));
                assert_eq!(position, bytes.len());
                if let Ok(small) = i32::try_from(value) {
                    position = 0;
                    assert_eq!(read_i32(&bytes, &mut position), Some(small));
                }
            }
        }
    }

    #[test]
    fn cut_or_endless_integers_are_refused() {
        let mut position = 0;
        assert_eq!(read_i32(&[], &mut position), None);
        assert_eq!(read_i32(&[0x80, 0x80], &mut position), None);
        assert_eq!(read_i32(&[0x80, 0x80, 0x80, 0x80, 0x80, 0], &mut position), None);
        assert_eq!(read_i64(&[0xff; 11], &mut position), None);
        assert_eq!(position, 0, "a failed read does not move");
    }
}
