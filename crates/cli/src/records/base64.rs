//! Base 64 of RFC 4648, with padding.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |word, i| word << 8 | u32::from(group.get(i).copied().unwrap_or(0)));
        for letter in 0..4 {
            let bits = word >> (18 - 6 * letter) & 63;
            text.push(if letter <= group.len() { char::from(LETTERS[bits as usize]) } else { '=' });
        }
    }
    text
}

/// The bytes of `text`; none when it is not what [`encode`] makes.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in text.as_bytes().chunks(4) {
        let letters: Vec<u32> = group.iter().take_while(|letter| **letter != b'=').map(bits).collect::<Option<_>>()?;
        let word = (0..4).fold(0, |word, i| word << 6 | letters.get(i).copied().unwrap_or(0));
        bytes.extend_from_slice(&word.to_be_bytes()[1..letters.len().max(1)]);
    }
    // Whatever is not right (padding, spare bits, a length) does not come out again as it went in.
    (encode(&bytes) == text).then_some(bytes)
}

fn bits(letter: &u8) -> Option<u32> {
    let (first, bits) = match letter {
        b'A'..=b'Z' => (b'A', 0),
        b'a'..=b'z' => (b'a', 26),
        b'0'..=b'9' => (b'0', 52),
        b'+' => return Some(62),
        b'/' => return Some(63),
        _ => return None,
    };
    Some(u32::from(letter - first) + bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_the_standard_both_ways() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), Some(all));
    }

    #[test]
    fn what_is_not_base_64_is_refused() {
        for text in ["Z", "Zg", "Zg=", "Zh==", "Zg==Zg==", "====", "Z===", "Zm9\n", "Zm9v\n", "Zm 9v", "é"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
