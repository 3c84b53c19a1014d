//! Compares today's figures with those expected in `benches/gates.txt`. Prints those that differ, and a command
//! to look closer.

use report::process::{Process, beside};
use report::{callgrind, root};
use std::fmt::Write;
use std::fs;
use std::process::{Command, ExitCode};

/// One figure: exact, but for instructions, which may differ by 2 %.
struct Gate {
    name: String,
    value: f64,
    tolerance: f64,
    closer: String,
}

fn main() -> ExitCode {
    let gates = gates();
    let file = root().join(FILE);
    if std::env::args().nth(1).as_deref() == Some("update") {
        let lines: String = gates.iter().fold(HEADER.to_owned(), |mut text, gate| {
            let _ = writeln!(text, "{:<40}{}", gate.name, gate.value);
            text
        });
        fs::write(file, lines).expect("a file to write to");
        return ExitCode::SUCCESS;
    }
    let expected = fs::read_to_string(file).expect("what is expected");
    let failed = gates.iter().filter(|gate| !gate.is_passed(&expected)).count();
    println!("{} of {} gates passed", gates.len() - failed, gates.len());
    if failed > 0 {
        println!("to expect what is from now on: benches/gates.sh update");
    }
    ExitCode::from(u8::from(failed > 0))
}

const FILE: &str = "benches/gates.txt";
/// Of what the gates look at.
const FOLDER: &str = "benches/target/gates";
const HEADER: &str = "\
# What benches/gates.sh expects: of one span, on the thread that calls. Instructions may differ by 2 %, the rest is exact.
# Counted on x86-64 with the toolchain of rust-toolchain.toml and Debian 12; `benches/gates.sh update` writes this file.
";

impl Gate {
    /// Prints what is wrong.
    fn is_passed(&self, expected: &str) -> bool {
        let Self { name, value, tolerance, closer } = self;
        let line =
            expected.lines().find_map(|line| line.strip_prefix(name.as_str())?.trim().parse::<f64>().ok());
        let Some(old) = line else {
            println!("{name}: nothing is expected, is {value}");
            return false;
        };
        let is_passed =
            (value - old).abs() <= (old * tolerance).max(if *tolerance > 0.0 { 1.0 } else { 0.0 });
        if !is_passed {
            println!("{name}: was {old}, is {value}\n  to look closer: {closer}");
        }
        is_passed
    }
}

fn gates() -> Vec<Gate> {
    let mut receiver = Process::start("receiver", &[]);
    let port = receiver.line();
    fs::create_dir_all(root().join(FOLDER)).expect("a folder to write to");
    let mut gates = instructions(&port);
    for name in ["cekura-grpc", "cekura-off", "cekura-llm", "cekura-tool"] {
        let mut process = Process::start("ours-allocations", &[name, &port]);
        for (kind, function) in [("sync", "sync"), ("ready", "async")] {
            // A buffer that is filled by many spans is none of each.
            let value = process.ask(&format!("allocations {kind}")).round();
            let closer = format!(
                "callgrind_annotate --tree=caller --threshold=100 {} | grep -B9 '\\* .*__rust_alloc '",
                profile(name, "sync")
            );
            gates.push(Gate {
                name: format!("allocations {name} {function}"),
                value,
                tolerance: 0.0,
                closer,
            });
        }
    }
    let plain = Process::start("ours", &["plain", &port]).ask("future");
    for name in ["cekura-grpc", "cekura-llm"] {
        let value = Process::start("ours", &[name, &port]).ask("future") - plain;
        let closer = "cargo test --package cekura-trace-tests --test sizes".to_owned();
        gates.push(Gate { name: format!("bytes of a future {name}"), value, tolerance: 0.0, closer });
    }
    gates.push(expansion());
    gates
}

/// What each costs more than the function alone.
fn instructions(port: &str) -> Vec<Gate> {
    let count =
        |name, kind| callgrind::instructions("ours", name, kind, port, &root().join(profile(name, kind)));
    let plain = ["sync", "ready", "pending"].map(|kind| count("plain", kind));
    let mut gates = Vec::new();
    let mut gate = |name: &str, function, kind, value: f64| {
        let closer = format!("callgrind_annotate {} | head -50", profile(name, kind));
        let name = format!("instructions {name} {function}");
        gates.push(Gate { name, value: value.round(), tolerance: 0.02, closer });
    };
    for name in ["cekura-grpc", "cekura-off"] {
        let [sync, ready, pending] = ["sync", "ready", "pending"].map(|kind| count(name, kind));
        gate(name, "sync", "sync", sync - plain[0]);
        gate(name, "async", "ready", ready - plain[1]);
        gate(name, "per poll", "pending", ((pending - ready) - (plain[2] - plain[1])) / 8.0);
    }
    for name in ["cekura-llm", "cekura-tool"] {
        gate(name, "sync", "sync", count(name, "sync") - plain[0]);
    }
    gates
}

/// How many characters the attributes of an agent of one file add to it.
fn expansion() -> Gate {
    let file = format!("{FOLDER}/agent.rs");
    let expanded = expand(&["--cfg=feature=\"cekura\""]);
    fs::write(root().join(&file), &expanded).expect("a file to write to");
    let count = |text: &str| text.chars().filter(|char| !char.is_whitespace()).count() as f64;
    let value = count(&expanded) - count(&expand(&[]));
    let closer = format!("less {file}");
    Gate { name: "characters of generated code".to_owned(), value, tolerance: 0.0, closer }
}

/// What the compiler makes of the agent before it checks types.
fn expand(arguments: &[&str]) -> String {
    let libraries = beside("deps");
    let mut found: Vec<_> =
        fs::read_dir(&libraries).expect("the folder of what was built").flatten().collect();
    found.retain(|file| {
        let name = file.file_name().to_string_lossy().into_owned();
        name.starts_with("libcekura-") && name.ends_with(".rlib")
    });
    let newest = found.iter().max_by_key(|file| file.metadata().and_then(|data| data.modified()).ok());
    let mut command = Command::new("rustc");
    // Only this lets a stable compiler print it.
    command.env("RUSTC_BOOTSTRAP", "1").args(["-Zunpretty=expanded", "--edition=2024", "--crate-type=lib"]);
    command.arg(format!("--extern=cekura={}", newest.expect("the library").path().display()));
    command.arg("-L").arg(format!("dependency={}", libraries.display())).args(arguments);
    let output = command.arg(root().join("benches/compile/agent.rs")).output().expect("a compiler");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Where callgrind writes, from the project's folder.
fn profile(name: &str, kind: &str) -> String {
    format!("{FOLDER}/{name}.{kind}.out")
}
