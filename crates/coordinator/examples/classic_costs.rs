//! What a classic group costs its coordinator: members come, join and sync, beat and commit, and all join again.
//! `classic_costs [MEMBERS] [COMMITS]`. A commit is encoded, read back and replayed, as in the log.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // a program that measures

#[allow(dead_code)] // the stories use the rest of it
#[path = "../tests/classic/cluster.rs"]
mod cluster;
#[allow(dead_code)] // likewise
#[path = "../tests/classic/member.rs"]
mod member;

use cluster::Coordinator;
use member::{Joined, join_request};
use model::ErrorCode;
use model::state_machine::Ticket;
use std::time::{Duration, Instant};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (members, commits) = (number(0, 1000), number(1, 100_000));
    let mut group = Coordinator::with(&[]);
    group.checks = false;
    group.create_topic("wide", 1000, 0);

    let ids: Vec<String> = measured("a member id", members, || {
        (0..members).map(|_| group.join(join_request("", &["wide"]), 9).member_id.to_string()).collect()
    });
    let joins: Vec<Ticket> = measured("a join of a new group", members, || {
        ids.iter().map(|id| group.send_join(join_request(id, &["wide"]), 9)).collect()
    });
    measured("a member of the first generation", members, || group.advance(Duration::from_secs(6)));
    let mut all = generation(&mut group, joins);
    sync(&mut group, &all);

    measured("a heartbeat", members, || {
        for member in &all {
            assert_eq!(group.beat(member), ErrorCode::None);
        }
    });
    measured("a commit of one partition", commits, || {
        for at in 0..commits {
            let committed = group.commit(&all[at % members], "wide", (at % 1000) as i32, at as i64);
            assert_eq!(committed, ErrorCode::None);
        }
    });

    let joins: Vec<Ticket> = measured("a join of a rebalance, with the answers", members, || {
        ids.iter().map(|id| group.send_join(join_request(id, &["wide", "t"]), 9)).collect()
    });
    all = generation(&mut group, joins);
    sync(&mut group, &all);
    measured("a member of a coordinator that takes over", members, || group.fail_over());
}

/// Who has joined, the leader last.
fn generation(group: &mut Coordinator, joins: Vec<Ticket>) -> Vec<Joined> {
    let mut leader = None;
    let mut all = Vec::new();
    for ticket in joins {
        let answer = group.joined(ticket);
        assert_eq!(answer.error_code, 0);
        leader = Some(answer.leader);
        all.push(Joined { generation: answer.generation_id, id: answer.member_id });
    }
    let leader = all.iter().position(|member| Some(&member.id) == leader.as_ref()).expect("somebody leads");
    let last = all.len() - 1;
    all.swap(leader, last);
    all
}

/// Everyone asks for its assignment; the leader, last, gives each forty bytes.
fn sync(group: &mut Coordinator, all: &[Joined]) {
    let (leader, others) = all.split_last().expect("members");
    measured("a sync that waits", others.len(), || {
        for member in others {
            group.send_sync(member, &[]);
        }
    });
    let given = "x".repeat(40);
    let assignments: Vec<(&str, &str)> = all.iter().map(|member| (&*member.id, given.as_str())).collect();
    let own =
        measured("a member in the leader's sync, with the answers", all.len(), || group.sync(leader, &assignments));
    assert_eq!((own.error_code, own.assignment.len()), (0, given.len()));
}

fn measured<T>(what: &str, count: usize, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = work();
    println!("{what}: {:.1?}", begun.elapsed() / u32::try_from(count.max(1)).unwrap_or(u32::MAX));
    result
}
