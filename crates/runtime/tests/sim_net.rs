//! Stories of the simulated network. Run under the simulator's cfg alone.
#![cfg(madsim)]

use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};
use runtime::simulation::{self, Node, net};
use runtime::sync::oneshot;
use runtime::time::{Duration, Instant, sleep, timeout};
use std::io::ErrorKind;
use std::net::IpAddr;

fn address(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

/// A server that sends back what it gets, and a client machine.
fn pair() -> (Node, Node) {
    let server = Node::create("server", address(1));
    server.start(|| async {
        let listener = TcpListener::bind("0.0.0.0:9092").await.expect("a free port");
        loop {
            let Ok((stream, _)) = listener.accept().await else { return };
            runtime::task::spawn("echo", async move {
                let (mut read, mut write) = stream.into_split();
                let mut buffer = vec![0; 4096];
                while let Ok(count) = read.read(&mut buffer).await {
                    if count == 0 || write.write_all(&buffer[..count]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (server, Node::create("client", address(2)))
}

/// Runs `story` on the client machine.
fn story<F>(seed: u64, story: impl FnOnce(Node, Node) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    simulation::run(seed, move || async move {
        let (server, client) = pair();
        sleep(Duration::from_millis(10)).await;
        let (done, told) = oneshot::channel();
        let body = story(server, client);
        let _running = client.spawn("story", async move {
            body.await;
            let _ = done.send(());
        });
        told.await.expect("the story ends");
    });
}

async fn echo(stream: TcpStream) -> std::io::Result<()> {
    let (mut read, mut write) = stream.into_split();
    write.write_all(b"hello").await?;
    let mut buffer = [0; 5];
    read.read_exact(&mut buffer).await?;
    assert_eq!(&buffer, b"hello");
    Ok(())
}

#[test]
fn bytes_go_there_and_back() {
    story(1, |_, _| async {
        echo(TcpStream::connect("server:9092").await.expect("connected")).await.expect("echoed");
    });
}

#[test]
fn nobody_listening_is_refused_and_a_cut_hangs() {
    story(2, |server, client| async move {
        let refused = TcpStream::connect("server:1").await.expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        net::cut(client, server);
        assert!(timeout(Duration::from_secs(10), TcpStream::connect("server:9092")).await.is_err());
        net::heal(client, server);
        assert!(timeout(Duration::from_secs(10), TcpStream::connect("server:9092")).await.is_ok());
    });
}

#[test]
fn what_a_cut_holds_back_arrives_after_it_in_order() {
    story(3, |server, client| async move {
        let (mut read, mut write) = TcpStream::connect("server:9092").await.expect("connected").into_split();
        net::cut(server, client);
        for byte in 0..50u8 {
            write.write_all(&[byte]).await.expect("written");
        }
        let mut buffer = [0; 50];
        assert!(timeout(Duration::from_secs(5), read.read_exact(&mut buffer)).await.is_err());
        net::heal(server, client);
        timeout(Duration::from_secs(5), read.read_exact(&mut buffer)).await.expect("in time").expect("read");
        assert!(buffer.iter().zip(0..).all(|(byte, expected)| *byte == expected));
    });
}

/// Once what a cut had held back was sent again, it was overtaken by what was on its way when the cut was healed.
#[test]
fn nothing_overtakes_what_a_cut_held_back() {
    story(4, |server, client| async move {
        let stream = TcpStream::connect("server:9092").await.unwrap();
        let (mut read, mut write) = stream.into_split();
        net::set_latency(client, server, Some(net_latency(10)));
        net::cut(client, server);
        write.write_all(b"first ").await.unwrap();
        sleep(Duration::from_millis(15)).await; // it is held back
        write.write_all(b"second ").await.unwrap();
        sleep(Duration::from_millis(1)).await; // it is on its way
        net::heal(client, server);
        write.write_all(b"third").await.unwrap();
        let mut buffer = [0; 18];
        read.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"first second third");
    });
}

fn net_latency(milliseconds: u64) -> simulation::Latency {
    simulation::Latency::always(Duration::from_millis(milliseconds))
}

#[test]
fn a_reader_that_does_not_read_holds_the_writer_back() {
    story(4, |_, _| async {
        let listener = TcpListener::bind("0.0.0.0:7").await.expect("a free port");
        let stream = TcpStream::connect("localhost:7").await.expect("connected");
        let (_accepted, _) = listener.accept().await.expect("accepted");
        let (_read, mut write) = stream.into_split();
        let all = timeout(Duration::from_secs(5), write.write_all(&vec![0; 1 << 20])).await;
        assert!(all.is_err(), "a megabyte does not fit the buffers");
    });
}

#[test]
fn a_crash_is_heard_and_a_power_failure_is_not() {
    story(5, |server, _| async move {
        let stream = TcpStream::connect("server:9092").await.expect("connected");
        server.crash();
        let (mut read, _write) = stream.into_split();
        let heard = timeout(Duration::from_secs(5), read.read(&mut [0; 1])).await.expect("heard");
        assert!(matches!(heard, Ok(0) | Err(_)));
        server.restart();
        sleep(Duration::from_millis(10)).await;
        let stream = TcpStream::connect("server:9092").await.expect("connected");
        server.power_failure();
        let (mut read, mut write) = stream.into_split();
        assert!(timeout(Duration::from_secs(5), read.read(&mut [0; 1])).await.is_err(), "silence");
        server.restart();
        sleep(Duration::from_millis(10)).await;
        write.write_all(b"x").await.expect("into the kernel");
        let reset = timeout(Duration::from_secs(5), read.read(&mut [0; 1])).await.expect("heard");
        assert_eq!(reset.expect_err("the new kernel knows nothing of it").kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_reset_is_seen_at_both_ends_and_loss_only_delays() {
    story(6, |server, client| async move {
        let stream = TcpStream::connect("server:9092").await.expect("connected");
        net::reset(server, client);
        assert!(echo(stream).await.is_err());
        net::change(|weather| weather.loss = 0.5);
        let began = Instant::now();
        for _ in 0..10 {
            echo(TcpStream::connect("server:9092").await.expect("connected")).await.expect("echoed");
        }
        assert!(began.elapsed() > Duration::from_millis(200));
    });
}
