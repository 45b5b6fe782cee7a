//! What a client is told about itself and its cluster.

use crate::backoff::BackoffConfig;
use runtime::time::Duration;

/// Settings of connections and metadata. The defaults are those of Kafka's own clients, where they have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// `bootstrap.servers`: where to ask first, as `host:port`.
    pub bootstrap: Vec<String>,
    /// `client.id`: what the client calls itself in each request.
    pub client_id: String,
    /// `request.timeout.ms`: how long to wait for the answer to one request before its connection is given up.
    pub request_timeout: Duration,
    /// `default.api.timeout.ms`: how long a call with retries may take in all.
    pub api_timeout: Duration,
    /// `socket.connection.setup.timeout.ms`: how long connecting and asking for versions may take.
    pub connect_timeout: Duration,
    /// `metadata.max.age.ms`: how old the view of a topic may grow.
    pub metadata_max_age: Duration,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`.
    pub retry_backoff: BackoffConfig,
    /// `reconnect.backoff.ms` and `reconnect.backoff.max.ms`.
    pub reconnect_backoff: BackoffConfig,
    /// The largest answer that is read, in bytes; a larger one ends the connection.
    pub max_response_bytes: usize,
    /// `allow.auto.create.topics`: whether asking for an unknown topic may create it, if the broker allows it too.
    pub allow_auto_create_topics: bool,
}

impl Default for ClientConfig {
    fn default() -> Self {
        ClientConfig {
            bootstrap: vec!["localhost:9092".to_owned()],
            client_id: "thalweg".to_owned(),
            request_timeout: Duration::from_secs(30),
            api_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            metadata_max_age: Duration::from_secs(300),
            retry_backoff: BackoffConfig { first: Duration::from_millis(100), most: Duration::from_secs(1) },
            reconnect_backoff: BackoffConfig { first: Duration::from_millis(50), most: Duration::from_secs(1) },
            max_response_bytes: 128 << 20,
            allow_auto_create_topics: true,
        }
    }
}

impl ClientConfig {
    /// The defaults, with `servers` to ask first: `host:port`, several separated by commas.
    pub fn of(servers: &str) -> ClientConfig {
        let bootstrap = servers.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect();
        ClientConfig { bootstrap, ..ClientConfig::default() }
    }
}
