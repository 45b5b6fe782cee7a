//! How far a group is behind: in records, and in the age of the oldest record that it has not read.

use client::admin::DescribedGroup;
use client::{Admin, Cluster, Consumer, ConsumerConfig, Isolation, OffsetReset, OffsetSpec};
use model::{Offset, Timestamp, TopicPartition};
use runtime::time::{Duration, Instant};
use std::collections::{BTreeMap, BTreeSet};

/// What does not answer within this time is not known.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where a group stands in one partition. What could not be found out is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stand {
    /// Where it goes on; none when it has committed nothing.
    pub committed: Option<Offset>,
    /// The first offset there is.
    pub start: Option<Offset>,
    /// The offset after the last record.
    pub end: Option<Offset>,
    /// The time of the oldest record that it has not read, if there is one.
    pub oldest: Option<Timestamp>,
    /// Who reads it, by id.
    pub member: Option<String>,
}

/// Where a group stands.
pub type Stands = BTreeMap<TopicPartition, Stand>;

impl Stand {
    /// How many offsets it has yet to read. What was deleted before it was read does not count.
    pub fn lag(&self) -> Option<i64> {
        Some((self.end? - self.next()?).max(0))
    }

    /// How old the oldest record is that it has not read, in milliseconds; 0 when it has read everything.
    pub fn age(&self, now: Timestamp) -> Option<i64> {
        match self.lag()? {
            0 => Some(0),
            _ => Some((now - self.oldest?).max(0)),
        }
    }

    /// What it reads next.
    fn next(&self) -> Option<Offset> {
        Some(self.committed?.max(self.start.unwrap_or(0)))
    }
}

/// The largest of what is known, and whether all is.
pub fn worst(of: impl Iterator<Item = Option<i64>>) -> Option<i64> {
    of.flatten().max()
}

/// Where `group` stands, in all that it has committed and all that its members read.
///
/// # Errors
/// The coordinator does not tell what is committed.
pub async fn stands(cluster: &Cluster, hasty: &Cluster, group: &DescribedGroup) -> client::Result<Stands> {
    let mut offsets = Admin::new(cluster).group_offsets(&[&group.group_id]).await;
    let committed = offsets.remove(&group.group_id).expect("each group has a result")?;
    let mut stands = Stands::new();
    for (of, offset) in committed {
        stands.entry(of).or_default().committed = Some(offset.offset);
    }
    for member in &group.members {
        for of in member.reads.iter().flatten() {
            stands.entry(of.clone()).or_default().member = Some(member.member_id.clone());
        }
    }
    let all: BTreeSet<TopicPartition> = stands.keys().cloned().collect();
    for (of, end) in places(hasty, &all, OffsetSpec::Latest).await {
        stands.entry(of).or_default().end = Some(end);
    }
    let known = all.into_iter().filter(|of| stands[of].end.is_some()).collect();
    for (of, start) in places(hasty, &known, OffsetSpec::Earliest).await {
        stands.entry(of).or_default().start = Some(start);
    }
    let behind = stands.iter().filter(|(_, stand)| stand.lag().is_some_and(|lag| lag > 0));
    let behind: BTreeMap<TopicPartition, Offset> =
        behind.filter_map(|(of, stand)| Some((of.clone(), stand.next()?))).collect();
    for (of, time) in times(hasty, behind).await {
        stands.entry(of).or_default().oldest = Some(time);
    }
    Ok(stands)
}

async fn places(
    cluster: &Cluster,
    partitions: &BTreeSet<TopicPartition>,
    spec: OffsetSpec,
) -> BTreeMap<TopicPartition, Offset> {
    let asked = partitions.iter().map(|of| (of.clone(), spec)).collect();
    let found = cluster.list_offsets(&asked, Isolation::ReadUncommitted).await;
    found.into_iter().filter_map(|(of, found)| Some((of, found.ok()?.offset))).collect()
}

/// The time of the first record at or after each offset.
async fn times(cluster: &Cluster, mut wanted: BTreeMap<TopicPartition, Offset>) -> BTreeMap<TopicPartition, Timestamp> {
    let mut times = BTreeMap::new();
    let config = ConsumerConfig {
        offset_reset: OffsetReset::Fail,
        max_partition_fetch_bytes: 1, // a batch comes whole all the same, and one is enough
        ..ConsumerConfig::default()
    };
    let Ok(mut consumer) = Consumer::new(cluster, config) else { return times };
    consumer.assign(wanted.keys().cloned());
    wanted.iter().for_each(|(of, offset)| consumer.seek(of, *offset));
    let deadline = Instant::now() + PATIENCE;
    while !wanted.is_empty() && Instant::now() < deadline {
        // What cannot be read has no age; the others still have.
        for record in consumer.poll(Duration::from_millis(100)).await.unwrap_or_default() {
            let of = record.topic_partition;
            if wanted.remove(&of).is_some() {
                consumer.set_paused(&of, true);
                times.insert(of, record.timestamp);
            }
        }
    }
    consumer.close().await;
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand(committed: Option<i64>, start: i64, end: i64, oldest: Option<i64>) -> Stand {
        Stand { committed, start: Some(start), end: Some(end), oldest, member: None }
    }

    #[test]
    fn lag_is_what_is_left_to_be_read_and_age_that_of_its_first_record() {
        let behind = stand(Some(10), 0, 15, Some(1000));
        assert_eq!((behind.lag(), behind.age(4000)), (Some(5), Some(3000)));
        assert_eq!(behind.age(500), Some(0), "clocks differ");
        let done = stand(Some(15), 0, 15, None);
        assert_eq!((done.lag(), done.age(4000)), (Some(0), Some(0)));
    }

    #[test]
    fn what_was_deleted_before_it_was_read_is_not_behind() {
        assert_eq!(stand(Some(2), 12, 15, None).lag(), Some(3));
        assert_eq!(stand(Some(99), 0, 15, None).lag(), Some(0), "a log that was cut");
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        assert_eq!(stand(None, 0, 15, None).lag(), None);
        assert_eq!(stand(Some(3), 0, 15, None).age(1), None);
        assert_eq!(worst([None, Some(3), Some(5)].into_iter()), Some(5));
        assert_eq!(worst([None].into_iter()), None);
    }
}
