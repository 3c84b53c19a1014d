//! Opens as many conversations as its argument says, then answers questions: what a span costs in one of them,
//! what they hold, and how long their end takes.

use crate::serve::Flush;
use crate::thread::pin;
use std::hint::black_box;
use std::io::{BufRead, Write, stdin, stdout};
use std::time::Instant;

/// Spans that are made in one go, in one conversation after the other.
const BURST: i64 = 1024;

/// One way to hold conversations open.
pub struct Conversations<O> {
    pub start: fn(port: u16) -> Option<Flush>,
    pub open: fn(number: usize) -> O,
    pub span: fn(&O, tokens: i64) -> i64,
    pub end: fn(O),
    /// The bytes that some work takes and keeps.
    pub bytes: fn(&mut dyn FnMut()) -> i64,
}

struct Open<O> {
    way: Conversations<O>,
    flush: Flush,
    conversations: Vec<O>,
    /// The one whose turn is next.
    next: usize,
    count: usize,
    made: u64,
}

/// Answers until nobody asks any more.
pub fn hold<O>(way: Conversations<O>) {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().and_then(|count| count.parse().ok()).expect("a number of conversations");
    let port = arguments.next().and_then(|port| port.parse().ok()).expect("a port");
    pin(0);
    let flush = (way.start)(port).expect("something that records");
    pin(1);
    let mut open = Open { way, flush, conversations: Vec::new(), next: 0, count, made: 0 };
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

impl<O> Open<O> {
    /// Opens all of them; says how many bytes each takes.
    fn open(&mut self) -> f64 {
        self.conversations.reserve_exact(self.count);
        let Self { way, conversations, count, .. } = self;
        let counted = (way.bytes)(&mut || conversations.extend((0..*count).map(way.open)));
        counted as f64 / *count as f64
    }

    /// Of one span, in the fastest of five bursts.
    fn nanoseconds(&mut self) -> f64 {
        self.burst();
        [0; 5].map(|_| self.burst()).into_iter().fold(f64::INFINITY, f64::min)
    }

    fn burst(&mut self) -> f64 {
        let start = Instant::now();
        for tokens in 0..BURST {
            black_box((self.way.span)(&self.conversations[self.next], tokens));
            self.next = (self.next + 1) % self.count;
        }
        let took = start.elapsed().as_nanos() as f64 / BURST as f64;
        self.made += BURST.unsigned_abs();
        (self.flush)();
        took
    }

    /// Ends all of them, and opens as many anew; says how long it took until all of it had arrived, but for opening.
    fn close(&mut self) -> f64 {
        let start = Instant::now();
        self.made += self.count as u64;
        self.conversations.drain(..).for_each(self.way.end);
        (self.flush)();
        let took = start.elapsed();
        self.open();
        took.as_secs_f64() * 1000.0
    }
}
