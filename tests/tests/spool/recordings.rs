//! Recordings in the spool: each is posted with its call log by whoever takes that over, or goes with it.

use super::crashes::{agent, lines};
use super::{TEMPORARY, limits};
use cekura::{Audio, Builder, Cekura, SpoolLimits, current_conversation};
use cekura_trace_tests::api::{Api, KEY, Reply, Seen};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, observing};
use cekura_trace_tests::spools::Spool;
use cekura_trace_tests::tools;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The end of a recording's name.
const ENDING: &str = ".recording";

/// An API that never answers until it is told to be well, and then has stored nothing.
fn silent() -> (Api, Arc<AtomicBool>) {
    let is_well = Arc::<AtomicBool>::default();
    let looked_at = is_well.clone();
    let api = Api::scripted(move |seen, _| match (looked_at.load(Ordering::Relaxed), seen.method.as_str()) {
        (false, _) => Reply::Silence,
        (true, "GET") => Reply::json(200, &json!([])),
        (true, _) => Reply::stored(7),
    });
    (api, is_well)
}

fn posts(api: &Api) -> Vec<Seen> {
    api.seen().into_iter().filter(|seen| seen.method == "POST").collect()
}

/// One that has both sides.
fn assert_whole(seen: &Seen) {
    let (_, sides) = seen.recording.as_ref().expect("a recording").wav();
    for side in sides {
        let loud = side.iter().filter(|sample| sample.unsigned_abs() > 5_000).count();
        assert!(loud > 15_000, "{loud} samples");
    }
    assert_eq!(seen.body["main_agent_channel_index"].to_string().trim_matches('"'), "1");
}

fn spooling(backend: &Backend, api: &Api, spool: &Spool) -> Builder {
    observing(backend, api).spool(&spool.0).spool_limits(limits())
}

/// Starts an agent with a recorded call, which says so when that is at its point.
fn ready(run: &str, backend: &Backend, api: &Api, spool: &Spool) -> Child {
    let mut child = agent(&[], run, backend, &api.url(), &spool.0).spawn().unwrap();
    assert_eq!(lines(&mut child).next().unwrap(), "ready");
    child
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Waits until so many call logs were posted.
fn await_posts(api: &Api, count: usize) {
    let limit = Instant::now() + LONG;
    while posts(api).len() < count {
        assert!(Instant::now() < limit, "{} posts instead of {count}", posts(api).len());
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_recording_survives_a_kill_between_its_post_and_the_answer() {
    let spool = Spool::new(TEMPORARY, "recording-kill");
    let (backend, (api, is_well)) = (Backend::new(), silent());
    let child = ready("recorded", &backend, &api, &spool);
    await_posts(&api, 1);
    kill(child);
    let [file] = &spool.files(ENDING)[..] else { panic!("{:?}", spool.files("")) };
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    is_well.store(true, Ordering::Relaxed);
    // It needs not be told to record.
    let next = spooling(&backend, &api, &spool).build().unwrap();
    await_posts(&api, 2);
    let recordings = next.shutdown_blocking(LONG).recordings;
    let [first, second] = &posts(&api)[..] else { panic!("{} posts", posts(&api).len()) };
    assert_whole(first);
    assert_eq!(first.body, second.body);
    assert!(first.recording.as_ref().unwrap().bytes == second.recording.as_ref().unwrap().bytes);
    assert_eq!((recordings.recorded, recordings.delivered, recordings.dropped), (1, 1, 0));
    assert!(spool.files("").is_empty(), "{:?}", spool.files(""));
}

#[test]
fn a_kill_soon_after_the_end_of_a_call_leaves_both_or_none() {
    for wait in [0, 15, 60, 300] {
        let spool = Spool::new(TEMPORARY, &format!("recording-soon-{wait}"));
        let (backend, (api, is_well)) = (Backend::new(), silent());
        let child = ready("recorded", &backend, &api, &spool);
        thread::sleep(Duration::from_millis(wait));
        kill(child);
        // What it had sent may not be read yet.
        thread::sleep(Duration::from_millis(300));
        let (before, is_kept) = (posts(&api).len(), !spool.files(".call_log").is_empty());
        is_well.store(true, Ordering::Relaxed);
        let next = spooling(&backend, &api, &spool).build().unwrap();
        for ending in [ENDING, ".call_log", ".start", ".spans"] {
            spool.await_files(ending, 0);
        }
        next.shutdown_blocking(LONG);
        let posts = posts(&api);
        // It is one call. A server that has not answered gets it again, and may read the first one late.
        assert!((before.max(is_kept.into())..=2).contains(&posts.len()), "{} after {wait} ms", posts.len());
        for post in &posts {
            // A second of sound may have been in memory only.
            let (_, [_, agent]) = post.recording.as_ref().expect("a recording").wav();
            assert!(agent.iter().any(|sample| sample.unsigned_abs() > 5_000), "after {wait} ms");
            assert_eq!(
                post.recording.as_ref().unwrap().bytes.len(),
                posts[0].recording.as_ref().unwrap().bytes.len()
            );
        }
        assert!(spool.files("").is_empty(), "after {wait} ms: {:?}", spool.files(""));
    }
}

#[test]
fn a_call_that_is_killed_while_it_runs_is_posted_with_what_was_heard_until_then() {
    let spool = Spool::new(TEMPORARY, "recording-running");
    let (backend, (api, is_well)) = (Backend::new(), silent());
    let child = ready("speaking", &backend, &api, &spool);
    assert_eq!(spool.files(ENDING).len(), 1, "{:?}", spool.files(""));
    kill(child);
    is_well.store(true, Ordering::Relaxed);
    let next = spooling(&backend, &api, &spool).build().unwrap();
    for ending in [ENDING, ".call_log", ".start"] {
        spool.await_files(ending, 0);
    }
    next.shutdown_blocking(LONG);
    assert_eq!(backend.names(), ["conversation"]);
    let [post] = &posts(&api)[..] else { panic!("{} posts", posts(&api).len()) };
    assert_whole(post);
    assert_eq!(post.body["metadata"], json!({ "incomplete": true }));
    assert!(spool.files("").is_empty(), "{:?}", spool.files(""));
}

#[cekura::conversation(client = handle, call_id = call_id, observe, skip_all)]
fn call(handle: &Cekura, call_id: &str) {
    let line = current_conversation().unwrap().audio();
    let speech: Vec<i16> = (0..32_000).map(|at| if at / 20 % 2 == 0 { 9_000 } else { -9_000 }).collect();
    let began = Instant::now().checked_sub(Duration::from_millis(1)).unwrap();
    line.user_at(began, &speech, 16_000);
    line.agent(&speech, 16_000);
    thread::sleep(Duration::from_millis(1_200));
}

/// Calls beside each other that are recorded and cannot be posted; what the API has seen of them.
fn left_behind(count: usize, audio: Audio, backend: &Backend, api: &Api, spool: &Spool) -> Vec<Seen> {
    let handle = spooling(backend, api, spool).audio(audio).build().unwrap();
    thread::scope(|scope| {
        for number in 0..count {
            let handle = &handle;
            scope.spawn(move || call(handle, &format!("call {number}")));
        }
    });
    await_posts(api, 1);
    let report = handle.shutdown_blocking(Duration::from_secs(2));
    assert_eq!(report.recordings.dropped, 0, "{report}");
    assert_eq!(spool.files(ENDING).len(), count, "{:?}", spool.files(""));
    posts(api)
}

#[test]
fn a_recording_that_a_shutdown_could_not_post_is_posted_after_the_next_start_as_it_was() {
    for audio in [Audio::stereo(), Audio::stereo().flac().rate(8_000)] {
        let spool = Spool::new(TEMPORARY, "recording-shutdown");
        let (backend, (api, is_well)) = (Backend::new(), silent());
        let first = left_behind(1, audio, &backend, &api, &spool);
        is_well.store(true, Ordering::Relaxed);
        let next = spooling(&backend, &api, &spool).audio(Audio::stereo()).build().unwrap();
        await_posts(&api, first.len() + 1);
        next.shutdown_blocking(LONG);
        let posts = posts(&api);
        assert_eq!(posts.len(), first.len() + 1);
        let [one, other] = [&first[0], &posts[first.len()]].map(|post| post.recording.as_ref().unwrap());
        assert!(one.bytes == other.bytes && one.file_name == other.file_name);
        assert!(spool.files("").is_empty(), "{:?}", spool.files(""));
    }
}

#[test]
fn many_who_start_at_once_post_each_recording_once() {
    const CALLS: usize = 8;
    let spool = Spool::new(TEMPORARY, "recording-many");
    let (backend, (api, is_well)) = (Backend::new(), silent());
    let before = left_behind(CALLS, Audio::stereo(), &backend, &api, &spool).len();
    is_well.store(true, Ordering::Relaxed);
    let start = || spooling(&backend, &api, &spool).build().unwrap();
    let handles: Vec<_> = thread::scope(|scope| {
        let starting: Vec<_> = (0..20).map(|_| scope.spawn(start)).collect();
        starting.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    await_posts(&api, before + CALLS);
    let reports = handles.iter().map(|handle| handle.shutdown_blocking(LONG).recordings);
    assert_eq!(reports.map(|recordings| recordings.delivered).sum::<u64>(), CALLS as u64);
    let posts = &posts(&api)[before..];
    let mut ids: Vec<_> = posts.iter().map(|post| post.body["call_id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((posts.len(), ids.len()), (CALLS, CALLS));
    posts.iter().for_each(assert_whole);
    assert!(spool.files("").is_empty(), "{:?}", spool.files(""));
}

#[test]
fn whoever_is_killed_while_it_takes_recordings_over_costs_none() {
    const CALLS: usize = 6;
    let spool = Spool::new(TEMPORARY, "recording-adopters");
    let (backend, (api, is_well)) = (Backend::new(), silent());
    left_behind(CALLS, Audio::stereo(), &backend, &api, &spool);
    for wait in [0, 1, 2, 3, 4, 5, 8, 12, 20, 40] {
        let child = ready("adopts", &backend, &api, &spool);
        thread::sleep(Duration::from_millis(wait));
        kill(child);
    }
    let before = posts(&api).len();
    is_well.store(true, Ordering::Relaxed);
    let next = spooling(&backend, &api, &spool).build().unwrap();
    await_posts(&api, before + CALLS);
    next.shutdown_blocking(LONG);
    assert_eq!(posts(&api).len(), before + CALLS);
    posts(&api)[before..].iter().for_each(assert_whole);
    assert!(spool.files("").is_empty(), "{:?}", spool.files(""));
}

#[test]
fn a_spool_that_cannot_be_written_costs_a_recording_nothing() {
    let spool = Spool::new(TEMPORARY, "recording-removed");
    let (backend, api) = (Backend::new(), Api::new());
    let handle = spooling(&backend, &api, &spool).audio(Audio::stereo()).build().unwrap();
    fs::remove_dir_all(&spool.0).unwrap();
    fs::write(&spool.0, "no directory").unwrap();
    call(&handle, "call 0");
    let report = handle.shutdown_blocking(LONG);
    assert_eq!((report.recordings.delivered, report.recordings.dropped), (1, 0));
    assert_whole(&posts(&api)[0]);
    fs::remove_file(&spool.0).unwrap();
}

#[test]
fn a_recording_for_another_account_waits_for_a_handle_of_that() {
    let spool = Spool::new(TEMPORARY, "recording-other");
    let (backend, (api, is_well)) = (Backend::new(), silent());
    let before = left_behind(1, Audio::stereo(), &backend, &api, &spool).len();
    is_well.store(true, Ordering::Relaxed);
    let stranger = spooling(&backend, &api, &spool).api_key(format!("{KEY}-2")).build().unwrap();
    thread::sleep(Duration::from_millis(500));
    stranger.shutdown_blocking(LONG);
    assert_eq!((posts(&api).len(), spool.files(ENDING).len()), (before, 1));
    let next = spooling(&backend, &api, &spool).build().unwrap();
    await_posts(&api, before + 1);
    next.shutdown_blocking(LONG);
    assert_whole(&posts(&api)[before]);
    assert!(spool.files("").is_empty(), "{:?}", spool.files(""));
}

#[test]
fn a_call_log_is_posted_without_a_recording_that_is_too_much_a_link_or_gone() {
    for fault in ["too much", "a link", "gone"] {
        let spool = Spool::new(TEMPORARY, "recording-fault");
        let (backend, (api, is_well)) = (Backend::new(), silent());
        let before = left_behind(1, Audio::stereo(), &backend, &api, &spool).len();
        let file = spool.files(ENDING).remove(0);
        let target = spool.0.join("theirs");
        fs::write(&target, "theirs").unwrap();
        let mut limits = limits();
        match fault {
            "too much" => limits = SpoolLimits { bytes: 64 << 10, ..limits },
            "a link" => {
                fs::remove_file(&file).unwrap();
                symlink(&target, &file).unwrap();
            }
            _ => fs::remove_file(&file).unwrap(),
        }
        is_well.store(fault != "too much", Ordering::Relaxed);
        let next = spooling(&backend, &api, &spool).spool_limits(limits).build().unwrap();
        if fault == "too much" {
            spool.await_files(ENDING, 0);
            is_well.store(true, Ordering::Relaxed);
        }
        await_posts(&api, before + 1);
        next.shutdown_blocking(LONG);
        let post = &posts(&api)[before];
        assert!(fault == "too much" || post.recording.is_none(), "{fault}");
        assert_eq!(post.body["call_id"], "call 0");
        assert_eq!(fs::read(&target).unwrap(), b"theirs");
        fs::remove_file(&target).unwrap();
        assert!(spool.files("").is_empty(), "{fault}: {:?}", spool.files(""));
    }
}

#[test]
fn a_recording_that_is_refused_or_posted_leaves_no_file() {
    for refusal in [413, 400, 200] {
        let spool = Spool::new(TEMPORARY, &format!("recording-refused-{refusal}"));
        let backend = Backend::new();
        let api = Api::scripted(move |seen, _| match (refusal, seen.recording.is_some()) {
            (413, true) => Reply::Body(413, String::new()),
            (400, _) => Reply::json(400, &json!({ "transcript_json": ["is empty"] })),
            _ => Reply::stored(7),
        });
        let handle = spooling(&backend, &api, &spool).audio(Audio::stereo()).build().unwrap();
        call(&handle, "call 0");
        await_posts(&api, 1);
        spool.await_files(ENDING, 0);
        handle.shutdown_blocking(LONG);
        assert_eq!(posts(&api).len(), if refusal == 413 { 2 } else { 1 });
        assert!(spool.files("").is_empty(), "{refusal}: {:?}", spool.files(""));
    }
}

#[test]
fn a_recording_of_a_call_that_has_ended_survives_a_power_cut() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spool/slow_disk.c");
    let Some(disk) = tools::preloaded(source, TEMPORARY) else { return };
    let spool = Spool::new(TEMPORARY, "recording-safe");
    let (backend, (api, _)) = (Backend::new(), silent());
    let safe = format!("{}.safe", spool.0.display());
    drop(fs::remove_file(&safe));
    let mut agent = agent(&[], "recorded", &backend, &api.url(), &spool.0);
    let mut child = agent.env("LD_PRELOAD", disk).env("CEKURA_TEST_SAFE", &safe).spawn().unwrap();
    assert_eq!(lines(&mut child).next().unwrap(), "ready");
    let (limit, folder) = (Instant::now() + LONG, spool.0.canonicalize().unwrap());
    let is_safe = || {
        let said = fs::read_to_string(&safe).unwrap_or_default();
        let mut rest = said.lines().skip_while(|line| !line.ends_with(ENDING));
        // Then the directory that it stands in.
        let file = rest.next().map(std::path::PathBuf::from);
        file.is_some_and(|file| rest.any(|line| Some(std::path::Path::new(line)) == file.parent()))
    };
    while !is_safe() {
        assert!(Instant::now() < limit, "{folder:?}: {:?}", fs::read_to_string(&safe));
        thread::sleep(Duration::from_millis(10));
    }
    kill(child);
}

#[cekura::conversation(client = handle, call_id = "refused", observe, skip_all)]
fn refused(handle: &Cekura, spool: &Spool) -> Duration {
    let call = current_conversation().unwrap();
    call.audio().user(&vec![9_000_i16; 16_000], 16_000);
    spool.await_files(ENDING, 1);
    // At any time between two looks of the thread that writes.
    thread::sleep(Duration::from_millis(u64::from(std::process::id() % 90)));
    let start = Instant::now();
    call.refuse_audio();
    spool.await_files(ENDING, 0);
    start.elapsed()
}

#[test]
fn what_a_caller_refuses_is_on_no_disk_a_moment_later() {
    let spool = Spool::new(TEMPORARY, "recording-refused");
    let (backend, api) = (Backend::new(), Api::new());
    let handle = spooling(&backend, &api, &spool).audio(Audio::stereo()).build().unwrap();
    let mut times: Vec<_> = (0..9).map(|_| refused(&handle, &spool)).collect();
    times.sort();
    // The thread looks five times a second.
    assert!(times[4] < Duration::from_millis(60), "{times:?}");
    handle.shutdown_blocking(LONG);
    assert!(spool.files("").is_empty(), "{:?}", spool.files(""));
}
