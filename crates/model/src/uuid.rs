//! Kafka's 128-bit ids, written as 22 letters of URL-safe base64 without padding.

use std::fmt;
use std::str::FromStr;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A topic id, directory id or cluster id.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// "No id": all zeros.
    pub const ZERO: Uuid = Uuid([0; 16]);

    /// A version 4 id from 128 random bits. Callers draw again when the text would start with a dash, as Kafka does.
    pub fn from_random_bits(high: u64, low: u64) -> Uuid {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&high.to_be_bytes());
        bytes[8..].copy_from_slice(&low.to_be_bytes());
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Uuid(bytes)
    }

    /// Whether this is "no id".
    pub fn is_zero(&self) -> bool {
        self.0 == [0; 16]
    }

    /// Whether Kafka keeps this id for itself (zero and one), or its text could be taken for an option.
    pub fn is_reserved(&self) -> bool {
        self.0[..15] == [0; 15] && self.0[15] < 2 || self.to_string().starts_with('-')
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        for i in 0..21 {
            let six = (bits >> (122 - 6 * i)) as usize & 63;
            write!(f, "{}", ALPHABET[six] as char)?;
        }
        write!(f, "{}", ALPHABET[(bits << 4) as usize & 63] as char)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 22 letters of URL-safe base64.
#[derive(Debug, PartialEq, Eq)]
pub struct BadUuid;

impl fmt::Display for BadUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an id: 22 letters of URL-safe base64 are expected")
    }
}

impl std::error::Error for BadUuid {}

impl FromStr for Uuid {
    type Err = BadUuid;

    fn from_str(text: &str) -> Result<Uuid, BadUuid> {
        let text = text.trim_end_matches('=').as_bytes();
        if text.len() != 22 {
            return Err(BadUuid);
        }
        let mut bits: u128 = 0;
        for (i, letter) in text.iter().enumerate() {
            let six = ALPHABET.iter().position(|a| a == letter).ok_or(BadUuid)? as u128;
            bits = if i < 21 { bits << 6 | six } else { bits << 2 | six >> 4 };
        }
        Ok(Uuid(bits.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_agree_with_url_safe_base64() {
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(Uuid([0xff; 16]).to_string(), "_____________________w");
        let mut one = [0; 16];
        one[15] = 1;
        assert_eq!(Uuid(one).to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
    }

    #[test]
    fn text_reads_back() {
        for seed in 0..1000u64 {
            let id = Uuid::from_random_bits(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), !seed);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn other_text_is_refused() {
        assert_eq!("short".parse::<Uuid>(), Err(BadUuid));
        assert_eq!("AAAAAAAAAAAAAAAAAAAA!A".parse::<Uuid>(), Err(BadUuid));
    }
}
