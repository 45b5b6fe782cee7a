//! `listeners`, `advertised.listeners` and `listener.security.protocol.map`.

use std::fmt;

/// How connections of a listener are protected, with Kafka's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum SecurityProtocol {
    /// Not at all.
    Plaintext = 0,
    /// TLS.
    Ssl = 1,
    /// SASL without TLS.
    SaslPlaintext = 2,
    /// SASL over TLS.
    SaslSsl = 3,
}

impl SecurityProtocol {
    fn of_name(name: &str) -> Option<SecurityProtocol> {
        match name.to_ascii_uppercase().as_str() {
            "PLAINTEXT" => Some(SecurityProtocol::Plaintext),
            "SSL" => Some(SecurityProtocol::Ssl),
            "SASL_PLAINTEXT" => Some(SecurityProtocol::SaslPlaintext),
            "SASL_SSL" => Some(SecurityProtocol::SaslSsl),
            _ => None,
        }
    }

    /// Kafka's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            SecurityProtocol::Plaintext => "PLAINTEXT",
            SecurityProtocol::Ssl => "SSL",
            SecurityProtocol::SaslPlaintext => "SASL_PLAINTEXT",
            SecurityProtocol::SaslSsl => "SASL_SSL",
        }
    }
}

/// A place to listen on, or to tell clients to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name in capitals, such as `PLAINTEXT`.
    pub name: String,
    /// How its connections are protected.
    pub protocol: SecurityProtocol,
    /// A name or address without brackets; empty for all addresses of the machine (listening), or the machine's own
    /// name (advertised).
    pub host: String,
    /// The port; 0 for a free one.
    pub port: u16,
}

impl Listener {
    /// What to bind or connect to: `host:port`, with brackets around an IPv6 address. All addresses are `[::]`, which
    /// takes IPv4 too; where a machine has no IPv6 use `0.0.0.0`.
    pub fn address(&self) -> String {
        match self.host.as_str() {
            "" => format!("[::]:{}", self.port),
            host if host.contains(':') => format!("[{host}]:{}", self.port),
            host => format!("{host}:{}", self.port),
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        write!(f, "{}://{host}:{}", self.name, self.port)
    }
}

/// The protocol of each listener name (`listener.security.protocol.map`).
pub(super) struct ProtocolMap {
    entries: Vec<(String, SecurityProtocol)>,
}

impl ProtocolMap {
    pub(super) fn parse(text: &str) -> Result<ProtocolMap, String> {
        let mut entries: Vec<(String, SecurityProtocol)> = Vec::new();
        for element in text.split(',').map(str::trim).filter(|element| !element.is_empty()) {
            let (name, protocol) = element
                .split_once(':')
                .ok_or_else(|| format!("listener.security.protocol.map: '{element}' is not NAME:PROTOCOL"))?;
            let known = SecurityProtocol::of_name(protocol.trim()).ok_or_else(|| {
                format!(
                    "listener.security.protocol.map: unknown protocol '{}'; use PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
                    protocol.trim()
                )
            })?;
            let name = name.trim().to_ascii_uppercase();
            if entries.iter().any(|(other, _)| *other == name) {
                return Err(format!("listener.security.protocol.map: {name} is there twice; keep one"));
            }
            entries.push((name, known));
        }
        Ok(ProtocolMap { entries })
    }

    /// Controller listeners are PLAINTEXT when nobody says otherwise.
    pub(super) fn add_missing(&mut self, names: &[String]) {
        for name in names {
            if self.of(name).is_none() {
                self.entries.push((name.clone(), SecurityProtocol::Plaintext));
            }
        }
    }

    fn of(&self, name: &str) -> Option<SecurityProtocol> {
        self.entries.iter().find(|(other, _)| other == name).map(|(_, protocol)| *protocol)
    }
}

/// Reads one list of listeners; `key` is for messages.
pub(super) fn parse_listeners(key: &str, elements: &[String], map: &ProtocolMap) -> Result<Vec<Listener>, String> {
    let mut listeners: Vec<Listener> = Vec::new();
    for element in elements {
        let listener = parse_one(element, map).map_err(|why| format!("{key}: '{element}' {why}"))?;
        if listeners.iter().any(|other| other.name == listener.name) {
            return Err(format!("{key}: the name {} is there twice; give each listener its own", listener.name));
        }
        listeners.push(listener);
    }
    Ok(listeners)
}

fn parse_one(element: &str, map: &ProtocolMap) -> Result<Listener, String> {
    let malformed = || "is not NAME://host:port, such as PLAINTEXT://localhost:9092".to_owned();
    let (name, address) = element.split_once("://").ok_or_else(malformed)?;
    let (host, port) = address.rsplit_once(':').ok_or_else(malformed)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = port.parse::<u16>().map_err(|_| format!("has the port '{port}'; use a number from 0 to 65535"))?;
    let name = name.trim().to_ascii_uppercase();
    let protocol = map
        .of(&name)
        .ok_or_else(|| format!("has no security protocol; add {name}:PLAINTEXT to listener.security.protocol.map"))?;
    Ok(Listener { name, protocol, host: host.to_owned(), port })
}

/// Two listeners may share a port only as an IPv4 and an IPv6 address (KIP-797).
pub(super) fn check_ports(listeners: &[Listener]) -> Result<(), String> {
    for (index, one) in listeners.iter().enumerate() {
        for other in &listeners[index + 1..] {
            let two_families = is_ipv6(&one.host) != is_ipv6(&other.host) && is_address(one) && is_address(other);
            if one.port == other.port && one.port != 0 && !two_families {
                return Err(format!(
                    "listeners: {one} and {other} have the same port; give each its own, or one an IPv4 and the other an IPv6 address"
                ));
            }
        }
    }
    Ok(())
}

fn is_ipv6(host: &str) -> bool {
    host.parse::<std::net::Ipv6Addr>().is_ok()
}

fn is_address(listener: &Listener) -> bool {
    listener.host.parse::<std::net::IpAddr>().is_ok()
}

/// What clients are told to connect to: the addresses they cannot use are refused.
pub(super) fn check_advertised(listeners: &[Listener], key: &str) -> Result<(), String> {
    match listeners.iter().find(|listener| matches!(listener.host.as_str(), "0.0.0.0" | "::")) {
        Some(listener) => Err(format!(
            "{key}: clients cannot connect to {listener}; set advertised.listeners to an address of this machine, such as {}://localhost:{}",
            listener.name, listener.port
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Listener>, String> {
        let map = ProtocolMap::parse("PLAINTEXT:PLAINTEXT,SSL:SSL,V6:PLAINTEXT").expect("well formed");
        let elements: Vec<String> = text.split(',').map(str::to_owned).collect();
        parse_listeners("listeners", &elements, &map)
    }

    #[test]
    fn names_hosts_and_ports_come_apart() {
        let listeners = read("plaintext://localhost:9092,SSL://:9093,V6://[::1]:0").expect("well formed");
        let shown: Vec<String> = listeners.iter().map(Listener::address).collect();
        assert_eq!(shown, ["localhost:9092", "[::]:9093", "[::1]:0"]);
        assert_eq!(listeners[0].name, "PLAINTEXT");
        assert_eq!(listeners[1].protocol, SecurityProtocol::Ssl);
        assert_eq!(listeners[2].to_string(), "V6://[::1]:0");
    }

    #[test]
    fn a_wrong_listener_is_refused_with_the_form_that_is_right() {
        assert!(read("localhost:9092").unwrap_err().contains("such as PLAINTEXT://localhost:9092"));
        assert!(read("PLAINTEXT://localhost:99999").unwrap_err().contains("use a number from 0 to 65535"));
        assert!(read("INSIDE://localhost:1").unwrap_err().contains("add INSIDE:PLAINTEXT to"));
        assert!(read("PLAINTEXT://a:1,PLAINTEXT://b:2").unwrap_err().contains("there twice"));
        assert!(ProtocolMap::parse("A:TLS").is_err());
        assert!(ProtocolMap::parse("A").is_err());
    }

    #[test]
    fn a_port_is_shared_only_by_the_two_address_families() {
        assert_eq!(check_ports(&read("PLAINTEXT://127.0.0.1:9092,V6://[::1]:9092").expect("well formed")), Ok(()));
        assert!(check_ports(&read("PLAINTEXT://127.0.0.1:9092,SSL://127.0.0.2:9092").expect("well formed")).is_err());
        assert_eq!(check_ports(&read("PLAINTEXT://:0,SSL://:0").expect("well formed")), Ok(()));
    }

    #[test]
    fn what_clients_cannot_use_is_not_advertised() {
        let error = check_advertised(&read("PLAINTEXT://0.0.0.0:9092").expect("well formed"), "listeners").unwrap_err();
        assert!(error.contains("such as PLAINTEXT://localhost:9092"), "{error}");
    }
}
