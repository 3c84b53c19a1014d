//! Measures what metrics and redaction cost the worker for each span, in as many rounds as its argument says. Prints a table.

use report::callgrind::background;
use report::machine::{self, Ticks};
use report::process::Process;
use report::statistics::Spread;
use report::table::{Table, terminal_width};

/// Spans, and what they are.
const SPANS: [(&str, &str); 5] = [
    ("span", "four span attributes"),
    ("llm", "an `llm` with a prompt of 100 bytes"),
    ("personal", "the same, with a telephone number and an e-mail address"),
    ("chat", "an `llm` with ten messages, 1 KB of JSON"),
    ("numbers", "the same, full of numbers"),
];
/// What counts the metrics. It always does, so nothing can be measured without it.
const METRICS: &str = "*metrics::tap::Counting*::take*";
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
    let names = SPANS.iter().flat_map(|(span, _)| [(*span).to_owned(), format!("{span} redact")]);
    let mut runners: Vec<Runner> = names.map(Runner::start).collect();
    let ticks = |runners: &[Runner]| {
        Ticks::now(runners.iter().flat_map(|runner| [runner.process.id(), runner.receiver.id()]))
    };
    let before = ticks(&runners);
    for round in 0..rounds {
        for step in 0..runners.len() {
            let at = (step + round) % runners.len();
            let nanoseconds = runners[at].process.ask("flushed");
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
    let caption = "A span with redaction and without: instructions of all background threads, counted, and of those the metrics'; CPU time of \
                   the background threads in nanoseconds, median, and what redaction adds to it, paired in each round: median \
                   (10–90\u{a0}%).";
    let headings = ["instructions", "metrics", "redaction", "ns", "redaction, ns"];
    let mut table = Table::new(caption, &[&["a span"], &headings[..]].concat());
    for pair in runners.chunks(2) {
        let [without, with] = pair else { continue };
        let counted = |runner: &Runner, inside| background(PROGRAM, &runner.name, &runner.port, inside);
        let (off, metrics, on) =
            (counted(without, None), counted(without, Some(METRICS)), counted(with, None));
        let added = with.nanoseconds.iter().zip(&without.nanoseconds).map(|(with, without)| with - without);
        let Spread { low, median, high } = Spread::of(added).expect("a round");
        let all = Spread::of(without.nanoseconds.iter().copied()).expect("a round").median;
        let what = SPANS.iter().find(|(span, _)| *span == without.name).map_or("", |(_, what)| what);
        let figures = [off, metrics, on - off, all].map(|figure| format!("{figure:.0}"));
        table.row(what, figures.into_iter().chain([format!("{median:.0} ({low:.0}–{high:.0})")]));
    }
    table
}
