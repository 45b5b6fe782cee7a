//! What a run leaves for people: a page that draws latency and availability over time, with faults shaded, and the same in
//! a few lines.

mod figures;

use figures::Figures;
use jepsen_lite::checker::{self, Verdict};
use jepsen_lite::history::History;
use std::collections::BTreeMap;
use std::fmt::Write;

/// One page, without anything from elsewhere. What stands for `DATA` is put in.
const PAGE: &str = include_str!("page.html");
const DATA: &str = "/*DATA*/null";

/// What the history does not tell.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    /// What was run.
    pub title: String,
    /// What came of it, in a word and a few.
    pub verdict: String,
    /// What was skipped, and what else there is to say.
    pub notes: Vec<String>,
}

/// The page.
pub fn page(history: &History, verdict: &Verdict, outline: &Outline) -> String {
    let mut data = Figures::of(history).drawn();
    let class = |anomaly: &checker::Anomaly| {
        let times = anomaly.operations.iter().filter_map(|id| history.operations.get(*id as usize));
        let times: Vec<f64> = times.map(|operation| figures::seconds(operation.invoked.at)).collect();
        serde_json::json!({ "class": anomaly.class.name(), "witness": anomaly.witness, "times": times })
    };
    let allowed = verdict.allowed.iter().map(
        |((class, because), times)| serde_json::json!({ "class": class.name(), "because": because, "times": times }),
    );
    data["title"] = outline.title.clone().into();
    data["verdict"] = outline.verdict.clone().into();
    data["valid"] = verdict.is_clean().into();
    data["notes"] = outline.notes.clone().into();
    data["text"] = in_words(history, verdict, outline).into();
    data["anomalies"] = verdict.anomalies.iter().map(class).collect();
    data["allowed"] = allowed.collect();
    // Nothing in a string may end the script.
    let data = data.to_string().replace('<', "\\u003c");
    PAGE.replacen(DATA, &data, 1)
}

/// The same in a few lines.
pub fn in_words(history: &History, verdict: &Verdict, outline: &Outline) -> String {
    let mut text = format!("{}\n", outline.title);
    let mut faults: BTreeMap<&str, usize> = BTreeMap::new();
    for fault in &history.faults {
        *faults.entry(fault.nature.kind.name()).or_insert(0) += 1;
    }
    let faults: Vec<String> = faults.iter().map(|(kind, times)| format!("{kind} {times}")).collect();
    // A string takes everything, here and below.
    let _ = writeln!(text, "faults: {}", if faults.is_empty() { "none".to_owned() } else { faults.join(", ") });
    for note in &outline.notes {
        let _ = writeln!(text, "{note}");
    }
    text.push_str(&Figures::of(history).in_words());
    text.push_str(&checker::in_words(history, verdict));
    let _ = writeln!(text, "{}", outline.verdict);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use jepsen_lite::checker::{Anomaly, Class};

    #[test]
    fn a_page_holds_its_data_and_nothing_in_it_ends_the_script() {
        assert_eq!(PAGE.matches(DATA).count(), 1, "the place for the data");
        let mut verdict = Verdict::default();
        let witness = "record </script><b>".to_owned();
        verdict.report(Anomaly { class: Class::LostWrite, partition: None, witness, operations: vec![] });
        let outline = Outline { title: "a run".into(), notes: vec!["skipped: clock".into()], ..Outline::default() };
        let page = page(&History::default(), &verdict, &outline);
        assert!(!page.contains(DATA) && page.contains("a run") && page.contains("skipped: clock"));
        assert_eq!(page.matches("</script>").count(), PAGE.matches("</script>").count());
        let words = in_words(&History::default(), &verdict, &outline);
        assert!(words.contains("faults: none") && words.contains("lost-write"), "{words}");
    }

    #[test]
    fn a_page_asks_nothing_of_any_network() {
        for word in ["http:", "https:", "src=", "@import", "fetch("] {
            assert!(!PAGE.contains(word), "{word}");
        }
    }
}
