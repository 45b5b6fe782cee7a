//! Stories of the simulated network. Run under the simulator's cfg alone.
#![cfg(madsim)]

use runtime::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
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

#[test]
fn a_half_closed_connection_still_carries_the_other_half() {
    story(7, |_, _| async {
        let listener = TcpListener::bind("127.0.0.1:7").await.expect("a free port");
        let (mut read, mut write) = TcpStream::connect("127.0.0.1:7").await.expect("connected").into_split();
        let (accepted, _) = listener.accept().await.expect("accepted");
        let (mut its_read, mut its_write) = accepted.into_split();
        write.write_all(b"question").await.expect("written");
        write.shutdown().await.expect("FIN");
        let mut question = Vec::new();
        its_read.read_to_end(&mut question).await.expect("read to the end");
        assert_eq!(question, b"question");
        its_write.write_all(b"answer").await.expect("written");
        drop(its_write);
        let mut answer = Vec::new();
        read.read_to_end(&mut answer).await.expect("read to the end");
        assert_eq!(answer, b"answer");
        let late = write.write_all(b"more").await.expect_err("after FIN");
        assert_eq!(late.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn closing_with_unread_bytes_is_a_reset() {
    story(8, |_, _| async {
        let listener = TcpListener::bind("127.0.0.1:7").await.expect("a free port");
        let (mut read, mut write) = TcpStream::connect("127.0.0.1:7").await.expect("connected").into_split();
        let (accepted, _) = listener.accept().await.expect("accepted");
        write.write_all(b"nobody reads this").await.expect("written");
        sleep(Duration::from_millis(10)).await;
        drop(accepted);
        let error = read.read(&mut [0; 1]).await.expect_err("reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn writing_to_a_closed_connection_is_answered_with_a_reset() {
    story(9, |_, _| async {
        let listener = TcpListener::bind("127.0.0.1:7").await.expect("a free port");
        let (mut read, mut write) = TcpStream::connect("127.0.0.1:7").await.expect("connected").into_split();
        drop(listener.accept().await.expect("accepted"));
        assert_eq!(read.read(&mut [0; 1]).await.expect("FIN"), 0);
        write.write_all(b"x").await.expect("the kernel does not know yet");
        sleep(Duration::from_millis(10)).await;
        assert_eq!(write.write_all(b"y").await.expect_err("reset").kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_crash_behind_a_cut_is_not_heard_before_it_is_healed() {
    story(10, |server, client| async move {
        let (mut read, mut write) = TcpStream::connect("server:9092").await.expect("connected").into_split();
        net::cut(server, client);
        server.crash();
        assert!(timeout(Duration::from_secs(30), read.read(&mut [0; 1])).await.is_err(), "FIN is held back");
        write.write_all(b"x").await.expect("into the kernel");
        assert!(timeout(Duration::from_secs(30), read.read(&mut [0; 1])).await.is_err(), "so is RST");
        net::heal(server, client);
        timeout(Duration::from_secs(10), read.read(&mut [0; 1])).await.expect("heard").ok();
        assert!(write.write_all(b"y").await.is_err());
    });
}

#[test]
fn a_machine_that_comes_back_resets_what_is_sent_to_it_again() {
    // what was written while it was dark got lost for good, and its writer waited for ever
    story(11, |server, _| async move {
        let (mut read, mut write) = TcpStream::connect("server:9092").await.expect("connected").into_split();
        server.power_failure();
        write.write_all(b"into the dark").await.expect("into the kernel");
        sleep(Duration::from_secs(2)).await;
        server.restart();
        let heard = timeout(Duration::from_secs(10), read.read(&mut [0; 1])).await.expect("heard");
        assert_eq!(heard.expect_err("reset").kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_kernel_gives_up_in_the_end() {
    story(12, |server, client| async move {
        net::change(|weather| weather.gives_up_after = Duration::from_secs(60));
        let (mut read, mut write) = TcpStream::connect("server:9092").await.expect("connected").into_split();
        net::cut(client, server);
        write.write_all(b"x").await.expect("into the kernel");
        let began = Instant::now();
        let error = read.read(&mut [0; 1]).await.expect_err("given up");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), 60);
    });
}

#[test]
fn a_way_back_that_is_cut_holds_the_writer_back_in_the_end() {
    story(13, |server, client| async move {
        let (_read, mut write) = TcpStream::connect("server:9092").await.expect("connected").into_split();
        net::cut(server, client);
        let written = timeout(Duration::from_secs(5), write.write_all(&vec![0; 1 << 20])).await;
        assert!(written.is_err(), "nothing is acknowledged");
    });
}

#[test]
fn a_slow_way_carries_so_much_and_no_more() {
    story(14, |server, client| async move {
        net::set_bandwidth(client, server, Some(100_000));
        let began = Instant::now();
        let mut streams = Vec::new();
        for _ in 0..4 {
            let (read, mut write) = TcpStream::connect("server:9092").await.expect("connected").into_split();
            write.write_all(&[7; 25_000]).await.expect("written");
            streams.push((read, write));
        }
        for (read, _) in &mut streams {
            read.read_exact(&mut [0; 25_000]).await.expect("echoed");
        }
        let took = began.elapsed();
        assert!((Duration::from_millis(950)..Duration::from_millis(1500)).contains(&took), "{took:?}");
    });
}

#[test]
fn a_full_backlog_hangs_and_a_paused_process_has_one() {
    story(15, |server, _| async move {
        server.pause();
        let mut streams = Vec::new();
        let refused = loop {
            match timeout(Duration::from_secs(5), TcpStream::connect("server:9092")).await {
                Ok(stream) => streams.push(stream.expect("the kernel takes it")),
                Err(_) => break streams.len(),
            }
        };
        assert_eq!(refused, 128);
        server.resume();
        let stream = streams.pop().expect("there are many");
        timeout(Duration::from_secs(5), echo(stream)).await.expect("in time").expect("echoed");
    });
}

#[test]
fn a_flapping_way_lets_things_through_now_and_then() {
    simulation::run(16, || async {
        let (server, client) = pair();
        sleep(Duration::from_millis(10)).await;
        let flapping = net::flap(client, server, Duration::from_millis(50), Duration::from_millis(400));
        let done = client.spawn("story", async {
            for _ in 0..20 {
                let stream = TcpStream::connect("server:9092").await.expect("connected");
                timeout(Duration::from_secs(60), echo(stream)).await.expect("in time").expect("echoed");
            }
        });
        let began = Instant::now();
        done.await.expect("the story ends");
        assert!(began.elapsed() > Duration::from_millis(500));
        flapping.abort();
    });
}

#[test]
fn a_watcher_sees_what_is_written_and_may_strike_at_it() {
    story(17, |server, client| async move {
        net::watch(Some(std::sync::Arc::new(move |written: &net::Written<'_>| {
            if written.from_client && written.port == 9092 && written.bytes.starts_with(b"strike") {
                assert_eq!((written.from, written.to, written.offset), (client, server, 5));
                net::cut(written.from, written.to);
            }
        })));
        let (mut read, mut write) = TcpStream::connect("server:9092").await.expect("connected").into_split();
        write.write_all(b"hello").await.expect("written");
        read.read_exact(&mut [0; 5]).await.expect("echoed");
        write.write_all(b"strike").await.expect("into the kernel");
        assert!(timeout(Duration::from_secs(5), read.read(&mut [0; 6])).await.is_err());
    });
}

#[test]
fn latencies_reach_from_microseconds_to_a_heavy_tail() {
    story(18, |_, _| async {
        let (mut read, mut write) = TcpStream::connect("server:9092").await.expect("connected").into_split();
        let mut took = Vec::new();
        for _ in 0..2000 {
            let began = Instant::now();
            write.write_all(b"x").await.expect("written");
            read.read_exact(&mut [0; 1]).await.expect("echoed");
            took.push(began.elapsed());
        }
        took.sort();
        assert!(took[0] < Duration::from_micros(100), "{:?}", took[0]);
        assert!(took[1000] < Duration::from_millis(1), "{:?}", took[1000]);
        assert!(took[1999] > Duration::from_millis(2), "{:?}", took[1999]);
    });
}

#[test]
fn a_port_is_free_again_after_a_crash_and_taken_before() {
    story(19, |server, _| async move {
        let taken = server.spawn("bind", async { TcpListener::bind("127.0.0.1:9092").await.map(drop) });
        assert_eq!(taken.await.expect("it ran").expect_err("taken").kind(), ErrorKind::AddrInUse);
        server.crash();
        server.restart();
        sleep(Duration::from_millis(10)).await;
        echo(TcpStream::connect("server:9092").await.expect("it listens again")).await.expect("echoed");
    });
}

#[test]
fn both_loopbacks_are_heard_by_the_machine_itself_alone() {
    story(20, |_, _| async {
        let four = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = four.local_addr().expect("it is bound").port();
        let six = TcpListener::bind(&format!("[::1]:{port}")).await.expect("another family");
        for (listener, address) in [(&four, "localhost"), (&six, "[::1]")] {
            let (stream, accepted) = (TcpStream::connect(&format!("{address}:{port}")).await, listener.accept().await);
            let (stream, (accepted, peer)) = (stream.expect("connected"), accepted.expect("accepted"));
            assert_eq!(stream.local_addr().expect("open"), peer);
            assert_eq!(accepted.local_addr().expect("open"), stream.peer_addr().expect("open"));
        }
        let outside = TcpStream::connect(&format!("client:{port}")).await.expect_err("bound to loopback");
        assert_eq!(outside.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn an_unknown_name_is_an_error_and_an_address_that_nobody_has_hangs() {
    story(21, |_, _| async {
        assert!(TcpStream::connect("nobody:9092").await.is_err());
        let began = Instant::now();
        let error = TcpStream::connect("10.9.9.9:9092").await.expect_err("nobody answers");
        assert_eq!((error.kind(), began.elapsed().as_secs()), (ErrorKind::TimedOut, 127));
    });
}

#[test]
fn a_closed_listener_resets_what_nobody_accepted() {
    story(22, |_, _| async {
        let listener = TcpListener::bind("127.0.0.1:7").await.expect("a free port");
        let (mut read, _write) = TcpStream::connect("127.0.0.1:7").await.expect("connected").into_split();
        sleep(Duration::from_millis(10)).await;
        drop(listener);
        let error = read.read(&mut [0; 1]).await.expect_err("reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_vectored_write_is_one_piece() {
    story(23, |_, _| async {
        let (mut read, mut write) = TcpStream::connect("server:9092").await.expect("connected").into_split();
        assert!(write.is_write_vectored());
        let parts = [std::io::IoSlice::new(b"one"), std::io::IoSlice::new(b""), std::io::IoSlice::new(b"two")];
        assert_eq!(write.write_vectored(&parts).await.expect("written"), 6);
        let mut buffer = [0; 6];
        read.read_exact(&mut buffer).await.expect("echoed");
        assert_eq!(&buffer, b"onetwo");
    });
}

/// A stream of bytes that is easy to check.
fn nth(index: usize) -> u8 {
    (index * 31 + index / 251) as u8
}

#[test]
fn whatever_the_network_does_bytes_arrive_once_and_in_order() {
    for seed in 100..160 {
        simulation::run(seed, || async {
            let (server, client) = pair();
            sleep(Duration::from_millis(10)).await;
            net::change(|weather| {
                weather.loss = 0.02;
                weather.buffer_bytes = 3000;
            });
            let talking = client.spawn("story", async {
                let (mut read, mut write) = TcpStream::connect("server:9092").await.expect("connected").into_split();
                runtime::task::spawn("writer", async move {
                    let bytes: Vec<u8> = (0..100_000).map(nth).collect();
                    for chunk in bytes.chunks(777) {
                        write.write_all(chunk).await.expect("written");
                    }
                });
                let mut all = Vec::new();
                read.read_to_end(&mut all).await.expect("echoed");
                assert!(all.iter().enumerate().all(|(index, byte)| *byte == nth(index)));
                all.len()
            });
            let mut dice = simulation::stream("faults");
            for _ in 0..30 {
                let (from, to) = if dice.chance(0.5) { (client, server) } else { (server, client) };
                match dice.below(4) {
                    0 | 1 => net::cut(from, to),
                    2 => net::heal(from, to),
                    _ => net::set_latency(from, to, Some(net_latency(dice.below(50)))),
                }
                sleep(dice.duration(Duration::ZERO, Duration::from_millis(400))).await;
            }
            net::heal_all();
            let heard = timeout(Duration::from_secs(600), talking).await.expect("all of it arrives");
            assert_eq!(heard.expect("the story ends"), 100_000);
        });
    }
}
