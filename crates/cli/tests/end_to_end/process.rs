//! The built program: a server of it, and commands that are run to their end.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// No command takes longer, on however busy a machine.
const LIMIT: Duration = Duration::from_secs(120);

/// A server with an empty directory. Dropped, it is killed.
pub struct Server {
    child: Child,
    address: String,
    data: tempfile::TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote as data.
    pub out: Vec<u8>,
    /// What it wrote for people.
    pub err: String,
    /// How long it took.
    pub took: Duration,
}

impl Ran {
    /// Its data as text, if it did what was asked.
    pub fn text(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:?}");
        std::str::from_utf8(&self.out).expect("text")
    }

    /// Checks that it failed with this code, said all of this and wrote nothing else.
    pub fn failed(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in says {
            assert!(self.err.contains(word), "it does not say {word:?}: {}", self.err);
        }
    }
}

impl Server {
    pub fn start() -> Server {
        Server::start_with(&[])
    }

    /// With these settings, as for `--set`.
    pub fn start_with(settings: &[&str]) -> Server {
        Server::start_as(&settings.iter().flat_map(|setting| ["--set", setting]).collect::<Vec<_>>())
    }

    /// With these options.
    pub fn start_as(options: &[&str]) -> Server {
        let data = tempfile::tempdir().expect("a temporary folder can be made");
        let (child, address) = serve(data.path(), "127.0.0.1:0", options);
        Server { child, address, data }
    }

    /// After [`kill`](Self::kill): a server that does not come to be ready, with these options.
    pub fn run_again_as(&self, options: &[&str]) -> Ran {
        run(server(self.data.path(), &self.address, options), b"")
    }

    /// After [`kill`](Self::kill): the same again, with what is on its disk.
    pub fn start_again(&mut self) {
        (self.child, self.address) = serve(self.data.path(), &self.address, &[]);
    }

    /// The bytes in the segments of a topic's first partition.
    pub fn log_bytes(&self, topic: &str) -> u64 {
        let files = std::fs::read_dir(self.data.path().join(format!("{topic}-0"))).expect("the partition has a folder");
        let segments = files.flatten().filter(|file| file.path().extension().is_some_and(|kind| kind == "log"));
        segments.map(|segment| segment.metadata().expect("it is there").len()).sum()
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// A command that talks to this server.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = thalweg();
        command.args(arguments).env("THALWEG_BROKERS", &self.address);
        command
    }

    /// Runs a command without input.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.feed(arguments, b"")
    }

    /// Runs a command with this input.
    pub fn feed(&self, arguments: &[&str], input: &[u8]) -> Ran {
        run(self.command(arguments), input)
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it is our child");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill(); // a test may have killed it
        let _ = self.child.wait();
    }
}

fn server(data: &Path, address: &str, options: &[&str]) -> Command {
    let mut command = thalweg();
    command.args(["server", "--set", "node.id=1", "--set", &format!("listeners=PLAINTEXT://{address}")]);
    command.args(["--set", &format!("log.dirs={}", data.display())]).args(options);
    command
}

fn serve(data: &Path, address: &str, options: &[&str]) -> (Child, String) {
    let mut command = server(data, address, options);
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the server can be run");
    let stderr = child.stderr.take().expect("a pipe");
    let (told, ready) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once(" on ").filter(|_| line.contains("ready in")) {
                let address = rest.split([',', ' ']).next().expect("split gives something");
                let _ = told.send(address.to_owned()); // the test may be over
            }
        }
    });
    let address = ready.recv_timeout(LIMIT).expect("the server becomes ready");
    (child, address)
}

/// The program, with no settings of whoever runs the tests.
pub fn thalweg() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thalweg"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("KAFKA_") || name.starts_with("THALWEG_") || name == "CLUSTER_ID" {
            command.env_remove(&*name);
        }
    }
    command
}

/// Runs a command with this input to its end.
pub fn run(command: Command, input: &[u8]) -> Ran {
    let mut running = Running::start(command);
    let mut stdin = running.child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    thread::spawn(move || {
        let _ = stdin.write_all(&input); // it may end before it has read all
    });
    running.end()
}

/// A command that runs.
pub struct Running {
    pub child: Child,
    began: Instant,
    out: Collected,
    err: Collected,
}

impl Running {
    pub fn start(mut command: Command) -> Running {
        let began = Instant::now();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be run");
        let out = Collected::new(child.stdout.take().expect("a pipe"));
        let err = Collected::new(child.stderr.take().expect("a pipe"));
        Running { child, began, out, err }
    }

    /// Sends a signal, such as `INT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success(), "it has ended already");
    }

    /// Waits until it wrote this as data.
    pub fn wait_for_data(&self, text: &str) {
        self.out.wait_for(text);
    }

    /// Waits until it said this to people.
    pub fn wait_until_it_says(&self, text: &str) {
        self.err.wait_for(text);
    }

    /// Waits for the end.
    pub fn end(mut self) -> Ran {
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            if Instant::now() > deadline {
                let _ = self.child.kill(); // it may just have ended
                panic!("it does not end; it said: {}", String::from_utf8_lossy(&self.err.all()));
            }
            thread::sleep(Duration::from_millis(2));
        };
        let took = self.began.elapsed();
        let (out, err) = (self.out.all(), self.err.all());
        Ran { code: status.code(), out, err: String::from_utf8_lossy(&err).into_owned(), took }
    }
}

/// What comes out of a pipe.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: thread::JoinHandle<()>,
}

impl Collected {
    fn new(mut pipe: impl Read + Send + 'static) -> Collected {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let filled = bytes.clone();
        let reader = thread::spawn(move || {
            let mut buffer = [0; 8 << 10];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                filled.lock().expect("no panic inside").extend_from_slice(&buffer[..count]);
            }
        });
        Collected { bytes, reader }
    }

    fn wait_for(&self, text: &str) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let now = String::from_utf8_lossy(&self.bytes.lock().expect("no panic inside")).into_owned();
            if now.contains(text) {
                return;
            }
            assert!(Instant::now() < deadline, "there is no {text:?} in {now:?}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Everything, once the process has ended.
    fn all(self) -> Vec<u8> {
        self.reader.join().expect("reading does not panic");
        std::mem::take(&mut *self.bytes.lock().expect("no panic inside"))
    }
}
