//! Reads questions from standard input, a line each, and writes the answers to standard output.

use crate::{Contender, thread};
use std::hint::black_box;
use std::io::{BufRead, Write, stdin, stdout};
use std::time::{Duration, Instant};

/// Waits until all spans have been sent.
pub type Flush = Box<dyn Fn()>;

/// Runs what it is given and counts this thread's allocations.
pub type Counted = fn(&mut dyn FnMut()) -> u64;

/// Calls to a burst: fewer than the default queue of opentelemetry's batch processor holds (2,048), more than wake it
/// (512).
const BURST: i64 = 1024;
/// Bursts to a figure, which is the fastest: what else the machine does only adds to it.
const BURSTS: usize = 5;

#[derive(Clone, Copy)]
enum Kind {
    Async(u32),
    Sync,
    Turn,
}

impl Kind {
    fn parse(word: &str) -> Self {
        match word {
            "ready" => Self::Async(0),
            "pending" => Self::Async(8),
            "sync" => Self::Sync,
            "turn" => Self::Turn,
            other => panic!("{other} is none of sync, ready, pending, turn"),
        }
    }
}

/// A contender that has been started, and how many spans it has made.
struct Running<'a> {
    contender: &'a Contender,
    flush: Option<Flush>,
    made: u64,
}

/// Answers for the contender that the first argument names, sending to the port that the second one gives.
pub fn serve(contenders: &[Contender], counted: Option<Counted>) {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().expect("a contender's name");
    let port = arguments.next().and_then(|port| port.parse().ok()).expect("a port");
    let contender = contenders.iter().find(|contender| contender.name == name).expect("a known contender");
    // What it starts runs beside what is measured, not before or after it.
    thread::pin(0);
    let flush = (contender.start)(port);
    thread::pin(1);
    let mut running = Running { contender, flush, made: 0 };
    for line in stdin().lock().lines().map_while(Result::ok) {
        let (question, kind) = line.split_once(' ').unwrap_or((&line, "sync"));
        let kind = Kind::parse(kind);
        let answer = match question {
            "allocations" => running.allocations(kind, counted.expect("a program that counts")),
            "background" => running.background(kind),
            "bursts" => running.bursts(kind),
            "flushed" => running.flushed(kind),
            "future" => (contender.future)() as f64,
            "instructions" => running.instructions(kind),
            "made" => running.made as f64,
            "nanoseconds" => running.nanoseconds(kind),
            other => panic!("{other} is no question"),
        };
        writeln!(stdout(), "{answer}").expect("someone who asks");
    }
}

impl Running<'_> {
    /// Makes spans in one root; says how many there are besides it.
    fn burst(&mut self, kind: Kind, calls: i64) -> u64 {
        let contender = self.contender;
        (contender.root)(&mut || call(contender, kind, calls));
        self.made += calls.unsigned_abs() + 1;
        calls.unsigned_abs()
    }

    fn flush(&self) {
        if let Some(flush) = &self.flush {
            flush();
        }
    }

    /// A burst that fills buffers and thread-locals.
    fn warm(&mut self, kind: Kind) {
        self.burst(kind, BURST);
        self.flush();
    }

    fn nanoseconds(&mut self, kind: Kind) -> f64 {
        self.warm(kind);
        let bursts = (0..BURSTS).map(|_| {
            let start = Instant::now();
            let spans = self.burst(kind, BURST);
            let took = start.elapsed().as_nanos() as f64;
            self.flush();
            took / spans as f64
        });
        bursts.fold(f64::INFINITY, f64::min)
    }

    /// CPU nanoseconds a span on the other threads, at about 100,000 spans a second.
    fn background(&mut self, kind: Kind) -> f64 {
        self.warm(kind);
        let start = thread::background();
        let mut spans = 0;
        for _ in 0..100 {
            spans += self.burst(kind, 512);
            std::thread::sleep(Duration::from_millis(5));
        }
        self.flush();
        (thread::background() - start).as_nanos() as f64 / spans as f64
    }

    /// CPU nanoseconds a span on the other threads, where each burst is delivered before the next, so that none is lost.
    fn flushed(&mut self, kind: Kind) -> f64 {
        let start = thread::background();
        let spans = self.bursts(kind);
        (thread::background() - start).as_nanos() as f64 / spans
    }

    /// Makes so many spans as it answers, and waits until they are delivered.
    fn bursts(&mut self, kind: Kind) -> f64 {
        let spans: u64 = (0..10)
            .map(|_| {
                let spans = self.burst(kind, BURST);
                self.flush();
                spans
            })
            .sum();
        spans as f64
    }

    fn allocations(&mut self, kind: Kind, counted: Counted) -> f64 {
        self.warm(kind);
        let mut spans = 0;
        let count = counted(&mut || spans = self.burst(kind, BURST));
        count as f64 / spans as f64
    }

    /// Runs what callgrind counts; the answer is by how many spans to divide. The bursts are so short that callgrind
    /// does not change to another thread in between, which would leave more or less room in what they share.
    fn instructions(&mut self, kind: Kind) -> f64 {
        const SHORT: i64 = 64;
        self.warm(kind);
        let contender = self.contender;
        for _ in 0..BURST / SHORT {
            (contender.root)(&mut || measured_region(contender, kind, SHORT));
            self.flush();
        }
        BURST as f64
    }
}

/// Makes so many spans, which are a multiple of four: the span of a turn and three in it.
fn call(contender: &Contender, kind: Kind, spans: i64) {
    let Contender { turn, call, call_async, .. } = *contender;
    match kind {
        Kind::Async(pending) => (0..spans).for_each(|n| _ = black_box(call_async(n, black_box(pending)))),
        Kind::Sync => (0..spans).for_each(|n| _ = black_box(call(n))),
        Kind::Turn => {
            (0..spans / 4).for_each(|_| turn(&mut || (0..3).for_each(|n| _ = black_box(call(n)))));
        }
    }
}

/// Callgrind counts what runs in here.
#[inline(never)]
fn measured_region(contender: &Contender, kind: Kind, spans: i64) {
    call(contender, kind, spans);
    black_box(());
}
