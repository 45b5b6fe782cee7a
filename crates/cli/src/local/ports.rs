//! Ports of this machine that nobody uses.

use anyhow::bail;
use std::net::{Ipv4Addr, TcpListener};

/// Ports are looked for so far up.
const REACH: u16 = 1000;

/// Held until it is dropped, so that no port is found twice.
#[derive(Debug, Default)]
pub struct FreePorts(Vec<TcpListener>);

impl FreePorts {
    /// The first `count` free ports from `first` on.
    ///
    /// # Errors
    /// There are not so many.
    pub fn take(&mut self, first: u16, count: u16) -> anyhow::Result<Vec<u16>> {
        let mut ports = Vec::new();
        for port in first..=first.saturating_add(REACH) {
            if ports.len() == usize::from(count) {
                break;
            }
            if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                self.0.push(listener);
                ports.push(port);
            }
        }
        if ports.len() < usize::from(count) {
            bail!("there are not {count} free ports from {first} on; choose other ones with --port");
        }
        Ok(ports)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_somebody_uses_is_passed_over_and_none_is_given_twice() {
        let used = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let first = used.local_addr().expect("it is bound").port();
        let mut free = FreePorts::default();
        let mut ports = free.take(first, 2).expect("there are some");
        ports.extend(free.take(first, 2).expect("there are more"));
        assert!(!ports.contains(&first) && ports.is_sorted_by(|a, b| a < b), "{ports:?}");
    }
}
