//! Incremental fetch sessions (KIP-227): what a client fetches is remembered, so that its requests name only changes
//! and its answers only news.

use model::{LeaderEpoch, Offset, PartitionId, Uuid};
use protocol::wire::Text;
use runtime::time::{Duration, Instant};
use std::collections::BTreeMap;

/// A session that was used within this time is not evicted for a new one.
const MIN_EVICTION: Duration = Duration::from_secs(120);

/// One partition as a fetch names it.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchPartition {
    /// The topic's name; empty from version 13 on, until the id is resolved.
    pub topic: Text,
    /// The topic's id; zero below version 13.
    pub topic_id: Uuid,
    /// The partition's number.
    pub partition: PartitionId,
    /// The epoch the client believes in, or -1.
    pub current_leader_epoch: LeaderEpoch,
    /// The epoch of the last record it has, or -1.
    pub last_fetched_epoch: LeaderEpoch,
    /// The first offset it wants.
    pub fetch_offset: Offset,
    /// Where a follower's log starts; -1 where it does not say.
    pub log_start_offset: Offset,
    /// Up to where a follower's log is on stable storage, where it says.
    pub durable_end: Option<Offset>,
    /// In which assignment a follower fetches, where it says.
    pub partition_epoch: Option<i32>,
    /// Bytes of this partition it takes, unless the first batch alone is larger.
    pub max_bytes: i32,
}

/// What the client was last told of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The high watermark.
    pub high_watermark: Offset,
    /// The log start offset.
    pub log_start_offset: Offset,
    /// Whether the last answer was an error: then whatever comes next is news.
    pub error: bool,
    /// Whether the client is to read from another replica (KIP-392): told each time, since it may have come back in vain.
    pub sent_away: bool,
}

#[derive(Debug)]
struct Cached {
    wanted: FetchPartition,
    told: Option<Told>,
}

type Key = (Uuid, Text, PartitionId);

fn key(wanted: &FetchPartition) -> Key {
    let topic = if wanted.topic_id.is_zero() { wanted.topic.clone() } else { Text::default() };
    (wanted.topic_id, topic, wanted.partition)
}

/// One session. Partitions are served in order; one that gave data goes to the end, so that all get their turn.
#[derive(Debug)]
pub struct Session {
    /// The epoch the next request must carry.
    pub next_epoch: i32,
    /// Whether its requests name topics by id (version 13 on).
    pub uses_topic_ids: bool,
    order: BTreeMap<u64, Cached>,
    places: BTreeMap<Key, u64>,
    next_place: u64,
    last_used: Instant,
}

impl Session {
    fn new(uses_topic_ids: bool, now: Instant) -> Session {
        Session {
            next_epoch: 1,
            uses_topic_ids,
            order: BTreeMap::new(),
            places: BTreeMap::new(),
            next_place: 0,
            last_used: now,
        }
    }

    /// Adds the partitions of a request, or changes what is wanted of them; then drops the forgotten ones.
    pub fn update(&mut self, wanted: Vec<FetchPartition>, forgotten: &[(Uuid, Text, PartitionId)]) {
        for wanted in wanted {
            match self.places.get(&key(&wanted)) {
                Some(place) => self.order.get_mut(place).expect("a place is in the order").wanted = wanted,
                None => self.push(wanted),
            }
        }
        for key in forgotten {
            if let Some(place) = self.places.remove(key) {
                self.order.remove(&place);
            }
        }
    }

    fn push(&mut self, wanted: FetchPartition) {
        self.places.insert(key(&wanted), self.next_place);
        self.order.insert(self.next_place, Cached { wanted, told: None });
        self.next_place += 1;
    }

    /// All partitions, in the order they are served.
    pub fn partitions(&self) -> Vec<FetchPartition> {
        self.order.values().map(|cached| cached.wanted.clone()).collect()
    }

    /// Whether the client must hear of this partition, given that there is no data for it; remembers that it does.
    pub fn is_news(&mut self, wanted: &FetchPartition, now: Told, has_data: bool) -> bool {
        let Some(place) = self.places.get(&key(wanted)).copied() else { return true };
        let cached = self.order.get_mut(&place).expect("a place is in the order");
        let news = has_data || now.error || now.sent_away || cached.told != Some(now);
        // After an error the partition stays in the session, and its next state is news again.
        cached.told = if now.error { None } else { Some(now) };
        if now.error && model::planted!("forget-partition-after-error") {
            self.order.remove(&place);
            self.places.remove(&key(wanted));
            return true;
        }
        if has_data {
            let cached = self.order.remove(&place).expect("looked up above");
            self.places.insert(key(wanted), self.next_place);
            self.order.insert(self.next_place, cached);
            self.next_place += 1;
        }
        news
    }

    /// Whether the client was told of this partition without an error before.
    pub fn knew(&self, wanted: &FetchPartition) -> bool {
        let place = self.places.get(&key(wanted));
        place.and_then(|place| self.order.get(place)).is_some_and(|cached| cached.told.is_some())
    }

    /// How many partitions it holds.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

/// All sessions of a broker: at most `max.incremental.fetch.session.cache.slots`.
#[derive(Debug)]
pub struct Sessions {
    by_id: BTreeMap<i32, Session>,
    slots: usize,
}

impl Sessions {
    /// A cache of `slots` sessions.
    pub fn new(slots: usize) -> Sessions {
        Sessions { by_id: BTreeMap::new(), slots }
    }

    /// A new session, or `None` when the cache is full of sessions in use. `draw` gives random ids.
    pub fn create(
        &mut self,
        uses_topic_ids: bool,
        now: Instant,
        mut draw: impl FnMut() -> u64,
    ) -> Option<(i32, &mut Session)> {
        if self.by_id.len() >= self.slots && !self.evict(now) {
            return None;
        }
        let id = loop {
            let id = (draw() & 0x7fff_ffff) as i32;
            if id != 0 && !self.by_id.contains_key(&id) {
                break id;
            }
        };
        Some((id, self.by_id.entry(id).or_insert_with(|| Session::new(uses_topic_ids, now))))
    }

    fn evict(&mut self, now: Instant) -> bool {
        let oldest = self.by_id.iter().min_by_key(|(_, session)| session.last_used);
        let Some((id, session)) = oldest else { return false };
        if now.duration_since(session.last_used) < MIN_EVICTION {
            return false;
        }
        let id = *id;
        self.by_id.remove(&id);
        true
    }

    /// The session `id`.
    pub fn get(&mut self, id: i32, now: Instant) -> Option<&mut Session> {
        let session = self.by_id.get_mut(&id)?;
        session.last_used = now;
        Some(session)
    }

    /// Ends the session `id`, if there is one.
    pub fn remove(&mut self, id: i32) {
        self.by_id.remove(&id);
    }
}

/// The epoch after `epoch`: after `i32::MAX` comes 1, since 0 opens a session.
pub fn next_epoch(epoch: i32) -> i32 {
    if epoch == i32::MAX { 1 } else { epoch + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> FetchPartition {
        FetchPartition {
            topic: "topic".into(),
            topic_id: Uuid::ZERO,
            partition: 0,
            current_leader_epoch: -1,
            last_fetched_epoch: -1,
            fetch_offset: 5,
            log_start_offset: -1,
            durable_end: None,
            partition_epoch: None,
            max_bytes: 1000,
        }
    }

    fn session() -> Session {
        let mut session = Session::new(false, Instant::now());
        session.update(vec![wanted()], &[]);
        session
    }

    #[test]
    fn what_was_told_already_is_no_news() {
        let story = async {
            let (mut session, told) = (session(), Told { high_watermark: 9, ..Told::default() });
            assert!(session.is_news(&wanted(), told, false));
            assert!(!session.is_news(&wanted(), told, false));
            assert!(session.is_news(&wanted(), Told { high_watermark: 10, ..told }, false));
        };
        runtime::task::run(1, story).expect("a runtime");
    }

    #[test]
    fn a_client_that_comes_back_is_sent_away_again() {
        let story = async {
            let (mut session, told) = (session(), Told { high_watermark: 9, ..Told::default() });
            assert!(session.is_news(&wanted(), told, true));
            let sent_away = Told { sent_away: true, ..told };
            assert!(session.is_news(&wanted(), sent_away, false), "nothing else has changed");
            assert!(session.is_news(&wanted(), sent_away, false), "it could not read there, and asks again");
            assert!(session.is_news(&wanted(), told, false), "now it may read here");
        };
        runtime::task::run(1, story).expect("a runtime");
    }
}
