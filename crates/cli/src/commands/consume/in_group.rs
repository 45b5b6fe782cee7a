//! `consume -g`: reading as a member of a group. What was printed is committed, and nothing else.

use super::watch::Watch;
use super::{Consume, SILENCE, span};
use crate::explain::explain;
use crate::failure::{Usage, say};
use crate::interrupt::Interrupt;
use crate::records::start::Start;
use clap::{Args, ValueEnum};
use client::group::{Heard, Offsets};
use client::{
    ClientError, Cluster, CommittedOffset, ConsumerConfig, ConsumerRecord, GroupConfig, GroupConsumer, GroupProtocol,
    Membership, OffsetReset, RebalanceListener,
};
use model::{Offset, TopicPartition};
use runtime::sync::select;
use runtime::time::{Duration, Instant};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// How a member of a group behaves.
#[derive(Clone, Debug, Args)]
pub struct Member {
    /// With -g: who decides in the group
    #[arg(long, value_enum, value_name = "PROTOCOL", default_value_t, requires = "group")]
    protocol: Protocol,
    /// With -g: the name of this member, whose place is kept while it restarts
    #[arg(long, value_name = "NAME", requires = "group")]
    instance: Option<String>,
    /// With -g: commit nothing
    #[arg(long, requires = "group")]
    no_commit: bool,
}

/// Who decides in a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Protocol {
    /// A leader among the members, as in every version of Kafka.
    #[default]
    Classic,
    /// The servers (KIP-848).
    Consumer,
}

/// What was printed is committed this often.
const COMMIT_EVERY: Duration = Duration::from_secs(1);

/// Where printing stands in each partition of which something came, to be committed.
type Printed = Arc<Mutex<Offsets>>;

/// Commits what was printed before others read on.
struct Commits(Printed);

impl RebalanceListener for Commits {
    fn on_partitions_revoked<'a>(&'a mut self, member: &'a mut Membership, of: &'a [TopicPartition]) -> Heard<'a> {
        Box::pin(async move {
            let mut parting = stands(member, &self.0);
            parting.retain(|stands, _| of.contains(stands));
            of.iter().for_each(|of| drop(self.0.lock().expect("no panic inside").remove(of)));
            if let Err(error) = member.commit_offsets(parting).await {
                not_committed(&error);
            }
        })
    }

    fn on_partitions_lost<'a>(&'a mut self, _: &'a mut Membership, of: &'a [TopicPartition]) -> Heard<'a> {
        let mut printed = self.0.lock().expect("no panic inside");
        of.iter().for_each(|of| drop(printed.remove(of)));
        Box::pin(async {})
    }
}

fn not_committed(error: &ClientError) {
    say(&format!("what was printed last is not committed, and the group will read it again: {error}"));
}

impl Consume {
    /// Reads until it is interrupted, or to the end.
    ///
    /// # Errors
    /// It cannot be a member, or what stands in the way of reading.
    pub(super) async fn read_in_group(&self, group: &str, mut interrupt: Interrupt) -> anyhow::Result<()> {
        let offset_reset = match self.offset {
            Start::Beginning => OffsetReset::Earliest,
            Start::End => OffsetReset::Latest,
            _ => {
                let said = "in a group -o is start or end; `thalweg group seek` moves a group to any other place";
                return Err(Usage(said.to_owned()).into());
            }
        };
        let cluster = self.servers.connect(false).await?;
        let spans = span::look_up(&cluster, &self.partitions(&cluster).await?, Start::Beginning).await?;
        let ends = self.end.then(|| spans.iter().map(|(of, span)| (of.clone(), span.end)).collect());
        let consumer = ConsumerConfig {
            offset_reset,
            rack: self.rack.clone(),
            max_poll_records: self.at_most(),
            ..ConsumerConfig::default()
        };
        let config = GroupConfig {
            protocol: match self.member.protocol {
                Protocol::Classic => GroupProtocol::Classic,
                Protocol::Consumer => GroupProtocol::Consumer,
            },
            instance_id: self.member.instance.clone(),
            auto_commit: None,
            consumer,
            ..GroupConfig::of(group)
        };
        let mut reader = GroupConsumer::new(&cluster, config)?;
        let printed = Printed::default();
        if !self.member.no_commit {
            reader.set_listener(Commits(printed.clone()));
        }
        reader.subscribe(&[&self.topic]);
        let read = select! {
            biased;
            () = interrupt.asked() => Ok(()),
            read = self.print_group(&cluster, &mut reader, &printed, ends) => read,
        };
        reader.close().await; // the listener commits what was printed
        read
    }

    fn at_most(&self) -> usize {
        let most = ConsumerConfig::default().max_poll_records;
        self.number.map_or(most, |number| usize::try_from(number).map_or(most, |number| number.clamp(1, most)))
    }

    async fn print_group(
        &self,
        cluster: &Cluster,
        reader: &mut GroupConsumer,
        printed: &Printed,
        ends: Option<BTreeMap<TopicPartition, Offset>>,
    ) -> anyhow::Result<()> {
        let mut left = self.number.unwrap_or(u64::MAX);
        let mut watch = Watch::new(cluster, &self.topic, self.end.then(|| self.servers.timeout()));
        let mut committed_at = Instant::now();
        while left > 0 && !ends.as_ref().is_some_and(|ends| is_at(ends, reader)) {
            let records = reader.poll(SILENCE).await.map_err(|error| explain(cluster, error))?;
            match records.is_empty() {
                true => watch.look().await?,
                false => watch.heard(),
            }
            let comes_before = |record: &ConsumerRecord| match &ends {
                Some(ends) => ends.get(&record.topic_partition).is_some_and(|end| record.offset < *end),
                None => true,
            };
            for record in &records {
                let of = record.topic_partition.clone();
                let mut printed = printed.lock().expect("no panic inside");
                printed.entry(of).or_insert_with(|| CommittedOffset::at(record.offset)); // it may not be printed
            }
            let most = usize::try_from(left).unwrap_or(usize::MAX);
            let wanted: Vec<ConsumerRecord> = records.into_iter().filter(comes_before).take(most).collect();
            let stand: Offsets = wanted.iter().map(behind).collect();
            left -= self.print(wanted.into_iter())?;
            printed.lock().expect("no panic inside").extend(stand);
            if !self.member.no_commit && committed_at.elapsed() >= COMMIT_EVERY {
                committed_at = Instant::now();
                let offsets = stands(reader, printed);
                drop(reader.start_commit(offsets)); // the one at the end tells what is wrong
            }
        }
        Ok(())
    }
}

/// Where each partition stands: behind what was printed, or where reading it is to begin.
fn stands(member: &Membership, printed: &Printed) -> Offsets {
    let mut stands = member.positions();
    let printed = printed.lock().expect("no panic inside");
    for (of, stand) in &mut stands {
        if let Some(printed) = printed.get(of) {
            stand.clone_from(printed);
        }
    }
    stands
}

/// What is to be committed when this record was printed.
fn behind(record: &ConsumerRecord) -> (TopicPartition, CommittedOffset) {
    let offset = CommittedOffset { leader_epoch: record.leader_epoch, ..CommittedOffset::at(record.offset + 1) };
    (record.topic_partition.clone(), offset)
}

/// Whether this member has read all that it has to read, once it has something.
fn is_at(ends: &BTreeMap<TopicPartition, Offset>, reader: &GroupConsumer) -> bool {
    let mut reads = reader.assignment().peekable();
    let is_at = |of: &TopicPartition| match ends.get(of) {
        Some(end) => reader.position(of).is_some_and(|position| position >= *end),
        None => true,
    };
    reads.peek().is_some() && reads.all(is_at)
}
