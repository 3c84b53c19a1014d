//! Measures what 1, 100 and 10,000 conversations that are open at once cost, in as many rounds as its argument
//! says. Prints a table.

use report::process::Process;
use report::statistics::{Spread, digits};
use report::table::{Table, terminal_width};

const COUNTS: [&str; 3] = ["1", "100", "10000"];
/// Programs, and how the table calls them.
const WAYS: [(&str, &str); 2] = [("ours-conversations", "cekura-grpc"), ("peers-conversations", "otel-grpc")];

struct Runner {
    name: &'static str,
    count: &'static str,
    process: Process,
    receiver: Process,
    nanoseconds: Vec<f64>,
    milliseconds: Vec<f64>,
}

impl Runner {
    fn start((program, name): (&str, &'static str), count: &'static str) -> Self {
        let mut receiver = Process::start("receiver", &[]);
        let process = Process::start(program, &[count, &receiver.line()]);
        Self { name, count, process, receiver, nanoseconds: Vec::new(), milliseconds: Vec::new() }
    }
}

fn main() {
    let rounds = std::env::args().nth(1).map_or(31, |rounds| rounds.parse().expect("a number of rounds"));
    let runners = WAYS.iter().flat_map(|way| COUNTS.map(|count| Runner::start(*way, count)));
    let mut runners: Vec<_> = runners.collect();
    for round in 0..rounds {
        for step in 0..runners.len() {
            let at = (step + round) % runners.len();
            let runner = &mut runners[at];
            runner.nanoseconds.push(runner.process.ask("nanoseconds"));
            runner.milliseconds.push(runner.process.ask("milliseconds"));
        }
    }
    let table = table(&mut runners);
    println!("{}", table.text(terminal_width()));
    report::publish("conversations", &table.markdown());
}

fn table(runners: &mut [Runner]) -> Table {
    let caption = "Conversations that are open at once, with spans in one after the other: nanoseconds a span, and the \
                   same × one conversation, paired in each round: median (10–90\u{a0}%); bytes that each holds while nothing \
                   happens in it; milliseconds from ending all of them until all has arrived; what arrived of what was \
                   made. `otel-grpc` has a root span in place of a conversation.";
    let mut table = Table::new(caption, &["", "open", "ns", "×", "bytes", "ms", "arrived", "of"]);
    for of_one_way in runners.chunks_mut(COUNTS.len()) {
        let one = of_one_way[0].nanoseconds.clone();
        for Runner { name, count, process, receiver, nanoseconds, milliseconds } in of_one_way {
            let median = |values: &[f64]| Spread::of(values.iter().copied()).expect("a round").median;
            let ratio = Spread::of_ratios(nanoseconds, &one).expect("a round").to_string();
            let bytes = format!("{:.0}", process.ask("bytes"));
            let [made, arrived] = [process.ask("made"), receiver.ask("")].map(|spans| spans.to_string());
            let (nanoseconds, milliseconds) = (digits(median(nanoseconds)), digits(median(milliseconds)));
            table.row(*name, [(*count).to_owned(), nanoseconds, ratio, bytes, milliseconds, arrived, made]);
        }
    }
    table
}
