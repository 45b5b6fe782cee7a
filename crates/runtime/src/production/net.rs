//! TCP.

pub use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use std::io;
use std::net::SocketAddr;

/// A listening socket.
#[derive(Debug)]
pub struct TcpListener(tokio::net::TcpListener);

impl TcpListener {
    /// Listens on `address` (`host:port`; port 0 picks a free one). The port may be taken again at once after a crash.
    ///
    /// # Errors
    /// `AddrInUse`, `PermissionDenied`, or the name does not resolve.
    pub async fn bind(address: &str) -> io::Result<TcpListener> {
        tokio::net::TcpListener::bind(address).await.map(TcpListener)
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    /// Out of file descriptors, or the peer was gone before it was accepted.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.0.accept().await?;
        stream.set_nodelay(true)?;
        Ok((TcpStream(stream), peer))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection, with Nagle's algorithm off.
#[derive(Debug)]
pub struct TcpStream(tokio::net::TcpStream);

impl TcpStream {
    /// Connects to `address` (`host:port`); names are tried in the order they resolve. Has no deadline of its own.
    ///
    /// # Errors
    /// `ConnectionRefused`, unreachable, or the name does not resolve.
    pub async fn connect(address: &str) -> io::Result<TcpStream> {
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(TcpStream(stream))
    }

    /// Both directions apart. Dropping the write half sends FIN.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        self.0.into_split()
    }

    /// The other end.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    /// This end.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
