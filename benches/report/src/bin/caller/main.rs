//! Measures what a span costs its caller with each contender, in as many rounds as its argument says. Prints a
//! table and writes a plot.

mod contenders;

use contenders::{CONTENDERS, Contender};
use report::machine::{self, Ticks};
use report::plot::{Panel, Plot, Row};
use report::process::Process;
use report::statistics::{Spread, digits};
use report::table::{Table, terminal_width, wrap};
use report::{callgrind, publish, root, write};
use std::fs;

const KINDS: [(&str, &str); 4] =
    [("sync", "sync"), ("ready", "async"), ("pending", "8 polls"), ("turn", "turn")];
const BACKGROUND: usize = KINDS.len();

/// One contender, its receiver, and what was measured of it.
struct Runner {
    contender: &'static Contender,
    process: Process,
    receiver: Process,
    port: String,
    /// Nanoseconds of each kind and of the background, one a round.
    rounds: [Vec<f64>; BACKGROUND + 1],
    /// Nanoseconds of a function and the background together, of each round that measured both.
    together: Vec<f64>,
    instructions: [f64; KINDS.len()],
    allocations: [f64; 2],
    made: f64,
    arrived: f64,
}

impl Runner {
    fn start(contender: &'static Contender) -> Self {
        let mut receiver = Process::start("receiver", &[]);
        let port = receiver.line();
        let process = Process::start(contender.program, &[contender.inside, &port]);
        Self {
            contender,
            process,
            receiver,
            port,
            rounds: Default::default(),
            together: Vec::new(),
            instructions: Default::default(),
            allocations: Default::default(),
            made: 0.0,
            arrived: 0.0,
        }
    }
}

fn main() {
    let rounds = std::env::args().nth(1).map_or(31, |rounds| rounds.parse().expect("a number of rounds"));
    let mut runners: Vec<Runner> = CONTENDERS.iter().map(Runner::start).collect();
    let before = ticks(&runners);
    for round in 0..rounds {
        measure(&mut runners, round);
        eprint!("\rround {} of {rounds}", round + 1);
    }
    let load = ticks(&runners).others_since(before);
    for runner in &mut runners {
        eprint!("\r{:<40}", format!("instructions and allocations: {}", runner.contender.name));
        count(runner);
    }
    eprint!("\r{:<60}\r", "");
    let facts = facts(rounds, load);
    let tables = [together(&runners), ratios(&runners), nanoseconds(&runners), counts(&runners), legend()];
    let width = terminal_width();
    for table in &tables {
        println!("{}", table.text(width));
    }
    println!("{}", wrap(&facts, width));
    let markdown: Vec<String> = tables.iter().map(Table::markdown).collect();
    publish("caller", &format!("{}\n{facts}", markdown.join("\n")));
    write("docs/performance.svg", &plot(&runners, &facts).svg());
}

fn ticks(runners: &[Runner]) -> Ticks {
    Ticks::now(runners.iter().flat_map(|runner| [runner.process.id(), runner.receiver.id()]))
}

/// One round: each kind with every contender in turn, which a slow minute then hits alike.
fn measure(runners: &mut [Runner], round: usize) {
    let count = runners.len();
    for kind in 0..=BACKGROUND {
        // The background takes a second each.
        if kind == BACKGROUND && !round.is_multiple_of(2) {
            continue;
        }
        for step in 0..count {
            let at = (step + round) % count;
            let runner = &mut runners[if round.is_multiple_of(2) { at } else { count - 1 - at }];
            let question = match KINDS.get(kind) {
                Some((kind, _)) => format!("nanoseconds {kind}"),
                None => "background sync".to_owned(),
            };
            let value = runner.process.ask(&question);
            runner.rounds[kind].push(value);
            if kind == BACKGROUND {
                runner.together.push(value + runner.rounds[0][round]);
            }
        }
    }
}

/// What is exact, and what has arrived.
fn count(runner: &mut Runner) {
    let Contender { name, program, inside, .. } = runner.contender;
    runner.made = runner.process.ask("made");
    runner.arrived = runner.receiver.ask("");
    let folder = root().join("benches/target/callgrind");
    fs::create_dir_all(&folder).expect("a folder to write to");
    for (at, (kind, _)) in KINDS.iter().enumerate() {
        let profile = folder.join(format!("{name}.{kind}.out"));
        runner.instructions[at] = callgrind::instructions(program, inside, kind, &runner.port, &profile);
    }
    let mut counting = Process::start(&format!("{program}-allocations"), &[inside, &runner.port]);
    runner.allocations = ["sync", "ready"].map(|kind| counting.ask(&format!("allocations {kind}")));
}

fn reference<'a>(runners: &'a [Runner], runner: &Runner) -> &'a Runner {
    let name = runner.contender.reference();
    runners.iter().find(|runner| runner.contender.name == name).expect("a contender")
}

fn ratio(runners: &[Runner], runner: &Runner, kind: usize) -> Option<Spread> {
    Spread::of_ratios(&runner.rounds[kind], &reference(runners, runner).rounds[kind])
}

fn or_dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "–".to_owned(), |text| text.to_string())
}

fn together(runners: &[Runner]) -> Table {
    let caption = "What a span costs in all: nanoseconds of the function that is traced and of the background, medians; \
                   both together, × opentelemetry by hand over the same transport, paired in each round: median (10–90\u{a0}%).";
    let mut table = Table::new(caption, &["in all", "function", "background", "together", "×"]);
    for runner in runners.iter().filter(|runner| runner.contender.is_on()) {
        let all = [&runner.rounds[0], &runner.rounds[BACKGROUND], &runner.together];
        let mut cells: Vec<String> = all
            .map(|rounds| or_dash(Spread::of(rounds.iter().copied()).map(|spread| digits(spread.median))))
            .into();
        cells.push(or_dash(Spread::of_ratios(&runner.together, &reference(runners, runner).together)));
        table.row(runner.contender.name, cells);
    }
    table
}

fn ratios(runners: &[Runner]) -> Table {
    let caption = "Time a span, × opentelemetry by hand over the same transport, paired in each round: median (10–90\u{a0}%). \
                   background: CPU time of the other threads.";
    let mut table = Table::new(caption, &["×", "sync", "async", "8 polls", "turn", "background"]);
    for runner in runners {
        let kinds = (0..=BACKGROUND).map(|kind| {
            let is_shown = kind < BACKGROUND || runner.contender.is_on();
            or_dash(ratio(runners, runner, kind).filter(|_| is_shown))
        });
        table.row(runner.contender.name, kinds);
    }
    table
}

fn nanoseconds(runners: &[Runner]) -> Table {
    let caption = "Nanoseconds a span: sync: a function · async: ready at once · 8 polls: pending eight times, then \
                   ready · turn: a span with three children, each a quarter of it · background: CPU time of the other \
                   threads.";
    let mut table = Table::new(caption, &["ns", "sync", "async", "8 polls", "turn", "background"]);
    for runner in runners {
        let kinds = runner.rounds.iter().enumerate().map(|(kind, rounds)| {
            let median =
                Spread::of(rounds.iter().copied()).filter(|_| kind < BACKGROUND || runner.contender.is_on());
            or_dash(median.map(|spread| digits(spread.median)))
        });
        table.row(runner.contender.name, kinds);
    }
    table
}

fn counts(runners: &[Runner]) -> Table {
    let caption = "Instructions and allocations a span of the thread that calls, exact, and what arrived of what was made.";
    let headings = ["exact", "sync", "async", "per poll", "turn", "allocs", "async allocs", "arrived", "of"];
    let mut table = Table::new(caption, &headings);
    for runner in runners {
        let [sync, ready, pending, turn] = runner.instructions;
        let mut cells: Vec<String> =
            [sync, ready, (pending - ready) / 8.0, turn].map(|count| format!("{count:.0}")).into();
        cells.extend(runner.allocations.map(|count| format!("{count:.2}")));
        cells.extend(
            [runner.arrived, runner.made].map(|count| or_dash(runner.contender.is_on().then_some(count))),
        );
        table.row(runner.contender.name, cells);
    }
    table
}

fn legend() -> Table {
    let mut table = Table::new("The contenders.", &["name", "what it is"]);
    table.is_text = true;
    for Contender { name, what, .. } in &CONTENDERS {
        table.row(*name, [(*what).to_owned()]);
    }
    table
}

fn facts(rounds: usize, load: f64) -> String {
    let lock = fs::read_to_string(root().join("benches/Cargo.lock")).unwrap_or_default();
    let packages = [
        "cekura-trace",
        "fastrace",
        "opentelemetry",
        "opentelemetry-otlp",
        "otel-instrument",
        "tracing",
        "tracing-opentelemetry",
    ];
    format!(
        "{}. {}. benches/run.sh {rounds}: so many rounds, each of every contender in turn, a process each, that sends to \
         a receiver on the same machine; the caller on one CPU, the rest on another. A figure of a round is the fastest \
         of 5 bursts of 1,024 spans. Other processes used {:.0} % of the CPUs meanwhile.",
        machine::description(),
        machine::versions(&lock, &packages),
        load * 100.0
    )
}

fn plot(runners: &[Runner], facts: &str) -> Plot {
    let panel = |heading: &str, reference| Panel { heading: heading.to_owned(), reference };
    let exact = |count| Some(Spread { low: count, median: count, high: count });
    let rows = runners.iter().filter(|runner| !runner.contender.is_trimmed()).map(|runner| Row {
        name: runner.contender.name.to_owned(),
        is_ours: runner.contender.is_ours(),
        bars: vec![
            ratio(runners, runner, 0),
            ratio(runners, runner, 2),
            exact(runner.instructions[0]),
            ratio(runners, runner, BACKGROUND).filter(|_| runner.contender.is_on()),
        ],
    });
    Plot {
        title: "What a span with four span attributes costs, × opentelemetry by hand".to_owned(),
        panels: vec![
            panel("a function, ×", Some(1.0)),
            panel("an async fn pending 8 times, ×", Some(1.0)),
            panel("a function, instructions", None),
            panel("background CPU time, ×", Some(1.0)),
        ],
        rows: rows.collect(),
        facts: facts.to_owned(),
    }
}
