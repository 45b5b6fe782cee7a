//! TCP between nodes: byte streams over a network that delays, loses, cuts and resets.

use super::connection::{EndId, State};
use super::lifecycle::Node;
use super::network::{Network, Written};
use super::task::yield_now;
use super::time::{Duration, timeout};
use super::world::World;
use bytes::Bytes;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How long a client waits for the answer to its first SYN; twice as long for each one after it.
const SYN_TIMEOUT: Duration = Duration::from_secs(1);
/// How often it asks, as on Linux: 127 seconds in all.
const SYNS: u32 = 7;

/// A listening socket.
#[derive(Debug)]
pub struct TcpListener {
    world: Arc<World>,
    id: u64,
    address: SocketAddr,
}

impl TcpListener {
    /// Listens on `address` (`host:port`; port 0 picks a free one). The port may be taken again at once after a crash.
    ///
    /// # Errors
    /// `AddrInUse`, or the name does not resolve.
    pub async fn bind(address: &str) -> io::Result<TcpListener> {
        let world = World::current();
        let node = world.current_node();
        let (id, address) = {
            let mut network = world.network();
            let address = network.resolve(address)?;
            network.listen(node, address)?
        };
        world.event(node, "listening", [id, u64::from(address.port()), 0]);
        Ok(TcpListener { world, id, address })
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// The process is dead.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        yield_now().await;
        let id = poll_fn(|cx| {
            let mut network = self.world.network();
            let Some(listener) = network.listeners.get_mut(&self.id) else {
                return Poll::Ready(Err(io::Error::from(ErrorKind::ConnectionAborted)));
            };
            match listener.waiting.pop_front() {
                Some(id) => Poll::Ready(Ok(id)),
                None => {
                    remember(&mut listener.wakers, cx.waker());
                    Poll::Pending
                }
            }
        })
        .await?;
        let (node, local, remote) = {
            let network = self.world.network();
            let end = network.ends.get(&id).ok_or(ErrorKind::ConnectionAborted)?;
            (end.node, end.local, end.remote)
        };
        self.world.event(node, "accepted", [id, 0, 0]);
        Ok((TcpStream::new(Arc::new(Socket { world: self.world.clone(), id, local, remote })), remote))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// None here.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        // the kernel has closed those of a dead process already
        self.world.stop_listening(&mut self.world.network(), self.id);
    }
}

fn remember(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|known| known.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}

/// A program's hold on one end of a connection. When the last is gone, the connection is closed.
#[derive(Debug)]
struct Socket {
    world: Arc<World>,
    id: EndId,
    local: SocketAddr,
    remote: SocketAddr,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // the kernel has closed those of a dead process already
        self.world.close(&mut self.world.network(), self.id);
    }
}

/// A connection.
#[derive(Debug)]
pub struct TcpStream {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
}

impl TcpStream {
    fn new(socket: Arc<Socket>) -> TcpStream {
        let read = OwnedReadHalf { socket: socket.clone(), others: Yield::default() };
        TcpStream { read, write: OwnedWriteHalf { socket, others: Yield::default() } }
    }

    /// Connects to `address` (`host:port`). Has no deadline of its own but that of the kernel, two minutes.
    ///
    /// # Errors
    /// `ConnectionRefused`, `TimedOut`, or the name does not resolve.
    pub async fn connect(address: &str) -> io::Result<TcpStream> {
        let world = World::current();
        let me = world.current_node();
        let socket = {
            let mut network = world.network();
            let remote = network.resolve(address)?;
            let peer = network.host(me, remote.ip()).unwrap_or(Node::SUPERVISOR);
            let local = network.local_address(me, remote.ip());
            let id = network.add_end(me, peer, local, remote);
            Arc::new(Socket { world: world.clone(), id, local, remote })
        };
        let mut wait = SYN_TIMEOUT;
        for _ in 0..SYNS {
            world.ask(socket.id);
            if let Ok(result) = timeout(wait, socket.answer()).await {
                result?;
                world.event(me, "connected", [socket.id, 0, 0]);
                return Ok(TcpStream::new(socket));
            }
            wait *= 2;
        }
        Err(ErrorKind::TimedOut.into())
    }

    /// Both directions apart. Dropping the write half sends FIN.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        (self.read, self.write)
    }

    /// The other end.
    ///
    /// # Errors
    /// None here.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.read.socket.remote)
    }

    /// This end.
    ///
    /// # Errors
    /// None here.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.read.socket.local)
    }
}

impl Socket {
    /// Waits for the answer to a SYN.
    async fn answer(&self) -> io::Result<()> {
        poll_fn(|cx| {
            let mut network = self.world.network();
            let Some(end) = network.ends.get_mut(&self.id) else {
                return Poll::Ready(Err(ErrorKind::ConnectionAborted.into()));
            };
            if end.state == State::Opening {
                end.read_waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(error_of(end.state).map_or(Ok(()), Err))
        })
        .await
    }

    /// Shows the watcher what is about to be written, with no lock held.
    fn show(&self, bytes: &[u8]) {
        let network = self.world.network();
        let (watcher, onlooker) = (network.watcher.clone(), self.world.onlooker.get());
        let Some(end) = network.ends.get(&self.id).filter(|_| watcher.is_some() || onlooker.is_some()) else { return };
        let port = if end.is_client { end.remote.port() } else { end.local.port() };
        let (offset, from_client) = (end.writing.written, end.is_client);
        let (from, to, stream, back) = (end.node, end.peer_node, self.id, end.peer);
        let written = Written { from, to, stream, back, port, from_client, offset, bytes };
        drop(network);
        if let Some(onlooker) = onlooker {
            onlooker.written(self.world.elapsed(), &written);
        }
        if let Some(watcher) = watcher {
            watcher(&written);
        }
    }

    /// How much may be written now.
    fn room(&self, network: &mut Network, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let capacity = network.weather.buffer_bytes.div_ceil(2);
        let Some(end) = network.ends.get_mut(&self.id).filter(|end| !end.orphaned) else {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        };
        if let Some(error) = error_of(end.state) {
            return Poll::Ready(Err(error));
        }
        if end.writing.finished {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let room = capacity.saturating_sub(end.writing.buffered());
        if room == 0 {
            end.write_waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(room))
    }

    fn poll_write(&self, cx: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let room = std::task::ready!(self.room(&mut self.world.network(), cx))?;
        let count = length.min(room);
        let data = gather(parts, count);
        self.show(&data);
        let mut network = self.world.network();
        // what the watcher did may have broken it
        std::task::ready!(self.room(&mut network, cx))?;
        let node = network.ends.get(&self.id).map_or(Node::SUPERVISOR, |end| end.node);
        self.world.event(node, "written", [self.id, count as u64, 0]);
        if count > 0 {
            self.world.write(&mut network, self.id, data);
        }
        Poll::Ready(Ok(count))
    }
}

/// The first `count` bytes of these, in one piece.
fn gather(parts: &[IoSlice<'_>], count: usize) -> Bytes {
    let mut data = Vec::with_capacity(count);
    for part in parts {
        let left = count - data.len();
        data.extend_from_slice(&part[..part.len().min(left)]);
    }
    data.into()
}

fn error_of(state: State) -> Option<io::Error> {
    match state {
        State::Opening | State::Open => None,
        State::Refused => Some(ErrorKind::ConnectionRefused.into()),
        State::Reset => Some(ErrorKind::ConnectionReset.into()),
        State::TimedOut => Some(ErrorKind::TimedOut.into()),
    }
}

/// Lets others run before an operation that would be done at once: in production other threads get in between there.
#[derive(Debug, Default)]
struct Yield {
    yielded: bool,
}

impl Yield {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.yielded = !self.yielded;
        if self.yielded {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

/// The reading direction of a connection.
#[derive(Debug)]
pub struct OwnedReadHalf {
    socket: Arc<Socket>,
    others: Yield,
}

impl AsyncRead for OwnedReadHalf {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.others.poll(cx));
        let Socket { world, id, .. } = &*self.socket;
        let mut network = world.network();
        let read = world.read(&mut network, *id, |bytes| {
            let count = bytes.len().min(buffer.remaining());
            buffer.put_slice(&bytes[..count]);
            count
        });
        let Some(end) = network.ends.get_mut(id).filter(|end| !end.orphaned) else {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        };
        if read > 0 || buffer.remaining() == 0 {
            world.event(end.node, "read", [*id, read as u64, 0]);
            return Poll::Ready(Ok(()));
        }
        if let Some(error) = error_of(end.state) {
            return Poll::Ready(Err(error));
        }
        if end.reading.finished {
            return Poll::Ready(Ok(()));
        }
        end.read_waker = Some(cx.waker().clone());
        drop(network);
        self.others.yielded = true; // it has waited long enough when it is woken
        Poll::Pending
    }
}

/// The writing direction of a connection.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    socket: Arc<Socket>,
    others: Yield,
}

impl OwnedWriteHalf {
    fn finish(&self) {
        self.socket.world.finish(&mut self.socket.world.network(), self.socket.id);
    }
}

impl AsyncWrite for OwnedWriteHalf {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        std::task::ready!(self.others.poll(cx));
        let written = self.socket.poll_write(cx, parts);
        self.others.yielded = written.is_pending(); // it has waited long enough when it is woken
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish();
        Poll::Ready(Ok(()))
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        // when the read half is gone, too, the socket is closed right after this, and unread bytes make that a reset
        if Arc::strong_count(&self.socket) > 1 {
            self.finish();
        }
    }
}
