//! One client connection: requests are accepted in order and answered in order.
//!
//! Produce requests are pipelined: each is accepted (handed to its partitions) before the next is read, and answered
//! when it is durable. Every other request waits until those before it are answered, so that it sees what they did.

use super::frames::{Frame, FrameError, FrameReader};
use super::request_memory::Reservation;
use crate::api::{self, Context, Reply};
use crate::broker::Broker;
use bytes::Bytes;
use protocol::ApiKey;
use protocol::wire::Reader;
use runtime::io::{AsyncWrite, AsyncWriteExt};
use runtime::net::{OwnedReadHalf, OwnedWriteHalf, TcpStream};
use runtime::sync::select;
use runtime::time::{Duration, Instant, sleep_until};
use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;

/// Produce requests of one connection that are accepted and not yet answered, at most. Clients send five.
const MAX_IN_FLIGHT: usize = 32;

/// An accepted request on its way to an answer.
pub type InFlight = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// Serves one connection until it ends.
pub async fn serve(broker: Arc<Broker>, stream: TcpStream, listener: usize) {
    let peer = stream.peer_addr().map_or_else(|_| "a peer that is gone".to_owned(), |p| p.to_string());
    let (read, write) = stream.into_split();
    let frames = FrameReader::new(read, broker.limits.request_max_bytes, broker.request_memory.clone());
    let context = Context::new(listener, peer.clone());
    let idle = IdleTimer { limit: broker.limits.max_idle, running: None };
    let mut connection = Connection { broker, frames, write, context, pending: VecDeque::new(), ahead: None, idle };
    match connection.run().await {
        Ok(()) => tracing::debug!("{peer}: connection closed"),
        Err(Ending::Frame(error @ FrameError::Length(..))) => tracing::warn!("{peer}: {error}"),
        Err(ending) => tracing::debug!("{peer}: {ending}"),
    }
}

struct Connection {
    broker: Arc<Broker>,
    frames: FrameReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
    context: Context,
    pending: VecDeque<(InFlight, Reservation)>,
    /// What was read behind a fetch that waited.
    ahead: Option<Result<Option<Frame>, FrameError>>,
    idle: IdleTimer,
}

/// Why a connection was ended from this side, or broke.
#[derive(Debug, thiserror::Error)]
enum Ending {
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("closed: {0}")]
    Refused(String),
    #[error("closed: idle for longer than connections.max.idle.ms")]
    Idle,
}

enum Step {
    Answer(Reply),
    Request(Option<Frame>),
}

impl Connection {
    async fn run(&mut self) -> Result<(), Ending> {
        loop {
            match self.step().await? {
                Step::Answer(reply) => self.answer(reply).await?,
                Step::Request(Some(frame)) => self.request(frame).await?,
                Step::Request(None) => return self.drain().await,
            }
        }
    }

    /// Whatever comes first: an answer that is due, or the next request.
    async fn step(&mut self) -> Result<Step, Ending> {
        if let Some(frame) = self.ahead.take() {
            return Ok(Step::Request(frame?));
        }
        let full = self.pending.len() >= MAX_IN_FLIGHT;
        let Some((first, _)) = self.pending.front_mut() else {
            return next_frame(&mut self.frames, &mut self.idle).await;
        };
        if full {
            let reply = first.as_mut().await;
            self.pending.pop_front();
            return Ok(Step::Answer(reply));
        }
        select! {
            biased;
            reply = first.as_mut() => {
                self.pending.pop_front();
                Ok(Step::Answer(reply))
            }
            frame = self.frames.next() => match frame {
                Ok(frame) => Ok(Step::Request(frame)),
                // What came before a bad frame is still answered.
                Err(error) => {
                    self.drain().await?;
                    Err(error.into())
                }
            }
        }
    }

    async fn request(&mut self, frame: Frame) -> Result<(), Ending> {
        let (header, body) = match api::decode_header(frame.bytes) {
            Ok(decoded) => decoded,
            Err(why) => {
                self.drain().await?;
                return Err(Ending::Refused(why));
            }
        };
        if header.key == ApiKey::Produce {
            let in_flight = api::produce::accept(&self.broker, &self.context, header, body).await;
            self.pending.push_back((in_flight, frame.memory));
            return Ok(());
        }
        self.drain().await?;
        let reply = match header.key {
            ApiKey::Fetch => self.fetch(header, body).await,
            _ => api::handle(&self.broker, &mut self.context, header, body).await,
        };
        self.answer(reply).await
    }

    /// A fetch may wait for long. What comes behind it is read in the meantime, since a replica's fetch ends then.
    /// When it was about to be answered anyway, the next one is not held back: an empty answer, which does no harm.
    async fn fetch(&mut self, header: api::Header, body: Reader) -> Reply {
        let next_request = self.context.next_request.clone();
        let mut handling = pin!(api::handle(&self.broker, &mut self.context, header, body));
        select! {
            biased;
            reply = &mut handling => return reply,
            frame = self.frames.next() => self.ahead = Some(frame),
        }
        next_request.notify_one();
        handling.await
    }

    async fn drain(&mut self) -> Result<(), Ending> {
        while let Some((mut in_flight, _memory)) = self.pending.pop_front() {
            let reply = in_flight.as_mut().await;
            self.answer(reply).await?;
        }
        Ok(())
    }

    async fn answer(&mut self, reply: Reply) -> Result<(), Ending> {
        match reply {
            Reply::Frame(parts) => Ok(write_all(&mut self.write, &parts).await?),
            Reply::Nothing => Ok(()),
            Reply::Close(why) => Err(Ending::Refused(why)),
        }
    }
}

/// Wakes a connection that waits for a request. It goes on running while requests come, and looks only when it is due
/// whether the connection was idle all the time: a timer for each request would be much of what a small one costs.
struct IdleTimer {
    /// How long a connection may be idle.
    limit: Option<Duration>,
    running: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

async fn next_frame(frames: &mut FrameReader<OwnedReadHalf>, idle: &mut IdleTimer) -> Result<Step, Ending> {
    let Some(limit) = idle.limit else { return Ok(Step::Request(frames.next().await?)) };
    let over = Instant::now() + limit;
    loop {
        let timer = idle.running.get_or_insert_with(|| Box::pin(sleep_until(over)));
        select! {
            biased;
            frame = frames.next() => return Ok(Step::Request(frame?)),
            () = timer.as_mut() => idle.running = None,
        }
        if Instant::now() >= over {
            return Err(Ending::Idle);
        }
    }
}

async fn write_all(stream: &mut (impl AsyncWrite + Unpin), parts: &[Bytes]) -> io::Result<()> {
    if let [part] = parts {
        return stream.write_all(part).await;
    }
    let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    let mut rest = &mut slices[..];
    while !rest.is_empty() {
        let written = stream.write_vectored(&rest[..rest.len().min(1024)]).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut rest, written);
    }
    Ok(())
}
