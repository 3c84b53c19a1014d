//! What recording calls costs: the caller's thread for each frame of 20 ms, the other threads for each minute in which both sides
//! speak all the time, and the memory of the process for an hour.

mod server;

use cekura::{Audio, Cekura, Line, Mulaw, Protocol, spans};
use cpu_time::{ProcessTime, ThreadTime};
use report::machine::{self, Ticks};
use report::statistics::Spread;
use report::table::{Table, terminal_width};
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

const FRAMES: usize = 50;
/// Frames of each call that are timed, no more than stay in memory at the highest rate; and calls.
const TIMED: usize = 2_000;
const CALLS: usize = 4;
const MINUTES: u64 = 10;

fn main() {
    let ticks = Ticks::now([]);
    let url = server::start();
    let handle = |audio| {
        let builder = Cekura::builder().variables(|_| None).service_name("agent").api_key("bench").agent(1);
        builder
            .otel_endpoint(&url)
            .protocol(Protocol::Http)
            .api_url(&url)
            .audio(audio)
            .build()
            .expect("settings")
    };
    let mut tables = [hour(&handle(Audio::stereo())), frames(&handle(Audio::stereo())), minutes(&handle)];
    let others = 100.0 * Ticks::now([]).others_since(ticks);
    tables[2].caption.push_str(&format!(
        "\n\n{}. benches/audio.sh. Other processes used {others:.0} % of the CPUs meanwhile.",
        machine::description()
    ));
    // In the order of a reader's questions.
    tables.rotate_left(1);
    tables.iter().for_each(|table| println!("{}", table.text(terminal_width())));
    report::publish("audio", &tables.iter().map(Table::markdown).collect::<Vec<_>>().join("\n"));
}

/// A second of speech.
fn speech(rate: u32) -> Vec<i16> {
    let sample = |at: u32| (f64::from(at) * 440.0 / f64::from(rate) * std::f64::consts::TAU).sin() * 12_000.0;
    (0..rate).map(|at| sample(at) as i16).collect()
}

/// Nanoseconds that each frame takes.
fn frames(handle: &Cekura) -> Table {
    let mut table = Table::new(
        "Handing a frame of 20 ms over: nanoseconds on the caller's thread, median of the frames (10–90 %), mean.",
        &["samples a second", "16 bits", "32-bit floats", "µ-law"],
    );
    for rate in [8_000, 16_000, 24_000, 48_000] {
        let linear = speech(rate);
        let floats: Vec<f32> = linear.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
        // Any bytes that are no silence.
        let mulaw = vec![0x10_u8; rate as usize];
        let (size, at) = (rate as usize / FRAMES, |number: usize| number % FRAMES);
        let cells = [
            timed(handle, |line, number| line.agent(&linear[at(number) * size..][..size], rate)),
            timed(handle, |line, number| line.agent(&floats[at(number) * size..][..size], rate)),
            timed(handle, |line, number| line.agent(Mulaw(&mulaw[at(number) * size..][..size]), rate)),
        ];
        table.row(rate.to_string(), cells);
    }
    table
}

fn timed(handle: &Cekura, hand_over: impl Fn(&Line, usize)) -> String {
    let mut figures = Vec::new();
    for _ in 0..CALLS {
        let call = spans::conversation().observe().client(handle).start();
        let line = call.audio();
        for number in 0..TIMED {
            let begun = Instant::now();
            hand_over(&line, number);
            figures.push(begun.elapsed().as_nanos() as f64);
        }
        let before = handle.ledger().recordings.delivered;
        // Long enough for some of it to be heard.
        call.end_at(Instant::now() + Duration::from_secs(1));
        await_delivery(handle, before);
    }
    let mean = figures.iter().sum::<f64>() / figures.len() as f64;
    let Spread { low, median, high } = Spread::of(figures).expect("figures");
    format!("{median:.0} ({low:.0}–{high:.0}), {mean:.0}")
}

/// A call of so many minutes in which each side says a second every `pause`; gives the CPU time that it takes but for the caller's
/// thread, until it is posted.
fn call(handle: &Cekura, minutes: u64, [user, agent]: [u32; 2], pause: Duration) -> Duration {
    let (said, heard) = (speech(user), speech(agent));
    let before = handle.ledger().recordings.delivered;
    let (process, own, server) = (ProcessTime::now(), ThreadTime::now(), server::spent());
    let began = Instant::now();
    let call = spans::conversation().observe().client(handle).start();
    let line = call.audio();
    for second in 0..60 * minutes {
        for (frame, number) in said.chunks(user as usize / FRAMES).zip(0..) {
            line.user_at(
                began + Duration::from_secs(second) + number * Duration::from_millis(20),
                frame,
                user,
            );
        }
        heard.chunks(agent as usize / FRAMES).for_each(|frame| line.agent(frame, agent));
        sleep(pause);
    }
    call.end_at(began + Duration::from_secs(60 * minutes));
    await_delivery(handle, before);
    process.elapsed().saturating_sub(own.elapsed()).saturating_sub(server::spent() - server)
}

/// Waits until a recording more than `before` is posted: until then it takes memory.
fn await_delivery(handle: &Cekura, before: u64) {
    while handle.ledger().recordings.delivered == before {
        assert_eq!(handle.ledger().recordings.dropped, 0, "{}", handle.ledger());
        sleep(Duration::from_millis(20));
    }
    // Its memory is free when the library's thread has next looked.
    sleep(Duration::from_millis(300));
}

/// Milliseconds of CPU time in the background for a minute of a call.
fn minutes(handle: &dyn Fn(Audio) -> Cekura) -> Table {
    let mut table = Table::new(
        format!(
            "A minute in which both sides speak all the time: milliseconds of CPU time in the background, to keep, place, \
             resample and post it; of a call of {MINUTES} minutes."
        ),
        &["caller, agent (samples a second)", "WAV", "FLAC"],
    );
    for rates in [[8_000, 8_000], [8_000, 24_000], [16_000, 24_000], [48_000, 48_000]] {
        let cells = [Audio::stereo(), Audio::stereo().flac()].map(|audio| {
            let spent = call(&handle(audio), MINUTES, rates, Duration::from_millis(4));
            format!("{:.0}", spent.as_secs_f64() * 1_000.0 / MINUTES as f64)
        });
        table.row(format!("{}, {}", rates[0], rates[1]), cells);
    }
    table
}

/// What an hour takes of the memory.
fn hour(handle: &Cekura) -> Table {
    spans::conversation().client(handle).start().end();
    handle.flush_blocking(Duration::from_secs(10));
    let before = resident("VmRSS");
    let spent = call(handle, 60, [16_000, 24_000], Duration::from_millis(5));
    let mut table = Table::new(
        "An hour of it (16,000 and 24,000 samples a second), handed over 200 times as fast as it is heard, and posted as WAV.",
        &["", "resident, MiB", "background, s"],
    );
    let most = (resident("VmHWM") - before) as f64 / 1024.0;
    table.row("an hour", [format!("{most:.1}"), format!("{:.1}", spent.as_secs_f64())]);
    table
}

/// A line of what Linux says of this process, in KiB.
fn resident(what: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
