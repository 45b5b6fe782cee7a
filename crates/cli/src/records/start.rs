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
    /// At the first record that is at most so many milliseconds old.
    Ago(i64),
    /// So many records before the end.
    BeforeEnd(i64),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Start, String> {
        let wrong =
            || format!("'{text}' is no start; use start, end, an offset, -N for the last N, @MILLISECONDS or @-5m");
        let number = |digits: &str| digits.parse::<i64>().ok().filter(|number| *number >= 0).ok_or_else(wrong);
        match text {
            "start" | "beginning" => Ok(Start::Beginning),
            "end" => Ok(Start::End),
            _ => match (text.strip_prefix("@-"), text.strip_prefix('@'), text.strip_prefix('-')) {
                (Some(age), ..) => milliseconds(age).map(Start::Ago).ok_or_else(wrong),
                (_, Some(time), _) => number(time).map(Start::Time),
                (.., Some(count)) => number(count).map(Start::BeforeEnd),
                _ => number(text).map(Start::Offset),
            },
        }
    }
}

/// Of a number of seconds, minutes, hours or days, such as `5m`.
fn milliseconds(text: &str) -> Option<i64> {
    let (at, unit) = text.char_indices().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return None,
    };
    let number = text[..at].parse::<i64>().ok().filter(|number| *number >= 0)?;
    number.checked_mul(seconds * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_to_say_where() {
        assert_eq!("start".parse(), Ok(Start::Beginning));
        assert_eq!("end".parse(), Ok(Start::End));
        assert_eq!("17".parse(), Ok(Start::Offset(17)));
        assert_eq!("-5".parse(), Ok(Start::BeforeEnd(5)));
        assert_eq!("@1700000000000".parse(), Ok(Start::Time(1_700_000_000_000)));
        assert_eq!("@-90s".parse(), Ok(Start::Ago(90_000)));
        assert_eq!("@-2h".parse(), Ok(Start::Ago(7_200_000)));
    }

    #[test]
    fn anything_else_is_refused_with_what_is_right() {
        for text in [
            "",
            "latest",
            "--5",
            "@",
            "@yesterday",
            "1.5",
            "@-1",
            "@-5w",
            "@--5m",
            "@-m",
            "@-é",
            "@-999999999999999999d",
        ] {
            assert!(text.parse::<Start>().unwrap_err().contains("use start, end"), "{text}");
        }
    }
}
