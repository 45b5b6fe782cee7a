//! The last offset of each key, in bounded memory: 24 bytes a key, of which only a hash of 16 is kept. It grows as keys
//! come and is split into parts that grow on their own, so that growing needs hardly more than what is there in the end.

use super::key_hash::{Hash, KeyHash};
use model::{Offset, mark};

/// Bytes of a slot: the hash, and one more than the offset; 0 where there is none.
const SLOT_BYTES: usize = 24;
type Slot = [u64; 3];

/// Small maps have one part.
const PARTS: usize = 64;
const SLOTS_OF_A_PART: usize = 64;
/// A part that may still grow does so when it is this full.
const GROWS_AT: f64 = 0.75;

/// The map.
#[derive(Debug)]
pub(super) struct KeyMap {
    hash: KeyHash,
    parts: Vec<Part>,
    /// Slots of a part, at most.
    part_slots: usize,
    /// How full a part may get that cannot grow.
    load_factor: f64,
}

#[derive(Debug, Default)]
struct Part {
    slots: Vec<Slot>,
    used: usize,
    /// It grows, or is full, before it has more than so many keys.
    limit: usize,
}

impl KeyMap {
    /// A map of at most `bytes`, of which `load_factor` may be filled. It has room for one key at least.
    pub fn new(bytes: usize, load_factor: f64) -> KeyMap {
        let slots = (bytes / SLOT_BYTES).max(2);
        let parts = if slots >= PARTS * SLOTS_OF_A_PART { PARTS } else { 1 };
        KeyMap {
            hash: KeyHash::random(),
            parts: (0..parts).map(|_| Part::default()).collect(),
            part_slots: slots / parts,
            load_factor: load_factor.clamp(0.1, 0.95),
        }
    }

    /// Notes that `key` is at `offset`, which is above all before. Says no when there is no room for one more key.
    #[must_use]
    pub fn insert(&mut self, key: &[u8], offset: Offset) -> bool {
        let hash = self.hash.of(key);
        let at = self.part_of(hash);
        let part = &mut self.parts[at];
        if !part.slots.is_empty() {
            let slot = part.find(hash);
            let known = part.slots[slot][2] != 0;
            if known || part.used < part.limit {
                part.used += usize::from(!known);
                part.slots[slot] = slot_of(hash, offset);
                return true;
            }
        }
        if !part.grow(self.part_slots, self.load_factor) {
            mark!("the cleaner's map is full");
            return false;
        }
        let slot = part.find(hash);
        part.slots[slot] = slot_of(hash, offset);
        part.used += 1;
        true
    }

    /// The last offset of `key`, if it is in the map.
    pub fn latest(&self, key: &[u8]) -> Option<Offset> {
        let hash = self.hash.of(key);
        let part = &self.parts[self.part_of(hash)];
        if part.slots.is_empty() {
            return None;
        }
        let slot = part.slots[part.find(hash)];
        slot[2].checked_sub(1).map(|offset| offset as Offset)
    }

    /// How many keys it has.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.used).sum()
    }

    /// Memory it takes.
    pub fn size_in_bytes(&self) -> usize {
        self.parts.iter().map(|part| part.slots.len() * SLOT_BYTES).sum()
    }

    fn part_of(&self, hash: Hash) -> usize {
        scaled(hash[0], self.parts.len())
    }
}

impl Part {
    /// The slot that has `hash`, or the one where it would come. There is always an empty one.
    fn find(&self, hash: Hash) -> usize {
        let mut at = scaled(hash[1], self.slots.len());
        loop {
            let slot = &self.slots[at];
            if slot[2] == 0 || (slot[0] == hash[0] && slot[1] == hash[1]) {
                return at;
            }
            at += 1;
            if at == self.slots.len() {
                at = 0;
            }
        }
    }

    /// Makes room for at least one more key. Says no when it has all the slots that it may have.
    fn grow(&mut self, most: usize, load_factor: f64) -> bool {
        if self.slots.len() >= most {
            return false;
        }
        let slots = (self.slots.len() * 2).clamp(most.min(8), most);
        let load = if slots == most { load_factor } else { GROWS_AT };
        let before = std::mem::replace(&mut self.slots, vec![[0; 3]; slots]);
        self.limit = ((slots as f64 * load) as usize).clamp(1, slots - 1);
        for slot in before.into_iter().filter(|slot| slot[2] != 0) {
            let at = self.find([slot[0], slot[1]]);
            self.slots[at] = slot;
        }
        self.used < self.limit
    }
}

fn slot_of(hash: Hash, offset: Offset) -> Slot {
    [hash[0], hash[1], offset.unsigned_abs() + 1]
}

/// Spreads all values of `hash` evenly over `count` places.
fn scaled(hash: u64, count: usize) -> usize {
    ((u128::from(hash) * count as u128) >> 64) as usize
}

// A map draws the key of its hash, and a simulated machine alone has dice there: what is tested is the same on a real one.
#[cfg(all(test, not(madsim)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_map_of_many_parts_takes_what_its_memory_allows_and_no_more() {
        let bytes = 8 << 20;
        let mut map = KeyMap::new(bytes, 0.9);
        let taken = (0..i64::MAX).take_while(|n| map.insert(&n.to_be_bytes(), *n)).count();
        assert_eq!(map.len(), taken);
        let slots = bytes / SLOT_BYTES;
        // The first part that is full ends it, and all are about as full.
        assert!(taken > slots * 8 / 10 && taken <= slots * 9 / 10, "{taken} keys in {slots} slots");
        assert!(map.size_in_bytes() <= bytes);
        assert!((0..taken as i64).all(|n| map.latest(&n.to_be_bytes()) == Some(n)));
        assert!(map.insert(&0i64.to_be_bytes(), i64::MAX - 1), "a key that is there has its place");
        assert_eq!(map.latest(&0i64.to_be_bytes()), Some(i64::MAX - 1));
    }

    #[test]
    fn a_few_keys_take_little_memory() {
        let mut map = KeyMap::new(128 << 20, 0.9);
        assert_eq!((map.size_in_bytes(), map.latest(b"k")), (0, None));
        assert!((0..1000).all(|n: i64| map.insert(&n.to_be_bytes(), n)));
        assert!(map.size_in_bytes() < 200_000, "{}", map.size_in_bytes());
    }

    #[test]
    fn the_smallest_map_has_room_for_one_key() {
        let mut map = KeyMap::new(0, 0.9);
        assert!(map.insert(b"a", 0) && !map.insert(b"b", 1) && map.insert(b"a", 2));
        assert_eq!((map.latest(b"a"), map.latest(b"b")), (Some(2), None));
    }

    proptest! {
        #[test]
        fn it_does_what_a_map_would(
            keys in proptest::collection::vec(0u16..300, 0..600), bytes in 0usize..8000, load in 0.0..1.0f64
        ) {
            let mut map = KeyMap::new(bytes, load);
            let mut model = BTreeMap::new();
            for (offset, key) in (0..).zip(&keys) {
                if map.insert(&key.to_be_bytes(), offset) {
                    model.insert(*key, offset);
                } else {
                    prop_assert!(!model.contains_key(key) && !model.is_empty());
                }
            }
            for key in 0..300u16 {
                prop_assert_eq!(map.latest(&key.to_be_bytes()), model.get(&key).copied());
            }
            prop_assert_eq!(map.len(), model.len());
            prop_assert!(map.size_in_bytes() <= bytes.max(2 * SLOT_BYTES));
        }
    }
}
