//! Measures what tracing costs a whole agent, in as many rounds as its argument says: the CPU time of the
//! process and how long its caller waits. Prints a table.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use report::machine::{self, Ticks};
use report::process::Process;
use report::statistics::Spread;
use report::table::{Table, terminal_width, wrap};
use report::{publish, root};
use std::process::Command;
use std::time::{Duration, Instant};

/// Each way to run the agent: its name, the variables that it is given, and whether spans go to a receiver.
const WAYS: [(&str, &str, &str, bool); 4] = [
    ("off", "CEKURA_TRACER_ENABLED", "false", false),
    ("off again", "CEKURA_TRACER_ENABLED", "false", false),
    ("grpc", "CEKURA_PROTOCOL", "grpc", true),
    ("http", "CEKURA_PROTOCOL", "http", true),
];
const FIGURES: [&str; 3] = ["CPU", "answer", "process"];

/// One way, and the milliseconds of each figure, one a round.
struct Runner {
    receiver: Process,
    port: String,
    milliseconds: [Vec<f64>; FIGURES.len()],
}

fn main() {
    let rounds: usize =
        std::env::args().nth(1).map_or(31, |rounds| rounds.parse().expect("a number of rounds"));
    let mut runners = WAYS.map(|_| {
        let mut receiver = Process::start("receiver", &[]);
        let port = receiver.line();
        Runner { receiver, port, milliseconds: Default::default() }
    });
    let ticks = |runners: &[Runner]| Ticks::now(runners.iter().map(|runner| runner.receiver.id()));
    let (start, before) = (Instant::now(), ticks(&runners));
    for round in 0..rounds {
        for step in 0..WAYS.len() {
            let at = if round.is_multiple_of(2) { step } else { WAYS.len() - 1 - step };
            eprint!("\rround {} of {rounds}: {:<9}", round + 1, WAYS[at].0);
            let figures = call(&WAYS[at], &runners[at].port);
            runners[at].milliseconds.iter_mut().zip(figures).for_each(|(all, figure)| all.push(figure));
        }
    }
    eprint!("\r{:<60}\r", "");
    let cpus = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let agents = cpu().as_secs_f64() / start.elapsed().as_secs_f64() / cpus;
    let load = ticks(&runners).others_since(before) - agents;
    let table = table(&mut runners);
    println!("{}", table.text(terminal_width()));
    let facts = format!(
        "{}. benches/agent.sh {rounds}: so many rounds, each of one call in each way, there and back. The agents used \
         {:.0} % of the CPUs, other processes {:.0} %.",
        machine::description(),
        agents * 100.0,
        load * 100.0
    );
    println!("{}", wrap(&facts, terminal_width()));
    publish("agent", &format!("{}\n{facts}", table.markdown()));
}

/// The CPU time of all processes that have been waited for.
fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("a system that counts it");
    let time = usage.user_time() + usage.system_time();
    Duration::from_micros(time.num_microseconds().unsigned_abs())
}

/// Runs the agent for one call; says how many milliseconds each figure was.
fn call((_, variable, value, sends): &(&str, &str, &str, bool), port: &str) -> [f64; FIGURES.len()] {
    let mut command = Command::new(root().join("target/release/examples/voice_agent"));
    command.arg("--fast").env_remove("OPENAI_BASE_URL").env_remove("OPENAI_API_KEY").env(variable, value);
    if *sends {
        let url = format!("http://127.0.0.1:{port}");
        command.env("CEKURA_OTEL_ENDPOINT", &url).env("CEKURA_API_URL", &url);
        command.env("CEKURA_API_KEY", "none").env("CEKURA_AGENT_ID", "1");
    }
    let (start, before) = (Instant::now(), cpu());
    let mut agent = Process::of(&mut command);
    let mut answers = Vec::new();
    let (mut asked, mut has_booked) = (None, false);
    loop {
        let line = agent.line();
        match line.split([' ', ':']).next() {
            Some("Turn") => asked = Some(Instant::now()),
            Some("agent") => answers.extend(asked.take().map(|asked| asked.elapsed())),
            Some("Booked") => has_booked = true,
            Some("Delivering") => break,
            Some("") => panic!("the agent has ended early"),
            _ => {}
        }
    }
    drop(agent);
    assert!(has_booked && answers.len() == 4, "not the call that the example is recorded for: {answers:?}");
    let answer = answers.iter().sum::<Duration>() / 4;
    [cpu() - before, answer, start.elapsed()].map(|time| time.as_secs_f64() * 1e3)
}

fn table(runners: &mut [Runner; WAYS.len()]) -> Table {
    let caption = "A call of four turns, milliseconds: CPU: of the agent's process, user and system · answer: from the end \
                   of what the caller says until the agent speaks, the mean of the four turns · process: from its start \
                   to its end, with the delivery · − off: the difference to `off`, paired in each round: all median \
                   (10–90\u{a0}%). `off again` is the same as `off`: what differs there is not tracing. arrived: spans.";
    let mut headings = vec!["tracing"];
    headings.extend(FIGURES.iter().flat_map(|figure| [*figure, "− off"]));
    headings.push("arrived");
    let mut table = Table::new(caption, &headings);
    let off = runners[0].milliseconds.clone();
    for ((name, .., sends), runner) in WAYS.iter().zip(runners) {
        let spread = |values: &[f64]| Spread::of(values.iter().copied()).expect("a round").to_string();
        let mut cells: Vec<String> = Vec::new();
        for (values, off) in runner.milliseconds.iter().zip(&off) {
            let differences: Vec<f64> = values.iter().zip(off).map(|(value, off)| value - off).collect();
            let is_off = *name == WAYS[0].0;
            cells.extend([spread(values), if is_off { "–".to_owned() } else { spread(&differences) }]);
        }
        cells.push(if *sends { runner.receiver.ask("").to_string() } else { "–".to_owned() });
        table.row(*name, cells);
    }
    table
}
