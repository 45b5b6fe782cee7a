//! Config values: from text, and back.

use super::key::{ConfigKey, ConfigType, Valid};
use std::fmt;

/// The value of a config, of its key's type.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a boolean key.
    Boolean(bool),
    /// Of a short, int or long key, within what the type holds.
    Number(i64),
    /// Of a double key.
    Double(f64),
    /// Of a string, class or password key.
    Text(String),
    /// Of a list key; elements without spaces around them.
    List(Vec<String>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Boolean(value) => write!(f, "{value}"),
            Value::Number(value) => write!(f, "{value}"),
            Value::Double(value) => write!(f, "{value}"),
            Value::Text(value) => f.write_str(value),
            Value::List(values) => f.write_str(&values.join(",")),
        }
    }
}

/// A value that its key does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadValue {
    /// The key.
    pub name: &'static str,
    /// What was given; hidden when it is a secret.
    pub shown: String,
    /// What is wrong with it.
    pub why: String,
    /// What would be right.
    pub fix: String,
}

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}: {}; {}", self.name, self.shown, self.why, self.fix)
    }
}

impl std::error::Error for BadValue {}

/// Reads `text` as a value of `key`. Spaces around it do not count, except in a password.
///
/// # Errors
/// When it is not of the key's type or not in its range.
pub fn parse_value(key: &ConfigKey, text: &str) -> Result<Value, BadValue> {
    let trimmed = if key.is_sensitive() { text } else { text.trim() };
    parse_type(key, trimmed).and_then(|value| check(key, &value).map(|()| value)).map_err(|why| BadValue {
        name: key.name,
        shown: if key.is_sensitive() { "(hidden)".to_owned() } else { text.to_owned() },
        why,
        fix: how_to_fix(key),
    })
}

fn parse_type(key: &ConfigKey, text: &str) -> Result<Value, String> {
    match key.kind {
        ConfigType::Boolean if text.eq_ignore_ascii_case("true") => Ok(Value::Boolean(true)),
        ConfigType::Boolean if text.eq_ignore_ascii_case("false") => Ok(Value::Boolean(false)),
        ConfigType::Boolean => Err("not a boolean".to_owned()),
        ConfigType::Short => whole_number(text, i16::MIN.into(), i16::MAX.into()),
        ConfigType::Int => whole_number(text, i32::MIN.into(), i32::MAX.into()),
        ConfigType::Long => whole_number(text, i64::MIN, i64::MAX),
        ConfigType::Double => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Value::Double(value)),
            _ => Err("not a number".to_owned()),
        },
        ConfigType::List => Ok(Value::List(split_list(text))),
        ConfigType::String | ConfigType::Class | ConfigType::Password => Ok(Value::Text(text.to_owned())),
    }
}

fn whole_number(text: &str, low: i64, high: i64) -> Result<Value, String> {
    match text.parse::<i128>() {
        Ok(value) if (i128::from(low)..=i128::from(high)).contains(&value) => Ok(Value::Number(value as i64)),
        Ok(_) => Err(format!("out of range ({low} to {high})")),
        Err(_) => Err("not a whole number".to_owned()),
    }
}

/// The elements of a list, each once: a repeated one says nothing new.
fn split_list(text: &str) -> Vec<String> {
    let mut elements: Vec<String> = Vec::new();
    for element in text.split(',').map(str::trim).filter(|element| !element.is_empty()) {
        if !elements.iter().any(|known| known == element) {
            elements.push(element.to_owned());
        }
    }
    elements
}

fn check(key: &ConfigKey, value: &Value) -> Result<(), String> {
    match (key.valid, value) {
        (Valid::AtLeast(low), Value::Number(n)) if *n < low => Err(format!("below {low}")),
        (Valid::Between(low, high), Value::Number(n)) if *n < low || *n > high => {
            Err(format!("not from {low} to {high}"))
        }
        (Valid::DefaultOrBetween(low, high), Value::Number(n)) if *n != -1 && (*n < low || *n > high) => {
            Err(format!("neither -1 nor from {low} to {high}"))
        }
        (Valid::Fraction(low, high), Value::Double(x)) if *x < low || *x > high => {
            Err(format!("not from {low} to {high}"))
        }
        (Valid::OneOf(choices), Value::Text(text)) if !choices.contains(&text.as_str()) => {
            Err("not a known choice".to_owned())
        }
        (Valid::OneOfIgnoringCase(choices), Value::Text(text))
            if !choices.iter().any(|choice| choice.eq_ignore_ascii_case(text)) =>
        {
            Err("not a known choice".to_owned())
        }
        (Valid::EachOf(choices) | Valid::SomeOf(choices), Value::List(elements)) => {
            match elements.iter().find(|element| !choices.contains(&element.as_str())) {
                Some(element) => Err(format!("'{element}' is not a known choice")),
                None if elements.is_empty() && matches!(key.valid, Valid::SomeOf(_)) => Err("empty".to_owned()),
                None => Ok(()),
            }
        }
        (Valid::NotEmpty, Value::Text(text)) if text.is_empty() => Err("empty".to_owned()),
        (Valid::NotEmpty, Value::List(elements)) if elements.is_empty() => Err("empty".to_owned()),
        (Valid::ThrottledReplicas, Value::List(elements)) => check_throttled_replicas(elements),
        _ => Ok(()),
    }
}

fn check_throttled_replicas(elements: &[String]) -> Result<(), String> {
    let is_pair = |element: &str| {
        element
            .split_once(':')
            .is_some_and(|(partition, broker)| partition.parse::<u32>().is_ok() && broker.parse::<u32>().is_ok())
    };
    match elements {
        [all] if all == "*" => Ok(()),
        _ => match elements.iter().find(|element| !is_pair(element)) {
            Some(element) => Err(format!("'{element}' is not partition:broker")),
            None => Ok(()),
        },
    }
}

fn how_to_fix(key: &ConfigKey) -> String {
    let example = match key.default {
        Some(default) if !default.is_empty() && !key.is_sensitive() => format!(", such as {default}"),
        _ => String::new(),
    };
    match values(key) {
        Some(values) => format!("use {values}{example}"),
        None => format!("use a value of type {}{example}", key.kind.name()),
    }
}

/// Which values a key takes, in words; none when its type says all.
pub fn values(key: &ConfigKey) -> Option<String> {
    let words = match key.valid {
        Valid::Any if key.kind == ConfigType::Boolean => "true or false".to_owned(),
        Valid::Any => return None,
        Valid::AtLeast(low) => format!("a number from {low} on"),
        Valid::Between(low, high) => format!("a number from {low} to {high}"),
        Valid::DefaultOrBetween(low, high) => format!("-1, or a number from {low} to {high}"),
        Valid::Fraction(low, high) => format!("a number from {low} to {high}"),
        Valid::OneOf(choices) | Valid::OneOfIgnoringCase(choices) => format!("one of {}", choices.join(", ")),
        Valid::EachOf(choices) => format!("any of {}", choices.join(", ")),
        Valid::SomeOf(choices) => format!("one or more of {}", choices.join(", ")),
        Valid::NotEmpty => "a value that is not empty".to_owned(),
        Valid::ThrottledReplicas => "partition:broker pairs separated by commas, or *".to_owned(),
    };
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Scope, lookup};

    fn parse(name: &str, text: &str) -> Result<Value, String> {
        let key = lookup(Scope::Broker, name).expect("a known key");
        parse_value(key, text).map_err(|bad| bad.to_string())
    }

    #[test]
    fn values_are_read_as_their_type_and_spaces_around_do_not_count() {
        assert_eq!(parse("num.partitions", " 12 "), Ok(Value::Number(12)));
        assert_eq!(parse("auto.create.topics.enable", "TRUE"), Ok(Value::Boolean(true)));
        assert_eq!(parse("log.cleaner.min.cleanable.ratio", "0.25"), Ok(Value::Double(0.25)));
        assert_eq!(
            parse("log.cleanup.policy", "compact , delete,compact"),
            Ok(Value::List(vec!["compact".to_owned(), "delete".to_owned()]))
        );
        assert_eq!(parse("log.dirs", ""), Ok(Value::List(vec![])));
    }

    #[test]
    fn a_refusal_says_what_why_and_how_to_fix_it() {
        assert_eq!(
            parse("num.partitions", "many").unwrap_err(),
            "num.partitions=many: not a whole number; use a number from 1 on, such as 1"
        );
        assert_eq!(
            parse("log.retention.hours", "99999999999").unwrap_err(),
            "log.retention.hours=99999999999: out of range (-2147483648 to 2147483647); use a value of type int, such as 168"
        );
        assert_eq!(
            parse("compression.type", "brotli").unwrap_err(),
            "compression.type=brotli: not a known choice; use one of uncompressed, zstd, lz4, snappy, gzip, producer, such as producer"
        );
        assert!(
            parse("log.cleanup.policy", "compact,squeeze").unwrap_err().contains("'squeeze' is not a known choice")
        );
        assert!(parse("log.cleaner.min.cleanable.ratio", "1.5").unwrap_err().contains("not from 0 to 1"));
        assert!(parse("log.cleaner.min.cleanable.ratio", "NaN").is_err());
    }

    #[test]
    fn a_codec_level_may_be_minus_one_but_not_zero() {
        assert_eq!(parse("compression.gzip.level", "-1"), Ok(Value::Number(-1)));
        assert_eq!(parse("compression.gzip.level", "9"), Ok(Value::Number(9)));
        assert!(parse("compression.gzip.level", "0").is_err());
    }

    #[test]
    fn a_secret_is_never_shown() {
        let key = lookup(Scope::Broker, "ssl.keystore.password").expect("a known key");
        assert_eq!(parse_value(key, " s "), Ok(Value::Text(" s ".to_owned())));
        assert!(key.is_sensitive());
    }

    #[test]
    fn throttled_replicas_are_pairs_or_a_star() {
        let key = lookup(Scope::Topic, "leader.replication.throttled.replicas").expect("a known key");
        assert!(parse_value(key, "0:1,1:2").is_ok());
        assert!(parse_value(key, "*").is_ok());
        assert!(parse_value(key, "").is_ok());
        assert!(parse_value(key, "0-1").is_err());
    }
}
