//! The directory of a local cluster: a folder for each node, with its configuration, data, log and process id.

use super::ports::FreePorts;
use anyhow::{Context, bail};
use model::NodeId;
use model::config::ServerConfig;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How many nodes are controllers, too.
const MOST_CONTROLLERS: u16 = 3;
/// Controllers listen so far above brokers.
const CONTROLLER_PORTS: u16 = 10_000;

/// The nodes of a local cluster.
#[derive(Debug)]
pub struct Layout {
    /// Where it is.
    pub directory: PathBuf,
    /// Its nodes by number.
    pub nodes: Vec<Node>,
}

/// One node of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub id: NodeId,
    /// Its folder.
    pub directory: PathBuf,
    /// Where clients reach it: `host:port`.
    pub address: String,
    /// Where controllers reach it, if it is one.
    pub controller: Option<String>,
}

impl Node {
    /// Its configuration.
    pub fn properties(&self) -> PathBuf {
        self.directory.join("server.properties")
    }

    /// What it says while it runs.
    pub fn log(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    /// Where its process's id is kept.
    pub fn pid_file(&self) -> PathBuf {
        self.directory.join("pid")
    }

    /// What it does.
    pub fn roles(&self) -> &'static str {
        if self.controller.is_some() { "broker,controller" } else { "broker" }
    }
}

impl Layout {
    /// The cluster that was laid out in `directory` before, if one was.
    ///
    /// # Errors
    /// A configuration there cannot be read, or does not say where its node listens.
    pub fn read(directory: &Path) -> anyhow::Result<Option<Layout>> {
        let Ok(directory) = directory.canonicalize() else { return Ok(None) };
        let mut nodes = Vec::new();
        loop {
            let id = nodes.len() as NodeId + 1;
            let folder = directory.join(format!("node-{id}"));
            let path = folder.join("server.properties");
            match fs::read_to_string(&path) {
                Ok(text) => nodes.push(node(id, folder, &text).with_context(|| path.display().to_string())?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
            }
        }
        Ok((!nodes.is_empty()).then_some(Layout { directory, nodes }))
    }

    /// Lays out a cluster of `count` nodes: the first three are controllers, too. Brokers get free ports from `port` on.
    ///
    /// # Errors
    /// There are no free ports, or the directory cannot be written.
    pub fn create(directory: &Path, count: u16, port: u16) -> anyhow::Result<Layout> {
        let cannot = || format!("cannot make {}; choose another directory with --dir", directory.display());
        fs::create_dir_all(directory).with_context(cannot)?;
        let directory = directory.canonicalize().with_context(cannot)?;
        let mut ports = FreePorts::default();
        let brokers = ports.take(port, count)?;
        // Two controllers would need each other.
        let controllers = if count < MOST_CONTROLLERS { 1 } else { MOST_CONTROLLERS };
        let first = port.checked_add(CONTROLLER_PORTS).unwrap_or(port);
        let controllers = ports.take(first, controllers)?;
        let address = |port: &u16| format!("127.0.0.1:{port}");
        let node = |(at, broker): (usize, &u16)| Node {
            id: at as NodeId + 1,
            directory: directory.join(format!("node-{}", at + 1)),
            address: address(broker),
            controller: controllers.get(at).map(address),
        };
        let nodes = brokers.iter().enumerate().map(node).collect();
        let layout = Layout { directory: directory.clone(), nodes };
        for node in &layout.nodes {
            fs::create_dir_all(&node.directory).with_context(cannot)?;
            fs::write(node.properties(), layout.properties_of(node)).with_context(cannot)?;
        }
        Ok(layout)
    }

    /// Removes everything that a cluster left there, and the directory when nothing else is in it.
    ///
    /// # Errors
    /// The system does not let it.
    pub fn wipe(self) -> anyhow::Result<()> {
        for node in &self.nodes {
            let cannot = || format!("cannot remove {}", node.directory.display());
            fs::remove_dir_all(&node.directory).with_context(cannot)?;
        }
        match fs::remove_dir(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => {
                Err(error).with_context(|| format!("cannot remove {}", self.directory.display()))
            }
            _ => Ok(()),
        }
    }

    /// The addresses of all nodes, as `--brokers` takes them.
    pub fn brokers(&self) -> String {
        self.nodes.iter().map(|node| node.address.as_str()).collect::<Vec<_>>().join(",")
    }

    fn properties_of(&self, node: &Node) -> String {
        let voters = self.nodes.iter().filter_map(|node| Some(format!("{}@{}", node.id, node.controller.as_ref()?)));
        let voters: Vec<String> = voters.collect();
        let replicas = self.nodes.len().min(3);
        let in_sync = if replicas < 3 { 1 } else { 2 };
        let mut listeners = format!("PLAINTEXT://{}", node.address);
        if let Some(controller) = &node.controller {
            let _ = write!(listeners, ",CONTROLLER://{controller}"); // a string takes everything
        }
        format!(
            "# A node of a cluster for development. Each start reads this anew: it may be edited.\n\
             node.id={id}\n\
             process.roles={roles}\n\
             controller.quorum.voters={voters}\n\
             controller.listener.names=CONTROLLER\n\
             listeners={listeners}\n\
             log.dirs=data\n\
             default.replication.factor={replicas}\n\
             min.insync.replicas={in_sync}\n\
             # They stop together: the last ones would wait for a quorum that is gone.\n\
             controlled.shutdown.enable=false\n",
            id = node.id,
            roles = node.roles(),
            voters = voters.join(","),
        )
    }
}

fn node(id: NodeId, directory: PathBuf, properties: &str) -> anyhow::Result<Node> {
    let mut config = ServerConfig::new();
    config.add_properties("server.properties", properties);
    let listeners = config.get("listeners").map(|setting| setting.value.as_str()).unwrap_or_default();
    let address = |name: &str| {
        let of = |listener: &str| listener.trim().strip_prefix(name)?.strip_prefix("://").map(str::to_owned);
        listeners.split(',').find_map(of)
    };
    let Some(broker) = address("PLAINTEXT") else {
        bail!("listeners has no PLAINTEXT://HOST:PORT; give it one, or start anew with --wipe")
    };
    let is_controller = config.get("process.roles").is_none_or(|roles| roles.value.contains("controller"));
    Ok(Node { id, directory, address: broker, controller: address("CONTROLLER").filter(|_| is_controller) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::config::BrokerConfig;
    use model::config::Layers;
    use model::metadata_image::Configs;

    fn laid_out(count: u16) -> (tempfile::TempDir, Layout) {
        let directory = tempfile::tempdir().expect("a temporary folder can be made");
        let layout = Layout::create(directory.path(), count, 30_000).expect("it can be laid out");
        (directory, layout)
    }

    #[test]
    fn what_was_laid_out_is_found_again() {
        let (directory, layout) = laid_out(4);
        let found = Layout::read(directory.path()).expect("it can be read").expect("it is there");
        assert_eq!(found.nodes, layout.nodes);
        assert_eq!(layout.nodes.iter().filter(|node| node.controller.is_some()).count(), 3);
        assert!(Layout::read(&directory.path().join("elsewhere")).expect("nothing is wrong").is_none());
        layout.wipe().expect("it can be removed");
        assert!(!directory.path().exists());
    }

    #[test]
    fn wiping_leaves_what_is_not_of_the_cluster() {
        let (directory, layout) = laid_out(1);
        fs::write(directory.path().join("notes"), "mine").expect("it can be written");
        layout.wipe().expect("the rest can be removed");
        assert_eq!(fs::read_dir(directory.path()).expect("it is there").count(), 1);
    }

    #[test]
    fn every_node_has_a_configuration_that_fits_together() {
        for count in [1, 2, 3, 5] {
            let (_directory, layout) = laid_out(count);
            for node in &layout.nodes {
                let mut server = ServerConfig::new();
                server
                    .add_properties("server.properties", &fs::read_to_string(node.properties()).expect("it is there"));
                server.check().expect("every key is known");
                assert!(server.notices().is_empty(), "{:?}", server.notices());
                let nothing = Configs::new();
                let layers = Layers { server: &server, dynamic_broker: &nothing, dynamic_default: &nothing };
                let config = BrokerConfig::resolve(&layers).expect("it fits together");
                assert_eq!(config.cluster.voters.len(), if count < 3 { 1 } else { 3 });
                assert_eq!((config.node_id, config.cluster.is_controller), (node.id, node.controller.is_some()));
            }
        }
    }
}
