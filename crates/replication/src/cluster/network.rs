//! Who reaches whom, and how fast.

use super::dice::Dice;
use super::message::Message;
use super::plan::Plan;
use model::NodeId;
use std::collections::BTreeSet;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Network {
    dice: Dice,
    loss: u32,
    copies: u32,
    slow: u32,
    /// Links that are cut, from and to.
    cut: BTreeSet<(NodeId, NodeId)>,
}

impl Network {
    pub fn new(plan: &Plan) -> Network {
        let dice = Dice::new(plan.seed, 2);
        Network { dice, loss: plan.loss, copies: plan.copies, slow: plan.slow_network, cut: BTreeSet::new() }
    }

    pub fn cut(&mut self, from: NodeId, to: NodeId) {
        self.cut.insert((from, to));
    }

    pub fn mend(&mut self, from: NodeId, to: NodeId) {
        self.cut.remove(&(from, to));
    }

    /// Everything works from now on.
    pub fn heal(&mut self) {
        self.cut.clear();
        (self.loss, self.copies, self.slow) = (0, 0, 0);
    }

    /// When copies of a message arrive: none when it is lost.
    pub fn delays(&mut self, from: NodeId, to: NodeId, message: &Message) -> [Option<Duration>; 2] {
        if self.cut.contains(&(from, to)) || self.dice.chance(self.loss) {
            return [None, None];
        }
        let first = self.delay(message);
        // A stream carries no message twice; what is asked again after a timeout is another message.
        let again = matches!(message, Message::Fetch { .. }) && self.dice.chance(self.copies);
        let second = again.then(|| self.delay(message));
        [Some(first), second]
    }

    fn delay(&mut self, message: &Message) -> Duration {
        let longest = if matches!(message, Message::Alter { .. }) { 3_000 } else { 600 };
        let slow = self.dice.chance(self.slow);
        if slow { self.dice.millis(5, longest) } else { self.dice.millis(1, 6) }
    }
}
