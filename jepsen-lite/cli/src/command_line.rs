//! What the program is told.

use clap::{Args, Parser, Subcommand, ValueEnum};
use runtime::time::Duration;
use std::path::PathBuf;

/// Runs real clusters under faults, and judges what clients of a Kafka-protocol cluster saw.
#[derive(Debug, Parser)]
#[command(name = "jepsen-lite", version, after_help = EXITS)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXITS: &str = "Ends with 0 when every promise was kept, 1 when one was broken, 2 when nothing could be judged.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judge histories: JSON lines, as README.md says.
    Check(Check),
    /// Write a history as Jepsen's Kafka workload does, to standard output.
    Edn {
        /// The history.
        file: PathBuf,
    },
    /// Run a workload against a cluster while it is harmed, and judge what clients saw.
    Run(Box<Run>),
    /// Run with the faults of a .repro file of the simulator, as far as they can be made; nodes, time and nemesis are
    /// its own.
    Replay {
        /// The file.
        file: PathBuf,
        /// As for `run`.
        #[command(flatten)]
        run: Box<Run>,
    },
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The histories.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Write each as EDN, too, beside it.
    #[arg(long)]
    pub edn: bool,
}

/// Arguments of `run`.
#[derive(Clone, Debug, Args)]
pub struct Run {
    /// thalweg, kafka, or the addresses of servers that run already: HOST:PORT,...
    #[arg(long, default_value = "thalweg", value_parser = system)]
    pub system: System,
    /// How many servers to start.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=9))]
    pub nodes: u16,
    /// What clients do.
    #[arg(long, value_enum, default_value = "log")]
    pub workload: Workload,
    /// What is done to the servers.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "kill,pause,partition")]
    pub nemesis: Vec<Trouble>,
    /// For how long they are harmed: 90s, 5m.
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub time: Duration,
    /// Records to write in a second, by all producers together.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: u32,
    /// Where the history, logs and the report go; a new folder under jepsen-lite-runs if not given.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// The thalweg program, if not the one beside this program or in target/release.
    #[arg(long)]
    pub binary: Option<PathBuf>,
    /// The folder of Apache Kafka, or of its jars.
    #[arg(long)]
    pub kafka_home: Option<PathBuf>,
    /// The library of libfaketime, if not where it usually is.
    #[arg(long)]
    pub faketime: Option<PathBuf>,
}

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum System {
    /// Our own servers.
    Thalweg,
    /// Apache Kafka.
    Kafka,
    /// Servers that run already.
    Addresses(String),
}

impl System {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            System::Thalweg => "thalweg",
            System::Kafka => "kafka",
            System::Addresses(addresses) => addresses,
        }
    }
}

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Write and read partitions.
    Log,
    /// The same, and read them in groups that commit.
    Group,
}

/// What is done to servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Trouble {
    /// Kill processes, and start them again.
    Kill,
    /// Stop processes for a while, with SIGSTOP.
    Pause,
    /// Lose what servers send to each other or to clients.
    Partition,
    /// Leave no space on a volume.
    DiskFull,
    /// Set wall clocks wrong.
    Clock,
}

impl Trouble {
    /// Its name, as it is asked for.
    pub const fn name(self) -> &'static str {
        match self {
            Trouble::Kill => "kill",
            Trouble::Pause => "pause",
            Trouble::Partition => "partition",
            Trouble::DiskFull => "disk-full",
            Trouble::Clock => "clock",
        }
    }
}

fn system(text: &str) -> Result<System, String> {
    match text {
        "thalweg" => Ok(System::Thalweg),
        "kafka" => Ok(System::Kafka),
        addresses if addresses.split(',').all(|address| address.contains(':')) => {
            Ok(System::Addresses(addresses.to_owned()))
        }
        _ => Err("neither thalweg nor kafka nor HOST:PORT,...".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.trim_end_matches(char::is_alphabetic).len());
    let seconds = match unit {
        "s" | "" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("a time is a number with s, m or h behind it".to_owned()),
    };
    match number.parse::<u64>() {
        Ok(number) if (1..=1_000_000).contains(&number) => Ok(Duration::from_secs(number * seconds)),
        _ => Err("a time is a number from 1 on, with s, m or h behind it".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_command_line_is_understood() {
        let line = "jepsen-lite run --system kafka --nemesis kill,disk-full --time 2m --rate 50 --workload group";
        let Command::Run(run) = Arguments::try_parse_from(line.split(' ')).expect("it is right").command else {
            panic!("it says run")
        };
        assert_eq!((run.system, run.time), (System::Kafka, Duration::from_secs(120)));
        assert_eq!(run.nemesis, [Trouble::Kill, Trouble::DiskFull]);
        assert_eq!((run.rate, run.nodes, run.workload), (50, 3, Workload::Group));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert_eq!(system("a:1,b:2"), Ok(System::Addresses("a:1,b:2".to_owned())));
        for wrong in ["--system nats", "--time 0s", "--time 5d", "--nemesis storm", "--nodes 0", "--rate 0"] {
            let line = format!("jepsen-lite run {wrong}");
            assert!(Arguments::try_parse_from(line.split(' ')).is_err(), "{wrong}");
        }
        assert!(Arguments::try_parse_from(["jepsen-lite", "check"]).is_err(), "no file");
    }
}
