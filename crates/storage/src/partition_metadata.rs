//! `partition.metadata`: which topic id a partition directory belongs to.

use model::Uuid;

/// The file in a partition's directory.
pub(crate) const FILE: &str = "partition.metadata";

/// The file's text.
pub(crate) fn encode(topic_id: Uuid) -> String {
    format!("version: 0\ntopic_id: {topic_id}")
}

/// Reads the file's text; the error says what is wrong.
pub(crate) fn parse(text: &str) -> Result<Uuid, String> {
    let mut lines = text.lines();
    let mut value_of = |key: &str| {
        let line = lines.next().unwrap_or_default();
        match line.split_once(':') {
            Some((found, value)) if found.trim() == key => Ok(value.trim().to_owned()),
            _ => Err(format!("line {line:?} is not '{key}: ...'")),
        }
    };
    match value_of("version")?.as_str() {
        "0" => {}
        version => return Err(format!("version {version} is not 0")),
    }
    let text = value_of("topic_id")?;
    let topic_id: Uuid = text.parse().map_err(|error| format!("{text:?}: {error}"))?;
    if topic_id.is_zero() { Err("the topic id is zero".to_owned()) } else { Ok(topic_id) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_kafkas() {
        let id = Uuid([0xff; 16]);
        assert_eq!(encode(id), "version: 0\ntopic_id: _____________________w");
        assert_eq!(parse(&encode(id)), Ok(id));
        assert_eq!(parse("version: 0\r\ntopic_id: _____________________w\r\n"), Ok(id));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "version: 0", "version: 1\ntopic_id: _____________________w", "version: 0\ntopic_id: short"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert!(parse(&encode(Uuid::ZERO)).is_err());
    }
}
