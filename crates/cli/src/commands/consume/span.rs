//! Where reading begins in each partition, and where it ends.

use crate::explain::explain;
use crate::records::start::Start;
use anyhow::bail;
use client::{Cluster, Consumer, ConsumerRecord, Isolation, OffsetSpec};
use model::{Offset, TopicPartition};
use std::collections::BTreeMap;

/// What is read of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first offset.
    pub start: Offset,
    /// The offset after what is there now.
    pub end: Offset,
}

/// What is read, by partition.
pub type Spans = BTreeMap<TopicPartition, Span>;

impl Span {
    /// How many offsets it has.
    pub fn length(&self) -> u64 {
        u64::try_from(self.end - self.start).unwrap_or(0)
    }
}

/// Looks up what is there of each partition from `start` on.
///
/// # Errors
/// No server told, or there is no such offset.
pub async fn look_up(cluster: &Cluster, partitions: &[TopicPartition], start: Start) -> anyhow::Result<Spans> {
    let first = offsets(cluster, partitions, OffsetSpec::Earliest).await?;
    let end = offsets(cluster, partitions, OffsetSpec::Latest).await?;
    let time = match start {
        Start::Time(time) => Some(time),
        Start::Ago(age) => Some(runtime::clock::now().saturating_sub(age).max(0)),
        _ => None,
    };
    let at_time = match time {
        Some(time) => offsets(cluster, partitions, OffsetSpec::At(time)).await?,
        None => BTreeMap::new(),
    };
    let mut spans = Spans::new();
    for partition in partitions {
        let there = Span { start: first[partition], end: end[partition] };
        let start = match at_time.get(partition) {
            Some(found) if *found >= 0 => *found,
            Some(_) => there.end, // all that is there is older
            None => start_in(there, start, partition)?,
        };
        spans.insert(partition.clone(), Span { start, end: there.end });
    }
    Ok(spans)
}

async fn offsets(
    cluster: &Cluster,
    partitions: &[TopicPartition],
    spec: OffsetSpec,
) -> anyhow::Result<BTreeMap<TopicPartition, Offset>> {
    let asked = partitions.iter().map(|partition| (partition.clone(), spec)).collect();
    let found = cluster.list_offsets(&asked, Isolation::ReadUncommitted).await;
    let offset = |(partition, found): (TopicPartition, client::Result<client::FoundOffset>)| match found {
        Ok(found) => Ok((partition, found.offset)),
        Err(error) => Err(explain(cluster, error)),
    };
    found.into_iter().map(offset).collect()
}

fn start_in(there: Span, start: Start, partition: &TopicPartition) -> anyhow::Result<Offset> {
    match start {
        Start::Beginning => Ok(there.start),
        Start::End | Start::Time(_) | Start::Ago(_) => Ok(there.end),
        Start::BeforeEnd(count) => Ok(there.end.saturating_sub(count).max(there.start)),
        Start::Offset(offset) if (there.start..=there.end).contains(&offset) => Ok(offset),
        Start::Offset(offset) => bail!(
            "{partition} has no offset {offset}: it begins at {} and the next record will be {}; choose another place, or \
             partitions with -p",
            there.start,
            there.end
        ),
    }
}

/// Where to end, in the partitions that are not read so far yet. None for reading on and on.
#[derive(Debug)]
pub struct Ends(Option<BTreeMap<TopicPartition, Offset>>);

impl Ends {
    /// At the end of each span, if it `ends` at all.
    pub fn new(spans: &Spans, ends: bool) -> Ends {
        Ends(ends.then(|| spans.iter().map(|(partition, span)| (partition.clone(), span.end)).collect()))
    }

    /// Whether all is read. Lets `consumer` read no more of a partition that is.
    pub fn are_reached(&mut self, consumer: &mut Consumer) -> bool {
        let Some(ends) = &mut self.0 else { return false };
        ends.retain(|partition, end| {
            let is_reached = consumer.position(partition).is_some_and(|position| position >= *end);
            if is_reached {
                consumer.set_paused(partition, true);
            }
            !is_reached
        });
        ends.is_empty()
    }

    /// Whether the record comes before the end of its partition.
    pub fn come_after(&self, record: &ConsumerRecord) -> bool {
        let end = self.0.as_ref().map(|ends| ends.get(&record.topic_partition).copied().unwrap_or(0));
        end.is_none_or(|end| record.offset < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(start: Start) -> anyhow::Result<Offset> {
        start_in(Span { start: 10, end: 20 }, start, &TopicPartition::new("t", 0))
    }

    #[test]
    fn a_start_is_an_offset_of_the_partition() {
        let found = |from| start(from).expect("it is there");
        assert_eq!((found(Start::Beginning), found(Start::End)), (10, 20));
        assert_eq!((found(Start::BeforeEnd(3)), found(Start::BeforeEnd(50))), (17, 10));
        assert_eq!((found(Start::Offset(10)), found(Start::Offset(20))), (10, 20));
    }

    #[test]
    fn an_offset_that_is_not_there_is_refused_with_those_that_are() {
        for wrong in [0, 9, 21] {
            let said = start(Start::Offset(wrong)).expect_err("not there").to_string();
            assert!(said.contains("begins at 10") && said.contains("will be 20"), "{said}");
        }
    }
}
