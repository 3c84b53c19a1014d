//! A program with a recorded call of so many seconds, in which both sides are handed over 200 times as fast as they are heard. Its
//! arguments name the seconds, a URL for spans and an API. It prints its resident memory in KiB, at first and at the most, the
//! longest pause of its loop in milliseconds, and what became of the call.

use cekura::{Audio, Cekura, Mulaw, Protocol, spans};
use cekura_trace_tests::api::KEY;
use cekura_trace_tests::handles::at;
use cekura_trace_tests::tone::{mulaw, tone};
use std::fs;
use std::time::{Duration, Instant};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// In which a second of the call is handed over.
const PERIOD: Duration = Duration::from_millis(5);
const FRAME: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(120);

fn main() {
    let [seconds, spans, api] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    let handle = at(&spans, Protocol::Grpc).api_key(KEY).agent(5).api_url(api).audio(Audio::stereo());
    let handle = handle.build().unwrap();
    // What is done once is no part of a call.
    spans::conversation().client(&handle).start().end();
    handle.flush_blocking(Duration::from_millis(200));
    let before = resident("VmRSS");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let longest = runtime.block_on(call(&handle, seconds.parse().unwrap()));
    println!("{before} {} {} {}", resident("VmHWM"), longest.as_millis(), handle.ledger());
    std::process::exit(0);
}

async fn call(handle: &Cekura, seconds: u64) -> Duration {
    // To make the tones takes longer than any pause may.
    let (packets, speech) = (mulaw(&tone(440.0, 1.0, 8_000)), tone(700.0, 1.0, 24_000));
    let mut beat = Beat::new();
    let began = Instant::now();
    let call = spans::conversation().call_id("a long call").observe().client(handle).start();
    let line = call.audio();
    for second in 0..seconds {
        beat.next().await;
        for (packet, frame) in packets.chunks(160).zip(0..) {
            line.user_at(began + Duration::from_secs(second) + FRAME * frame, Mulaw(packet), 8_000);
        }
        // The agent speaks every other minute; it is played in the order in which it comes.
        if second / 60 % 2 == 0 {
            speech.chunks(480).for_each(|frame| line.agent(frame, 24_000));
        }
    }
    call.user("Hello?");
    call.end_at(began + Duration::from_secs(seconds));
    let limit = Instant::now() + PATIENCE;
    let is_over = || {
        let recordings = handle.ledger().recordings;
        recordings.delivered + recordings.dropped > 0
    };
    while !is_over() && Instant::now() < limit {
        beat.next().await;
    }
    beat.longest
}

/// A loop's periods.
struct Beat {
    ticks: Interval,
    last: (Instant, [u64; 2]),
    /// By how much the longest one was too long; without those in which the machine had no time for the thread.
    longest: Duration,
}

impl Beat {
    fn new() -> Self {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, last: (Instant::now(), taken()), longest: Duration::ZERO }
    }

    async fn next(&mut self) {
        self.ticks.tick().await;
        let (now, taken) = (Instant::now(), taken());
        let (last, [stolen, waited]) = self.last;
        if taken[0] == stolen {
            let own = (now - last).saturating_sub(Duration::from_nanos(taken[1] - waited));
            self.longest = self.longest.max(own.saturating_sub(PERIOD));
        }
        self.last = (now, taken);
    }
}

/// What the host of a virtual machine has taken of its processors' time, in hundredths of a second, and how many nanoseconds this
/// thread has waited for a processor; as Linux tells it.
fn taken() -> [u64; 2] {
    let number = |file: &str, at: usize| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.split_whitespace().nth(at).and_then(|count| count.parse().ok()).unwrap_or_default()
    };
    [number("/proc/stat", 8), number("/proc/thread-self/schedstat", 1)]
}

/// A line of what Linux says of this process, in KiB.
fn resident(what: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
