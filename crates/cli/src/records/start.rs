//! `consume -o`: where reading begins.

use std::str::FromStr;

/// Where reading begins in each partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the first record that is still there.
    Beginning,
    /// After the last record.
    End,
    /// At this offset.
    Offset(i64),
    /// At the first record with this time or a later one; milliseconds since 1970 UTC.
    Time(i64),
    /// So many records before the end.
    BeforeEnd(i64),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Start, String> {
        let wrong = || format!("'{text}' is no start; use start, end, an offset, -N for the last N, or @MILLISECONDS");
        let number = |digits: &str| digits.parse::<i64>().ok().filter(|number| *number >= 0).ok_or_else(wrong);
        match text {
            "start" | "beginning" => Ok(Start::Beginning),
            "end" => Ok(Start::End),
            _ => match (text.strip_prefix('@'), text.strip_prefix('-')) {
                (Some(time), _) => number(time).map(Start::Time),
                (_, Some(count)) => number(count).map(Start::BeforeEnd),
                _ => number(text).map(Start::Offset),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_ways_to_say_where() {
        assert_eq!("start".parse(), Ok(Start::Beginning));
        assert_eq!("end".parse(), Ok(Start::End));
        assert_eq!("17".parse(), Ok(Start::Offset(17)));
        assert_eq!("-5".parse(), Ok(Start::BeforeEnd(5)));
        assert_eq!("@1700000000000".parse(), Ok(Start::Time(1_700_000_000_000)));
    }

    #[test]
    fn anything_else_is_refused_with_what_is_right() {
        for text in ["", "latest", "--5", "@", "@yesterday", "1.5", "@-1"] {
            assert!(text.parse::<Start>().unwrap_err().contains("use start, end"), "{text}");
        }
    }
}
