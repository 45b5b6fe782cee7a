//! Wall clocks that go wrong. The broker's only: what clients write down is then right.

use runtime::simulation::{Node, clock};

/// How far a clock jumps: a millisecond to 45 minutes, each order of magnitude equally likely. Less than the hour that
/// `message.timestamp.after.max.ms` allows, so that the broker goes on taking records.
pub fn jump_ms(amount: u64) -> i64 {
    const LONGEST: i64 = 45 * 60 * 1000;
    let octave = amount % 22;
    ((1_i64 << octave) + (amount >> 8) as i64 % (1 << octave)).min(LONGEST)
}

/// How fast a clock drifts, in millionths: up to a fifth, either way.
pub fn drift_millionths(amount: u64) -> i64 {
    (amount % 400_001) as i64 - 200_000
}

/// Moves the clock.
pub fn jump(node: Node, milliseconds: i64) {
    clock::jump(node, milliseconds);
}

/// Lets it run fast or slow; 0 is right.
pub fn drift(node: Node, millionths: i64) {
    clock::drift(node, millionths);
}

/// Stops it, or lets it run on.
pub fn freeze(node: Node, frozen: bool) {
    if frozen { clock::freeze(node) } else { clock::thaw(node) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_are_of_every_size_and_below_an_hour() {
        let jumps: Vec<i64> = (0..1000_u64).map(|n| jump_ms(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        assert!(jumps.iter().all(|jump| (1..3_600_000).contains(jump)));
        assert!(jumps.iter().any(|jump| *jump < 100) && jumps.iter().any(|jump| *jump > 600_000));
    }
}
