//! What both networks do alike: the real one and the simulated one.

use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};
use runtime::time::{Duration, timeout};
use std::io::{self, ErrorKind, IoSlice};

fn story<F: Future<Output = io::Result<()>>>(story: F) {
    runtime::task::run(2, story).expect("a runtime").expect("the story");
}

async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let connecting = runtime::task::spawn("connect", async move { TcpStream::connect(&address).await });
    let (accepted, peer) = listener.accept().await?;
    let connected = connecting.await.map_err(io::Error::other)??;
    assert_eq!(connected.local_addr()?, peer);
    assert_eq!(accepted.peer_addr()?, peer);
    assert_eq!(connected.peer_addr()?, accepted.local_addr()?);
    Ok((connected, accepted))
}

#[test]
fn bytes_go_both_ways_and_each_way_ends_by_itself() {
    story(async {
        let (client, server) = pair().await?;
        let ((mut from_server, mut to_server), (mut from_client, mut to_client)) =
            (client.into_split(), server.into_split());
        to_server.write_all(b"question").await?;
        to_server.shutdown().await?;
        let mut question = Vec::new();
        from_client.read_to_end(&mut question).await?;
        assert_eq!(question, b"question");
        let parts = [IoSlice::new(b"ans"), IoSlice::new(b"wer")];
        assert_eq!(to_client.write_vectored(&parts).await?, 6);
        drop(to_client);
        let mut answer = Vec::new();
        from_server.read_to_end(&mut answer).await?;
        assert_eq!(answer, b"answer");
        Ok(())
    });
}

#[test]
fn a_reader_that_does_not_read_holds_the_writer_back() {
    story(async {
        let (client, server) = pair().await?;
        let (_read, mut write) = client.into_split();
        let too_much = vec![0; 64 << 20];
        assert!(timeout(Duration::from_millis(500), write.write_all(&too_much)).await.is_err());
        drop(server);
        let error = timeout(Duration::from_secs(10), write.write_all(&too_much)).await.expect("it fails soon");
        assert!([ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&error.expect_err("nobody reads").kind()));
        Ok(())
    });
}

#[test]
fn nobody_listening_is_refused_and_an_address_is_taken_once() {
    story(async {
        let listener = TcpListener::bind("localhost:0").await?;
        let address = listener.local_addr()?.to_string();
        let again = TcpListener::bind(&address).await.expect_err("taken");
        assert_eq!(again.kind(), ErrorKind::AddrInUse);
        drop(listener);
        let refused = TcpStream::connect(&address).await.expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert!(TcpStream::connect("no.such.name.invalid:1").await.is_err());
        assert!(TcpStream::connect("no port").await.is_err());
        TcpListener::bind(&address).await.map(drop)
    });
}
