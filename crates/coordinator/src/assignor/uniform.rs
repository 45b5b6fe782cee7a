//! The uniform assignor where all members are subscribed to the same topics.

use super::GroupSpec;
use super::board::Board;
use std::collections::VecDeque;

/// Everyone gets the same number of partitions, or one more. A member keeps what it owns up to that number.
pub fn assign<'a>(group: &'a GroupSpec<'a>) -> Board<'a> {
    let mut dealer = Dealer::new(group);
    dealer.keep();
    if dealer.board.has_racks() {
        dealer.deal_to_neighbours();
    }
    dealer.deal_in_turn();
    dealer.board
}

struct Dealer<'a> {
    board: Board<'a>,
    /// What everyone gets.
    quota: usize,
    /// How many members may still get one more.
    extras: usize,
}

impl<'a> Dealer<'a> {
    fn new(group: &'a GroupSpec<'a>) -> Dealer<'a> {
        let board = Board::new(group);
        let wanted: usize = group.topics_of(0).iter().map(|topic| group.topics[*topic].partitions).sum();
        let members = group.members.len();
        Dealer { board, quota: wanted / members, extras: wanted % members }
    }

    /// Members keep what they hold. Who holds more than the quota gets the extras first: that moves least.
    fn keep(&mut self) {
        for member in 0..self.board.loads.len() {
            let mut held = self.board.held_by(member);
            let has_extra = held.len() > self.quota && self.extras > 0;
            self.extras -= usize::from(has_extra);
            held.truncate(self.quota + usize::from(has_extra));
            for place in held {
                self.board.give(place, member);
            }
        }
    }

    fn may_get_more(&self, member: usize) -> bool {
        let load = self.board.loads[member];
        load < self.quota || load == self.quota && self.extras > 0
    }

    fn deal(&mut self, place: usize, member: usize) {
        self.extras -= usize::from(self.board.loads[member] == self.quota);
        self.board.give(place, member);
    }

    fn free_places(&self) -> Vec<usize> {
        let topics = self.board.group.topics_of(0).iter();
        topics.flat_map(|topic| self.board.places(*topic)).filter(|place| self.board.owner(*place).is_none()).collect()
    }

    /// Gives free places to members in a rack where they have a replica, in turn, as far as those may get more.
    fn deal_to_neighbours(&mut self) {
        let mut waiting: Vec<VecDeque<usize>> = Vec::new();
        for (member, rack) in self.board.member_racks.iter().enumerate() {
            let Some(rack) = rack.map(usize::from) else { continue };
            waiting.resize_with(waiting.len().max(rack + 1), VecDeque::new);
            waiting[rack].push_back(member);
        }
        for place in self.free_places() {
            let racks: Vec<usize> = self.board.racks(place).iter().map(|rack| usize::from(*rack)).collect();
            for rack in racks {
                while waiting[rack].front().is_some_and(|member| !self.may_get_more(*member)) {
                    waiting[rack].pop_front();
                }
                if let Some(member) = waiting[rack].pop_front() {
                    self.deal(place, member);
                    waiting[rack].push_back(member);
                    break;
                }
            }
        }
    }

    /// Gives the rest to those who lack any, in turn, so that each topic is spread.
    fn deal_in_turn(&mut self) {
        let free = self.free_places();
        let mut waiting: VecDeque<usize> = (0..self.board.loads.len()).collect();
        waiting.retain(|member| self.board.loads[*member] < self.quota);
        let mut latecomers: Option<VecDeque<usize>> = None;
        for place in free {
            let member = match waiting.pop_front() {
                Some(member) => member,
                // Everyone has the quota: what is left are the extras.
                None => {
                    let members = 0..self.board.loads.len();
                    let at_quota = || members.filter(|member| self.board.loads[*member] == self.quota).collect();
                    let latecomers = latecomers.get_or_insert_with(at_quota);
                    latecomers.pop_front().expect("as many extras as members that lack one")
                }
            };
            self.deal(place, member);
            if self.board.loads[member] < self.quota {
                waiting.push_back(member);
            }
        }
    }
}
