//! Runs a contender against a receiver, each in a process of its own, and returns what both sides measured.

use crate::load::Cost;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A set-up, and the program that it is built into.
#[derive(Clone, Debug)]
pub struct Contestant {
    pub label: String,
    pub program: PathBuf,
    pub name: &'static str,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    pub cost: Cost,
    pub requests: u64,
    pub arrived: u64,
    /// Nanoseconds of CPU time of the receiver.
    pub receiver: u64,
}

impl Outcome {
    /// Nanoseconds of CPU time of the threads beside the caller's, for each span that was made.
    pub fn each(&self) -> f64 {
        (self.cost.process - self.cost.caller) as f64 / self.cost.made.max(1) as f64
    }
}

impl Contestant {
    pub fn run(&self, protocol: &str, delay: u64, load: &str) -> Outcome {
        let receiver = Receiver::start(delay);
        let output = Command::new(&self.program)
            .args(["produce", self.name, protocol, &receiver.port])
            .args(load.split(' '))
            .stderr(Stdio::inherit())
            .output()
            .expect("a process");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let cost = Cost::read(&said).unwrap_or_else(|| panic!("{} said {said:?}", self.label));
        let [requests, arrived, receiver] = receiver.stop();
        // The first two spans came before the clocks started.
        Outcome { cost, requests, arrived: arrived.saturating_sub(2), receiver }
    }
}

struct Receiver {
    child: Child,
    output: BufReader<ChildStdout>,
    port: String,
}

impl Receiver {
    fn start(delay: u64) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("a program"))
            .args(["receive", &delay.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut output = BufReader::new(child.stdout.take().expect("an output"));
        let mut port = String::new();
        output.read_line(&mut port).expect("a port");
        Self { child, output, port: port.trim().to_owned() }
    }

    fn stop(mut self) -> [u64; 3] {
        drop(self.child.stdin.take());
        let mut line = String::new();
        self.output.read_line(&mut line).expect("counts");
        self.child.wait().expect("an end");
        let numbers = line.split_whitespace().map(|number| number.parse().expect("a number"));
        numbers.collect::<Vec<_>>().try_into().expect("three counts")
    }
}
