//! Sockets and frames of a fake broker.

use super::world::{Open, World};
use bytes::{Bytes, BytesMut};
use protocol::frame::encode_response;
use protocol::header::RequestHeader;
use protocol::{ApiKey, Reader, Request};
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{OwnedReadHalf, OwnedWriteHalf, TcpListener, TcpStream};
use runtime::sync::{Notify, mpsc, oneshot, select};
use runtime::task::{self, JoinHandle};
use runtime::time::{Duration, sleep};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

/// A request that came.
#[derive(Clone)]
pub struct Ask {
    pub node: i32,
    pub version: i16,
    header: RequestHeader,
    body: Bytes,
}

/// What a broker does about a request.
pub enum Then<A> {
    /// It answers.
    Answer(A),
    /// It answers after a while. What came later on the connection is answered later still.
    After(Duration, A),
    /// It answers when it is told to.
    When(oneshot::Receiver<()>, A),
    /// It answers when it knows the answer.
    Later(oneshot::Receiver<A>),
    /// It answers with these bytes after the length and the correlation id.
    Garbage(Vec<u8>),
    /// It writes these bytes, just so.
    Raw(Bytes),
    /// It never answers.
    Silence,
    /// It never answers, and reads no more.
    Deaf,
    /// It closes the connection after what it has answered before.
    Close,
}

/// The same in bytes.
pub enum Step {
    Send(Vec<Bytes>),
    After(Duration, Vec<Bytes>),
    When(oneshot::Receiver<()>, Vec<Bytes>),
    Later(Pin<Box<dyn Future<Output = Option<Vec<Bytes>>> + Send>>),
    Silence,
    Deaf,
    Close,
}

impl Ask {
    pub fn key(&self) -> ApiKey {
        ApiKey::from_code(self.header.api_key).expect("clients ask for known APIs")
    }

    pub fn request<R: Request>(&self) -> R {
        assert_eq!(self.key(), R::KEY);
        R::decode(&mut Reader::new(self.body.clone()), self.version).expect("clients write good requests")
    }

    /// An answer in another version than the request's.
    pub fn in_version<R: Request>(&self, version: i16, answer: R::Response) -> Bytes {
        encode_response(self.header.correlation_id, R::KEY, version, &answer).expect("a good answer").concat().into()
    }

    pub fn step<R: Request>(&self, then: Then<R::Response>) -> Step {
        let id = self.header.correlation_id;
        let version = self.version;
        let bytes = move |answer| encode_response(id, R::KEY, version, &answer).expect("a good answer");
        match then {
            Then::Answer(answer) => Step::Send(bytes(answer)),
            Then::After(duration, answer) => Step::After(duration, bytes(answer)),
            Then::When(told, answer) => Step::When(told, bytes(answer)),
            Then::Later(known) => Step::Later(Box::pin(async move { known.await.ok().map(bytes) })),
            Then::Garbage(garbage) => Step::Send(vec![super::frame(&[&id.to_be_bytes()[..], &garbage].concat())]),
            Then::Raw(raw) => Step::Send(vec![raw]),
            Then::Silence => Step::Silence,
            Then::Deaf => Step::Deaf,
            Then::Close => Step::Close,
        }
    }
}

/// Takes connections until it is aborted.
pub fn listen(world: Arc<Mutex<World>>, node: i32, listener: TcpListener) -> JoinHandle<()> {
    task::spawn("fake broker", async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (cut, connection) = {
                let mut world = world.lock().expect("no panic inside");
                let connection = world.connections;
                world.connections += 1;
                let cut = Arc::new(Notify::new());
                world.open.insert(connection, Open { node, cut: cut.clone() });
                (cut, connection)
            };
            let world = world.clone();
            task::spawn("fake connection", async move {
                serve(&world, node, stream, &cut).await;
                world.lock().expect("no panic inside").open.remove(&connection);
            });
        }
    })
}

async fn serve(world: &Mutex<World>, node: i32, stream: TcpStream, cut: &Notify) {
    let (mut reader, writer) = stream.into_split();
    let (steps, to_write) = mpsc::unbounded_channel();
    let mut writing = task::spawn("fake answers", write(writer, to_write));
    let mut received = BytesMut::new();
    loop {
        let frame = select! {
            biased;
            () = cut.notified() => { writing.abort(); return }
            _ = &mut writing => return,
            frame = read_frame(&mut reader, &mut received) => frame,
        };
        let Some(frame) = frame else { return };
        let mut rest = Reader::new(frame.clone());
        let header = RequestHeader::decode(&mut rest).expect("clients write good headers");
        let body = frame.slice(frame.len() - rest.remaining()..);
        let ask = Ask { node, version: header.api_version, header, body };
        let step = world.lock().expect("no panic inside").react(ask);
        let deaf = matches!(step, Step::Deaf);
        if steps.send(step).is_err() {
            return;
        }
        if deaf {
            cut.notified().await;
            return;
        }
    }
}

async fn write(mut writer: OwnedWriteHalf, mut steps: mpsc::UnboundedReceiver<Step>) {
    while let Some(step) = steps.recv().await {
        let bytes = match step {
            Step::Send(bytes) => bytes,
            Step::After(duration, bytes) => {
                sleep(duration).await;
                bytes
            }
            Step::When(told, bytes) => {
                let _ = told.await; // a story that is over wants no more answers, but does not mind
                bytes
            }
            Step::Later(known) => match known.await {
                Some(bytes) => bytes,
                None => continue, // it will never be known
            },
            Step::Silence | Step::Deaf => continue,
            Step::Close => return,
        };
        for part in bytes {
            if writer.write_all(&part).await.is_err() {
                return;
            }
        }
    }
}

async fn read_frame(reader: &mut OwnedReadHalf, received: &mut BytesMut) -> Option<Bytes> {
    loop {
        if let Some(prefix) = received.first_chunk::<4>() {
            let length = i32::from_be_bytes(*prefix) as usize;
            if received.len() >= 4 + length {
                return Some(received.split_to(4 + length).freeze().slice(4..));
            }
        }
        if reader.read_buf(received).await.ok()? == 0 {
            return None;
        }
    }
}
