//! `thalweg produce`: standard input becomes records.

mod acknowledged;
mod reading;

use crate::explain::explain;
use crate::failure::say;
use crate::interrupt::Interrupt;
use crate::records::escapes::parse_delimiter;
use crate::records::input::{Input, Shape, Typed, parse_header};
use crate::servers::Servers;
use acknowledged::{Acknowledged, not_written};
use anyhow::bail;
use bytes::Bytes;
use clap::{Args, ValueEnum};
use client::{Acks, Cluster, Compression, Delivery, Header, Producer, ProducerConfig, ProducerRecord, Wanted};
use model::{ErrorCode, PartitionId};
use runtime::sync::{mpsc, select};
use runtime::time::{Duration, Instant, sleep};
use std::io::{self, IsTerminal};
use std::sync::Arc;

/// How long a topic may take to come to be, on servers that create topics when they are asked for.
const CREATION_LIMIT: Duration = Duration::from_secs(3);
/// How many records may wait until their acknowledgement is looked at.
const MOST_UNACKNOWLEDGED: usize = 16 << 10;
/// Larger batches than other clients': what is piped in is there to be written fast.
const BATCH_BYTES: usize = 128 << 10;

/// Write records from standard input, a line each.
///
/// A topic that does not exist is made, where the servers allow it. Ends when every record is acknowledged.
#[derive(Debug, Args)]
#[command(after_help = "\
Delimiters may have \\n \\t \\r \\0 \\xNN \\\\ in them.

Examples:
  echo hello | thalweg produce greetings
  printf 'alice:hi\\nbob:hello\\n' | thalweg produce greetings -K :    keys and values
  thalweg produce greetings -z zstd < lines.txt                      compressed
  thalweg produce images -k logo -H type=png --whole < logo.png      a file as one record
  thalweg produce users -k alice --null                              a tombstone
  thalweg consume a --json -e | thalweg produce b --json             a copy with keys, headers and times")]
pub struct Produce {
    /// The topic
    topic: String,
    #[command(flatten)]
    servers: Servers,
    #[command(flatten)]
    shape: Shaped,
    /// The key of every record
    #[arg(short, long, conflicts_with_all = ["key_delimiter", "json"])]
    key: Option<String>,
    /// A header of every record; without = it has no value. May be repeated
    #[arg(short = 'H', long, value_name = "NAME=VALUE", value_parser = parse_header)]
    header: Vec<Header>,
    /// The partition [default: by the key, or any]
    #[arg(short, long, value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<PartitionId>,
    /// How batches are compressed
    #[arg(short = 'z', long, value_enum, default_value_t)]
    compression: Codec,
    /// Whose acknowledgement counts; with "all" a record is written once, however often it has to be sent
    #[arg(long, value_enum, default_value_t)]
    acks: Acknowledgement,
    /// The largest record; the topic's max.message.bytes has a say too
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1 << 30))]
    max_record_bytes: u32,
    /// Print the partition and offset of each record
    #[arg(long)]
    report: bool,
    /// Do not say how many records were written
    #[arg(short, long)]
    quiet: bool,
}

/// How input becomes records.
#[derive(Debug, Args)]
struct Shaped {
    /// What separates key and value; a record without it has no key
    #[arg(short = 'K', long, value_name = "DELIMITER", value_parser = parse_delimiter, conflicts_with = "json")]
    #[arg(allow_hyphen_values = true)]
    key_delimiter: Option<Bytes>,
    /// What ends a record [default: \n]
    #[arg(short = 'D', long, value_parser = parse_delimiter, allow_hyphen_values = true)]
    #[arg(conflicts_with_all = ["json", "whole"])]
    delimiter: Option<Bytes>,
    /// An empty key or value is null
    #[arg(short = 'Z', long, conflicts_with = "json")]
    empty_is_null: bool,
    /// Write one record without a value; nothing is read
    #[arg(long, conflicts_with_all = ["key_delimiter", "delimiter", "json", "whole"])]
    null: bool,
    /// All of the input is one record
    #[arg(long, conflicts_with = "json")]
    whole: bool,
    /// Each line is an object with key, value, headers and timestamp, as `consume --json` prints it
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Codec {
    #[default]
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Acknowledgement {
    /// Every replica in sync has it
    #[default]
    All,
    /// The leader has it
    #[value(alias = "1")]
    Leader,
    /// Nobody's: what is lost is lost
    #[value(alias = "0")]
    None,
}

/// Writes all of the input.
pub fn run(produce: &Produce) -> anyhow::Result<()> {
    runtime::task::run(0, produce.write())?
}

impl Produce {
    async fn write(&self) -> anyhow::Result<()> {
        let mut interrupt = Interrupt::listen();
        let (cluster, topic) = select! {
            biased;
            () = interrupt.asked() => bail!("stopped before anything was written"),
            found = self.find() => found?,
        };
        let producer = Producer::new(&cluster, self.config())?;
        let (deliveries, taken) = mpsc::channel(MOST_UNACKNOWLEDGED);
        let shows_progress = !self.quiet && !io::stdin().is_terminal();
        let counting = Acknowledged::count(taken, self.report, shows_progress);
        let counting = runtime::task::spawn("acknowledgements", counting);
        let stopped = self.send(&producer, &cluster, &topic, deliveries, interrupt.clone()).await;
        producer.close().await;
        let acknowledged = counting.await?;
        self.sum_up(&cluster, stopped, acknowledged, interrupt.is_asked())
    }

    /// The cluster and the topic, which may have to be made first.
    async fn find(&self) -> anyhow::Result<(Cluster, Arc<str>)> {
        let cluster = self.servers.connect(true).await?;
        let topic: Arc<str> = self.topic.as_str().into();
        let deadline = Instant::now() + CREATION_LIMIT.min(self.servers.timeout());
        loop {
            let began = Instant::now();
            let asked = cluster.refresh(Wanted::Topics(std::slice::from_ref(&topic))).await;
            let view = asked.map_err(|error| explain(&cluster, error))?;
            if view.topics.contains_key(&topic) {
                return Ok((cluster, topic));
            }
            let error = view.missing.get(&topic).copied().unwrap_or(ErrorCode::UnknownTopicOrPartition);
            // The first answer may take that long by itself, and the topic be there after it: it is asked once more.
            if !error.is_retriable() || began >= deadline {
                let what = format!("writing to {topic}");
                return Err(explain(&cluster, client::ClientError::Refused { what, error, message: None }));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Gives records to the producer until the input ends, somebody wants it to stop, or something fails: then says what.
    async fn send(
        &self,
        producer: &Producer,
        cluster: &Cluster,
        topic: &Arc<str>,
        deliveries: mpsc::Sender<Delivery>,
        mut interrupt: Interrupt,
    ) -> anyhow::Result<()> {
        let mut input = self.shape.read(u64::from(self.max_record_bytes));
        let mut number = 0;
        loop {
            let records = select! {
                biased;
                () = interrupt.asked() => return Ok(()),
                () = deliveries.closed() => return Ok(()), // whoever counts has a reason
                records = input.recv() => records,
            };
            let Some(records) = records.transpose()? else { return Ok(()) };
            for typed in records {
                number += 1;
                let record = self.record(topic, typed, number)?;
                let delivery = producer.send(record).await.map_err(|error| not_written(cluster, number, &error))?;
                if deliveries.send(delivery).await.is_err() {
                    return Ok(());
                }
            }
        }
    }

    fn record(&self, topic: &Arc<str>, typed: Typed, number: u64) -> anyhow::Result<ProducerRecord> {
        let fixed = || self.key.as_ref().map(|key| Bytes::copy_from_slice(key.as_bytes()));
        let headers: Vec<Header> = self.header.iter().cloned().chain(typed.headers).collect();
        let (key, value) = (typed.key.or_else(fixed), typed.value);
        let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let of_headers = headers.iter().map(|header| header.key.len() + length(&header.value)).sum::<usize>();
        let bytes = length(&key) + length(&value) + of_headers;
        if bytes > self.max_record_bytes as usize {
            let most = self.max_record_bytes;
            bail!("record {number} has {bytes} bytes and {most} are allowed; --max-record-bytes allows more");
        }
        let topic = topic.clone();
        Ok(ProducerRecord { topic, partition: self.partition, timestamp: typed.timestamp, key, value, headers })
    }

    fn sum_up(
        &self,
        cluster: &Cluster,
        stopped: anyhow::Result<()>,
        acknowledged: Acknowledged,
        interrupted: bool,
    ) -> anyhow::Result<()> {
        if let Some(failure) = acknowledged.output_failure {
            return Err(failure.into());
        }
        let written = acknowledged.written;
        let so_far = format!("{written} {} written to {}", if written == 1 { "record" } else { "records" }, self.topic);
        let failure = match acknowledged.first_failure {
            Some((number, error)) => Some(not_written(cluster, number, &error)),
            None => stopped.err(),
        };
        if let Some(failure) = failure {
            bail!("{failure:#}\n{so_far}");
        }
        if interrupted && !io::stdin().is_terminal() {
            bail!("stopped before the end of the input, as asked\n{so_far}");
        }
        if !self.quiet {
            say(&so_far);
        }
        Ok(())
    }

    fn config(&self) -> ProducerConfig {
        // Room for lengths and other small things that are no key, value or header.
        let max_request_size = (self.max_record_bytes as usize + (64 << 10)).max(1 << 20);
        let defaults = ProducerConfig::default();
        ProducerConfig {
            acks: match self.acks {
                Acknowledgement::All => Acks::All,
                Acknowledgement::Leader => Acks::Leader,
                Acknowledgement::None => Acks::None,
            },
            idempotent: matches!(self.acks, Acknowledgement::All),
            batch_size: BATCH_BYTES,
            compression: match self.compression {
                Codec::None => Compression::None,
                Codec::Gzip => Compression::Gzip,
                Codec::Snappy => Compression::Snappy,
                Codec::Lz4 => Compression::Lz4,
                Codec::Zstd => Compression::Zstd,
            },
            delivery_timeout: self.servers.timeout(),
            replica_timeout: self.servers.timeout(),
            max_block: self.servers.timeout(),
            max_request_size,
            buffer_memory: defaults.buffer_memory.max(2 * max_request_size),
            ..defaults
        }
    }
}

impl Shaped {
    /// Starts to read.
    fn read(&self, longest: u64) -> mpsc::Receiver<anyhow::Result<Vec<Typed>>> {
        if self.null {
            return reading::one(Typed::default());
        }
        let shape = Shape {
            delimiter: self.delimiter.clone().unwrap_or(Bytes::from_static(b"\n")),
            key_delimiter: self.key_delimiter.clone(),
            empty_is_null: self.empty_is_null,
        };
        let input = match (self.json, self.whole) {
            (true, _) => Input::Json,
            (_, true) => Input::Whole(shape),
            _ => Input::Pieces(shape),
        };
        reading::standard_input(input, longest)
    }
}
