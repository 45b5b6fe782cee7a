//! `thalweg consume`: records to standard output.

mod in_group;
pub mod span;
mod watch;

use crate::explain::explain;
use crate::failure::Usage;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::records::escapes::parse_delimiter;
use crate::records::format::{self, Format};
use crate::records::start::Start;
use crate::records::{Read, json};
use crate::servers::Servers;
use bytes::Bytes;
use clap::Args;
use client::{Admin, Cluster, Consumer, ConsumerConfig, ConsumerRecord, OffsetReset};
use model::{PartitionId, TopicPartition};
use runtime::sync::select;
use runtime::time::Duration;
use span::{Ends, Span, Spans};
use std::io::{self, IsTerminal, Write};
use watch::Watch;

/// When nothing comes for so long, somebody looks whether the servers are still there.
const SILENCE: Duration = Duration::from_secs(1);

/// Standard output is written in pieces of about this size.
const PIECE_BYTES: usize = 64 << 10;

/// Read records to standard output, the value of each on a line.
///
/// Reads on and on, until Ctrl-C, unless -e or -n says where to end.
#[derive(Debug, Args)]
#[command(after_help = format!("\
{}

Starts: start, end, an offset, -N for the last N of each partition, a time as @MILLISECONDS
since 1970 UTC or as @-90s, @-5m, @-2h or @-7d before now.

Examples:
  thalweg consume greetings -e                          all that is there, then end
  thalweg consume greetings -o end                      what comes from now on
  thalweg consume greetings -o -10 -e -K :              the last ten of each partition, with keys
  thalweg consume greetings -o @-5m -e                  what came in the last five minutes
  thalweg consume greetings -p 0 -o 42 -n 1             one record
  thalweg consume greetings -g billing                  as a member of a group
  thalweg consume greetings -f '%p %o %T %k %h: %s\\n'   in your own words
  thalweg consume greetings --json -e | jq .value       as JSON, a line each", format::HELP))]
pub struct Consume {
    /// The topic
    topic: String,
    #[command(flatten)]
    servers: Servers,
    /// Where to begin; in a group only where it has committed nothing
    #[arg(short, long, value_name = "START", default_value = "start", allow_hyphen_values = true)]
    offset: Start,
    /// Read as a member of this group, which shares the partitions and goes on where it has committed
    #[arg(short, long, value_name = "GROUP", conflicts_with = "partition")]
    group: Option<String>,
    #[command(flatten)]
    member: in_group::Member,
    /// These partitions only, with commas between them
    #[arg(short, long, value_name = "PARTITION", value_delimiter = ',')]
    partition: Vec<PartitionId>,
    /// End after so many records
    #[arg(short = 'n', long, value_name = "N")]
    number: Option<u64>,
    /// End at what is the end of each partition now
    #[arg(short, long)]
    end: bool,
    /// Where this reader stands: it may be sent to a replica in the same rack
    #[arg(long, value_name = "RACK", default_value = "", hide_default_value = true)]
    rack: String,
    /// How a record is printed
    #[arg(short, long, conflicts_with_all = ["json", "key_delimiter"], allow_hyphen_values = true)]
    format: Option<Format>,
    /// Print a record as an object on a line; what is not UTF-8 is in base 64
    #[arg(long, conflicts_with = "key_delimiter")]
    json: bool,
    /// Print the key and this before the value
    #[arg(short = 'K', long, value_name = "DELIMITER", value_parser = parse_delimiter, allow_hyphen_values = true)]
    key_delimiter: Option<Bytes>,
    /// What a null key or value is printed as
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, conflicts_with = "json")]
    #[arg(allow_hyphen_values = true)]
    null: String,
}

/// Prints what was asked for.
pub fn run(consume: &Consume) -> anyhow::Result<()> {
    runtime::task::run(0, consume.read())?
}

impl Consume {
    async fn read(&self) -> anyhow::Result<()> {
        let mut interrupt = Interrupt::listen();
        if let Some(group) = &self.group {
            return self.read_in_group(group, interrupt).await;
        }
        select! {
            biased;
            () = interrupt.asked() => Ok(()),
            ended = self.read_to_end() => ended,
        }
    }

    async fn read_to_end(&self) -> anyhow::Result<()> {
        let cluster = self.servers.connect(false).await?;
        let spans = span::look_up(&cluster, &self.partitions(&cluster).await?, self.offset).await?;
        let mut left = self.number.unwrap_or(u64::MAX);
        let config = ConsumerConfig {
            offset_reset: OffsetReset::Fail,
            rack: self.rack.clone(),
            max_poll_records: left.clamp(1, ConsumerConfig::default().max_poll_records as u64) as usize,
            ..ConsumerConfig::default()
        };
        let mut consumer = Consumer::new(&cluster, config)?;
        consumer.assign(spans.keys().cloned());
        spans.iter().for_each(|(partition, span)| consumer.seek(partition, span.start));
        let mut ends = Ends::new(&spans, self.end);
        let mut progress = self.progress(&spans);
        let mut watch = Watch::new(&cluster, &self.topic, self.end.then(|| self.servers.timeout()));
        while left > 0 && !ends.are_reached(&mut consumer) {
            let records = consumer.poll(SILENCE).await.map_err(|error| explain(&cluster, error))?;
            match records.is_empty() {
                true => watch.look().await?,
                false => watch.heard(),
            }
            let wanted = records
                .into_iter()
                .filter(|record| ends.come_after(record))
                .take(usize::try_from(left).unwrap_or(usize::MAX));
            let printed = self.print(wanted)?;
            left -= printed;
            if let Some(progress) = &mut progress {
                progress.add(printed);
            }
        }
        Ok(())
    }

    /// Those asked for, or all that the topic has.
    async fn partitions(&self, cluster: &Cluster) -> anyhow::Result<Vec<TopicPartition>> {
        let described =
            Admin::new(cluster).describe_topics(&[&self.topic]).await.map_err(|error| explain(cluster, error))?;
        let (_, topic) = described.into_iter().next().expect("there is an answer for each");
        let topic = topic.map_err(|error| explain(cluster, error))?;
        let count = topic.partitions.len() as PartitionId;
        if let Some(wrong) = self.partition.iter().find(|partition| !(0..count).contains(*partition)) {
            return Err(Usage(format!("topic {} has no partition {wrong}, only 0 to {}", self.topic, count - 1)).into());
        }
        let numbers = if self.partition.is_empty() { (0..count).collect() } else { self.partition.clone() };
        Ok(numbers.into_iter().map(|partition| TopicPartition::new(topic.name.clone(), partition)).collect())
    }

    /// A bar, where it is not in between what is read.
    fn progress(&self, spans: &Spans) -> Option<Progress> {
        if io::stdout().is_terminal() {
            return None;
        }
        let to_the_end = self.end.then(|| spans.values().map(Span::length).sum());
        Some(match to_the_end.into_iter().chain(self.number).min() {
            Some(total) => Progress::to_records(total),
            None => Progress::of_records(),
        })
    }

    /// Prints records and returns how many. Holds no more of what it prints than a piece, or one record.
    fn print(&self, records: impl Iterator<Item = ConsumerRecord>) -> io::Result<u64> {
        let default = self.key_delimiter.as_deref().map_or_else(Format::default, Format::with_key);
        let format = self.format.as_ref().unwrap_or(&default);
        let mut stdout = io::stdout().lock();
        let (mut out, mut count) = (Vec::new(), 0);
        for record in records.map(Read::from) {
            count += 1;
            if self.json {
                json::print(&record, &mut out);
            } else {
                format.print(&record, &self.null, &mut out);
            }
            if out.len() >= PIECE_BYTES {
                stdout.write_all(&out)?;
                out.clear();
            }
        }
        stdout.write_all(&out)?;
        stdout.flush()?;
        Ok(count)
    }
}
