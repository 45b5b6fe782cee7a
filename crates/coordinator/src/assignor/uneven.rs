//! The uniform assignor where members are subscribed to different topics.

use super::GroupSpec;
use super::board::Board;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Rounds of evening out. Two or three do for any group seen; the bound keeps a contrived one from taking long.
const MOST_ROUNDS: usize = 64;

/// Members keep what they own; what is free goes to the least loaded subscriber; then partitions move, topic by topic,
/// from the most to the least loaded of a topic's members until no single move makes the group more even.
pub fn assign<'a>(group: &'a GroupSpec<'a>) -> Board<'a> {
    let mut board = Board::new(group);
    for member in 0..group.members.len() {
        for place in board.held_by(member) {
            board.give(place, member);
        }
    }
    let subscribers = group.subscribers();
    let choices = Choices::of(group);
    // Topics with little choice first: where there is more, what they made uneven can be made up for.
    let mut order: Vec<usize> = (0..group.topics.len()).filter(|topic| !subscribers[*topic].is_empty()).collect();
    order.sort_by_key(|topic| subscribers[*topic].len());
    for topic in &order {
        fill(&mut board, *topic, &subscribers[*topic], &choices);
    }
    for _ in 0..MOST_ROUNDS {
        let mut moved = false;
        for topic in &order {
            moved |= even_out(&mut board, *topic, &subscribers[*topic], &choices);
        }
        if !moved {
            break;
        }
    }
    board
}

/// How many partitions each member could get. Of two with the same load the one with less choice is served first: what
/// it does not get here it may get nowhere.
struct Choices(Vec<usize>);

/// A member that could take a partition, the least loaded first.
type Taker = Reverse<(usize, usize, usize)>;

impl Choices {
    fn of(group: &GroupSpec<'_>) -> Choices {
        let breadth = |topics: &Vec<usize>| topics.iter().map(|topic| group.topics[*topic].partitions).sum();
        let breadths: Vec<usize> = group.subscriptions.iter().map(breadth).collect();
        Choices(group.members.iter().map(|member| breadths[member.subscription]).collect())
    }

    fn taker(&self, board: &Board<'_>, member: usize) -> Taker {
        Reverse((board.loads[member], self.0[member], member))
    }

    fn takers(&self, board: &Board<'_>, members: &[usize]) -> BinaryHeap<Taker> {
        members.iter().map(|member| self.taker(board, *member)).collect()
    }
}

/// Gives the free partitions of a topic to the least loaded of its subscribers.
fn fill(board: &mut Board<'_>, topic: usize, subscribers: &[usize], choices: &Choices) {
    let free: Vec<usize> = board.places(topic).filter(|place| board.owner(*place).is_none()).collect();
    if free.is_empty() {
        return;
    }
    let mut takers = choices.takers(board, subscribers);
    for place in free {
        if board.has_racks() {
            let worth = |member: &&usize| {
                (board.loads[**member], !board.is_near(place, **member), choices.0[**member], **member)
            };
            let member = *subscribers.iter().min_by_key(worth).expect("a topic with subscribers");
            board.give(place, member);
        } else {
            let Reverse((_, _, member)) = takers.pop().expect("a topic with subscribers");
            board.give(place, member);
            takers.push(choices.taker(board, member));
        }
    }
}

/// Moves partitions of one topic until its most and least loaded members are one apart. Whether any moved.
fn even_out(board: &mut Board<'_>, topic: usize, subscribers: &[usize], choices: &Choices) -> bool {
    let least = subscribers.iter().map(|member| board.loads[*member]).min().unwrap_or(0);
    let owners = board.places(topic).filter_map(|place| board.owner(place));
    if owners.map(|owner| board.loads[owner]).max().unwrap_or(0) < least + 2 {
        return false;
    }
    let mut places_of = vec![Vec::new(); board.loads.len()];
    for place in board.places(topic) {
        if let Some(owner) = board.owner(place) {
            places_of[owner].push(place);
        }
    }
    let mut takers = choices.takers(board, subscribers);
    let mut givers: BinaryHeap<(usize, Reverse<usize>)> =
        subscribers.iter().map(|member| (board.loads[*member], Reverse(*member))).collect();
    let mut moved = false;
    while let (Some(giver), Some(taker)) =
        (current_giver(board, &mut givers, &places_of), current_taker(board, &mut takers))
    {
        if board.loads[giver] < board.loads[taker] + 2 {
            break;
        }
        let place = take_place(board, &mut places_of[giver], giver, taker);
        board.give(place, taker);
        places_of[taker].push(place);
        givers.push((board.loads[giver], Reverse(giver)));
        givers.push((board.loads[taker], Reverse(taker)));
        takers.push(choices.taker(board, giver));
        takers.push(choices.taker(board, taker));
        moved = true;
    }
    moved
}

/// The most loaded member that has a partition of the topic. Entries of loads that have changed since are passed over.
fn current_giver(
    board: &Board<'_>,
    givers: &mut BinaryHeap<(usize, Reverse<usize>)>,
    places_of: &[Vec<usize>],
) -> Option<usize> {
    while let Some((load, Reverse(member))) = givers.peek().copied() {
        if load == board.loads[member] && !places_of[member].is_empty() {
            return Some(member);
        }
        givers.pop();
    }
    None
}

fn current_taker(board: &Board<'_>, takers: &mut BinaryHeap<Taker>) -> Option<usize> {
    while let Some(Reverse((load, _, member))) = takers.peek().copied() {
        if load == board.loads[member] {
            return Some(member);
        }
        takers.pop();
    }
    None
}

/// Takes one of the giver's places: one that is far from it and near to the taker, if there is one.
fn take_place(board: &Board<'_>, places: &mut Vec<usize>, giver: usize, taker: usize) -> usize {
    let worth = |place: usize| (!board.is_near(place, giver), board.is_near(place, taker), place);
    let best = (0..places.len()).max_by_key(|at| worth(places[*at])).expect("a giver has a place");
    places.swap_remove(best)
}
