//! Record contents. A record's bytes are a function of its id and shape, and the id can be read back from them.

use crate::history::{Content, Key, RecordId, content_of};
use serde::{Deserialize, Serialize};

/// How a record looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Distinct keys to choose from; 0: records have none.
    pub keys: u32,
    /// Bytes of the value beyond the id; `None`: the value is null and the id is in a header.
    pub value_bytes: Option<u32>,
    /// Headers beside the one that may hold the id, duplicates of one name among them.
    pub headers: u8,
}

/// The key, value and headers of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub value: Option<Vec<u8>>,
    /// Headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

const MAGIC: &[u8; 4] = b"id=\0";
const HEADER: &str = "id";

impl Payload {
    /// The record `id` in this shape.
    pub fn of(id: RecordId, shape: Shape) -> Payload {
        let mut noise = Noise(id.0 ^ 0x5851_f42d_4c95_7f2d);
        let tag = [MAGIC, &id.0.to_be_bytes()[..]].concat();
        let key = (shape.keys > 0).then(|| format!("key-{}", noise.next() % u64::from(shape.keys)).into_bytes());
        let mut headers: Vec<_> = (0..shape.headers).map(|number| noise.header(number)).collect();
        let value = match shape.value_bytes {
            Some(bytes) => Some([tag, noise.bytes(bytes as usize)].concat()),
            None => {
                headers.push((HEADER.to_owned(), Some(tag)));
                None
            }
        };
        Payload { key, value, headers }
    }

    /// Its key as a history names it.
    pub fn named_key(&self) -> Option<Key> {
        let name = content_of(Some(self.key.as_deref()?), None, []);
        Some(Key { name, deletes: self.value.is_none() })
    }

    /// Its digest.
    pub fn content(&self) -> Content {
        let headers = self.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_deref()));
        content_of(self.key.as_deref(), self.value.as_deref(), headers)
    }
}

/// The id that a record's bytes carry; [`RecordId::FOREIGN`] when they carry none.
pub fn identify<'a>(value: Option<&[u8]>, headers: impl IntoIterator<Item = (&'a [u8], Option<&'a [u8]>)>) -> RecordId {
    let tagged = |bytes: &[u8]| {
        let rest = bytes.strip_prefix(MAGIC)?;
        Some(RecordId(u64::from_be_bytes(rest.get(..8)?.try_into().ok()?)))
    };
    let header =
        || headers.into_iter().filter(|(name, _)| *name == HEADER.as_bytes()).find_map(|(_, value)| tagged(value?));
    value.and_then(tagged).or_else(header).filter(|id| *id < RecordId::FOREIGN).unwrap_or(RecordId::FOREIGN)
}

/// Bytes that depend on nothing but the id (SplitMix64); half of them compress well.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 15);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
            bytes.extend_from_slice(b"thalweg ");
        }
        bytes.truncate(count);
        bytes
    }

    fn header(&mut self, number: u8) -> (String, Option<Vec<u8>>) {
        let name = format!("h{}", number / 2); // every name twice
        let value = match self.next() % 4 {
            0 => None,
            1 => Some(Vec::new()),
            length => Some(self.bytes(length as usize * 3)),
        };
        (name, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identified(payload: &Payload) -> RecordId {
        let headers = payload.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_deref()));
        identify(payload.value.as_deref(), headers)
    }

    #[test]
    fn every_shape_can_be_recognised_and_is_the_same_each_time() {
        for shape in [
            Shape { keys: 0, value_bytes: Some(0), headers: 0 },
            Shape { keys: 4, value_bytes: Some(100), headers: 5 },
            Shape { keys: 1, value_bytes: None, headers: 3 },
        ] {
            let id = RecordId::new(3, 12_345);
            let payload = Payload::of(id, shape);
            assert_eq!(identified(&payload), id);
            assert_eq!(Payload::of(id, shape), payload);
            assert_ne!(Payload::of(RecordId::new(3, 12_346), shape).content(), payload.content());
        }
    }

    #[test]
    fn bytes_of_others_are_foreign() {
        assert_eq!(identify(Some(b"hello"), []), RecordId::FOREIGN);
        assert_eq!(identify(None, [(&b"id"[..], Some(&b"id=\0"[..]))]), RecordId::FOREIGN);
        assert_eq!(identify(Some(&[MAGIC, &[0xff; 8][..]].concat()), []), RecordId::FOREIGN);
    }
}
