//! Dice. The seed decides; each node has a stream of its own.

use super::world::World;

/// 64 random bits.
pub fn u64() -> u64 {
    let world = World::current();
    let node = world.current_node();
    world.nodes().of(node).dice.u64()
}

/// A number below `bound`, all equally likely.
///
/// # Panics
/// When `bound` is 0.
pub fn below(bound: u64) -> u64 {
    let world = World::current();
    let node = world.current_node();
    world.nodes().of(node).dice.below(bound)
}
