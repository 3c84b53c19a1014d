//! Says what this machine is and how busy it was.

use std::fs::read_to_string;
use std::process::Command;

/// Its processor, number of CPUs and memory, its kernel, and the compiler.
pub fn description() -> String {
    let cpus = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, model)| model.trim());
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let system = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {count} CPUs, Linux {}, {}", system.trim(), said_by("rustc", "--version"))
}

fn said_by(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    output.map_or_else(
        |_| format!("no {program}"),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// The versions in a `Cargo.lock`, of the packages named.
pub fn versions(lock: &str, packages: &[&str]) -> String {
    let version = |package: &&str| {
        let heading = format!("name = \"{package}\"\nversion = \"");
        let all: Vec<&str> = lock
            .match_indices(&heading)
            .filter_map(|(at, _)| lock[at + heading.len()..].split('"').next())
            .collect();
        format!("{package} {}", all.join(" and "))
    };
    packages.iter().map(version).collect::<Vec<_>>().join(", ")
}

/// How busy the machine's CPUs have been, in ticks since it was started.
#[derive(Clone, Copy)]
pub struct Ticks {
    busy: f64,
    total: f64,
    ours: f64,
}

impl Ticks {
    /// Now, with those of this process and of the processes with these ids.
    pub fn now(processes: impl IntoIterator<Item = u32>) -> Self {
        let text = read_to_string("/proc/stat").unwrap_or_default();
        let first = text.lines().next().unwrap_or_default();
        let ticks: Vec<f64> =
            first.split_whitespace().skip(1).take(8).filter_map(|word| word.parse().ok()).collect();
        let total: f64 = ticks.iter().sum();
        let idle: f64 = ticks.iter().skip(3).take(2).sum();
        let ours = processes.into_iter().chain([std::process::id()]).filter_map(of_process).sum();
        Self { busy: total - idle, total, ours }
    }

    /// The share of the CPUs that other processes have used since then, from 0 to 1.
    pub fn others_since(self, then: Self) -> f64 {
        self.busy_since(then) - (self.ours - then.ours) / (self.total - then.total).max(1.0)
    }

    /// The share that all processes have used.
    pub fn busy_since(self, then: Self) -> f64 {
        (self.busy - then.busy) / (self.total - then.total).max(1.0)
    }
}

fn of_process(id: u32) -> Option<f64> {
    let text = read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut words = text.rsplit(')').next()?.split_whitespace().skip(11);
    Some(words.next()?.parse::<f64>().ok()? + words.next()?.parse::<f64>().ok()?)
}
