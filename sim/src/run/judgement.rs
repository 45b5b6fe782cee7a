//! From what was played to what is reported.

use super::Options;
use super::stage::Played;
use crate::fleet::{Ending, RunReport};
use jepsen_lite::checker;
use std::collections::BTreeMap;

/// Judges the history of a run that came to its end.
pub fn judge(played: &Played, options: &Options) -> RunReport {
    let verdict = checker::check(&played.history);
    let mut faults: BTreeMap<String, u64> = BTreeMap::new();
    for fault in &played.history.faults {
        *faults.entry(fault.nature.kind.name().to_owned()).or_insert(0) += 1;
    }
    let mut report = RunReport {
        simulated_seconds: played.simulated.as_secs_f64(),
        completed: played.history.completed_operations() as u64,
        acknowledged: played.history.acknowledged_operations() as u64,
        operations: played.history.operations.len() as u64,
        faults,
        trace_hash: played.trace_hash,
        trace_events: played.trace_events,
        ..RunReport::nothing(options.seed)
    };
    report.allowed =
        verdict.allowed.iter().map(|((class, because), times)| (format!("{class}: {because}"), *times)).collect();
    report.ending = ending(&report, &verdict, options);
    if report.ending != Ending::Clean {
        report.last_events.clone_from(&played.last_events);
        report.state.clone_from(&played.state);
    }
    report
}

fn ending(report: &RunReport, verdict: &checker::Verdict, options: &Options) -> Ending {
    if !verdict.is_clean() {
        let shown = |anomaly: &checker::Anomaly| (anomaly.class.name().to_owned(), anomaly.witness.clone());
        return Ending::Anomalies(verdict.anomalies.iter().map(shown).collect());
    }
    let least = options.profile.least_faults;
    if report.fault_count() < least {
        return Ending::TooTame(format!("{} faults happened, and {least} are asked for", report.fault_count()));
    }
    if report.acknowledged == 0 {
        return Ending::TooTame("no write was acknowledged".into());
    }
    Ending::Clean
}
