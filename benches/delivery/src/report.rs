//! Prints the tables of the measured topics as plain text.

use crate::trial::{Contestant, Outcome};
use std::path::PathBuf;

const PROTOCOLS: [&str; 2] = ["grpc", "http"];

/// A topic: its name, the receiver's delay in milliseconds, the load of a trial.
const TOPICS: [(&str, u64, &str); 6] = [
    ("sustained", 0, "closed 3"),
    ("paced", 0, "paced 3 20000"),
    ("overload", 0, "paced 3 2000000"),
    ("20ms", 20, "closed 3"),
    ("100ms", 100, "closed 3"),
    ("steady", 0, "paced 20 50000"),
];

/// Prints the topics that are named, or all, as often as `ROUNDS` says, contenders interleaved.
///
/// `BEFORE` may name other builds of this program, as `PATH` names folders, to compare with.
pub fn print(topics: &[&str]) {
    let rounds = std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(3);
    for (topic, delay, load) in TOPICS {
        if topics.is_empty() || topics.contains(&topic) {
            for protocol in PROTOCOLS {
                compare(topic, protocol, delay, load, rounds);
            }
        }
    }
    if topics.is_empty() || topics.contains(&"open") {
        compare_open(rounds);
    }
    if topics.is_empty() || topics.contains(&"parts") {
        compare_parts(rounds);
    }
}

/// What sampling and compression cost, beside the same without: each is off and on in every round.
fn compare_parts(rounds: usize) {
    const PARTS: [(&str, &str); 4] = [
        ("neither", "cekura"),
        ("sampling", "cekura_sampled"),
        ("gzip", "cekura_gzip"),
        ("both", "cekura_sampled_gzip"),
    ];
    let program = std::env::current_exe().expect("a program");
    let contestants =
        PARTS.map(|(label, name)| Contestant { label: label.to_owned(), program: program.clone(), name });
    println!(
        "\nCPU time of the background threads in nanoseconds a span that was made, at 20,000 a second in calls of 50 spans;"
    );
    println!(
        "and what is added to it, paired in each of {rounds} rounds: median (10–90 %); how many spans arrived.\n"
    );
    println!("| protocol | on | ns | added, ns | arrived |\n| --- | --- | ---: | ---: | ---: |");
    for protocol in PROTOCOLS {
        let outcomes =
            interleaved(&contestants, rounds, |contestant| contestant.run(protocol, 0, "paced 3 20000"));
        for (contestant, of) in contestants.iter().zip(&outcomes) {
            let added = of.iter().zip(&outcomes[0]).map(|(on, off)| on.each() - off.each());
            let [low, middle, high] = spread(added);
            let (made, arrived) = of.iter().fold((0, 0), |(made, arrived), outcome| {
                (made + outcome.cost.made, arrived + outcome.arrived)
            });
            println!(
                "| {protocol} | {} | {:.0} | {middle:.0} ({low:.0}–{high:.0}) | {:.1} % |",
                contestant.label,
                median(of.iter().map(Outcome::each)),
                arrived as f64 / made as f64 * 100.0
            );
        }
    }
}

/// The 10th, the 50th and the 90th percentile.
fn spread(figures: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let last = figures.len().saturating_sub(1) as f64;
    [0.1, 0.5, 0.9].map(|part| figures.get((last * part).round() as usize).copied().unwrap_or_default())
}

fn contestants() -> Vec<Contestant> {
    let own = std::env::current_exe().expect("a program");
    let contestant = |label: &str, program: &PathBuf, name| Contestant {
        label: label.to_owned(),
        program: program.clone(),
        name,
    };
    let mut all = vec![
        contestant("stock", &own, "stock"),
        contestant("stock, queue of 65,536", &own, "stock_64k"),
        contestant("cekura", &own, "cekura"),
    ];
    let before = std::env::var_os("BEFORE").unwrap_or_default();
    let before = std::env::split_paths(&before).filter(|build| !build.as_os_str().is_empty());
    all.extend(before.map(|build| {
        let name = build.file_name().unwrap_or_default().to_string_lossy().into_owned();
        contestant(&format!("cekura, {name}"), &build, "cekura")
    }));
    all
}

/// The outcomes of each contestant, which take turns.
fn interleaved(
    contestants: &[Contestant],
    rounds: usize,
    run: impl Fn(&Contestant) -> Outcome,
) -> Vec<Vec<Outcome>> {
    let mut outcomes = vec![Vec::new(); contestants.len()];
    for round in 0..rounds {
        for turn in 0..contestants.len() {
            let at = (turn + round) % contestants.len();
            outcomes[at].push(run(&contestants[at]));
        }
    }
    outcomes
}

fn compare(topic: &str, protocol: &str, delay: u64, load: &str, rounds: usize) {
    let contestants = contestants();
    let outcomes = interleaved(&contestants, rounds, |contestant| contestant.run(protocol, delay, load));
    println!("\n{topic}, {protocol}: receiver answers after {delay} ms, load \"{load}\", {rounds} rounds");
    println!(
        "{:<24} {:>10} {:>7} {:>9} {:>7} {:>8} {:>8} {:>7} {:>9} {:>7}  RSS MiB",
        "", "spans/s", "× stock", "bg µs", "× stock", "caller", "dropped", "silent", "per req.", "recv µs"
    );
    for (contestant, of) in contestants.iter().zip(&outcomes) {
        row(&contestant.label, of, &outcomes[0]);
    }
}

/// What open conversations cost: each conversation gets one span after the other, all in turn.
fn compare_open(rounds: usize) {
    println!("\nopen: 200,000 spans in turn in conversations that stay open, gRPC, {rounds} rounds");
    println!(
        "{:<24} {:>6} {:>9} {:>7} {:>12} {:>9}",
        "", "open", "caller µs", "bg µs", "KiB per idle", "flush ms"
    );
    let contestants = contestants();
    for open in [1, 100, 10_000] {
        let load = format!("open {open} 200000");
        let outcomes = interleaved(&contestants, rounds, |contestant| contestant.run("grpc", 0, &load));
        for (contestant, of) in contestants.iter().zip(&outcomes) {
            let each = |figure: &dyn Fn(&Outcome) -> f64| median(of.iter().map(figure));
            println!(
                "{:<24} {open:>6} {:>9.3} {:>7.3} {:>12.2} {:>9.1}",
                contestant.label,
                each(&|one| one.cost.caller as f64 / one.cost.made as f64 / 1e3),
                each(&|one| one.cost.background()),
                each(&|one| one.cost.resident[1].saturating_sub(one.cost.resident[0]) as f64 / open as f64),
                each(&|one| (one.cost.settled - one.cost.making) * 1e3),
            );
        }
    }
}

fn row(label: &str, outcomes: &[Outcome], stock: &[Outcome]) {
    let each = |figure: fn(&Outcome) -> f64| median(outcomes.iter().map(figure));
    let ratio = |figure: fn(&Outcome) -> f64| {
        median(outcomes.iter().zip(stock).map(|(one, stock)| figure(one) / figure(stock)))
    };
    let rate = |outcome: &Outcome| outcome.cost.rate();
    let background = |outcome: &Outcome| outcome.cost.background();
    let made: u64 = outcomes.iter().map(|outcome| outcome.cost.made).sum();
    let dropped: u64 = outcomes.iter().map(|outcome| outcome.cost.dropped).sum();
    let arrived: u64 = outcomes.iter().map(|outcome| outcome.arrived).sum();
    let silent = made as i64 - (dropped + arrived) as i64;
    let share = |count: f64| format!("{:.1}%", count / made as f64 * 100.0);
    let [first, most, last] =
        [0, 1, 2].map(|at| median(outcomes.iter().map(|one| one.cost.resident[at] as f64)) / 1024.0);
    println!(
        "{label:<24} {:>10.0} {:>7.2} {:>9.3} {:>7.2} {:>8.3} {:>8} {:>7} {:>9.0} {:>7.3}  {first:.1} … {most:.1} … {last:.1}",
        each(rate),
        ratio(rate),
        each(background),
        ratio(background),
        each(|one| one.cost.caller as f64 / one.cost.made as f64 / 1e3),
        share(dropped as f64),
        share(silent as f64),
        each(|one| one.arrived as f64 / one.requests.max(1) as f64),
        each(|one| one.receiver as f64 / one.arrived.max(1) as f64 / 1e3),
    );
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
