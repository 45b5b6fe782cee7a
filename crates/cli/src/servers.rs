//! `--brokers` and `--timeout`: the cluster that a command talks to.

use crate::explain::explain;
use crate::failure::Usage;
use clap::Args;
use client::{ClientConfig, Cluster, Wanted};
use runtime::time::Duration;

/// Says where the servers are when `--brokers` does not.
const VARIABLE: &str = "THALWEG_BROKERS";
const DEFAULT: &str = "localhost:9092";
/// Nobody waits longer for a handshake.
const LONGEST_CONNECT: Duration = Duration::from_secs(5);

/// Which cluster, and how long to try.
#[derive(Clone, Debug, Args)]
pub struct Servers {
    /// Servers to ask first, with commas between them [default: $THALWEG_BROKERS, else localhost:9092]
    #[arg(short, long, value_name = "HOST:PORT")]
    brokers: Option<String>,
    /// How many seconds to try before something is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86400))]
    timeout: u64,
}

impl Servers {
    /// How long to try.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    /// The cluster, of which nobody has heard yet; each call on it is tried for so long, or as --timeout says if that is
    /// shorter.
    ///
    /// # Errors
    /// The addresses are none.
    pub fn cluster(&self, patience: Duration) -> anyhow::Result<Cluster> {
        let config = self.config(false)?;
        Ok(Cluster::new(ClientConfig { api_timeout: self.timeout().min(patience), ..config }))
    }

    /// Finds the cluster. Asking for a topic may create it, if `creates` and if the servers allow it.
    ///
    /// # Errors
    /// The addresses are none, or nobody answers there.
    pub async fn connect(&self, creates: bool) -> anyhow::Result<Cluster> {
        let cluster = Cluster::new(self.config(creates)?);
        cluster.refresh(Wanted::Brokers).await.map_err(|error| explain(&cluster, error))?;
        Ok(cluster)
    }

    fn config(&self, creates: bool) -> anyhow::Result<ClientConfig> {
        let from_environment = || std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
        let text = self.brokers.clone().or_else(from_environment).unwrap_or_else(|| DEFAULT.to_owned());
        Ok(ClientConfig {
            bootstrap: addresses(&text).map_err(Usage)?,
            api_timeout: self.timeout(),
            connect_timeout: self.timeout().min(LONGEST_CONNECT),
            allow_auto_create_topics: creates,
            ..ClientConfig::default()
        })
    }
}

fn addresses(text: &str) -> Result<Vec<String>, String> {
    let addresses: Vec<String> =
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(address).collect::<Result<_, _>>()?;
    if addresses.is_empty() { Err("no servers are given; use --brokers HOST:PORT".to_owned()) } else { Ok(addresses) }
}

fn address(text: &str) -> Result<String, String> {
    let wrong = || format!("'{text}' is no address; use HOST:PORT, such as localhost:9092 or [::1]:9092");
    let in_brackets = |host: &str| host.starts_with('[') && host.ends_with(']');
    let (host, port) = match text.rsplit_once(':') {
        _ if in_brackets(text) => (text, "9092"),
        Some((host, port)) => (host, port),
        None => (text, "9092"),
    };
    let is_host = !host.is_empty() && !host.contains(['/', ' ']) && (in_brackets(host) || !host.contains(':'));
    if is_host && port.parse::<u16>().is_ok_and(|port| port > 0) { Ok(format!("{host}:{port}")) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_may_be_left_out_and_spaces_do_not_matter() {
        let expected = ["a:1", "b:9092", "[::1]:9092", "[::1]:7"].map(str::to_owned);
        assert_eq!(addresses("a:1, b,[::1],[::1]:7,"), Ok(expected.into()));
    }

    #[test]
    fn what_is_no_address_is_refused_before_anybody_waits_for_it() {
        for text in ["", ",", ":9092", "a:b", "a:0", "a:70000", "::1", "http://a:9092", "a b:1"] {
            assert!(addresses(text).is_err(), "{text}");
        }
    }
}
