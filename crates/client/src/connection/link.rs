//! The task under a connection: writes what is handed to it, reads what comes, and ends once for one reason.

use bytes::{Bytes, BytesMut};
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{OwnedReadHalf, OwnedWriteHalf, TcpStream};
use runtime::sync::{Notify, mpsc, oneshot, select};
use runtime::time::Instant;
use std::collections::VecDeque;
use std::sync::{Mutex, OnceLock};

/// A request on its way to the socket.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub correlation_id: i32,
    pub segments: Vec<Bytes>,
    /// Whether the broker answers it.
    pub answered: bool,
    pub reply: oneshot::Sender<Result<Bytes, Failure>>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Not a byte of it was written.
    NotSent,
    /// It was written, at least in part.
    Lost,
}

/// Room is made for this much at a time: a frame's length is believed only as its bytes arrive.
const READ_STEP: usize = 256 << 10;

/// Small segments are gathered up to here before they are written.
const WRITE_STEP: usize = 64 << 10;

/// What the task and its connection share.
#[derive(Debug, Default)]
pub(super) struct Link {
    ended: OnceLock<String>,
    ending: Notify,
    awaited: Mutex<VecDeque<Awaited>>,
    /// Of requests without answers: those that are being written.
    unanswered: Mutex<Vec<oneshot::Sender<Result<Bytes, Failure>>>>,
}

#[derive(Debug)]
struct Awaited {
    correlation_id: i32,
    /// When it was about to be written.
    since: Instant,
    reply: oneshot::Sender<Result<Bytes, Failure>>,
}

impl Link {
    /// Runs until the connection is dropped, broken or closed.
    pub async fn drive(&self, stream: TcpStream, mut requests: mpsc::UnboundedReceiver<Outgoing>, limit: usize) {
        let (reader, writer) = stream.into_split();
        let why = select! {
            biased;
            () = self.ending.notified() => String::new(), // said by who ended it
            why = self.read_answers(reader, limit) => why,
            why = self.write_requests(writer, &mut requests) => why,
        };
        self.end(&why);
        let awaited = std::mem::take(&mut *self.awaited.lock().expect("no panic inside"));
        let unanswered = std::mem::take(&mut *self.unanswered.lock().expect("no panic inside"));
        for reply in awaited.into_iter().map(|request| request.reply).chain(unanswered) {
            let _ = reply.send(Err(Failure::Lost)); // nobody may be waiting any more
        }
        requests.close();
        while let Ok(request) = requests.try_recv() {
            let _ = request.reply.send(Err(Failure::NotSent));
        }
    }

    /// Ends the connection; the first reason stays.
    pub fn end(&self, why: &str) {
        let _ = self.ended.set(why.to_owned());
        self.ending.notify_one();
    }

    pub fn has_ended(&self) -> bool {
        self.ended.get().is_some()
    }

    /// How many answers are awaited, and since when the oldest.
    pub fn awaited(&self) -> (usize, Option<Instant>) {
        let awaited = self.awaited.lock().expect("no panic inside");
        (awaited.len(), awaited.front().map(|oldest| oldest.since))
    }

    pub fn why(&self) -> String {
        self.ended.get().cloned().unwrap_or_else(|| "it was closed".to_owned())
    }

    async fn write_requests(
        &self,
        mut writer: OwnedWriteHalf,
        requests: &mut mpsc::UnboundedReceiver<Outgoing>,
    ) -> String {
        let mut gathered = BytesMut::new();
        while let Some(request) = requests.recv().await {
            let mut next = Some(request);
            while let Some(request) = next {
                let Outgoing { correlation_id, segments, answered, reply } = request;
                if answered {
                    let awaited = Awaited { correlation_id, since: Instant::now(), reply };
                    self.awaited.lock().expect("no panic inside").push_back(awaited);
                } else {
                    self.unanswered.lock().expect("no panic inside").push(reply);
                }
                if let Err(error) = write(&mut writer, &mut gathered, segments).await {
                    return error.to_string();
                }
                next = if gathered.len() < WRITE_STEP { requests.try_recv().ok() } else { None };
            }
            if let Err(error) = flush(&mut writer, &mut gathered).await {
                return error.to_string();
            }
            for reply in self.unanswered.lock().expect("no panic inside").drain(..) {
                let _ = reply.send(Ok(Bytes::new()));
            }
        }
        "nobody uses it any more".to_owned()
    }

    async fn read_answers(&self, mut reader: OwnedReadHalf, limit: usize) -> String {
        let mut received = BytesMut::new();
        loop {
            let frame = match read_frame(&mut reader, &mut received, limit).await {
                Ok(frame) => frame,
                Err(why) => return why,
            };
            let Some(correlation_id) = frame.first_chunk::<4>().map(|id| i32::from_be_bytes(*id)) else {
                return format!("an answer of {} bytes has no correlation id", frame.len());
            };
            let awaited = self.awaited.lock().expect("no panic inside").pop_front();
            match awaited {
                Some(awaited) if awaited.correlation_id == correlation_id => {
                    let _ = awaited.reply.send(Ok(frame));
                }
                Some(awaited) => {
                    let expected = awaited.correlation_id;
                    // It hears of the end with all the others, once the reason is known.
                    self.awaited.lock().expect("no panic inside").push_front(awaited);
                    return format!("request {expected} was answered as request {correlation_id}");
                }
                None => return format!("an answer to request {correlation_id}, which was not asked"),
            }
        }
    }
}

/// Gathers small segments and writes through large ones.
async fn write(writer: &mut OwnedWriteHalf, gathered: &mut BytesMut, segments: Vec<Bytes>) -> std::io::Result<()> {
    for segment in segments {
        if gathered.len() + segment.len() <= WRITE_STEP {
            gathered.extend_from_slice(&segment);
        } else {
            flush(writer, gathered).await?;
            writer.write_all(&segment).await?;
        }
    }
    Ok(())
}

async fn flush(writer: &mut OwnedWriteHalf, gathered: &mut BytesMut) -> std::io::Result<()> {
    writer.write_all(gathered).await?;
    gathered.clear();
    Ok(())
}

async fn read_frame(reader: &mut OwnedReadHalf, received: &mut BytesMut, limit: usize) -> Result<Bytes, String> {
    loop {
        let mut missing = 4;
        if let Some(prefix) = received.first_chunk::<4>() {
            let length = i32::from_be_bytes(*prefix);
            let length = usize::try_from(length).map_err(|_| format!("an answer of {length} bytes"))?;
            if length > limit {
                return Err(format!("an answer of {length} bytes is larger than the limit of {limit}"));
            }
            if received.len() >= 4 + length {
                return Ok(received.split_to(4 + length).freeze().slice(4..));
            }
            missing = 4 + length - received.len();
        }
        received.reserve(missing.min(READ_STEP));
        match reader.read_buf(received).await {
            Ok(0) if received.is_empty() => return Err("the broker closed it".to_owned()),
            Ok(0) => return Err("the broker closed it in the middle of an answer".to_owned()),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}
