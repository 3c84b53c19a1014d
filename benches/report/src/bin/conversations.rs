//! How many rounds there are comes in as an argument; what 1, 100 and 10,000 conversations that are open at once cost
//! goes out as a table. This file does not know how they are opened.

use report::process::Process;
use report::statistics::{Spread, digits};
use report::table::{Table, terminal_width};

const COUNTS: [&str; 3] = ["1", "100", "10000"];

struct Runner {
    process: Process,
    receiver: Process,
    nanoseconds: Vec<f64>,
    milliseconds: Vec<f64>,
}

fn main() {
    let rounds = std::env::args().nth(1).map_or(31, |rounds| rounds.parse().expect("a number of rounds"));
    let mut runners = COUNTS.map(|count| {
        let mut receiver = Process::start("receiver", &[]);
        let process = Process::start("ours-conversations", &[count, &receiver.line()]);
        Runner { process, receiver, nanoseconds: Vec::new(), milliseconds: Vec::new() }
    });
    for round in 0..rounds {
        for step in 0..runners.len() {
            let runner = &mut runners[(step + round) % COUNTS.len()];
            runner.nanoseconds.push(runner.process.ask("nanoseconds"));
            runner.milliseconds.push(runner.process.ask("milliseconds"));
        }
    }
    let table = table(&mut runners);
    println!("{}", table.text(terminal_width()));
    report::publish("conversations", &table.markdown());
}

fn table(runners: &mut [Runner; 3]) -> Table {
    let caption = "Conversations that are open at once, with spans in one after the other: nanoseconds a span, and the \
                   same × one conversation, paired in each round: median (10–90 %); bytes that each holds while nothing \
                   happens in it; milliseconds from ending all of them until all has arrived; what arrived of what was \
                   made.";
    let mut table = Table::new(caption, &["open", "ns", "×", "bytes", "ms", "arrived", "of"]);
    let one = runners[0].nanoseconds.clone();
    for (count, Runner { process, receiver, nanoseconds, milliseconds }) in COUNTS.iter().zip(runners) {
        let median = |values: &[f64]| Spread::of(values.iter().copied()).expect("a round").median;
        let ratio = Spread::of_ratios(nanoseconds, &one).expect("a round").to_string();
        let bytes = format!("{:.0}", process.ask("bytes"));
        let [made, arrived] = [process.ask("made"), receiver.ask("")].map(|spans| spans.to_string());
        table.row(
            *count,
            [digits(median(nanoseconds)), ratio, bytes, digits(median(milliseconds)), arrived, made],
        );
    }
    table
}
