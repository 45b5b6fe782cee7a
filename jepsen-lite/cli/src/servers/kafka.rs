//! Apache Kafka from a folder of jars: the configuration of a node, its storage, and how it is started.

use super::Layout;
use super::node::{Launch, Node};
use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const LOGGING: &str = "\
rootLogger.level=warn
rootLogger.appenderRefs=console
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=[%d] %p %m (%c)%n
";

/// The folder with the jars.
///
/// # Errors
/// It is not named, or has no jars, or there is no `java`.
pub fn jars(home: Option<&Path>) -> anyhow::Result<PathBuf> {
    let home = home.context("--system kafka needs --kafka-home, the folder of Apache Kafka or of its jars")?;
    let folder = [home.join("libs"), home.join("lib"), home.to_owned()].into_iter().find(|folder| holds_kafka(folder));
    let folder = folder.with_context(|| format!("no Kafka's jars in {}", home.display()))?;
    super::shell::find("java").context("java is not installed")?;
    folder.canonicalize().with_context(|| format!("cannot use {}", folder.display()))
}

fn holds_kafka(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("kafka_"))
}

/// A random id as Kafka writes it: 16 bytes in URL-safe base64. It may not begin with a dash.
pub fn random_id() -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letter = |bound| char::from(LETTERS[runtime::rand::below(bound) as usize]);
    let mut id = String::from(letter(62));
    id.extend((0..20).map(|_| letter(64)));
    id.push(char::from(LETTERS[runtime::rand::below(4) as usize * 16])); // two bits are left
    id
}

/// Writes a node's configuration, formats its storage, and says how to start it. `ids` are the cluster's and one of each
/// node's directory.
///
/// # Errors
/// It cannot be written, or not be formatted.
pub fn prepare(jars: &Path, node: &Node, layout: &Layout, ids: &[String]) -> anyhow::Result<Launch> {
    let controllers: Vec<&str> = layout.controllers.iter().map(|(_, address)| address.as_str()).collect();
    let mut properties = layout.properties_of(node);
    properties.push(("controller.quorum.bootstrap.servers".into(), controllers.join(",")));
    properties.push(("listener.security.protocol.map".into(), "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT".into()));
    properties.push(("inter.broker.listener.name".into(), "PLAINTEXT".into()));
    properties.push(("log.index.size.max.bytes".into(), "65536".into()));
    let write = |name: &str, text: String| {
        let path = node.folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        anyhow::Ok(path.to_string_lossy().into_owned())
    };
    let text = properties.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    let configuration = write("server.properties", text)?;
    let logging = format!("-Dlog4j2.configurationFile={}", write("log4j2.properties", LOGGING.to_owned())?);
    let jars = format!("{}/*", jars.display());
    let initial = layout.controllers.iter().zip(&ids[1..]).map(|((id, address), own)| format!("{id}@{address}:{own}"));
    let initial = initial.collect::<Vec<_>>().join(",");
    let mut format = Command::new("java");
    format.args(["-Xmx256m", "-XX:TieredStopAtLevel=1", &logging, "-cp", &jars, "kafka.tools.StorageTool", "format"]);
    format.args(["-t", &ids[0], "-c", &configuration, "--initial-controllers", &initial]);
    let output = format.output().context("cannot run java")?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("node {} cannot be formatted: {}", node.id, String::from_utf8_lossy(&said).trim());
    }
    let words = ["java", "-Xms256m", "-Xmx512m", "-XX:+UseG1GC", &logging, "-cp", &jars, "kafka.Kafka", &configuration];
    Ok(Launch { words: words.map(str::to_owned).to_vec(), environment: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_the_letters_of_sixteen_bytes() {
        for _ in 0..200 {
            let id = random_id();
            assert_eq!(id.len(), 22);
            assert!(!id.starts_with('-') && id.ends_with(['A', 'Q', 'g', 'w']), "{id}");
        }
    }

    #[test]
    fn jars_are_found_in_a_release_and_in_a_folder_of_their_own() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        assert!(!holds_kafka(folder.path()));
        assert!(jars(Some(folder.path())).is_err() && jars(None).is_err());
        fs::create_dir(folder.path().join("libs")).expect("it can be made");
        fs::write(folder.path().join("libs/kafka_2.13-4.3.1.jar"), "").expect("it can be written");
        assert!(holds_kafka(&folder.path().join("libs")));
    }
}
