//! What a new cluster starts with: `kafka-storage.sh format` without its step.

use crate::failure::Usage;
use crate::releases::{self, METADATA_VERSION};
use broker::FoundingOptions;
use clap::Args;
use model::Uuid;
use std::collections::BTreeMap;

/// The environment's word for `--cluster-id`.
const VARIABLE: &str = "CLUSTER_ID";

/// What counts only when this start founds a cluster.
#[derive(Debug, Default, Args)]
pub struct Founding {
    /// The id of the cluster; one that exists must have it [default: $CLUSTER_ID, else any]
    #[arg(long, value_name = "ID")]
    cluster_id: Option<String>,
    /// The level of a feature of a new cluster [default: the newest]. May be repeated
    #[arg(long, value_name = "NAME=LEVEL")]
    feature: Vec<String>,
    /// A new cluster's features are as in this release of Apache Kafka, such as 3.9 or 4.0-IV3
    #[arg(long, value_name = "RELEASE")]
    release_version: Option<String>,
}

impl Founding {
    /// What was asked for, if it makes sense.
    pub fn options(&self) -> Result<FoundingOptions, Usage> {
        let from_environment = || std::env::var(VARIABLE).ok().filter(|id| !id.is_empty());
        let cluster_id = match (&self.cluster_id, from_environment()) {
            (Some(id), _) => Some(cluster_id("--cluster-id", id)?),
            (None, Some(id)) => Some(cluster_id(VARIABLE, &id)?),
            (None, None) => None,
        };
        Ok(FoundingOptions { cluster_id, features: self.features()? })
    }

    fn features(&self) -> Result<Vec<(String, i16)>, Usage> {
        let mut given: BTreeMap<String, i16> = BTreeMap::new();
        for text in &self.feature {
            let (feature, level) = feature(text)?;
            if given.insert(feature.to_owned(), level).is_some_and(|before| before != level) {
                return Err(Usage(format!("--feature {}: it is given twice with different levels", feature)));
            }
        }
        let mut levels: BTreeMap<String, i16> = BTreeMap::new();
        if let Some(release) = &self.release_version {
            if given.contains_key(METADATA_VERSION) {
                let both = "--release-version and --feature metadata.version say the same thing; use one of them";
                return Err(Usage(both.to_owned()));
            }
            let level = release_level(release)?;
            levels.insert(METADATA_VERSION.to_owned(), level);
            levels.extend(releases::levels_with(level));
        } else if let Some(level) = given.get(METADATA_VERSION) {
            levels.extend(releases::levels_with(*level));
        }
        levels.extend(given);
        fit(&levels)?;
        Ok(levels.into_iter().collect())
    }
}

/// Levels that were given and are not those of a cluster that stands already.
pub fn without_effect(options: &FoundingOptions, level_of: impl Fn(&str) -> i16) -> Vec<String> {
    let other = options.features.iter().filter(|(name, level)| level_of(name) != *level);
    other
        .map(|(name, level)| {
            let stands = level_of(name);
            format!("{name}={level} has no effect: the cluster stands already, with {name}={stands}")
        })
        .collect()
}

fn cluster_id(by: &str, text: &str) -> Result<String, Usage> {
    match text.parse::<Uuid>() {
        Ok(id) if !id.is_zero() => Ok(id.to_string()),
        _ => Err(Usage(format!(
            "{by}: '{text}' is no cluster id: it has 22 letters, digits, '-' or '_' (16 bytes in base64); \
             leave it away to have one made"
        ))),
    }
}

fn feature(text: &str) -> Result<(&'static str, i16), Usage> {
    let wrong = || Usage(format!("--feature {text}: it must be NAME=LEVEL, such as group.version=1"));
    let (name, level) = text.split_once('=').ok_or_else(wrong)?;
    let level: i16 = level.trim().parse().map_err(|_| wrong())?;
    let features = releases::features();
    let Some((name, (lowest, highest))) = features.get_key_value(name.trim()) else {
        let names: Vec<&str> = features.keys().copied().collect();
        return Err(Usage(format!("--feature {text}: there is no such feature; there are {}", names.join(", "))));
    };
    if !(*lowest..=*highest).contains(&level) {
        return Err(Usage(format!("--feature {text}: this version knows the levels {lowest} to {highest} of {name}")));
    }
    Ok((name, level))
}

fn release_level(release: &str) -> Result<i16, Usage> {
    releases::metadata_version(release).ok_or_else(|| {
        Usage(format!("--release-version {release}: that is no release known here; there are {}", releases::names()))
    })
}

/// Some levels need others.
fn fit(levels: &BTreeMap<String, i16>) -> Result<(), Usage> {
    let Some(metadata_version) = levels.get(METADATA_VERSION) else { return Ok(()) };
    for (name, level) in levels {
        let needed = releases::needed_metadata_version(name, *level);
        if needed > *metadata_version {
            let release = releases::release_of(needed).unwrap_or_default();
            return Err(Usage(format!(
                "--feature {name}={level}: it needs metadata.version={needed} ({release}) or later, and that is {metadata_version}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn founding(release: Option<&str>, features: &[&str]) -> Founding {
        let feature = features.iter().map(|feature| (*feature).to_owned()).collect();
        Founding { cluster_id: None, feature, release_version: release.map(str::to_owned) }
    }

    fn refusal(release: Option<&str>, features: &[&str]) -> String {
        founding(release, features).features().expect_err("it is refused").to_string()
    }

    #[test]
    fn nothing_given_leaves_the_choice_to_the_controller() {
        assert_eq!(founding(None, &[]).features().expect("fine"), []);
    }

    #[test]
    fn a_feature_goes_before_its_release() {
        let levels = founding(Some("4.0"), &["transaction.version=1", "group.version=1"]).features().expect("fine");
        let level = |name: &str| levels.iter().find(|(known, _)| known == name).map(|(_, level)| *level);
        assert_eq!((level("metadata.version"), level("transaction.version")), (Some(25), Some(1)));
        assert_eq!((level("group.version"), level("share.version")), (Some(1), Some(0)));
    }

    #[test]
    fn what_is_wrong_is_said_with_what_is_right() {
        assert!(refusal(None, &["group.version"]).contains("NAME=LEVEL"));
        assert!(refusal(None, &["group.versio=1"]).contains("group.version, kraft.version"));
        assert!(refusal(None, &["transaction.version=3"]).contains("0 to 2"));
        assert!(refusal(None, &["group.version=1", "group.version=0"]).contains("twice"));
        assert!(refusal(Some("9.9"), &[]).contains("4.2, 4.3"));
        assert!(refusal(Some("4.0"), &["metadata.version=25"]).contains("use one of them"));
        assert!(refusal(Some("3.9"), &["share.version=1"]).contains("metadata.version=27 (4.1)"));
    }

    #[test]
    fn a_cluster_id_is_what_kafka_takes_for_one() {
        let id = "5L6g3nShT-eMCtK--X86sw";
        assert_eq!(cluster_id("--cluster-id", id).expect("fine"), id);
        for wrong in ["mine", "AAAAAAAAAAAAAAAAAAAAAA", "5L6g3nShT-eMCtK--X86s!"] {
            assert!(cluster_id(VARIABLE, wrong).expect_err("no id").to_string().contains("CLUSTER_ID"), "{wrong}");
        }
    }
}
