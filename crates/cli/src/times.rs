//! Times and durations for people.

use model::Timestamp;

/// A time of day in UTC, such as `2026-03-01 12:00:05Z`.
pub fn utc(time: Timestamp) -> String {
    let seconds = time.div_euclid(1000);
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(day);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// The date of a day since 1970. Years are counted from March, so that a leap day is the last.
fn date(day: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    let from_march_of_year_0 = day + 719_468;
    let era = from_march_of_year_0.div_euclid(DAYS_OF_400_YEARS);
    let day = from_march_of_year_0.rem_euclid(DAYS_OF_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + later, month, day_of_month)
}

/// A duration of milliseconds with the unit that fits, such as `350 ms`, `4.2 s` or `3 h 20 min`.
pub fn duration(milliseconds: i64) -> String {
    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    match milliseconds.max(0) {
        ms @ ..1000 => format!("{ms} ms"),
        ms @ ..MINUTE => format!("{}.{} s", ms / 1000, ms / 100 % 10),
        ms @ ..HOUR => format!("{} min {} s", ms / MINUTE, ms / 1000 % 60),
        ms @ ..DAY => format!("{} h {} min", ms / HOUR, ms / MINUTE % 60),
        ms => format!("{} d {} h", ms / DAY, ms / HOUR % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00:00Z");
        assert_eq!(utc(951_782_400_000), "2000-02-29 00:00:00Z");
        assert_eq!(utc(1_700_000_000_999), "2023-11-14 22:13:20Z");
        assert_eq!(utc(-1), "1969-12-31 23:59:59Z");
        assert_eq!(utc(4_107_542_399_000), "2100-02-28 23:59:59Z");
        assert_eq!(utc(4_107_542_400_000), "2100-03-01 00:00:00Z");
    }

    #[test]
    fn durations_have_the_unit_that_fits() {
        let said = [-5, 999, 4_250, 60_000, 12_000_000, 90_000_000].map(duration);
        assert_eq!(said, ["0 ms", "999 ms", "4.2 s", "1 min 0 s", "3 h 20 min", "1 d 1 h"]);
    }
}
