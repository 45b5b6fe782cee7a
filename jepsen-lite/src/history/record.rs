//! Records as a history names them: an id that travels inside the record, and a digest of all its bytes.

use model::{LeaderEpoch, Offset, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Names one record of a run: the session that sent it and its number in that session. Below 2^52, so every JSON
/// reader keeps it whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(pub u64);

impl RecordId {
    /// A record that carries no id we know: its bytes are not ours.
    pub const FOREIGN: RecordId = RecordId((1 << 52) - 1);

    /// Record `number` of `session`, in the order the producer sent them.
    ///
    /// # Panics
    /// When the session is not below 2^20 - 1.
    pub fn new(session: u32, number: u32) -> RecordId {
        assert!(session < (1 << 20) - 1, "a run has fewer than a million producer sessions");
        RecordId((u64::from(session) << 32) | u64::from(number))
    }

    /// The producer session that sent it.
    pub fn session(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Its place in the session's order of sending.
    pub fn number(self) -> u32 {
        self.0 as u32
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == RecordId::FOREIGN {
            return f.write_str("of unknown origin");
        }
        write!(f, "{}/{}", self.session(), self.number())
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Digest of a record's key, value and headers, in order. 52 bits.
pub type Content = u64;

/// The digest of a record. Null and empty differ; so do the same bytes split differently over key, value and headers.
pub fn content_of<'a>(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: impl IntoIterator<Item = (&'a [u8], Option<&'a [u8]>)>,
) -> Content {
    let mut digest = Digest(0xcbf2_9ce4_8422_2325);
    digest.part(key);
    digest.part(value);
    for (name, value) in headers {
        digest.part(Some(name));
        digest.part(value);
    }
    digest.finish()
}

struct Digest(u64);

impl Digest {
    fn part(&mut self, bytes: Option<&[u8]>) {
        self.word(bytes.map_or(u64::MAX, |b| b.len() as u64));
        let mut words = bytes.unwrap_or_default().chunks_exact(8);
        for word in &mut words {
            self.word(u64::from_le_bytes(word.try_into().expect("chunks of eight")));
        }
        let mut last = [0; 8];
        last[..words.remainder().len()].copy_from_slice(words.remainder());
        self.word(u64::from_le_bytes(last));
    }

    fn word(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 29;
    }

    fn finish(&self) -> u64 {
        (self.0 ^ (self.0 >> 32)).wrapping_mul(0xff51_afd7_ed55_8ccd) >> 12
    }
}

/// The key of a record, where it matters: compaction keeps the last record of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Digest of the key alone.
    pub name: Content,
    /// Whether the record has no value, and so deletes the key.
    pub deletes: bool,
}

/// A record as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SentParts", into = "SentParts")]
pub struct Sent {
    /// Which record.
    pub id: RecordId,
    /// Digest of its bytes.
    pub content: Content,
    /// The timestamp it was given, in milliseconds.
    pub timestamp: Timestamp,
    /// Its key, where it has one and the topic is compacted.
    pub key: Option<Key>,
}

/// How a sent record is written down.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SentParts {
    Keyed(RecordId, Content, Timestamp, Content, bool),
    Plain(RecordId, Content, Timestamp),
}

impl From<SentParts> for Sent {
    fn from(parts: SentParts) -> Sent {
        match parts {
            SentParts::Keyed(id, content, timestamp, name, deletes) => {
                Sent { id, content, timestamp, key: Some(Key { name, deletes }) }
            }
            SentParts::Plain(id, content, timestamp) => Sent { id, content, timestamp, key: None },
        }
    }
}

impl From<Sent> for SentParts {
    fn from(Sent { id, content, timestamp, key }: Sent) -> Self {
        match key {
            Some(Key { name, deletes }) => SentParts::Keyed(id, content, timestamp, name, deletes),
            None => SentParts::Plain(id, content, timestamp),
        }
    }
}

/// A record as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Parts", into = "Parts")]
pub struct Received {
    /// Where it was.
    pub offset: Offset,
    /// Which record it says it is.
    pub id: RecordId,
    /// Digest of its bytes.
    pub content: Content,
    /// Its timestamp, in milliseconds.
    pub timestamp: Timestamp,
    /// The leader epoch it was appended in, as its batch says.
    pub epoch: LeaderEpoch,
}

/// How a received record is written down.
type Parts = (Offset, RecordId, Content, Timestamp, LeaderEpoch);

impl From<Parts> for Received {
    fn from((offset, id, content, timestamp, epoch): Parts) -> Received {
        Received { offset, id, content, timestamp, epoch }
    }
}

impl From<Received> for Parts {
    fn from(received: Received) -> Self {
        (received.offset, received.id, received.content, received.timestamp, received.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_null_from_empty_and_knows_where_a_part_ends() {
        let of = |key: Option<&[u8]>, value: Option<&[u8]>| content_of(key, value, []);
        assert_ne!(of(None, Some(b"a")), of(Some(b""), Some(b"a")));
        assert_ne!(of(Some(b"ab"), Some(b"c")), of(Some(b"a"), Some(b"bc")));
        assert_ne!(of(Some(b"a"), Some(b"b")), of(Some(b"b"), Some(b"a")));
        assert_eq!(of(Some(b"a"), None), of(Some(b"a"), None));
    }

    #[test]
    fn a_digest_sees_every_flipped_bit_and_the_order_of_headers() {
        let value: Vec<u8> = (0..=40).collect();
        let whole = content_of(None, Some(&value), []);
        for bit in 0..value.len() * 8 {
            let mut flipped = value.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(content_of(None, Some(&flipped), []), whole, "bit {bit}");
        }
        let (a, b) = ((&b"a"[..], None), (&b"b"[..], Some(&b"1"[..])));
        assert_ne!(content_of(None, None, [a, b]), content_of(None, None, [b, a]));
    }

    #[test]
    fn a_sent_record_is_written_down_with_its_key_or_without() {
        let plain = Sent { id: RecordId::new(1, 2), content: 3, timestamp: 4, key: None };
        let keyed = Sent { key: Some(Key { name: 5, deletes: true }), ..plain };
        for (sent, text) in [(plain, "[4294967298,3,4]"), (keyed, "[4294967298,3,4,5,true]")] {
            assert_eq!(serde_json::to_string(&sent).unwrap(), text);
            assert_eq!(serde_json::from_str::<Sent>(text).unwrap(), sent);
        }
    }

    #[test]
    fn an_id_holds_its_session_and_number() {
        let id = RecordId::new(7, u32::MAX);
        assert_eq!((id.session(), id.number()), (7, u32::MAX));
        assert!(RecordId::new(0, 5) < RecordId::new(0, 6));
    }
}
