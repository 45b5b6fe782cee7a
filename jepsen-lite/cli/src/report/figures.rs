//! Latency and availability, as the history tells them.

use jepsen_lite::history::{Action, Answer, Fault, History, Operation, Outcome, RecordId};
use model::TopicPartition;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// So many operations are drawn at most; which, is by their place. Those that did not go well are all drawn, up to this.
const MOST_DRAWN: usize = 20_000;

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Result {
    Acknowledged,
    Refused,
    Unknown,
}

/// One write.
#[derive(Clone, Copy, Debug)]
struct Write {
    /// When it was sent, in seconds.
    at: f64,
    /// Until its outcome was known, in milliseconds.
    took: f64,
    result: Result,
}

/// Seconds of nanoseconds.
pub fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// See the module's text.
pub struct Figures<'h> {
    history: &'h History,
    writes: Vec<Write>,
    /// When each record was sent and first read, in seconds.
    reads: Vec<(f64, f64)>,
    /// The longest time without an acknowledgement of a write, while there were faults, by partition: seconds, and when
    /// it began.
    gaps: BTreeMap<TopicPartition, (f64, f64)>,
}

impl<'h> Figures<'h> {
    /// Gathers them.
    pub fn of(history: &'h History) -> Figures<'h> {
        let writes = history.operations.iter().filter_map(|operation| write(operation, history)).collect();
        Figures { history, writes, reads: reads(history), gaps: gaps(history) }
    }

    fn lasts(&self) -> f64 {
        let ends = self.history.operations.iter().filter_map(|operation| operation.completed);
        ends.map(|moment| seconds(moment.at)).fold(1.0, f64::max)
    }

    fn count(&self, result: Result) -> usize {
        self.writes.iter().filter(|write| write.result == result).count()
    }

    /// In a few lines.
    pub fn in_words(&self) -> String {
        let mut took: Vec<f64> =
            self.writes.iter().filter(|write| write.result == Result::Acknowledged).map(|write| write.took).collect();
        let mut delays: Vec<f64> = self.reads.iter().map(|(sent, read)| (read - sent) * 1000.0).collect();
        let (sent, known) = (self.writes.len(), took.len());
        let (refused, unknown) = (self.count(Result::Refused), self.count(Result::Unknown));
        let gap = self.gaps.iter().max_by(|one, other| one.1.0.total_cmp(&other.1.0));
        let gap = gap.map_or(String::new(), |(partition, (lasted, began))| {
            format!("longest time without an acknowledged write: {lasted:.1} s, of {partition}, from {began:.1} s on\n")
        });
        format!(
            "writes: {sent} sent, {known} acknowledged, {refused} refused, {unknown} unknown; {}\n\
             from sending to reading, {} records: {}\n{gap}",
            percentiles(&mut took),
            delays.len(),
            percentiles(&mut delays),
        )
    }

    /// What the page draws.
    pub fn drawn(&self) -> Value {
        let code = |result: Result| result as u8;
        let bad = self.writes.iter().filter(|write| write.result != Result::Acknowledged).take(MOST_DRAWN);
        let good: Vec<&Write> = self.writes.iter().filter(|write| write.result == Result::Acknowledged).collect();
        let drawn = thinned(&good).chain(bad);
        let writes: Vec<Value> =
            drawn.map(|write| json!([rounded(write.at), rounded(write.took), code(write.result)])).collect();
        let reads: Vec<&(f64, f64)> = self.reads.iter().collect();
        let reads: Vec<Value> =
            thinned(&reads).map(|(sent, read)| json!([rounded(*sent), rounded((read - sent) * 1000.0)])).collect();
        let gap = |(partition, (lasted, began)): (&TopicPartition, &(f64, f64))| json!({ "partition": partition.to_string(), "lasted": rounded(*lasted), "began": rounded(*began) });
        json!({
            "seconds": rounded(self.lasts()),
            "healed": self.history.healed.map(|moment| rounded(seconds(moment.at))),
            "writes": writes,
            "reads": reads,
            "rates": self.rates(),
            "gaps": self.gaps.iter().map(gap).collect::<Vec<_>>(),
            "faults": self.history.faults.iter().map(fault).collect::<Vec<_>>(),
        })
    }

    /// For each second: writes that became known to be acknowledged, refused or unknown in it, and records read.
    fn rates(&self) -> Vec<[u32; 4]> {
        let mut rates = vec![[0; 4]; self.lasts() as usize + 1];
        let mut count = |at: f64, what: usize| {
            if let Some(second) = rates.get_mut(at as usize) {
                second[what] += 1;
            }
        };
        self.writes.iter().for_each(|write| count(write.at + write.took / 1000.0, write.result as usize));
        self.reads.iter().for_each(|(_, read)| count(*read, 3));
        rates
    }
}

fn fault(fault: &Fault) -> Value {
    let nature = &fault.nature;
    let at = |moment: Option<jepsen_lite::history::Moment>| moment.map(|moment| rounded(seconds(moment.at)));
    json!({
        "kind": nature.kind.name(),
        "node": nature.node,
        "detail": nature.detail,
        "from": at(Some(fault.began)),
        "to": at(fault.ended),
        "repaired": at(fault.repaired),
    })
}

/// A few of many, evenly.
fn thinned<'a, T>(all: &[&'a T]) -> impl Iterator<Item = &'a T> {
    all.iter().copied().step_by(all.len().div_ceil(MOST_DRAWN).max(1))
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn write(operation: &Operation, history: &History) -> Option<Write> {
    let Action::Produce(_) = &operation.action else { return None };
    let result = match &operation.outcome {
        Outcome::Ok(_) => Result::Acknowledged,
        Outcome::Fail(_) => Result::Refused,
        Outcome::Unknown(_) => Result::Unknown,
    };
    let end = operation.completed.or(history.healed).map_or(operation.invoked.at, |moment| moment.at);
    let took = end.saturating_sub(operation.invoked.at);
    Some(Write { at: seconds(operation.invoked.at), took: seconds(took) * 1000.0, result })
}

fn reads(history: &History) -> Vec<(f64, f64)> {
    let mut sent: BTreeMap<RecordId, f64> = BTreeMap::new();
    let mut reads: Vec<(f64, f64)> = Vec::new();
    for operation in &history.operations {
        match (&operation.action, operation.answer()) {
            (Action::Produce(produce), _) => {
                sent.extend(produce.records.iter().map(|record| (record.id, seconds(operation.invoked.at))));
            }
            (Action::Fetch(_), Some(Answer::Fetched { records, .. })) => {
                let read = operation.completed.map_or(0.0, |moment| seconds(moment.at));
                // Read again is not read first.
                reads.extend(records.iter().filter_map(|record| Some((sent.remove(&record.id)?, read))));
            }
            _ => {}
        }
    }
    reads
}

fn gaps(history: &History) -> BTreeMap<TopicPartition, (f64, f64)> {
    let mut acknowledged: BTreeMap<TopicPartition, Vec<f64>> = BTreeMap::new();
    let mut last_sent: f64 = 0.0;
    for operation in &history.operations {
        let Action::Produce(produce) = &operation.action else { continue };
        last_sent = last_sent.max(seconds(operation.invoked.at));
        if let Some(moment) = operation.completed.filter(|_| operation.is_ok()) {
            acknowledged.entry(produce.partition.clone()).or_default().push(seconds(moment.at));
        }
    }
    let longest = |mut times: Vec<f64>| {
        times.retain(|at| *at <= last_sent);
        times.push(last_sent);
        times.sort_by(f64::total_cmp);
        let gaps = times.windows(2).map(|pair| (pair[1] - pair[0], pair[0]));
        gaps.max_by(|one, other| one.0.total_cmp(&other.0)).unwrap_or((0.0, last_sent))
    };
    acknowledged.into_iter().map(|(partition, times)| (partition, longest(times))).collect()
}

fn percentiles(milliseconds: &mut [f64]) -> String {
    milliseconds.sort_by(f64::total_cmp);
    let Some(most) = milliseconds.last() else { return "nothing to measure".to_owned() };
    let at = |share: f64| milliseconds[((milliseconds.len() - 1) as f64 * share) as usize];
    format!("p50 {:.1} ms, p99 {:.1} ms, max {most:.1} ms", at(0.5), at(0.99))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jepsen_lite::history::{Acks, Fetch, Produce, Received, Recorder, Sent};

    const SECOND: u64 = 1_000_000_000;

    /// Two writes, four seconds apart; the first is read, twice.
    fn some_history() -> History {
        let mut recorder = Recorder::new();
        let partition = TopicPartition::new("t", 0);
        let id = |number| RecordId::new(0, number);
        for (number, at) in [(0, SECOND), (1, 5 * SECOND)] {
            let records = vec![Sent { id: id(number), content: 1, timestamp: 1, key: None }];
            let produce =
                Produce { partition: partition.clone(), topic_id: None, acks: Acks::All, one_batch: true, records };
            let write = recorder.invoke(at, 1, Action::Produce(produce));
            let offset = Some(i64::from(number));
            recorder.complete(at + SECOND / 100, write, Outcome::Ok(Answer::Produced { base_offset: offset }));
        }
        for at in [6, 7] {
            let fetch = Fetch {
                partition: partition.clone(),
                topic_id: None,
                from: 0,
                continues: false,
                node: None,
                leader_epoch: None,
            };
            let read = recorder.invoke(at * SECOND, 2, Action::Fetch(fetch));
            let records = vec![Received { offset: 0, id: id(0), content: 1, timestamp: 1, epoch: 0 }];
            let answer = Answer::Fetched { records, high_watermark: -1, log_start: -1 };
            recorder.complete(at * SECOND, read, Outcome::Ok(answer));
        }
        recorder.finish()
    }

    #[test]
    fn latency_and_the_longest_gap_are_told() {
        let history = some_history();
        let words = Figures::of(&history).in_words();
        for part in
            ["2 sent, 2 acknowledged", "p50 10.0 ms", "write: 4.0 s, of t-0, from 1.0 s on", "1 records: p50 5000"]
        {
            assert!(words.contains(part), "{part} is missing from {words}");
        }
    }

    #[test]
    fn the_page_gets_every_second_and_each_read_once() {
        let history = some_history();
        let drawn = Figures::of(&history).drawn();
        assert_eq!(drawn["rates"].as_array().map(Vec::len), Some(8));
        assert_eq!(drawn["rates"][1], json!([1, 0, 0, 0]));
        assert_eq!(drawn["rates"][6], json!([0, 0, 0, 1]));
        assert_eq!(drawn["reads"], json!([[1.0, 5000.0]]));
        assert_eq!(drawn["writes"][0], json!([1.0, 10.0, 0]));
    }
}
