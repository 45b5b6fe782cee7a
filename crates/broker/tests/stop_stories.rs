//! What a clean stop leaves.

#![cfg(not(madsim))] // on a real directory and real sockets

mod server;

use protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest};
use runtime::disk::Disk;
use server::{Server, story};

/// The metadata was lost, and the logs were left alone, as nobody knows whose they are. They were known to their directory and
/// to nobody else, so that no stop was a clean one any more.
#[test]
fn a_log_that_the_metadata_does_not_know_is_closed_with_the_others() {
    story(async |directory| {
        let mut server = Server::start(directory.path(), &[]).await;
        let (num_partitions, replication_factor) = (1, 1);
        let topic = CreatableTopic { name: "t".into(), num_partitions, replication_factor, ..Default::default() };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 5000, ..Default::default() };
        assert_eq!(server.ask(&request, 7).await.topics[0].error_code, 0);
        server.stop().await;
        let disk = Disk::open(directory.path()).await.expect("the directory");
        let metadata = "__cluster_metadata-0";
        for file in disk.list(metadata).await.expect("a list") {
            disk.remove_file(&format!("{metadata}/{}", file.name)).await.expect("removed");
        }
        disk.remove_directory(metadata).await.expect("removed");
        Server::start(directory.path(), &[]).await.stop().await;
        let names = disk.list("").await.expect("a list");
        assert!(names.iter().any(|entry| entry.name == "t-0"), "it is left alone");
        assert!(names.iter().any(|entry| entry.name == ".kafka_cleanshutdown"));
    });
}
