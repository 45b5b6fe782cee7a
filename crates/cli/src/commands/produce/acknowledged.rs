//! Waits for what becomes of each record, in the order they were given.

use crate::explain::way_out;
use crate::progress::Progress;
use client::{Cluster, Delivery, RecordMetadata, SendError};
use runtime::sync::mpsc::Receiver;
use std::io::{self, BufWriter, Stdout, Write};

/// What became of the records.
#[derive(Debug, Default)]
pub struct Acknowledged {
    /// How many are written for sure.
    pub written: u64,
    /// The first that is not, by its number from 1.
    pub first_failure: Option<(u64, SendError)>,
    /// Nothing more could be reported.
    pub output_failure: Option<io::Error>,
}

impl Acknowledged {
    /// Waits for all of `deliveries`. Closes them early when one failed, so that no more are sent; those that were are
    /// waited for.
    pub async fn count(mut deliveries: Receiver<Delivery>, reports: bool, shows_progress: bool) -> Acknowledged {
        let mut seen = Acknowledged::default();
        let mut report = reports.then(|| BufWriter::new(io::stdout()));
        let mut progress = shows_progress.then(Progress::of_records);
        let mut number = 0;
        while let Some(delivery) = deliveries.recv().await {
            number += 1;
            match delivery.wait().await {
                Ok(record) => seen.written(&record, &mut report, deliveries.is_empty()),
                Err(error) => drop(seen.first_failure.get_or_insert((number, error))),
            }
            if let Some(progress) = &mut progress {
                progress.add(1);
            }
            if seen.first_failure.is_some() || seen.output_failure.is_some() {
                deliveries.close();
            }
        }
        seen
    }

    fn written(&mut self, record: &RecordMetadata, report: &mut Option<BufWriter<Stdout>>, flush: bool) {
        self.written += 1;
        let Some(out) = report else { return };
        let line = writeln!(out, "{} {}", record.topic_partition.partition, record.offset);
        let flushed = if flush { out.flush() } else { Ok(()) };
        if let Err(error) = line.and(flushed) {
            self.output_failure.get_or_insert(error);
            *report = None;
        }
    }
}

/// Why record `number` is not written, or may not be.
pub fn not_written(cluster: &Cluster, number: u64, error: &SendError) -> anyhow::Error {
    let what = match error {
        SendError::NotWritten(cause) => format!("record {number} was not written: {cause}"),
        SendError::Unknown(cause) => format!("it is not known whether record {number} was written: {cause}"),
    };
    match way_out(&cluster.config().bootstrap, error.cause()) {
        Some(way_out) => anyhow::anyhow!("{what}; {way_out}"),
        None => anyhow::anyhow!(what),
    }
}
