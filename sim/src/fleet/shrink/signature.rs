//! What makes two failures the same: what kind it is, and on which partition or group.

use crate::fleet::Ending;

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The class of an anomaly; of an assertion or invariant, its place in the code.
    pub kind: String,
    /// The partition or group that it names, if any.
    pub key: Option<String>,
}

impl Signature {
    /// Everything that was found in a run, once each. `names` are the topics there are.
    pub fn all(ending: &Ending, names: &[String]) -> Vec<Signature> {
        let mut all: Vec<Signature> = Vec::new();
        let found = match ending {
            Ending::Clean | Ending::TooTame(_) => Vec::new(),
            Ending::Anomalies(anomalies) => anomalies
                .iter()
                .map(|(class, witness)| Signature { kind: class.clone(), key: named(witness) })
                .collect(),
            Ending::Invariant(what) | Ending::Panic(what) => {
                vec![Signature { kind: place(what), key: partition_in(what, names) }]
            }
        };
        for one in found {
            if !all.contains(&one) {
                all.push(one);
            }
        }
        all
    }

    /// When this was, in milliseconds: the last moment below `within` that its witness names.
    pub fn moment_ms(&self, ending: &Ending, within: u64) -> Option<u64> {
        let Ending::Anomalies(anomalies) = ending else { return None };
        let same = |(class, witness): &&(String, String)| *class == self.kind && named(witness) == self.key;
        let (_, witness) = anomalies.iter().find(same)?;
        let words: Vec<&str> = witness.split([' ', '(', ')', ',']).collect();
        let seconds = words.windows(2).filter(|pair| pair[1] == "s").filter_map(|pair| pair[0].parse::<f64>().ok());
        seconds.map(|seconds| (seconds * 1000.0) as u64).filter(|ms| *ms < within).max()
    }

    /// For people.
    pub fn describe(&self) -> String {
        self.key.as_ref().map_or(self.kind.clone(), |key| format!("{} in {key}", self.kind))
    }
}

/// Whether what was found is what `expected`, the headline of an earlier run, says. Numbers in the words of an assertion,
/// and lines of the code, may have changed.
pub fn is_expected(ending: &Ending, expected: &str) -> bool {
    match ending {
        Ending::Clean | Ending::TooTame(_) => false,
        Ending::Anomalies(anomalies) => {
            anomalies.iter().any(|(class, _)| expected.split(", ").any(|one| one == class.as_str()))
        }
        Ending::Invariant(_) | Ending::Panic(_) => without_numbers(&ending.headline()) == without_numbers(expected),
    }
}

/// A witness begins with where it is: `in topic-0-1, ...` or `in group g at topic-0-1, ...`.
fn named(witness: &str) -> Option<String> {
    witness.strip_prefix("in ")?.split_once(", ").map(|(place, _)| place.to_owned())
}

/// The place in the code, which stands in brackets at the end; all words without numbers where there is none.
fn place(what: &str) -> String {
    let headline = what.lines().next().unwrap_or_default();
    let at = headline.rsplit_once(" (").and_then(|(_, place)| place.strip_suffix(')'));
    at.filter(|place| place.contains(".rs:")).map_or_else(|| without_numbers(headline), str::to_owned)
}

fn without_numbers(text: &str) -> String {
    text.split(|letter: char| letter.is_ascii_digit()).filter(|part| !part.is_empty()).collect()
}

/// The first partition of one of these topics that a text names.
pub fn partition_in(text: &str, names: &[String]) -> Option<String> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || "-_.".contains(letter)));
    let is_partition = |word: &&str| {
        let parts = word.trim_end_matches('.').rsplit_once('-');
        parts.is_some_and(|(topic, number)| names.iter().any(|name| name == topic) && number.parse::<u32>().is_ok())
    };
    words.filter(is_partition).map(|word| word.trim_end_matches('.').to_owned()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        vec!["topic-0".into(), "topic-1".into()]
    }

    #[test]
    fn an_anomaly_is_known_by_its_class_and_where_it_is() {
        let found = |class: &str, witness: &str| (class.to_owned(), witness.to_owned());
        let ending = Ending::Anomalies(vec![
            found("lost-write", "in topic-0-1, record 1/2 at offset 7 is gone"),
            found("lost-write", "in topic-0-1, record 1/3 at offset 8 is gone"),
            found("zombie-commit", "in group g at topic-1-0, member m, too late"),
            found("lost-topic", "topic topic-1 is gone"),
        ]);
        let all: Vec<String> = Signature::all(&ending, &names()).iter().map(Signature::describe).collect();
        assert_eq!(all, ["lost-write in topic-0-1", "zombie-commit in group g at topic-1-0", "lost-topic"]);
        assert!(is_expected(&ending, "unseen, lost-topic"));
        assert!(!is_expected(&ending, "unseen"));
    }

    #[test]
    fn a_witness_says_when_it_was() {
        let witness = "in topic-0-1, record 1/2, acknowledged to operation 3 of client 1 (17.263697 s to 17.264621 s), \
                       is not in the final log, read by operation 9 of client 1000 (62.100000 s to 62.200000 s)";
        let ending = Ending::Anomalies(vec![("lost-write".to_owned(), witness.to_owned())]);
        let one = &Signature::all(&ending, &names())[0];
        assert_eq!(one.moment_ms(&ending, 60_000), Some(17_264));
        assert_eq!(one.moment_ms(&ending, 10), None);
    }

    #[test]
    fn an_assertion_is_known_by_its_place_and_the_partition_it_names() {
        let ending = Ending::Invariant("invariant: 3 lacks 7 of topic-1-2. (sim/src/a.rs:27)\nmore".into());
        let all = Signature::all(&ending, &names());
        assert_eq!(all, [Signature { kind: "sim/src/a.rs:27".into(), key: Some("topic-1-2".into()) }]);
        assert!(is_expected(&ending, "invariant: 12 lacks 9 of topic-0-2. (sim/src/a.rs:29)"));
        assert!(!is_expected(&ending, "invariant: something else (sim/src/a.rs:29)"));
        assert!(Signature::all(&Ending::Clean, &names()).is_empty());
    }
}
