//! The producer of the demo.

use super::stage::{PARTITIONS, TOPIC};
use super::tally::Tally;
use anyhow::Context;
use client::{Cluster, Delivery, Producer, ProducerConfig, ProducerRecord, SendError};
use runtime::sync::{mpsc, watch};
use runtime::task::{self, JoinHandle};
use runtime::time::{Duration, Instant, sleep};
use std::sync::Arc;

/// Records that are due are sent this often.
const TICK: Duration = Duration::from_millis(1);

/// Writes numbered records to every partition in turn, at a steady rate.
#[derive(Debug)]
pub struct Writer {
    tally: Arc<Tally>,
    producer: Producer,
    stop: watch::Sender<bool>,
    writing: JoinHandle<()>,
    collecting: Vec<JoinHandle<Given>>,
}

/// Records that were not acknowledged, by what is known of them.
#[derive(Clone, Copy, Debug, Default)]
struct Given {
    up: usize,
    in_doubt: usize,
}

/// What was written.
#[derive(Debug)]
pub struct Written {
    /// The numbers that were acknowledged, by partition.
    pub acknowledged: Vec<Vec<u64>>,
    /// Records that surely were not written.
    pub given_up: usize,
    /// Records of which nobody knows.
    pub in_doubt: usize,
}

impl Writer {
    /// Begins.
    ///
    /// # Errors
    /// There can be no producer.
    pub fn start(cluster: &Cluster, rate: u32) -> anyhow::Result<Writer> {
        let retry_backoff = cluster.config().retry_backoff;
        let config = ProducerConfig { linger: Duration::ZERO, retry_backoff, ..ProducerConfig::default() };
        let producer = Producer::new(cluster, config)?;
        let (tally, stop) = (Arc::new(Tally::new()), watch::Sender::new(false));
        let (mut senders, mut collecting) = (Vec::new(), Vec::new());
        for at in 0..PARTITIONS as usize {
            let (sender, deliveries) = mpsc::unbounded_channel();
            senders.push(sender);
            collecting.push(task::spawn("demo acknowledgements", collect(at, deliveries, tally.clone())));
        }
        let writing = write(producer.clone(), rate, senders, stop.subscribe());
        let writing = task::spawn("demo producer", writing);
        Ok(Writer { tally, producer, stop, writing, collecting })
    }

    /// What is acknowledged so far.
    pub fn tally(&self) -> Arc<Tally> {
        self.tally.clone()
    }

    /// Stops, and waits until it is known what became of every record.
    ///
    /// # Errors
    /// A task of it failed.
    pub async fn finish(self) -> anyhow::Result<Written> {
        self.stop.send_replace(true);
        self.writing.await.context("the producer failed")?;
        self.producer.close().await;
        let (mut given_up, mut in_doubt) = (0, 0);
        for collecting in self.collecting {
            let given = collecting.await.context("the producer failed")?;
            (given_up, in_doubt) = (given_up + given.up, in_doubt + given.in_doubt);
        }
        Ok(Written { acknowledged: self.tally.numbers(), given_up, in_doubt })
    }
}

type Sent = (u64, Result<Delivery, SendError>);

async fn write(
    producer: Producer,
    rate: u32,
    partitions: Vec<mpsc::UnboundedSender<Sent>>,
    stop: watch::Receiver<bool>,
) {
    let began = Instant::now();
    let mut number = 0_u64;
    while !*stop.borrow() {
        let due = (began.elapsed().as_secs_f64() * f64::from(rate)) as u64;
        while number < due {
            let at = (number % partitions.len() as u64) as usize;
            let record = ProducerRecord::new(TOPIC, number.to_string()).partition(at as i32);
            let _ = partitions[at].send((number, producer.send(record).await)); // the collector outlives its sender
            number += 1;
        }
        sleep(TICK).await;
    }
}

async fn collect(at: usize, mut sent: mpsc::UnboundedReceiver<Sent>, tally: Arc<Tally>) -> Given {
    let mut given = Given::default();
    while let Some((number, delivery)) = sent.recv().await {
        let end = match delivery {
            Ok(delivery) => delivery.await,
            Err(error) => Err(error),
        };
        match end {
            Ok(_) => tally.add(at, number),
            Err(SendError::NotWritten(_)) => given.up += 1,
            Err(SendError::Unknown(_)) => given.in_doubt += 1,
        }
    }
    given
}
