//! Several servers as one cluster.

use crate::Server;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// The processes, each with a port for clients and one for the quorum; node ids count from 1.
pub struct Nodes {
    folder: PathBuf,
    ports: Vec<(u16, u16)>,
    settings: Vec<String>,
    servers: Vec<Option<Server>>,
}

impl Nodes {
    /// Starts so many nodes, each broker and controller, and waits until they are ready. `settings` are `key=value` and go
    /// to all of them.
    ///
    /// # Panics
    /// When one does not get ready.
    pub fn start(folder: &Path, count: usize, settings: &[&str]) -> Nodes {
        let ports = free_ports(2 * count).chunks(2).map(|pair| (pair[0], pair[1])).collect();
        let mut nodes = Nodes {
            folder: folder.to_owned(),
            ports,
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            servers: (0..count).map(|_| None).collect(),
        };
        (0..count).for_each(|node| nodes.begin(node));
        nodes.servers.iter_mut().flatten().for_each(Server::wait_until_ready);
        nodes
    }

    fn begin(&mut self, node: usize) {
        let voters: Vec<String> =
            self.ports.iter().zip(1..).map(|((_, port), id)| format!("{id}@127.0.0.1:{port}")).collect();
        let (clients, quorum) = self.ports[node];
        let own = [
            "process.roles=broker,controller".to_owned(),
            "controller.listener.names=CONTROLLER".to_owned(),
            format!("node.id={}", node + 1),
            format!("controller.quorum.voters={}", voters.join(",")),
            format!("listeners=PLAINTEXT://127.0.0.1:{clients},CONTROLLER://127.0.0.1:{quorum}"),
        ];
        let settings: Vec<&str> = self.settings.iter().chain(&own).map(String::as_str).collect();
        let data = self.folder.join(node.to_string());
        self.servers[node] = Some(Server::begin(&format!("127.0.0.1:{clients}"), &data, &settings));
    }

    /// Starts a node that does not run, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not get ready.
    pub fn mend(&mut self, node: usize) {
        if self.servers[node].is_none() {
            self.begin(node);
            self.servers[node].as_mut().expect("begun above").wait_until_ready();
        }
    }

    /// Takes a running node out, to be killed or stopped.
    ///
    /// # Panics
    /// When it does not run.
    pub fn take(&mut self, node: usize) -> Server {
        self.servers[node].take().expect("it runs")
    }

    /// A running node.
    ///
    /// # Panics
    /// When it does not run.
    pub fn server(&self, node: usize) -> &Server {
        self.servers[node].as_ref().expect("it runs")
    }

    /// Where clients find them, as for `bootstrap.servers`.
    pub fn addresses(&self) -> String {
        let addresses: Vec<String> = self.ports.iter().map(|(port, _)| format!("127.0.0.1:{port}")).collect();
        addresses.join(",")
    }

    /// What an operator is told.
    ///
    /// # Panics
    /// When the program cannot be run.
    pub fn health(&self) -> String {
        let told = self.ask_for_health();
        String::from_utf8_lossy(&told.stdout).into_owned() + &String::from_utf8_lossy(&told.stderr)
    }

    /// Whether an operator is told that all is well.
    ///
    /// # Panics
    /// When the program cannot be run.
    pub fn is_healthy(&self) -> bool {
        self.ask_for_health().status.success()
    }

    fn ask_for_health(&self) -> std::process::Output {
        let mut health = std::process::Command::new(crate::binary::thalweg());
        health.args(["cluster", "health", "--brokers", &self.addresses()]);
        health.output().expect("the program runs")
    }

    /// All that the nodes have logged.
    pub fn log(&self) -> String {
        let logs = self.servers.iter().zip(1..).map(|(server, id)| {
            let log = server.as_ref().map_or_else(|| "it does not run".to_owned(), Server::log);
            format!("== node {id}\n{log}")
        });
        logs.collect::<Vec<_>>().join("\n")
    }
}

/// Ports that nobody uses at the moment.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("there is a free port")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("it is bound").port()).collect()
}
