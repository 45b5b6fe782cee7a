//! Judges what a program of your own did against a cluster: record each operation when it is sent and when its outcome is
//! known, read everything in the end, and ask. `cargo run -p jepsen-lite --example check_what_you_saw` plays a cluster that
//! acknowledges a record and loses it.

use jepsen_lite::checker::{self, Class};
use jepsen_lite::history::{
    Acks, Action, Answer, CreateTopic, Outcome, Produce, Received, RecordId, Recorder, Sent, Session, content_of,
};
use model::TopicPartition;

fn main() {
    let mut recorder = Recorder::new();
    let partition = TopicPartition::new("orders", 0);

    // What is promised depends on how the topic was made, so the history says that.
    let configs = [("retention.ms".to_owned(), "-1".to_owned())].into();
    let create = CreateTopic { topic: "orders".to_owned(), partitions: 1, replicas: 1, configs };
    let created = recorder.invoke(0, 0, Action::CreateTopic(create));
    recorder.complete(1, created, Outcome::Ok(Answer::Created { topic_id: None }));

    // One life of a producer. Its records carry their id, so that they can be recognised.
    let session = recorder.session(Session { process: 1, idempotent: true, may_resend: true, producer: None });
    let sent = |number: u32| {
        let id = RecordId::new(session, number);
        let content = content_of(None, Some(&id.0.to_be_bytes()), []);
        Sent { id, content, timestamp: 1000, key: None }
    };
    for number in 0..2 {
        let produce = Produce {
            partition: partition.clone(),
            topic_id: None,
            acks: Acks::All,
            one_batch: true,
            records: vec![sent(number)],
        };
        let at = 10 * (1 + u64::from(number));
        let write = recorder.invoke(at, 1, Action::Produce(produce));
        let acknowledged = Answer::Produced { base_offset: Some(i64::from(number)) };
        recorder.complete(at + 5, write, Outcome::Ok(acknowledged));
    }

    // In the end, with all faults over, every partition is read from its start to its end.
    recorder.healed(100);
    let scan = recorder.invoke(101, 2, Action::Scan { partition });
    let Sent { id, content, timestamp, .. } = sent(0);
    let records = vec![Received { offset: 0, id, content, timestamp, epoch: 0 }];
    recorder.complete(102, scan, Outcome::Ok(Answer::Scanned { log_start: 0, end: 1, records }));

    let history = recorder.finish();
    let verdict = checker::check(&history);
    print!("{}", checker::in_words(&history, &verdict));
    assert!(verdict.counts.contains_key(&Class::LostWrite), "the second record was acknowledged and is gone");
}
