//! How many conversations are open at once and a port come in as arguments, then questions; what a span costs in one of
//! them, what they hold and how long their end takes goes out. This file does not know who asks.

use allocation_counter::measure;
use cekura::Conversation;
use cekura::spans::{self, Guard};
use std::hint::black_box;
use std::io::{BufRead, Write, stdin, stdout};
use std::time::{Duration, Instant};
use worker::{INPUT, pin};

/// Spans that are made in one go, in one conversation after the other.
const BURST: i64 = 1024;

struct Open {
    cekura: cekura::Cekura,
    conversations: Vec<Guard<spans::Conversation>>,
    /// The one whose turn is next.
    next: usize,
    count: usize,
    made: u64,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().and_then(|count| count.parse().ok()).expect("a number of conversations");
    let port = arguments.next().expect("a port");
    pin(0);
    let builder = cekura::Cekura::builder().otel_endpoint(format!("http://127.0.0.1:{port}"));
    let cekura = builder.install().expect("a valid set-up");
    pin(1);
    let mut open = Open { cekura, conversations: Vec::new(), next: 0, count, made: 0 };
    let bytes = open.open();
    for question in stdin().lock().lines().map_while(Result::ok) {
        let answer = match question.as_str() {
            "bytes" => bytes,
            "made" => open.made as f64,
            "milliseconds" => open.close(),
            "nanoseconds" => open.nanoseconds(),
            other => panic!("{other} is no question"),
        };
        writeln!(stdout(), "{answer}").expect("someone who asks");
    }
}

impl Open {
    /// Opens all of them; says how many bytes each takes.
    fn open(&mut self) -> f64 {
        self.conversations.reserve_exact(self.count);
        let counted = measure(|| {
            let all = (0..self.count).map(|number| Conversation::start(format!("call-{number:06}")));
            self.conversations.extend(all);
        });
        counted.bytes_current as f64 / self.count as f64
    }

    /// Of one span, in the median of five bursts.
    fn nanoseconds(&mut self) -> f64 {
        self.burst();
        let mut bursts = [0; 5].map(|_| self.burst());
        bursts.sort_by(f64::total_cmp);
        bursts[2]
    }

    fn burst(&mut self) -> f64 {
        let start = Instant::now();
        for tokens in 0..BURST {
            self.conversations[self.next].in_scope(|| black_box(ours::span(black_box(INPUT), tokens)));
            self.next = (self.next + 1) % self.count;
        }
        let took = start.elapsed().as_nanos() as f64 / BURST as f64;
        self.made += BURST.unsigned_abs();
        self.flush();
        took
    }

    /// Ends all of them, and opens as many anew; says how long it took until all of it had arrived, but for opening.
    fn close(&mut self) -> f64 {
        let start = Instant::now();
        self.made += self.count as u64;
        self.conversations.drain(..).for_each(Guard::end);
        self.flush();
        let took = start.elapsed();
        self.open();
        took.as_secs_f64() * 1000.0
    }

    fn flush(&self) {
        let report = self.cekura.flush_blocking(Duration::from_secs(30));
        assert!(report.pending == 0 && report.lost() == 0, "{report}");
    }
}
