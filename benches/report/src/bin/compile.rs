//! Measures how long an agent of one file takes to compile, traced by this crate, by tracing, and not at all,
//! in as many rounds as its argument says. Also prints the size of the program and the dependencies that take
//! longest.

use report::machine::{self, Ticks};
use report::statistics::{Spread, digits};
use report::table::{Table, terminal_width, wrap};
use report::{publish, root};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

/// The folder of each, the one that all are compared with first.
const AGENTS: [&str; 3] = ["stock", "cekura", "plain"];
const COLUMNS: [&str; 3] = ["clean", "main.rs touched", "release"];

#[derive(Default)]
struct Agent {
    /// Seconds of each column, one a round.
    seconds: [Vec<f64>; COLUMNS.len()],
    crates: usize,
    bytes: u64,
}

fn main() {
    let rounds = std::env::args().nth(1).map_or(3, |rounds| rounds.parse().expect("a number of rounds"));
    let mut agents: [Agent; AGENTS.len()] = Default::default();
    let before = Ticks::now([]);
    for round in 0..rounds {
        for step in 0..AGENTS.len() {
            let at = (step + round) % AGENTS.len();
            eprint!("\rround {} of {rounds}: {:<8}", round + 1, AGENTS[at]);
            measure(AGENTS[at], &mut agents[at]);
        }
    }
    eprint!("\r{:<60}\r", "");
    // Those of the compilers are of their own.
    let load = Ticks::now([]).busy_since(before);
    let mut tables = vec![table(&agents)];
    tables.extend(AGENTS[..2].iter().map(|agent| ranking(agent)));
    for table in &tables {
        println!("{}", table.text(terminal_width()));
    }
    let facts = format!(
        "{}. benches/compile.sh {rounds}; the CPUs were {:.0} % busy.",
        machine::description(),
        load * 100.0
    );
    println!("{}", wrap(&facts, terminal_width()));
    let markdown: Vec<String> = tables.iter().map(Table::markdown).collect();
    publish("compile", &format!("{}\n{facts}", markdown.join("\n")));
}

fn folder(agent: &str) -> PathBuf {
    root().join("benches/compile").join(agent)
}

/// Seconds that cargo takes.
fn build(agent: &str, arguments: &[&str]) -> f64 {
    let mut command = Command::new("cargo");
    command
        .args(["build", "--quiet"])
        .args(arguments)
        .current_dir(folder(agent))
        .env_remove("CARGO_INCREMENTAL");
    let start = Instant::now();
    let status = command.status().expect("cargo");
    assert!(status.success(), "{command:?}");
    start.elapsed().as_secs_f64()
}

fn measure(name: &str, agent: &mut Agent) {
    let folder = folder(name);
    let _ = fs::remove_dir_all(folder.join("target"));
    agent.seconds[0].push(build(name, &["--timings"]));
    let main = fs::File::options().append(true).open(folder.join("src/main.rs")).expect("main.rs");
    main.set_modified(std::time::SystemTime::now()).expect("a file of ours");
    agent.seconds[1].push(build(name, &[]));
    agent.seconds[2].push(build(name, &["--release", "--config=profile.release.strip=true"]));
    let program = folder.join("target/release").join(format!("agent-{name}"));
    agent.bytes = fs::metadata(program).expect("a program").len();
    let lock = fs::read_to_string(folder.join("Cargo.lock")).expect("a lock file");
    agent.crates = lock.matches("[[package]]").count();
}

fn table(agents: &[Agent]) -> Table {
    let caption = "An agent of one file: seconds that cargo takes for a clean build, after a change of main.rs, and for a \
                   clean release build, in the median, and × the stock set-up, paired in each round: median (10–90\u{a0}%); \
                   the size of the stripped release program; how many packages Cargo.lock names.";
    let mut headings = vec!["agent"];
    headings.extend(COLUMNS.iter().flat_map(|column| [*column, "×"]));
    headings.extend(["MB", "packages"]);
    let mut table = Table::new(caption, &headings);
    for (name, agent) in AGENTS.iter().zip(agents) {
        let times = agent.seconds.iter().zip(&agents[0].seconds).flat_map(|(seconds, stock)| {
            let median = Spread::of(seconds.iter().copied()).expect("a round").median;
            [digits(median), Spread::of_ratios(seconds, stock).expect("a round").to_string()]
        });
        let size = [digits(agent.bytes as f64 / 1e6), agent.crates.to_string()];
        table.row(*name, times.chain(size));
    }
    table
}

/// What takes longest in the last clean build.
fn ranking(agent: &str) -> Table {
    let page = folder(agent).join("target/cargo-timings/cargo-timing.html");
    let page = fs::read_to_string(page).expect("what cargo --timings writes");
    let (_, units) = page.split_once("const UNIT_DATA = ").expect("its data");
    let field = |unit: &str, name: &str| {
        let (_, value) = unit.split_once(&format!("\"{name}\": "))?;
        Some(value.split([',', '\n']).next()?.trim_matches('"').to_owned())
    };
    let mut packages: Vec<(String, f64)> = Vec::new();
    for unit in units.split_once("];").map_or(units, |(data, _)| data).split('{') {
        let Some((name, seconds)) = field(unit, "name").zip(field(unit, "duration")) else { continue };
        let seconds: f64 = seconds.parse().unwrap_or_default();
        match packages.iter_mut().find(|(package, _)| *package == name) {
            Some((_, sum)) => *sum += seconds,
            None => packages.push((name, seconds)),
        }
    }
    packages.sort_by(|(_, left), (_, right)| right.total_cmp(left));
    let total: f64 = packages.iter().map(|(_, seconds)| seconds).sum();
    let caption = format!(
        "The packages of `{agent}` that take longest in a clean build, of {total:.0} seconds on all CPUs."
    );
    let mut table = Table::new(caption, &["package", "seconds", "%"]);
    for (name, seconds) in packages.iter().take(15) {
        table.row(name, [digits(*seconds), format!("{:.0}", seconds / total * 100.0)]);
    }
    table
}
