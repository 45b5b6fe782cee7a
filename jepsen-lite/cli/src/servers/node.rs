//! One server: its folder, and its process while it has one.

use super::shell;
use anyhow::Context;
use model::NodeId;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

/// How a server is started.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Variables of its environment.
    pub environment: Vec<(String, String)>,
}

/// A server of the cluster under test. Dropped, it is killed.
#[derive(Debug)]
pub struct Node {
    /// Its number, from 1.
    pub id: NodeId,
    /// Where its configuration and log are.
    pub folder: PathBuf,
    /// Where its data is.
    pub data: PathBuf,
    /// Where clients find it: `host:port`.
    pub address: String,
    /// Where the quorum finds it.
    pub controller: String,
    /// How it is started.
    pub launch: Launch,
    child: Option<Child>,
    /// How it ended when nobody had ended it.
    pub own_ends: Vec<String>,
}

impl Node {
    /// One that does not run, in a folder of its own.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(id: NodeId, folder: PathBuf, (address, controller): (String, String)) -> anyhow::Result<Node> {
        let data = folder.join("data");
        fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
        let (launch, child, own_ends) = (Launch::default(), None, Vec::new());
        Ok(Node { id, folder, data, address, controller, launch, child, own_ends })
    }

    /// What it says while it runs.
    pub fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    /// Starts it, in a process group of its own, so that Ctrl-C comes to this program only. Nothing when it runs.
    ///
    /// # Errors
    /// The program or the log cannot be used.
    pub fn start(&mut self) -> anyhow::Result<()> {
        use std::os::unix::process::CommandExt;
        if self.is_running() {
            return Ok(());
        }
        let cannot = || format!("cannot write {}", self.log().display());
        let log = fs::File::options().create(true).append(true).open(self.log()).with_context(cannot)?;
        let (program, arguments) = self.launch.words.split_first().context("nothing says how to start a node")?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.folder).process_group(0).stdin(Stdio::null());
        command.envs(self.launch.environment.iter().map(|(name, value)| (name, value)));
        command.stdout(log.try_clone().with_context(cannot)?).stderr(log);
        self.child = Some(command.spawn().with_context(|| format!("cannot start node {} with {program}", self.id))?);
        Ok(())
    }

    /// Whether it has a process. One that ended by itself is remembered as such.
    pub fn is_running(&mut self) -> bool {
        let Some(child) = &mut self.child else { return false };
        match child.try_wait() {
            Ok(None) => true,
            ended => {
                let how = ended.ok().flatten().map_or_else(|| "ended".to_owned(), in_words);
                self.own_ends.push(how);
                self.child = None;
                false
            }
        }
    }

    /// Ends it with SIGKILL, stopped or not.
    pub fn kill(&mut self) {
        if self.is_running()
            && let Some(mut child) = self.child.take()
        {
            let _ = child.kill(); // it may end by itself at this moment
            let _ = child.wait();
        }
    }

    /// Sends it a signal, such as `STOP`; says whether there was somebody to get it.
    pub fn signal(&mut self, name: &str) -> bool {
        let running = self.is_running();
        let Some(child) = self.child.as_ref().filter(|_| running) else { return false };
        shell::run("kill", &[&format!("-{name}"), &child.id().to_string()]).is_ok()
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        shell::last_lines(&self.log(), 4 << 10, 8)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

fn in_words(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
