//! `kill -9` at random times: a span that ended more than a second before, or that a flush had reported, arrives, and no
//! file keeps the next start from it. `CEKURA_KILLS=1000` asks for so many.

use super::crashes::agent;
use super::{TEMPORARY, limits};
use cekura_trace_tests::api::{Api, KEY};
use cekura_trace_tests::backend::{Backend, Reply};
use cekura_trace_tests::handles::{LONG, adds_up, observing};
use cekura_trace_tests::spools::Spool;
use cekura_trace_tests::tools;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::collections::BTreeSet;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Runs beside each other: they mostly wait.
const ABREAST: usize = 4;
/// The longest life of an agent, in milliseconds.
const LONGEST: u64 = 2200;
/// What P3 allows to be lost, in milliseconds.
const GRACE: u64 = 1000;

/// Numbers that look random (`SplitMix64`).
struct Dice(AtomicU64);

impl Dice {
    fn roll(&self, below: u64) -> u64 {
        let mut number = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (number ^ number >> 31) % below
    }
}

/// The backend of one run: well, down, flapping, silent or slower than the disk while the agent lives; well for the next one.
fn backend(run: usize, seed: u64) -> (Backend, Arc<AtomicBool>) {
    let (is_well, dice) = (Arc::new(AtomicBool::new(false)), Dice(seed.into()));
    let looked_at = is_well.clone();
    let script = move |_: &_, _| match run % 5 {
        _ if looked_at.load(Ordering::Relaxed) => Reply::Accept,
        0 => Reply::Silence,
        1 => Reply::fail(503, 14),
        2 if dice.roll(10) < 7 => Reply::fail(503, 14),
        3 => {
            thread::sleep(Duration::from_millis(40));
            Reply::Accept
        }
        _ => Reply::Accept,
    };
    (Backend::scripted(script), is_well)
}

fn number(span: &Span) -> Option<u64> {
    let argument = span.attributes.iter().find(|attribute| attribute.key == "input.number")?;
    match argument.value.as_ref()?.value.as_ref()? {
        Value::IntValue(number) => Some(u64::try_from(*number).unwrap()),
        _ => None,
    }
}

fn arrived(backend: &Backend) -> BTreeSet<u64> {
    backend.spans().iter().filter_map(number).collect()
}

/// The numbers in each item of a file that is not settled. Behind a line of which the last number is its length there is
/// a request, with five bytes of framing.
fn kept(file: &Path) -> Vec<BTreeSet<u64>> {
    let bytes = fs::read(file).unwrap();
    let line = |bytes: &[u8]| bytes.iter().position(|byte| *byte == b'\n').unwrap();
    let (mut rest, mut items) = (&bytes[line(&bytes) + 1..], Vec::new());
    while !rest.is_empty() {
        let (head, behind) = rest.split_at(line(rest));
        let head = std::str::from_utf8(head).unwrap();
        let length = usize::from_str_radix(head.rsplit(' ').next().unwrap(), 16).unwrap();
        let (body, next) = behind[1..].split_at(length);
        if head.starts_with('+') {
            let message = ExportTraceServiceRequest::decode(&body[5..]).unwrap();
            let scopes = message.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
            items.push(scopes.flat_map(|scope| &scope.spans).filter_map(number).collect());
        }
        rest = next;
    }
    items
}

/// What an agent was doing when it was killed, as its directory tells.
fn phase(spool: &Spool, backend: &Backend, ended: u64) -> &'static str {
    let arrived = arrived(backend);
    let files = spool.files(".spans");
    if !spool.files(".unfinished").is_empty() {
        "while a file was written"
    } else if files.iter().flat_map(|file| kept(file)).any(|item| item.is_subset(&arrived)) {
        "between the acknowledgement of an item and its removal"
    } else if !files.is_empty() {
        "while files waited for their delivery"
    } else if (0..ended).any(|number| !arrived.contains(&number)) {
        "before anything was written"
    } else {
        "with everything delivered"
    }
}

/// How many turns had ended, how many of them were promised to survive, and whether the disk was behind, by what an agent
/// said.
fn promised(said: &str) -> (u64, u64, bool) {
    let mut lines = Vec::new();
    // The last line may be cut.
    for line in said.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        let [time, what, number] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        lines.push((time.parse::<u64>().unwrap(), what.to_owned(), number.parse::<u64>().unwrap()));
    }
    let (last, _, ended) = lines.last().cloned().unwrap_or_default();
    // Where the disk was behind, what had ended a second before that.
    let behind = lines.iter().find(|(_, what, _)| what == "behind").map(|(time, ..)| *time);
    let until = behind.unwrap_or(last).min(last);
    let is_promised = |(time, what, _): &&(u64, String, u64)| what == "flushed" || time + GRACE < until;
    let promised = lines.iter().filter(is_promised).map(|(.., number)| *number).max();
    (ended, promised.unwrap_or_default(), behind.is_some())
}

/// What came of one kill.
struct Kill {
    phase: &'static str,
    /// The agent, and the milliseconds that its disk took for each `fsync`.
    kind: (u64, &'static str),
    ended: u64,
    promised: u64,
    twice: u64,
    is_behind: bool,
}

/// Kills one agent and starts another.
fn kill(run: usize, dice: &Dice, disk: &Path) -> Kill {
    let spool = Spool::new(TEMPORARY, &format!("kill-{}", run % (4 * ABREAST)));
    let ((backend, is_well), api) = (backend(run, dice.roll(u64::MAX)), Api::new());
    // With all delays as they are promised, or with short ones, in which more happens.
    let (manner, wait) = (["promised", "calls", "steady"][run % 3], [0, 5, 20][run / 3 % 3]);
    let mut child = agent(&[], manner, &backend, &api.url(), &spool.0);
    let child = child.env("LD_PRELOAD", disk).env("CEKURA_TEST_FSYNC", wait.to_string());
    let mut child = child.spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let listening = thread::spawn(move || {
        let mut said = String::new();
        out.read_to_string(&mut said).unwrap();
        said
    });
    thread::sleep(Duration::from_millis(dice.roll(LONGEST)));
    child.kill().unwrap();
    child.wait().unwrap();
    let (ended, promised, is_behind) = promised(&listening.join().unwrap());
    let phase = phase(&spool, &backend, ended);
    is_well.store(true, Ordering::Relaxed);
    let next = observing(&backend, &api).spool(&spool.0).spool_limits(limits()).build().unwrap();
    let limit = Instant::now() + LONG;
    let is_lock = |file: &PathBuf| file.ends_with("lock");
    // Torn files too: who shuts down before it has looked leaves them to the next one. Three times, for a file that is moved while the
    // folders are read is in none of them.
    let mut empty = 0;
    while empty < 3 {
        let files = spool.files("");
        empty = if files.iter().all(is_lock) { empty + 1 } else { 0 };
        assert!(Instant::now() < limit, "run {run}, {phase}: {files:?}, {}", next.ledger());
        thread::sleep(Duration::from_millis(5));
    }
    let report = next.shutdown_blocking(LONG);
    assert!(adds_up(&report) && report.delivered == report.accepted, "run {run}, {phase}: {report}");
    let arrived = arrived(&backend);
    let lost: Vec<_> = (0..promised).filter(|number| !arrived.contains(number)).collect();
    assert!(lost.is_empty(), "run {run}, {phase}: of {promised} were lost {lost:?}");
    assert!(spool.files("").iter().all(is_lock), "run {run}, {phase}: {:?}", spool.files(""));
    let twice = (backend.spans().iter().filter_map(number).count() - arrived.len()) as u64;
    Kill { phase, kind: (wait, manner), ended, promised, twice, is_behind }
}

#[test]
fn what_is_promised_survives_a_kill_at_any_time() {
    assert_eq!(KEY, "canary", "the agent has the same");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spool/slow_disk.c");
    let Some(disk) = tools::preloaded(source, TEMPORARY) else { return };
    let runs = tools::times("CEKURA_KILLS", 60);
    let seed = RandomState::new().hash_one(0);
    println!("seed {seed}");
    let (dice, next, kills) = (Dice(seed.into()), AtomicU64::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..ABREAST {
            scope.spawn(|| {
                loop {
                    let run = next.fetch_add(1, Ordering::Relaxed);
                    if run >= runs {
                        return;
                    }
                    let kill = kill(usize::try_from(run).unwrap(), &dice, &disk);
                    kills.lock().unwrap().push(kill);
                }
            });
        }
    });
    let kills = kills.into_inner().unwrap();
    let sum = |kills: &[&Kill], of: fn(&Kill) -> u64| kills.iter().map(|kill| of(kill)).sum::<u64>();
    let show = |what: &str, kills: &[&Kill]| {
        let (ended, promised) = (sum(kills, |kill| kill.ended), sum(kills, |kill| kill.promised));
        let (twice, behind) = (sum(kills, |kill| kill.twice), sum(kills, |kill| kill.is_behind.into()));
        let (kills, all) = (kills.len(), "all arrived");
        println!(
            "{what}: {kills} kills, {ended} ended, {promised} promised, {all}, {twice} twice, {behind} behind"
        );
    };
    for phase in kills.iter().map(|kill| kill.phase).collect::<BTreeSet<_>>() {
        show(phase, &kills.iter().filter(|kill| kill.phase == phase).collect::<Vec<_>>());
    }
    for kind in kills.iter().map(|kill| kill.kind).collect::<BTreeSet<_>>() {
        let (wait, manner) = kind;
        let of_kind: Vec<_> = kills.iter().filter(|kill| kill.kind == kind).collect();
        show(&format!("{wait} ms for each fsync, {manner}"), &of_kind);
    }
}
