//! A verdict as people read it.

use super::Verdict;
use crate::history::History;
use std::fmt::Write;

/// What came of judging `history`: a headline, then each class with its witnesses, what the promise table allowed and why,
/// and what could not be judged. Ends with a line break.
pub fn in_words(history: &History, verdict: &Verdict) -> String {
    let mut text = String::new();
    let found: u64 = verdict.counts.values().sum();
    let headline = match found {
        0 => "clean".to_owned(),
        1 => "1 anomaly".to_owned(),
        many => format!("{many} anomalies"),
    };
    let (operations, judged) = (history.operations.len(), verdict.judged);
    // A string takes everything, here and below.
    let _ = writeln!(text, "{headline} in {operations} operations, {judged} acknowledged records looked for");
    for (class, times) in &verdict.counts {
        let _ = writeln!(text, "  {}: {times} times", class.name());
        for anomaly in verdict.anomalies.iter().filter(|anomaly| anomaly.class == *class) {
            let _ = writeln!(text, "    {}", anomaly.witness);
        }
    }
    for ((class, because), times) in &verdict.allowed {
        let _ = writeln!(text, "  allowed {times} times: {class}: {because}");
    }
    if verdict.ambiguous > 0 {
        let ambiguous = verdict.ambiguous;
        let _ = writeln!(text, "  not judged: {ambiguous} operations that overlap the end or beginning of their topic");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::{Anomaly, Class};

    #[test]
    fn a_verdict_names_each_class_with_its_witnesses_and_what_was_allowed() {
        let mut verdict = Verdict { judged: 7, ambiguous: 2, ..Verdict::default() };
        assert!(in_words(&History::default(), &verdict).starts_with("clean in 0 operations, 7 acknowledged"));
        let witness = "record 0/3 is gone".to_owned();
        verdict.report(Anomaly { class: Class::LostWrite, partition: None, witness, operations: vec![] });
        verdict.allow(Class::Duplicate, "it was sent again");
        let text = in_words(&History::default(), &verdict);
        for part in
            ["1 anomaly", "lost-write: 1 times\n    record 0/3", "allowed 1 times: duplicate: it", "2 operations"]
        {
            assert!(text.contains(part), "{part} is missing from {text}");
        }
    }
}
