//! `meta.properties`: which broker of which cluster a log directory belongs to, and the directory's own id (KIP-858).

use crate::config::DirectoryOptions;
use crate::fault::StorageFault;
use crate::volume::Volume;
use model::{NodeId, Uuid};
use runtime::disk::Disk;
use std::collections::BTreeMap;

/// The file in the root of a log directory.
pub(crate) const FILE: &str = "meta.properties";

/// Its contents, version 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MetaProperties {
    pub node_id: NodeId,
    pub cluster_id: String,
    pub directory_id: Uuid,
}

impl MetaProperties {
    pub fn encode(&self) -> String {
        format!(
            "#\nversion=1\nnode.id={}\ncluster.id={}\ndirectory.id={}\n",
            self.node_id, self.cluster_id, self.directory_id
        )
    }

    /// Reads the file's text; the error says what is wrong. `None` for the directory id of a file that has none.
    fn parse(text: &str) -> Result<(NodeId, String, Option<Uuid>), String> {
        let properties: BTreeMap<&str, &str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with(['#', '!']))
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.trim(), value.trim()))
            .collect();
        let value_of = |key: &str| properties.get(key).copied().ok_or_else(|| format!("{key} is missing"));
        match value_of("version")? {
            "1" => {}
            version => return Err(format!("version {version} is not 1")),
        }
        let node_id = value_of("node.id")?.parse().map_err(|_| "node.id is no number".to_owned())?;
        let cluster_id = value_of("cluster.id")?.to_owned();
        let directory_id = match properties.get("directory.id") {
            Some(text) => Some(text.parse().map_err(|error| format!("directory.id: {error}"))?),
            None => None,
        };
        Ok((node_id, cluster_id, directory_id))
    }
}

/// Reads the file, or makes it in a directory that has none, and checks that the directory is this broker's.
pub(crate) async fn open(volume: &Volume, options: &DirectoryOptions) -> Result<MetaProperties, StorageFault> {
    let found = match volume.read_text(FILE).await? {
        Some(text) => MetaProperties::parse(&text).map_err(|reason| StorageFault::corrupt(FILE, reason))?,
        None => (options.node_id, options.cluster_id.clone().unwrap_or_else(|| random_id().to_string()), None),
    };
    let root = || volume.disk().root().display().to_string();
    let (node_id, cluster_id, directory_id) = found;
    if node_id != options.node_id {
        return Err(StorageFault::OtherNode { root: root(), expected: options.node_id, found: node_id });
    }
    if let Some(expected) = options.cluster_id.as_ref().filter(|expected| **expected != cluster_id) {
        return Err(StorageFault::OtherCluster { root: root(), expected: expected.clone(), found: cluster_id });
    }
    if let Some(directory_id) = directory_id {
        return Ok(MetaProperties { node_id, cluster_id, directory_id });
    }
    let directory_id = options.directory_id.unwrap_or_else(random_id);
    let properties = MetaProperties { node_id, cluster_id, directory_id };
    volume.replace("", FILE, properties.encode().into()).await?;
    Ok(properties)
}

/// The cluster that the directory at the root of `disk` belongs to; none when it is blank.
pub(crate) async fn cluster_id(disk: &Disk) -> Result<Option<String>, StorageFault> {
    let volume = Volume::new(disk.clone(), DirectoryOptions::default().sync_deadline);
    let Some(text) = volume.read_text(FILE).await? else { return Ok(None) };
    let (_, cluster_id, _) = MetaProperties::parse(&text).map_err(|reason| StorageFault::corrupt(FILE, reason))?;
    Ok(Some(cluster_id))
}

/// A fresh id that Kafka does not keep for itself.
pub(crate) fn random_id() -> Uuid {
    loop {
        let id = Uuid::from_random_bits(runtime::rand::u64(), runtime::rand::u64());
        // Kafka gives the first hundred ids a meaning of their own.
        if !id.is_reserved() && id.0[..15] != [0; 15] {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_reads_back() {
        let properties =
            MetaProperties { node_id: 7, cluster_id: "cluster".to_owned(), directory_id: Uuid([0xff; 16]) };
        let text = "#\nversion=1\nnode.id=7\ncluster.id=cluster\ndirectory.id=_____________________w\n";
        assert_eq!(properties.encode(), text);
        assert_eq!(MetaProperties::parse(text), Ok((7, "cluster".to_owned(), Some(Uuid([0xff; 16])))));
    }

    #[test]
    fn a_file_of_kafkas_format_tool_is_read() {
        let text = "#\n#Tue Nov 24 10:00:00 UTC 2026\nnode.id=1\nversion=1\ncluster.id=_w\n";
        assert_eq!(MetaProperties::parse(text), Ok((1, "_w".to_owned(), None)));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "version=0\nbroker.id=1\n", "version=1\ncluster.id=a\n", "version=1\nnode.id=x\ncluster.id=a\n"]
        {
            assert!(MetaProperties::parse(text).is_err(), "{text:?}");
        }
    }
}
