//! One connection: who is answered with what, and what its end means for whom.

use super::fake::{FakeCluster, Then, World, frame};
use super::story;
use client::{ClientConfig, ClientError, Connection};
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::metadata::MetadataRequestTopic;
use protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, ProduceRequest};
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::TcpListener;
use runtime::sync::oneshot;
use runtime::time::{Duration, sleep};

async fn connect(cluster: &FakeCluster) -> Connection {
    connect_with(cluster, &cluster.config()).await.expect("a fake broker listens")
}

async fn connect_with(cluster: &FakeCluster, config: &ClientConfig) -> client::Result<Connection> {
    let address = cluster.world().brokers[&1].clone();
    Connection::connect(&address, config).await
}

fn about(topic: &str) -> MetadataRequest {
    let topic = MetadataRequestTopic { name: Some(topic.into()), ..Default::default() };
    MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() }
}

#[test]
fn requests_do_not_wait_for_each_other_and_each_gets_its_own_answer() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let (tell, told) = oneshot::channel();
        cluster.once(|world, _, request: MetadataRequest| Then::When(told, world.metadata(&request)));
        let connection = connect(&cluster).await;
        let version = connection.version_of::<MetadataRequest>(i16::MAX).unwrap();
        let names = ["t", "u", "v", "w"];
        let answers: Vec<_> = names.map(|name| connection.start(&about(name), version).unwrap()).into_iter().collect();
        cluster
            .wait_until("four requests", |w| w.seen.iter().filter(|a| a.key() == ApiKey::Metadata).count() == 4)
            .await;
        tell.send(()).unwrap();
        for (answer, name) in answers.into_iter().zip(names) {
            let answer = answer.wait().await.unwrap();
            assert_eq!(answer.topics[0].name.as_deref(), Some(name));
        }
    });
}

#[test]
fn an_answer_to_another_request_ends_the_connection_for_all() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|_, _, _: MetadataRequest| Then::Silence);
        let connection = connect(&cluster).await;
        let version = connection.version_of::<MetadataRequest>(i16::MAX).unwrap();
        // The broker skips the first and answers the second.
        let answers = [0, 1].map(|_| connection.start(&about("t"), version).unwrap());
        for answer in answers {
            let error = answer.wait().await.unwrap_err();
            assert!(
                matches!(&error, ClientError::Lost { why, .. } if why.contains("was answered as request")),
                "{error}"
            );
            assert!(error.may_have_happened() && error.is_retriable());
        }
        assert!(connection.is_closed());
    });
}

#[test]
fn what_was_sent_before_the_end_is_in_doubt_and_what_comes_after_it_is_not() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|_, _, _: MetadataRequest| Then::Close);
        let connection = connect(&cluster).await;
        let error = connection.call(&about("t")).await.unwrap_err();
        assert!(matches!(error, ClientError::Lost { .. }) && error.may_have_happened(), "{error}");
        let error = connection.call(&about("t")).await.unwrap_err();
        assert!(matches!(error, ClientError::NotSent { .. }) && !error.may_have_happened(), "{error}");
        assert!(error.is_retriable());
    });
}

#[test]
fn an_answer_that_is_cut_short_is_no_answer() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|_, _, _: MetadataRequest| Then::Raw((&[0, 0, 1, 0, 0, 0][..]).into()));
        cluster.once(|_, _, _: MetadataRequest| Then::Close);
        let connection = connect(&cluster).await;
        let version = connection.version_of::<MetadataRequest>(i16::MAX).unwrap();
        let answers = [0, 1].map(|_| connection.start(&about("t"), version).unwrap());
        for answer in answers {
            let error = answer.wait().await.unwrap_err();
            assert!(error.to_string().contains("in the middle of an answer"), "{error}");
        }
    });
}

#[test]
fn no_answer_in_time_costs_the_connection() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|_, _, _: MetadataRequest| Then::Silence);
        let config = ClientConfig { request_timeout: Duration::from_millis(200), ..cluster.config() };
        let connection = connect_with(&cluster, &config).await.unwrap();
        let error = connection.call(&about("t")).await.unwrap_err();
        assert!(matches!(error, ClientError::NoAnswer { .. }) && error.may_have_happened(), "{error}");
        // Else the late answer would be taken for that of the next request.
        assert!(matches!(connection.call(&about("t")).await, Err(ClientError::NotSent { .. })));
        cluster.wait_until("the end", |world| world.is_idle()).await;
    });
}

#[test]
fn lengths_that_cannot_be_are_not_believed() {
    story(async {
        for (bytes, words) in
            [(&[0xff_u8; 4][..], "an answer of -1 bytes"), (&[0x40, 0, 0, 0], "larger than the limit")]
        {
            let cluster = FakeCluster::start(1, 1).await;
            cluster.once(move |_, _, _: MetadataRequest| Then::Raw(bytes.into()));
            let error = connect(&cluster).await.call(&about("t")).await.unwrap_err();
            assert!(matches!(error, ClientError::Lost { .. }) && error.to_string().contains(words), "{error}");
        }
    });
}

#[test]
fn an_answer_that_cannot_be_read_leaves_doubt_and_no_connection() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|_, _, _: MetadataRequest| Then::Garbage(vec![0xff; 20]));
        let connection = connect(&cluster).await;
        let error = connection.call(&about("t")).await.unwrap_err();
        assert!(matches!(error, ClientError::Malformed { api: "Metadata", .. }), "{error}");
        assert!(error.may_have_happened() && !error.is_retriable());
        assert!(connection.is_closed());
    });
}

#[test]
fn answers_without_a_question_end_the_connection() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|_, _, _: MetadataRequest| Then::Raw([frame(&[0; 3]), frame(&[0; 8])].concat().into()));
        let error = connect(&cluster).await.call(&about("t")).await.unwrap_err();
        assert!(error.to_string().contains("no correlation id"), "{error}");
    });
}

/// Brokers before Kafka 2.4 tell nothing but the error.
#[test]
fn a_broker_that_does_not_know_the_newest_way_to_ask_is_asked_in_an_older_one() {
    story(async {
        for tells in [true, false] {
            let cluster = FakeCluster::start(1, 1).await;
            cluster.world().newest.insert(ApiKey::ApiVersions, 2);
            cluster.once(move |world, ask, _: ApiVersionsRequest| {
                let ranges = if tells { world.api_versions() } else { ApiVersionsResponse::default() };
                let answer = ApiVersionsResponse { error_code: ErrorCode::UnsupportedVersion.code(), ..ranges };
                Then::Raw(ask.in_version::<ApiVersionsRequest>(0, answer))
            });
            connect(&cluster).await.call(&about("t")).await.unwrap();
            let versions: Vec<_> = cluster.world().seen.iter().take(2).map(|ask| ask.version).collect();
            assert_eq!(versions, [4, if tells { 2 } else { 0 }]);
        }
    });
}

#[test]
fn a_broker_without_a_common_version_is_told_apart_from_one_that_is_away() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.world().newest.insert(ApiKey::Produce, 2);
        let error = connect(&cluster).await.call(&ProduceRequest::default()).await.unwrap_err();
        assert!(matches!(error, ClientError::Unsupported { api: "Produce", .. }), "{error}");
        assert!(!error.is_retriable() && !error.may_have_happened());
    });
}

#[test]
fn what_is_not_a_broker_is_not_taken_for_one() {
    story(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let config = ClientConfig { connect_timeout: Duration::from_secs(3), ..ClientConfig::of(&address) };
        runtime::task::spawn("a web server, then nobody", async move {
            let (mut stream, _) = listener.accept().await.unwrap().0.into_split();
            assert!(stream.read(&mut [0; 64]).await.unwrap() > 0);
        });
        let error = Connection::connect(&address, &config).await.unwrap_err();
        assert!(matches!(error, ClientError::Connect { .. }), "{error}");
        let refused = Connection::connect("127.0.0.1:1", &config).await.unwrap_err();
        assert!(matches!(refused, ClientError::Connect { .. }) && refused.is_retriable(), "{refused}");

        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap().to_string();
        let error = Connection::connect(&address, &config).await.unwrap_err();
        assert!(error.to_string().contains("it took more than"), "{error}");

        let web = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = web.local_addr().unwrap().to_string();
        runtime::task::spawn("a web server", async move {
            let (_reader, mut writer) = web.accept().await.unwrap().0.into_split();
            writer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            sleep(Duration::from_secs(5)).await;
        });
        let error = Connection::connect(&address, &config).await.unwrap_err();
        assert!(error.to_string().contains("larger than the limit"), "{error}");
    });
}

/// It was reported as never sent.
#[test]
fn a_request_without_answer_that_was_written_in_part_is_in_doubt() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        cluster.once(|_, _, _: MetadataRequest| Then::Deaf);
        let connection = connect(&cluster).await;
        let data = PartitionProduceData { records: Some(vec![0; 64 << 20].into()), ..Default::default() };
        let topic = TopicProduceData { name: "t".into(), partition_data: vec![data], ..Default::default() };
        let large = ProduceRequest { topic_data: vec![topic], ..Default::default() };
        let asked = connection.start(&about("t"), 9).unwrap();
        let written = connection.start_unanswered(&large, 9).unwrap();
        let behind = connection.start_unanswered(&large, 9).unwrap();
        cluster.wait_until("the first request", |world| world.seen.iter().any(|a| a.key() == ApiKey::Metadata)).await;
        sleep(Duration::from_millis(50)).await;
        connection.close("the story ends it");
        assert!(matches!(asked.wait().await, Err(ClientError::Lost { .. })));
        assert!(written.await.unwrap_err().may_have_happened());
        assert!(matches!(behind.await, Err(ClientError::NotSent { .. })));
    });
}

#[test]
fn a_connection_that_nobody_holds_is_closed() {
    story(async {
        let cluster = FakeCluster::start(1, 1).await;
        let connection = connect(&cluster).await;
        let other = connection.clone();
        drop(connection);
        other.call(&about("t")).await.unwrap();
        drop(other);
        cluster.wait_until("the end", World::is_idle).await;
    });
}
