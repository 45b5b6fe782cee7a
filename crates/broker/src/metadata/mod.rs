//! The cluster's metadata on one node: the controller machine, its log on this node's disk, and the image that
//! everybody reads.
//!
//! One task owns machine and log. Requests are decided one by one; what they decide is on stable storage before it is
//! folded into the image, and the image is published before the request is answered.

mod fault;
mod files;
mod log;

pub use fault::MetadataFault;

use controller::frame::{self, Batch};
use controller::records::Record;
use controller::{Controller, Reply, Request, Settings};
use log::{AppendError, FoundLog, MetadataLog};
use model::ErrorCode;
use model::metadata_image::MetadataImage;
use model::state_machine::{Entry, Instant, Now, Outbox, Position, StateMachine, Ticket};
use runtime::disk::Disk;
use runtime::sync::{mpsc, oneshot, watch};
use runtime::time;
use std::sync::Arc;

/// A snapshot replaces the log whenever it grew by this many bytes.
const SNAPSHOT_AFTER: &str = "metadata.log.max.record.bytes.between.snapshots";
/// Requests that wait for the machine, at most.
const MAILBOX: usize = 64;

/// The metadata as it was found, before anything is changed.
#[derive(Debug)]
pub struct FoundMetadata(FoundLog);

impl FoundMetadata {
    /// Reads the metadata log on `disk`; none means an empty one.
    ///
    /// # Errors
    /// Another process has it, or it is damaged.
    pub async fn read(disk: &Disk) -> Result<FoundMetadata, MetadataFault> {
        FoundLog::read(disk).await.map(FoundMetadata)
    }

    /// What it says.
    pub fn image(&self) -> &MetadataImage {
        &self.0.image
    }

    /// Starts the task that changes it.
    ///
    /// # Errors
    /// The disk refused.
    pub async fn start(self, settings: Settings) -> Result<Metadata, MetadataFault> {
        let (log, image) = self.0.ready(settings.number(SNAPSHOT_AFTER).unsigned_abs()).await?;
        let images = watch::Sender::new(Arc::new(image.clone()));
        let metadata_images = images.subscribe();
        let (mailbox, requests) = mpsc::channel(MAILBOX);
        let seed = std::array::from_fn(|_| runtime::rand::u64());
        let machine = Controller::from_image(image, seed);
        let driver = Driver { machine, log, settings, images, started: time::Instant::now() };
        runtime::task::spawn("metadata", driver.run(requests));
        Ok(Metadata { mailbox, images: metadata_images })
    }
}

/// The way to the metadata. Clones share it.
#[derive(Clone, Debug)]
pub struct Metadata {
    mailbox: mpsc::Sender<Command>,
    images: watch::Receiver<Arc<MetadataImage>>,
}

impl Metadata {
    /// The present image.
    pub fn image(&self) -> Arc<MetadataImage> {
        self.images.borrow().clone()
    }

    /// The present image and those to come.
    pub fn images(&self) -> watch::Receiver<Arc<MetadataImage>> {
        self.images.clone()
    }

    /// Asks the controller; what it decided is durable and in the image when the reply is here.
    ///
    /// # Errors
    /// `NOT_CONTROLLER` when it has stopped: then it is not known whether the request took effect.
    pub async fn ask(&self, request: Request) -> Result<Reply, ErrorCode> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Ask(Box::new(request), reply);
        self.mailbox.send(command).await.map_err(|_| ErrorCode::NotController)?;
        answer.await.map_err(|_| ErrorCode::NotController)
    }

    /// Ends the controller and lets the log go; requests after this one are answered with `NOT_CONTROLLER`.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        let _ = self.mailbox.send(Command::Close(done)).await; // an error means that it has ended
        let _ = closed.await;
    }
}

enum Command {
    Ask(Box<Request>, oneshot::Sender<Reply>),
    Close(oneshot::Sender<()>),
}

struct Driver {
    machine: Controller,
    log: MetadataLog,
    settings: Settings,
    images: watch::Sender<Arc<MetadataImage>>,
    started: time::Instant,
}

impl Driver {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(command) = commands.recv().await {
            let (request, reply) = match command {
                Command::Ask(request, reply) => (*request, reply),
                Command::Close(done) => {
                    drop(self);
                    let _ = done.send(());
                    return;
                }
            };
            match self.decide(request).await {
                Ok(answer) => {
                    let _ = reply.send(answer); // who asked may be gone
                }
                // What is on the disk is not known: only a restart can tell.
                Err(fault) => runtime::process::halt(&format!("the metadata log failed: {fault}")).await,
            }
            if let Err(fault) = self.snapshot().await {
                runtime::process::halt(&format!("the metadata log failed: {fault}")).await;
            }
        }
    }

    async fn decide(&mut self, request: Request) -> Result<Reply, MetadataFault> {
        let ticket = Ticket(0); // one at a time
        let mut out = Outbox::new();
        self.machine.handle(self.now(), &self.settings, ticket, request, &mut out);
        if !out.records.is_empty() {
            match self.append(std::mem::take(&mut out.records)).await {
                Ok(()) => {}
                Err(AppendError::Fault(fault)) => return Err(fault),
                Err(AppendError::Full) => {
                    out = Outbox::new();
                    self.machine.rejected(ticket, ErrorCode::KafkaStorageError, &mut out);
                }
                Err(AppendError::TooLarge) => {
                    out = Outbox::new();
                    self.machine.rejected(ticket, ErrorCode::PolicyViolation, &mut out);
                }
            }
        }
        let (_, reply) = out.replies.pop().expect("the controller answers every request");
        Ok(reply)
    }

    fn now(&self) -> Now {
        Now { monotonic: Instant::after_start(self.started.elapsed()), wall: runtime::clock::now() }
    }

    async fn append(&mut self, records: Vec<Record>) -> Result<(), AppendError> {
        let base_offset = self.machine.image().end_offset();
        let batch = Batch { base_offset, leader_epoch: 0, timestamp: runtime::clock::now(), records };
        let Ok(frame) = frame::encode(&batch) else {
            model::mark!("metadata batch too large");
            return Err(AppendError::TooLarge);
        };
        self.log.append(frame).await?;
        let producer = None;
        for (offset, record) in (base_offset..).zip(&batch.records) {
            let at = Position { offset, timestamp: batch.timestamp, producer };
            self.machine.replay(at, Entry::Record(record));
        }
        self.images.send_replace(Arc::new(self.machine.image().clone()));
        Ok(())
    }

    async fn snapshot(&mut self) -> Result<(), MetadataFault> {
        if self.log.wants_snapshot() {
            self.log.snapshot(self.machine.image(), runtime::clock::now()).await?;
        }
        Ok(())
    }
}
