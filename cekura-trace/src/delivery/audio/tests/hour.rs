//! An hour of sound: how much memory it takes to hold it, to place it and to make its file; and what it costs.

use super::{Folder, Stereo, Wav, place, tone};
use crate::call::audio::Journal;
use crate::delivery::audio::render::flac::Flac;
use crate::delivery::audio::store::Store;
use crate::room::Room;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Its seconds.
const HOUR: u32 = 3_600;
/// What may be in memory of a call.
const SHARE: usize = 4 << 20;

/// What this process has taken so far at most, and what it takes now, in KiB; as Linux tells it.
fn resident() -> [u64; 2] {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    ["VmHWM:", "VmRSS:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    })
}

/// A call of which both sides come in frames of 20 ms; the agent speaks `spoken` minutes of six.
fn call(directory: &Path, user: u32, agent: u32, spoken: u32) -> (Arc<Journal>, Store) {
    let (start, tones) = (Instant::now(), [user, agent].map(|rate| tone(440.0, 1.0, rate)));
    let journal = Arc::new(Journal::new(start, Arc::default(), Room::default()));
    let mut store = Store::unnamed(journal.clone(), directory);
    for second in 0..HOUR {
        let frames = tones[0].chunks(user as usize / 50).zip(tones[1].chunks(agent as usize / 50));
        for (number, (heard, said)) in (0..).zip(frames) {
            let at = Duration::from_secs(second.into()) + number * Duration::from_millis(20);
            journal.user_at(start + at, heard, user);
            if second / 60 % 6 < spoken {
                journal.agent(said, agent);
            }
        }
        store.spill(SHARE).unwrap();
    }
    assert!(!journal.is_truncated() && journal.lost() == 0);
    (journal, store)
}

#[test]
fn an_hour_is_held_and_made_a_file_in_16_mib() {
    let mut child = Command::new("/proc/self/exe");
    let test = "delivery::audio::tests::hour::the_hour";
    let output = child.args(["--exact", test, "--ignored", "--nocapture"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
#[ignore = "it must be alone in its process, in which another test runs it"]
fn the_hour() {
    let folder = Folder::new("hour");
    let [_, before] = resident();
    let begin = Instant::now();
    let (_, mut store) = call(&folder.0, 16_000, 24_000, 1);
    let handed_over = begin.elapsed();
    let begin = Instant::now();
    let recording = Arc::new(store.finish());
    let placed = Arc::new(place(&recording, [], None).unwrap());
    let wav = Wav::new(Stereo::new(&recording, &placed, None));
    let expected = wav.length();
    let length: u64 = wav.map(|part| part.unwrap().len() as u64).sum();
    let [most, _] = resident();
    println!(
        "| an hour | handed over and written {handed_over:.1?} | placed and made {:.1?} | {length} bytes | {} KiB |",
        begin.elapsed(),
        most - before
    );
    assert_eq!((length, length), (expected, 44 + u64::from(HOUR) * 16_000 * 4));
    assert!(most - before < 16 << 10, "{most} KiB, {before} KiB before");
}

/// Prints what an hour costs in which both speak all the time: `cargo test --release -p cekura-trace --features audio --lib --
/// --ignored --nocapture an_hour_costs`.
#[test]
#[ignore = "a table for people"]
fn an_hour_costs() {
    let folder = Folder::new("costs");
    println!("| caller | agent | handed over and written | placed | WAV | FLAC, twice |");
    for (user, agent) in [(8_000, 8_000), (8_000, 24_000), (16_000, 24_000), (48_000, 8_000)] {
        let times = |begin: &mut Instant| std::mem::replace(begin, Instant::now()).elapsed();
        let mut begin = Instant::now();
        let (_, mut store) = call(&folder.0, user, agent, 6);
        let handed_over = times(&mut begin);
        let recording = Arc::new(store.finish());
        let placed = Arc::new(place(&recording, [], None).unwrap());
        let is_placed = times(&mut begin);
        let wav: usize =
            Wav::new(Stereo::new(&recording, &placed, None)).map(|part| part.unwrap().len()).sum();
        let is_wav = times(&mut begin);
        let flac = || Flac::new(Stereo::new(&recording, &placed, None));
        assert_eq!(flac().length().unwrap(), flac().map(|part| part.unwrap().len() as u64).sum::<u64>());
        let is_flac = times(&mut begin);
        println!(
            "| {user} | {agent} | {handed_over:.1?} | {is_placed:.1?} | {is_wav:.1?}, {wav} bytes | {is_flac:.1?} |"
        );
    }
}
