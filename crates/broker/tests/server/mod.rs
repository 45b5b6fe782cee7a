//! A broker on a temporary directory, spoken to in frames.

use broker::RunningBroker;
use bytes::BytesMut;
use model::config::{Origin, ServerConfig};
use protocol::{Request, frame};
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{OwnedReadHalf, OwnedWriteHalf, TcpStream};
use std::future::Future;
use std::path::Path;

pub struct Server {
    pub running: RunningBroker,
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
}

impl Server {
    pub async fn start(directory: &Path, configs: &[(&str, &str)]) -> Server {
        let mut server = ServerConfig::new();
        let log_dirs = directory.to_string_lossy();
        let own = [("node.id", "1"), ("listeners", "PLAINTEXT://127.0.0.1:0"), ("log.dirs", &*log_dirs)];
        for (name, value) in own.iter().chain(configs) {
            server.add(name, value, Origin::Program);
        }
        let running = broker::start(server).await.unwrap_or_else(|error| panic!("{error}"));
        let stream = TcpStream::connect(&running.addresses[0]).await.expect("it listens");
        let (read, write) = stream.into_split();
        Server { running, read, write }
    }

    pub async fn stop(self) {
        self.running.stop().await.expect("a clean stop");
    }

    pub async fn ask<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        for part in frame::encode_request(7, Some("stories"), request, version).expect("a good request") {
            self.write.write_all(&part).await.expect("a connection");
        }
        let length = self.read.read_i32().await.expect("an answer");
        let mut bytes = BytesMut::zeroed(usize::try_from(length).expect("a length"));
        self.read.read_exact(&mut bytes).await.expect("a whole answer");
        let (correlation_id, response) = frame::decode_response::<R>(bytes.freeze(), version).expect("a good answer");
        assert_eq!(correlation_id, 7);
        response
    }
}

pub fn story<F: Future<Output = ()>>(story: impl FnOnce(tempfile::TempDir) -> F) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    runtime::task::run(2, story(directory)).expect("a runtime");
}
