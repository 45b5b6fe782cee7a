//! The `server.properties` format, as `java.util.Properties` reads it.

use std::iter::Peekable;
use std::str::Chars;

/// One line that sets something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// The name, unescaped.
    pub key: String,
    /// The value, unescaped; spaces at its end are kept.
    pub value: String,
    /// The line it starts on, from 1.
    pub line: usize,
}

/// Reads the lines of a properties file: `key=value`, `key: value` or `key value`; comments start with `#` or `!`; a
/// backslash at the end of a line continues it; `\t \n \r \f \uXXXX` and a backslash before any other character.
///
/// # Errors
/// A sentence that names the line, for a `\u` without four hexadecimal digits.
pub fn parse_properties(text: &str) -> Result<Vec<Property>, String> {
    let mut properties = Vec::new();
    for (line, logical) in logical_lines(text) {
        let (key, value) = split(&logical);
        let read = |part: &str| unescape(part).map_err(|why| format!("line {line}: {why}"));
        properties.push(Property { key: read(key)?, value: read(value)?, line });
    }
    Ok(properties)
}

/// The lines that set something, continuations joined, each with the number of its first line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r')).enumerate();
    let mut logical = Vec::new();
    while let Some((number, line)) = lines.next() {
        let mut joined = start_of(line).to_owned();
        if joined.is_empty() || joined.starts_with(['#', '!']) {
            continue;
        }
        while continues(&joined) {
            joined.pop();
            let Some((_, next)) = lines.next() else { break };
            joined.push_str(start_of(next));
        }
        logical.push((number + 1, joined));
    }
    logical
}

fn start_of(line: &str) -> &str {
    line.trim_start_matches([' ', '\t', '\u{c}'])
}

/// Whether the line ends in an odd number of backslashes: an even number is backslashes that are escaped.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// The key ends at the first `=`, `:` or space that is not escaped; one separator and the spaces around it are skipped.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|c: char| {
        let ends = !escaped && matches!(c, '=' | ':' | ' ' | '\t' | '\u{c}');
        escaped = c == '\\' && !escaped;
        ends
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = start_of(rest);
    (key, start_of(rest.strip_prefix(['=', ':']).unwrap_or(rest)))
}

fn unescape(text: &str) -> Result<String, String> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
            continue;
        }
        match chars.next() {
            Some('t') => units.push(u16::from(b'\t')),
            Some('n') => units.push(u16::from(b'\n')),
            Some('r') => units.push(u16::from(b'\r')),
            Some('f') => units.push(0x0c),
            Some('u') => units.push(four_digits(&mut chars)?),
            Some(other) => units.extend_from_slice(other.encode_utf16(&mut [0; 2])),
            None => {}
        }
    }
    String::from_utf16(&units).map_err(|_| "\\u escapes that are no character: half of a surrogate pair".to_owned())
}

fn four_digits(chars: &mut Peekable<Chars<'_>>) -> Result<u16, String> {
    let digits: String = chars.by_ref().take(4).collect();
    match u16::from_str_radix(&digits, 16) {
        Ok(unit) if digits.len() == 4 && !digits.starts_with('+') => Ok(unit),
        _ => Err(format!("\\u{digits}: needs four hexadecimal digits; write \\\\u for a backslash and a u")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse_properties(text).expect("well formed").into_iter().map(|p| (p.key, p.value)).collect()
    }

    fn pair(key: &str, value: &str) -> Vec<(String, String)> {
        vec![(key.to_owned(), value.to_owned())]
    }

    #[test]
    fn the_three_separators_and_the_spaces_around_them() {
        for text in ["a=b", "a:b", "a b", "  a = b", "a\t:\tb", "a   b", "a =b"] {
            assert_eq!(pairs(text), pair("a", "b"), "{text}");
        }
        assert_eq!(pairs("a"), pair("a", ""));
        assert_eq!(pairs("a="), pair("a", ""));
        assert_eq!(pairs("a==b"), pair("a", "=b"));
        assert_eq!(pairs("listeners=PLAINTEXT://:9092"), pair("listeners", "PLAINTEXT://:9092"));
    }

    #[test]
    fn comments_and_empty_lines_say_nothing_but_count_as_lines() {
        let read = parse_properties("# one\n! two\n\n   # three\nnum.partitions=3\r\n").expect("well formed");
        assert_eq!(read, [Property { key: "num.partitions".into(), value: "3".into(), line: 5 }]);
        assert_eq!(pairs("a=b # no comment"), pair("a", "b # no comment"));
    }

    #[test]
    fn a_backslash_at_the_end_continues_the_line_and_an_escaped_one_does_not() {
        assert_eq!(pairs("log.dirs=/a,\\\n    /b,\\\n/c"), pair("log.dirs", "/a,/b,/c"));
        assert_eq!(pairs("a=b\\\\\nc=d").len(), 2);
        assert_eq!(pairs("a=b\\"), pair("a", "b"));
        assert_eq!(pairs("a=b\\\n# still the value"), pair("a", "b# still the value"));
    }

    #[test]
    fn escapes_are_those_of_java() {
        assert_eq!(pairs("a\\ b\\:c=d\\te\\u00e9\\q"), pair("a b:c", "d\teéq"));
        assert_eq!(pairs("a=\\ud83d\\ude00é"), pair("a", "😀é"));
        assert_eq!(pairs("dir=C\\:\\\\data"), pair("dir", "C:\\data"));
    }

    #[test]
    fn a_broken_escape_names_its_line() {
        let error = parse_properties("a=b\nc=\\u12g4").unwrap_err();
        assert!(error.starts_with("line 2: \\u12g4"), "{error}");
        assert!(parse_properties("c=\\u+123").is_err());
        assert!(parse_properties("c=\\u12").is_err());
        assert!(parse_properties("c=\\ud83d").is_err());
    }
}
