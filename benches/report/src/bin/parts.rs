//! Measures what each part of the worker's work costs for each span, in as many rounds as its argument says: the same span with the
//! part and without it. Prints a table.

use report::callgrind::background;
use report::machine::{self, Ticks};
use report::process::Process;
use report::statistics::Spread;
use report::table::{Table, terminal_width};

/// Spans, what they are, and the parts that are measured with them.
const SPANS: [(&str, &str, &[&str]); 5] = [
    ("span", "four span attributes", &["metrics", "redact"]),
    ("llm", "an `llm` with a prompt of 100 bytes", &["metrics", "redact"]),
    ("personal", "the same, with a telephone number and an e-mail address", &["redact"]),
    ("chat", "an `llm` with ten messages, 1 KB of JSON", &["metrics", "redact"]),
    ("numbers", "the same, with 11 numbers of no person in each", &["redact"]),
];
const PROGRAM: &str = "ours-parts";

struct Runner {
    name: String,
    process: Process,
    receiver: Process,
    port: String,
    nanoseconds: Vec<f64>,
}

impl Runner {
    fn start(name: String) -> Self {
        let mut receiver = Process::start("receiver", &[]);
        let port = receiver.line();
        let process = Process::start(PROGRAM, &[&name, &port]);
        Self { name, process, receiver, port, nanoseconds: Vec::new() }
    }
}

fn main() {
    let rounds = std::env::args().nth(1).map_or(31, |rounds| rounds.parse().expect("a number of rounds"));
    let names = SPANS.iter().flat_map(|(span, _, parts)| {
        let with = parts.iter().map(|part| format!("{span} {part}"));
        [(*span).to_owned()].into_iter().chain(with).collect::<Vec<_>>()
    });
    let mut runners: Vec<Runner> = names.map(Runner::start).collect();
    let ticks = |runners: &[Runner]| {
        Ticks::now(runners.iter().flat_map(|runner| [runner.process.id(), runner.receiver.id()]))
    };
    let before = ticks(&runners);
    for round in 0..rounds {
        for step in 0..runners.len() {
            let at = (step + round) % runners.len();
            let nanoseconds = runners[at].process.ask("background");
            runners[at].nanoseconds.push(nanoseconds);
        }
    }
    let busy = 100.0 * ticks(&runners).others_since(before);
    let table = table(&runners);
    println!("{}", table.text(terminal_width()));
    let machine = machine::description();
    let note = format!(
        "{machine}. benches/parts.sh {rounds}. Other processes used {busy:.0} % of the CPUs meanwhile."
    );
    report::publish("parts", &format!("{}\n{note}", table.markdown()));
}

fn table(runners: &[Runner]) -> Table {
    let caption = "A span with a part of the worker's work and without: instructions of all background threads, counted; their CPU \
                   time in nanoseconds, median; what the part adds to it, paired in each round: median (10–90\u{a0}%).";
    let headings = ["a span", "part", "instructions", "+", "ns", "+ ns"];
    let mut table = Table { is_text: true, ..Table::new(caption, &headings) };
    for (span, what, parts) in SPANS {
        let of = |name: &str| runners.iter().find(|runner| runner.name == name).expect("started above");
        let counted = |runner: &Runner| background(PROGRAM, &runner.name, &runner.port);
        let without = of(span);
        let instructions = counted(without);
        let median = |runner: &Runner| {
            let spread = Spread::of(runner.nanoseconds.iter().copied()).expect("a round");
            format!("{:.0}", spread.median)
        };
        let cells = ["none".to_owned(), format!("{instructions:.0}"), String::new(), median(without)];
        table.row(what, cells.into_iter().chain([String::new()]));
        for part in parts {
            let with = of(&format!("{span} {part}"));
            let more = counted(with) - instructions;
            let added =
                with.nanoseconds.iter().zip(&without.nanoseconds).map(|(with, without)| with - without);
            let Spread { low, median: middle, high } = Spread::of(added).expect("a round");
            let added = format!("{middle:.0} ({low:.0}–{high:.0})");
            let instructions = format!("{:.0}", instructions + more);
            table.row("", [(*part).to_owned(), instructions, format!("{more:.0}"), median(with), added]);
        }
    }
    table
}
