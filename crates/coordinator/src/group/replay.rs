//! How the log becomes groups. The only code that changes them.

use super::consumer::ConsumerGroup;
use super::group_map::{CommittedOffset, Group, GroupMap, Offsets};
use super::records::Record;
use model::ProducerId;
use model::state_machine::{Entry, Position};
use protocol::Text;
use protocol::payloads::{OffsetCommitKey, OffsetCommitValue};

impl GroupMap {
    /// Learns what the log holds next.
    pub fn replay(&mut self, at: Position, entry: Entry<'_, Record>) {
        let producer = at.producer.map(|(id, _)| id);
        match (entry, producer) {
            (Entry::Record(Record::OffsetCommit(key, value)), producer) => {
                self.replay_offset(at, producer, key, value.as_ref());
            }
            (Entry::Record(record), _) => self.replay_group(record),
            (Entry::EndTransaction { committed }, Some(producer)) => self.end_transaction(producer, committed),
            (Entry::EndTransaction { .. }, None) => {}
        }
    }

    fn replay_group(&mut self, record: &Record) {
        let group = self.group_mut(record.group());
        if let Record::GroupMetadata(_, value) = record {
            group.classic.clone_from(value);
        } else {
            let consumer = group.consumer.get_or_insert_with(Box::<ConsumerGroup>::default);
            consumer.replay(record);
            if consumer.is_gone() {
                group.consumer = None;
            }
        }
        self.drop_if_gone(record.group());
    }

    fn replay_offset(
        &mut self,
        at: Position,
        producer: Option<ProducerId>,
        key: &OffsetCommitKey,
        value: Option<&OffsetCommitValue>,
    ) {
        let group = self.group_mut(&key.group);
        match (value, producer) {
            (Some(value), None) => put(&mut group.offsets, key, committed(at, value)),
            (Some(value), Some(producer)) => {
                put(group.pending.entry(producer).or_default(), key, committed(at, value));
                let groups = self.transactions.entry(producer).or_default();
                if !groups.contains(&key.group) {
                    groups.push(key.group.detached());
                }
            }
            (None, _) => {
                take(&mut group.offsets, key);
                // A tombstone takes what is pending too: after compaction nothing before it would be there.
                for offsets in group.pending.values_mut() {
                    take(offsets, key);
                }
                self.drop_if_gone(&key.group);
            }
        }
    }

    /// What a producer's transaction staged counts now, or never will. Of a plain commit and a staged one the record
    /// that stands later in the log wins, wherever the marker stands: a compacted log keeps only that one.
    fn end_transaction(&mut self, producer: ProducerId, counts: bool) {
        for id in self.transactions.remove(&producer).unwrap_or_default() {
            let Some(group) = self.groups.get_mut(&id) else { continue };
            let staged = group.pending.remove(&producer).unwrap_or_default();
            for (topic, partitions) in staged.into_iter().filter(|_| counts) {
                for (partition, staged) in partitions {
                    let key = OffsetCommitKey { group: id.clone(), topic: topic.clone(), partition };
                    let present = group.offset(&topic, partition);
                    if present.is_none_or(|present| present.recorded_at < staged.recorded_at) {
                        put(&mut group.offsets, &key, staged);
                    }
                }
            }
            self.drop_if_gone(&id);
        }
    }

    fn group_mut(&mut self, id: &Text) -> &mut Group {
        if !self.groups.contains_key(id) {
            self.groups.insert(id.detached(), Group::default());
        }
        self.groups.get_mut(id).expect("it was just put there")
    }

    fn drop_if_gone(&mut self, id: &Text) {
        if self.groups.get(id).is_some_and(Group::is_gone) {
            self.groups.remove(id);
        }
    }
}

fn committed(at: Position, value: &OffsetCommitValue) -> CommittedOffset {
    CommittedOffset {
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: value.metadata.clone(),
        commit_timestamp: value.commit_timestamp,
        expire_timestamp: value.expire_timestamp,
        topic_id: value.topic_id,
        recorded_at: at.offset,
    }
}

fn put(offsets: &mut Offsets, key: &OffsetCommitKey, committed: CommittedOffset) {
    match offsets.get_mut(&key.topic) {
        Some(partitions) => {
            partitions.insert(key.partition, committed);
        }
        None => {
            offsets.insert(key.topic.detached(), [(key.partition, committed)].into());
        }
    }
}

fn take(offsets: &mut Offsets, key: &OffsetCommitKey) {
    if let Some(partitions) = offsets.get_mut(&key.topic) {
        partitions.remove(&key.partition);
        if partitions.is_empty() {
            offsets.remove(&key.topic);
        }
    }
}
