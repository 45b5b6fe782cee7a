//! What the client could not do, with why and what helps.

use client::{ClientError, Cluster};
use model::ErrorCode;

/// The error in a sentence that ends with a way out, where one is known.
pub fn explain(cluster: &Cluster, error: ClientError) -> anyhow::Error {
    let bootstrap = &cluster.config().bootstrap;
    match way_out(bootstrap, &error) {
        Some(way_out) => anyhow::anyhow!("{error}; {way_out}"),
        None => error.into(),
    }
}

/// What helps against `error`, if that is known; `bootstrap` are the servers that were given.
pub fn way_out(bootstrap: &[String], error: &ClientError) -> Option<String> {
    match error {
        ClientError::Connect { address, .. } if bootstrap.contains(address) => {
            Some("start a server there with `thalweg`, or say where one is with --brokers HOST:PORT".to_owned())
        }
        ClientError::Connect { .. } => Some(format!(
            "the server at {} says that clients find it there: let its advertised.listeners name an address that \
             works from here",
            bootstrap.join(",")
        )),
        ClientError::Malformed { .. } | ClientError::Lost { .. } | ClientError::NoAnswer { .. } => {
            Some("is that a server that speaks Kafka's protocol, without TLS?".to_owned())
        }
        // Who refuses with a way out needs no other.
        ClientError::Refused { message: Some(message), .. } if message.contains("`thalweg ") => None,
        ClientError::Refused { error, .. } => refusal(*error).map(str::to_owned),
        _ => None,
    }
}

fn refusal(error: ErrorCode) -> Option<&'static str> {
    use ErrorCode as E;
    Some(match error {
        E::UnknownTopicOrPartition => "`thalweg topic list` shows what there is, `thalweg topic create` makes one",
        E::InvalidTopicException => "names have letters, digits, '.', '_' and '-', and are 249 long at most",
        E::TopicAlreadyExists => "--if-not-exists lets that pass, `thalweg topic alter` changes it",
        E::MessageTooLarge | E::RecordListTooLarge => {
            "the topic takes larger ones after `thalweg topic alter TOPIC -c max.message.bytes=BYTES`"
        }
        E::InvalidConfig => "`thalweg config reference` tells every key and its values",
        E::OffsetOutOfRange => "it is deleted, or was never there: `thalweg topic describe` shows which offsets exist",
        E::NotEnoughReplicas | E::NotEnoughReplicasAfterAppend => {
            "too few replicas are in sync for min.insync.replicas: `thalweg topic describe` shows which"
        }
        E::GroupIdNotFound => "`thalweg group list` shows what there is",
        E::NonEmptyGroup | E::GroupSubscribedToTopic => {
            "its members have to stop first: `thalweg group members GROUP` shows them"
        }
        E::UnknownMemberId => {
            "the group has members, who commit for themselves, or has gone on without this one: see `thalweg group members`"
        }
        E::FencedInstanceId | E::UnreleasedInstanceId => {
            "another process reads under the same group.instance.id: `thalweg group members GROUP` shows where"
        }
        E::InconsistentGroupProtocol => {
            "its members spread partitions in another way: `thalweg group describe` shows how the group does"
        }
        E::GroupMaxSizeReached => "the servers' group.max.size allows no more members",
        E::CoordinatorNotAvailable | E::NotCoordinator | E::CoordinatorLoadInProgress => {
            "the server that keeps the group is not there, or not ready: see `thalweg cluster health`"
        }
        E::LeaderNotAvailable => "nobody leads the partition: is its server running?",
        E::KafkaStorageError => "the server's disk failed or is full: its log says more",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> ClientError {
        ClientError::Connect { address: address.to_owned(), why: "refused".to_owned() }
    }

    fn refused(error: ErrorCode, message: Option<&str>) -> ClientError {
        ClientError::Refused { what: "x".to_owned(), error, message: message.map(str::to_owned) }
    }

    #[test]
    fn a_server_that_names_an_address_that_does_not_work_is_told_from_one_that_is_not_there() {
        let bootstrap = ["near:9092".to_owned()];
        assert!(way_out(&bootstrap, &at("near:9092")).expect("known").contains("--brokers"));
        assert!(way_out(&bootstrap, &at("far:9092")).expect("known").contains("advertised.listeners"));
    }

    #[test]
    fn what_nobody_can_help_with_stands_for_itself() {
        assert_eq!(way_out(&[], &ClientError::Closed), None);
        assert_eq!(way_out(&[], &refused(ErrorCode::UnknownServerError, None)), None);
    }

    #[test]
    fn a_refusal_has_one_way_out_the_servers_own_if_it_names_one() {
        let unknown = |message| way_out(&[], &refused(ErrorCode::UnknownTopicOrPartition, message));
        assert!(unknown(None).expect("known").contains("topic list"));
        assert!(unknown(Some("there is no topic 'x'")).expect("known").contains("topic list"));
        assert_eq!(unknown(Some("there is no topic 'x'; see `thalweg topic list`")), None);
    }
}
