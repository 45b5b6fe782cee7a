//! The releases of Apache Kafka by the feature levels that a new cluster of each starts with (KIP-1022).

use std::collections::BTreeMap;
use std::fmt::Write;

/// The lowest `metadata.version` that a cluster may have: with those before, brokers did not tell that they stop.
const LOWEST: i16 = 7;

/// Every release that a cluster may be founded as: its name, its first level of `metadata.version`, and its last.
const RELEASES: [(&str, i16, i16); 11] = [
    ("3.3", 4, 7),
    ("3.4", 8, 8),
    ("3.5", 9, 11),
    ("3.6", 12, 14),
    ("3.7", 15, 19),
    ("3.8", 20, 20),
    ("3.9", 21, 21),
    ("4.0", 22, 25),
    ("4.1", 26, 27),
    ("4.2", 28, 29),
    ("4.3", 30, 30),
];

/// The other features: each level with the first level of `metadata.version` whose new clusters have it, and with the
/// one that it needs at least.
const LEVELS: [(&str, i16, i16, i16); 7] = [
    ("eligible.leader.replicas.version", 1, 26, 24),
    ("group.version", 1, 22, 0),
    ("kraft.version", 1, 21, 0),
    ("share.version", 1, 28, 27),
    ("streams.version", 1, 29, 0),
    ("transaction.version", 1, 22, 0),
    ("transaction.version", 2, 24, 0),
];

/// The feature that says which records the metadata may have.
pub const METADATA_VERSION: &str = "metadata.version";

/// The level of `metadata.version` of a release, such as `3.9`, `4.0.1` or `4.0-IV3`; none for one that is not known.
pub fn metadata_version(text: &str) -> Option<i16> {
    let (release, change) = match text.split_once("-IV") {
        Some((release, change)) => (release, Some(change.parse::<i16>().ok()?)),
        None => (text, None),
    };
    let mut parts = release.splitn(3, '.');
    let (major, minor) = (parts.next()?, parts.next()?);
    let is_patch = parts.next().is_none_or(|patch| patch.parse::<u16>().is_ok());
    let name = format!("{major}.{minor}");
    let (_, first, last) = RELEASES.into_iter().find(|(known, ..)| *known == name).filter(|_| is_patch)?;
    let level = change.map_or(Some(last), |change| first.checked_add(change))?;
    (level >= first.max(LOWEST) && level <= last).then_some(level)
}

/// Every feature with the levels that this version knows.
pub fn features() -> BTreeMap<&'static str, (i16, i16)> {
    let newest = RELEASES.iter().map(|(.., last)| *last).max().unwrap_or(LOWEST);
    let mut features = BTreeMap::from([(METADATA_VERSION, (LOWEST, newest))]);
    for (name, level, ..) in LEVELS {
        let (_, highest) = features.entry(name).or_insert((0, level));
        *highest = level.max(*highest);
    }
    features
}

/// The levels of the other features in a new cluster of this `metadata.version`.
pub fn levels_with(metadata_version: i16) -> Vec<(String, i16)> {
    let mut levels: Vec<(String, i16)> = Vec::new();
    for (name, level, since, _) in LEVELS {
        let level = if metadata_version >= since { level } else { 0 };
        match levels.last_mut() {
            Some((before, highest)) if before == name => *highest = level.max(*highest),
            _ => levels.push((name.to_owned(), level)),
        }
    }
    levels
}

/// The lowest `metadata.version` that allows a level of another feature.
pub fn needed_metadata_version(feature: &str, level: i16) -> i16 {
    let needs = LEVELS.iter().filter(|(name, known, ..)| *name == feature && *known <= level).map(|(.., needs)| *needs);
    needs.max().unwrap_or(0)
}

/// The release that a level of `metadata.version` belongs to, such as `4.0`, or `4.0-IV1` when it is not its last.
pub fn release_of(level: i16) -> Option<String> {
    let (name, first, last) = RELEASES.into_iter().find(|(_, first, last)| (*first..=*last).contains(&level))?;
    Some(if level == last { name.to_owned() } else { format!("{name}-IV{}", level - first) })
}

/// The names of all releases.
pub fn names() -> String {
    let mut names = String::new();
    for (name, ..) in RELEASES {
        let _ = write!(names, "{}{name}", if names.is_empty() { "" } else { ", " }); // a string takes everything
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(text: &str) -> Option<i16> {
        metadata_version(text)
    }

    #[test]
    fn a_release_is_its_last_change_unless_another_is_named() {
        assert_eq!(
            (level("4.0"), level("4.0.1"), level("4.0-IV1"), level("4.3")),
            (Some(25), Some(25), Some(23), Some(30))
        );
        assert_eq!(
            (level("3.3"), level("3.3-IV3"), level("3.3-IV2")),
            (Some(7), Some(7), None),
            "older ones cannot be kept"
        );
        for unknown in ["", "4", "4.", "5.0", "4.0-IV9", "4.0-IV", "4.0-IV-1", "4.0.x", "2.8"] {
            assert_eq!(level(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn an_old_release_has_the_features_it_had() {
        let of = |release: &str| {
            let levels = levels_with(level(release).unwrap()).into_iter();
            levels.filter(|(_, level)| *level > 0).map(|(name, level)| format!("{name}={level}")).collect::<Vec<_>>()
        };
        assert!(of("3.8").is_empty());
        assert_eq!(of("4.0"), ["group.version=1", "kraft.version=1", "transaction.version=2"]);
        assert_eq!(of("4.3").len(), 6);
    }

    #[test]
    fn every_level_belongs_to_a_release() {
        let names: Vec<_> = (22..=26).map(|level| release_of(level).unwrap()).collect();
        assert_eq!(names, ["4.0-IV0", "4.0-IV1", "4.0-IV2", "4.0", "4.1-IV0"]);
        assert_eq!((release_of(31), release_of(3)), (None, None));
    }
}
