//! Runs a load with a contender, and prints what it cost the process as one line of numbers.

use crate::contender::{Contender, contender};
use crate::meter;
use std::thread;
use std::time::{Duration, Instant};

/// Spans of one conversation, its root included.
const LENGTH: u64 = 50;

/// What one process measured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub made: u64,
    pub delivered: u64,
    /// Lost and said to be.
    pub dropped: u64,
    /// Seconds in which spans were made.
    pub making: f64,
    /// Seconds until the last of them was delivered.
    pub settled: f64,
    /// Nanoseconds of CPU time of all threads, and of the one that made the spans.
    pub process: u64,
    pub caller: u64,
    /// KiB of resident memory: at first, at the most after that, at the end.
    pub resident: [u64; 3],
}

/// `closed SECONDS` makes spans as fast as they are delivered; `paced SECONDS RATE` so many a second, come what may;
/// `open CONVERSATIONS SPANS` so many spans in turn in conversations that are open all the time.
pub fn produce(name: &str, protocol: &str, port: &str, load: &[&str]) {
    let contender = contender(name, protocol, port);
    // Connects before the clocks start.
    contender.conversation(1);
    contender.flush();
    let before = contender.fate();
    let clocks = (meter::process_cpu(), meter::thread_cpu());
    let begin = Instant::now();
    let number = |text: &str| text.parse().expect("a number");
    let (made, resident) = match *load {
        ["closed", seconds] => make(&*contender, number(seconds), |made| {
            wait_for_room(&*contender, made + before.delivered);
        }),
        ["paced", seconds, rate] => {
            let rate = number(rate) as f64;
            make(&*contender, number(seconds), |made| wait_until(begin, made as f64 / rate))
        }
        ["open", conversations, spans] => {
            keep_open(&*contender, number(conversations), number(spans), |made| {
                wait_for_room(&*contender, made + before.delivered);
            })
        }
        _ => panic!("{load:?} is none of closed SECONDS, paced SECONDS RATE, open CONVERSATIONS SPANS"),
    };
    let making = begin.elapsed().as_secs_f64();
    let caller = meter::thread_cpu() - clocks.1;
    contender.flush();
    let settled = begin.elapsed().as_secs_f64();
    let process = meter::process_cpu() - clocks.0 - (meter::thread_cpu() - clocks.1 - caller);
    let after = contender.fate();
    let (delivered, dropped) = (after.delivered - before.delivered, after.dropped - before.dropped);
    println!("{}", Cost { made, delivered, dropped, making, settled, process, caller, resident }.line());
    std::process::exit(0);
}

fn make(contender: &dyn Contender, seconds: u64, mut wait: impl FnMut(u64)) -> (u64, [u64; 3]) {
    let (begin, mut made, mut sample) = (Instant::now(), 0, Duration::from_secs(1));
    let mut resident = Vec::new();
    while begin.elapsed() < Duration::from_secs(seconds) {
        contender.conversation(LENGTH - 1);
        made += LENGTH;
        wait(made);
        if begin.elapsed() >= sample {
            sample += Duration::from_secs(1);
            resident.push(meter::resident());
        }
    }
    resident.push(meter::resident());
    let most = resident.iter().copied().max().unwrap_or_default();
    (made, [resident[0], most, resident[resident.len() - 1]])
}

fn keep_open(
    contender: &dyn Contender,
    conversations: u64,
    spans: u64,
    mut wait: impl FnMut(u64),
) -> (u64, [u64; 3]) {
    let (before, mut made) = (meter::resident(), 0);
    let mut open: Vec<_> = (0..conversations).map(|_| contender.open()).collect();
    let mut round = |open: &mut [Box<dyn FnMut() + '_>]| {
        for chunk in open.chunks_mut(256) {
            chunk.iter_mut().for_each(|one| one());
            made += chunk.len() as u64;
            wait(made);
        }
        made
    };
    // The first span of a conversation may open it.
    round(&mut open);
    let idle = meter::resident();
    while round(&mut open) < spans {}
    let resident = [before, idle, meter::resident()];
    // Their ends are not what is measured here.
    std::mem::forget(open);
    (made, resident)
}

/// Waits while more spans are on their way than the contender has room for.
fn wait_for_room(contender: &dyn Contender, made: u64) {
    while {
        let fate = contender.fate();
        made.saturating_sub(fate.delivered + fate.dropped) > contender.room()
    } {
        thread::sleep(Duration::from_micros(100));
    }
}

fn wait_until(begin: Instant, seconds: f64) {
    let ahead = Duration::from_secs_f64(seconds).saturating_sub(begin.elapsed());
    if ahead > Duration::from_micros(500) {
        thread::sleep(ahead);
    }
}

impl Cost {
    fn line(&self) -> String {
        let Self { made, delivered, dropped, making, settled, process, caller, resident: [a, b, c] } = self;
        format!("{made} {delivered} {dropped} {making} {settled} {process} {caller} {a} {b} {c}")
    }

    pub fn read(line: &str) -> Option<Self> {
        let numbers: Vec<f64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
        let [made, delivered, dropped, making, settled, process, caller, a, b, c] = numbers[..] else {
            return None;
        };
        let [made, delivered, dropped, process, caller] =
            [made, delivered, dropped, process, caller].map(|number| number as u64);
        let resident = [a, b, c].map(|number| number as u64);
        Some(Self { made, delivered, dropped, making, settled, process, caller, resident })
    }

    /// Microseconds of CPU time of the threads beside the caller's, per delivered span.
    pub fn background(&self) -> f64 {
        (self.process - self.caller) as f64 / self.delivered.max(1) as f64 / 1e3
    }

    /// Delivered spans per second.
    pub fn rate(&self) -> f64 {
        self.delivered as f64 / self.settled
    }
}
