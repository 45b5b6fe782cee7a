//! Backslash escapes in what is typed: `\n`, `\t`, `\r`, `\0`, `\\` and `\xNN`.

use bytes::Bytes;

/// The bytes that the text stands for.
///
/// # Errors
/// A sentence, for an escape that is none.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let (byte, after) = escape(&rest[at..])?;
        bytes.push(byte);
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// The byte of the escape that `text` starts with, and what follows it.
///
/// # Errors
/// A sentence, for an escape that is none.
pub fn escape(text: &str) -> Result<(u8, &str), String> {
    let simple = |byte| Ok((byte, &text[2..]));
    match text.as_bytes().get(1) {
        Some(b'n') => simple(b'\n'),
        Some(b't') => simple(b'\t'),
        Some(b'r') => simple(b'\r'),
        Some(b'0') => simple(0),
        Some(b'\\') => simple(b'\\'),
        Some(b'x') => match text.get(2..4).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => Ok((byte, &text[4..])),
            None => Err("\\x needs two hexadecimal digits, such as \\x1f".to_owned()),
        },
        _ => Err(format!("unknown escape in '{text}'; use \\n, \\t, \\r, \\0, \\xNN or \\\\")),
    }
}

/// One or more bytes that separate things, typed with escapes.
///
/// # Errors
/// A sentence, when it is empty or has an escape that is none.
pub fn parse_delimiter(text: &str) -> Result<Bytes, String> {
    match unescape(text)? {
        empty if empty.is_empty() => Err("a delimiter cannot be empty".to_owned()),
        bytes => Ok(bytes.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_bytes() {
        assert_eq!(unescape(r"a\tb\n\x00\xff\\é"), Ok([b"a\tb\n\0\xff\\".as_slice(), "é".as_bytes()].concat()));
        assert_eq!(unescape(""), Ok(vec![]));
    }

    #[test]
    fn what_is_no_escape_is_refused() {
        assert!(unescape(r"\q").unwrap_err().contains(r"use \n"));
        assert!(unescape(r"\x1").unwrap_err().contains("two hexadecimal digits"));
        assert!(unescape(r"\xé").is_err());
        assert!(unescape(r"\").is_err());
        assert!(parse_delimiter("").is_err());
    }
}
