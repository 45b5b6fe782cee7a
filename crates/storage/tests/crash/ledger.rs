//! What was begun, done and acknowledged when, in the order of the recorder's notes.

use super::batch::Batch;
use super::life::{Event, Kind, Life, Operation, Span, State};
use model::{TopicPartition, Uuid};
use runtime::record::Recorder;
use std::sync::{Arc, Mutex, MutexGuard};
use storage::Durable;

/// The ledger of one process, shared with the tasks that hear what became durable.
#[derive(Clone)]
pub struct Ledger {
    recorder: Recorder,
    book: Arc<Mutex<Book>>,
}

/// What is in it.
#[derive(Clone, Debug, Default)]
pub struct Book {
    pub lives: Vec<Life>,
    /// When the directory was open.
    pub opened: Option<Event>,
    pub directory_id: Uuid,
    events: Event,
}

impl Ledger {
    pub fn new(recorder: Recorder) -> Ledger {
        Ledger { recorder, book: Arc::default() }
    }

    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("no panic inside")
    }

    /// Something happens now.
    fn event(&self, book: &mut Book) -> Event {
        let event = book.events;
        self.recorder.note(event as u64);
        book.events += 1;
        event
    }

    pub fn opened(&self, directory_id: Uuid) {
        let mut book = self.book();
        book.directory_id = directory_id;
        let event = self.event(&mut book);
        book.opened.get_or_insert(event);
    }

    /// A partition that was there; all of `state` is on stable storage.
    pub fn found(&self, topic_partition: TopicPartition, topic_id: Uuid, state: State) -> usize {
        let mut book = self.book();
        book.lives.push(Life {
            topic_partition,
            topic_id,
            made_plain: false,
            found: true,
            made: Span { begun: 0, done: Some(0) },
            dropped: None,
            dropped_plain: false,
            states: vec![state],
            operations: Vec::new(),
        });
        book.lives.len() - 1
    }

    pub fn making(&self, topic_partition: TopicPartition, topic_id: Uuid, plain: bool) -> usize {
        let mut book = self.book();
        let begun = self.event(&mut book);
        book.lives.push(Life {
            topic_partition,
            topic_id,
            made_plain: plain,
            found: false,
            made: Span { begun, done: None },
            dropped: None,
            dropped_plain: false,
            states: vec![State::default()],
            operations: Vec::new(),
        });
        book.lives.len() - 1
    }

    pub fn made(&self, life: usize) {
        let mut book = self.book();
        book.lives[life].made.done = Some(self.event(&mut book));
    }

    pub fn dropping(&self, life: usize, plain: bool) {
        let mut book = self.book();
        let begun = self.event(&mut book);
        book.lives[life].dropped = Some(Span { begun, done: None });
        book.lives[life].dropped_plain = plain;
    }

    pub fn dropped(&self, life: usize) {
        let mut book = self.book();
        let done = self.event(&mut book);
        book.lives[life].dropped.as_mut().expect("it began").done = Some(done);
    }

    /// An operation begins, after which the log will hold `after`.
    pub fn begin(&self, life: usize, kind: Kind, after: State, plain: bool, truncation: u64) {
        let mut book = self.book();
        let begun = self.event(&mut book);
        let operation = Operation { kind, begun, returned: None, durable: None, plain, truncation };
        book.lives[life].operations.push(operation);
        book.lives[life].states.push(after);
    }

    /// Appends begin, all with one call.
    pub fn begin_appends(&self, life: usize, batches: Vec<Batch>, plain: bool, truncation: u64) {
        for batch in batches {
            let mut after = self.book().lives[life].state().clone();
            after.append(batch.clone());
            self.begin(life, Kind::Append(batch), after, plain, truncation);
        }
    }

    /// What the last one led to, where that was not known before.
    pub fn learn_state(&self, life: usize, kind: Kind, after: State) {
        let mut book = self.book();
        let life = &mut book.lives[life];
        *life.states.last_mut().expect("begun") = after;
        life.operations.last_mut().expect("begun").kind = kind;
    }

    /// All operations that had begun are done.
    pub fn returned(&self, life: usize) {
        let mut book = self.book();
        let event = self.event(&mut book);
        for operation in book.lives[life].operations.iter_mut().rev().take_while(|o| o.returned.is_none()) {
            operation.returned = Some(event);
        }
    }

    /// A log tells what is durable.
    pub fn durable(&self, life: usize, durable: Durable) {
        let mut book = self.book();
        let event = self.event(&mut book);
        for operation in &mut book.lives[life].operations {
            if let Kind::Append(batch) = &operation.kind
                && operation.truncation == durable.truncation
                && batch.end_offset <= durable.offset
                && !operation.plain
            {
                operation.durable.get_or_insert(event);
            }
        }
    }
}
