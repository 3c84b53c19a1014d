//! Row 43: what goes wrong while a call log is posted with its recording, or while that waits on disk. Each call log is stored
//! once; its recording is stored with it, or counted as dropped.

use cekura::{Audio, Builder, Cekura, Timings, spans};
use cekura_trace_tests::api::{Api, Reply, Seen};
use cekura_trace_tests::backend::{Backend, deserted};
use cekura_trace_tests::handles::{LONG, observing, quick};
use cekura_trace_tests::proxy::{Fault, Proxy};
use cekura_trace_tests::spools::Spool;
use cekura_trace_tests::tone::{has_tone, tone};
use cekura_trace_tests::tools::Mount;
use http::HeaderMap;
use serde_json::json;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What the agent says, in hertz.
const SPEECH: f64 = 700.0;
/// More than the buffers of a connection take: a file of 19 MB.
const LENGTH: Duration = Duration::from_secs(300);
const MB: usize = 1_000_000;

/// What an API has stored.
type Stored = Arc<Mutex<Vec<Seen>>>;

/// Answers as an API that stores what it is sent, unless `refuse` says something else.
fn storing(
    stored: &Stored,
    refuse: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static,
) -> impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static {
    let stored = stored.clone();
    move |seen, _| {
        if let Some(reply) = refuse(seen) {
            return reply;
        }
        let mut stored = stored.lock().unwrap();
        if seen.method == "GET" {
            let calls = stored.iter().map(|seen| json!({ "id": 7, "call_id": seen.body["call_id"] }));
            return Reply::json(200, &calls.collect());
        }
        stored.push(seen.clone());
        Reply::stored(7)
    }
}

/// An API that stores what it gets, but for the first uploads: of those it reads so many bytes, and answers so.
fn hasty(uploads: usize, read: usize, reply: Reply) -> (Api, Stored) {
    let (stored, count) = (Stored::default(), AtomicUsize::new(0));
    let haste = move |headers: &HeaderMap| {
        let is_hasty = is_upload(headers) && count.fetch_add(1, Ordering::Relaxed) < uploads;
        is_hasty.then(|| (read, reply.clone()))
    };
    (Api::hasty(haste, storing(&stored, |_| None)), stored)
}

fn is_upload(headers: &HeaderMap) -> bool {
    headers.get("content-type").is_some_and(|kind| kind.to_str().unwrap().starts_with("multipart"))
}

/// The time limits of an upload are three times and sixty times that of an attempt.
fn recorded(backend: &Backend, api: &Api) -> Builder {
    let timings = Timings { attempt: Duration::from_secs(1), ..quick() };
    observing(backend, api).audio(Audio::stereo()).timings(timings)
}

/// A call of a length, in which the agent says the same again and again.
fn call(handle: &Cekura, length: Duration) {
    let began = Instant::now();
    let call = spans::conversation().call_id("call 1").observe().client(handle).start();
    let line = call.audio();
    let speech = tone(SPEECH, 1.0, 16_000);
    for second in 0..length.as_secs() {
        line.agent(&speech, 16_000);
        line.user_at(began + Duration::from_secs(second), &speech, 16_000);
    }
    call.user("Hello?");
    call.end_at(began + length);
}

/// The call log is stored once, with its recording or without.
#[track_caller]
fn settle(row: &str, handle: &Cekura, stored: &Stored, is_heard: bool) {
    let report = handle.shutdown_blocking(LONG);
    let stored = stored.lock().unwrap();
    let [seen] = &stored[..] else { panic!("{row}: {} call logs are stored", stored.len()) };
    assert_eq!(seen.body["call_id"], "call 1", "{row}");
    assert_eq!(seen.body["transcript_json"][0]["content"], "Hello?", "{row}: {}", seen.body);
    assert_eq!(seen.recording.is_some(), is_heard, "{row}");
    if let Some(recording) = &seen.recording {
        let (rate, sides) = recording.wav();
        let begin =
            sides.map(|side| side.into_iter().take(rate as usize).flat_map(i16::to_le_bytes).collect());
        assert!(begin.iter().all(|side: &Vec<u8>| has_tone(side, SPEECH)), "{row}");
    }
    let recordings = report.recordings;
    let expected = (1, u64::from(is_heard), u64::from(!is_heard));
    assert_eq!((recordings.recorded, recordings.delivered, recordings.dropped), expected, "{row}: {report}");
    println!("row 43 {row} | ours | {report}");
}

#[test]
fn row_43_a_recording_waits_for_an_api_that_is_not_there_yet() {
    let (backend, stored, address) = (Backend::new(), Stored::default(), deserted());
    let builder = recorded(&backend, &Api::new()).api_url(format!("http://{address}"));
    let handle = builder.build().unwrap();
    call(&handle, Duration::from_secs(2));
    thread::sleep(Duration::from_millis(500));
    let _api = Api::at(address, storing(&stored, |_| None));
    settle("refused", &handle, &stored, true);
}

#[test]
fn row_43_a_recording_is_sent_again_to_an_api_that_hangs() {
    let (backend, stored, asked) = (Backend::new(), Stored::default(), AtomicUsize::new(0));
    let hangs = move |_: &Seen| (asked.fetch_add(1, Ordering::Relaxed) < 2).then_some(Reply::Silence);
    let api = Api::scripted(storing(&stored, hangs));
    let handle = recorded(&backend, &api).build().unwrap();
    call(&handle, Duration::from_secs(2));
    settle("no answer", &handle, &stored, true);
}

#[test]
fn row_43_a_recording_whose_connection_is_reset_on_the_way_is_sent_again() {
    for read in [0, 1, MB] {
        let (backend, (api, stored)) = (Backend::new(), hasty(2, read, Reply::Reset));
        let handle = recorded(&backend, &api).build().unwrap();
        call(&handle, LENGTH);
        settle(&format!("reset after {read} bytes"), &handle, &stored, true);
    }
}

#[test]
fn row_43_a_recording_of_which_nothing_moves_any_more_is_sent_again() {
    let (backend, (api, stored)) = (Backend::new(), hasty(1, MB, Reply::Silence));
    let handle = recorded(&backend, &api).build().unwrap();
    call(&handle, LENGTH);
    settle("no progress", &handle, &stored, true);
}

#[test]
fn row_43_a_recording_that_is_not_taken_costs_the_call_log_nothing() {
    let named = r#"{"voice_recording":["is no sound"]}"#;
    for (status, words) in [(413, ""), (415, ""), (400, named), (422, named), (500, "a bug"), (501, "")] {
        let refused =
            move |seen: &Seen| seen.recording.is_some().then(|| Reply::Body(status, words.to_owned()));
        let (backend, stored) = (Backend::new(), Stored::default());
        let api = Api::scripted(storing(&stored, refused));
        let handle = recorded(&backend, &api).build().unwrap();
        call(&handle, Duration::from_secs(2));
        settle(&format!("{status}"), &handle, &stored, false);
    }
}

#[test]
fn row_43_an_answer_that_comes_before_the_recording_is_sent_counts() {
    let timings = Timings { give_up: Duration::from_secs(3), ..quick() };
    for read in [0, MB] {
        for (reply, is_heard) in [
            // The end of the connection may overtake an answer.
            (Reply::Body(413, String::new()), false),
            (Reply::json(400, &json!({ "voice_recording": ["is no sound"] })), false),
            (Reply::Wait(503, "0"), true),
            (Reply::Wait(429, "0"), true),
            (Reply::Body(502, String::new()), true),
        ] {
            let row = format!("{reply:?} after {read} bytes");
            let uploads = if is_heard { 1 } else { usize::MAX };
            let (backend, (api, stored)) = (Backend::new(), hasty(uploads, read, reply));
            let handle = recorded(&backend, &api).timings(timings).build().unwrap();
            call(&handle, LENGTH);
            settle(&row, &handle, &stored, is_heard);
        }
    }
}

#[test]
fn row_43_a_recording_that_never_gets_through_costs_the_call_log_nothing() {
    let timings = Timings { attempt: Duration::from_millis(200), give_up: Duration::from_secs(2), ..quick() };
    for (read, reply, is_spool) in [
        (MB, Reply::Reset, false),
        (0, Reply::Reset, true),
        (MB, Reply::Silence, false),
        (0, Reply::Body(502, String::new()), false),
        (MB, Reply::Body(408, String::new()), true),
    ] {
        let row = format!("{reply:?} each time after {read} bytes, spool {is_spool}");
        let spool = Spool::new(env!("CARGO_TARGET_TMPDIR"), "row-43-never");
        let (backend, (api, stored)) = (Backend::new(), hasty(usize::MAX, read, reply));
        let builder = recorded(&backend, &api).timings(timings);
        let builder = if is_spool { builder.spool(&spool.0) } else { builder };
        let handle = builder.build().unwrap();
        call(&handle, LENGTH);
        settle(&row, &handle, &stored, false);
        assert!(spool.files("").is_empty(), "{row}: {:?}", spool.files(""));
    }
}

#[test]
fn row_43_a_slow_connection_has_as_much_time_as_it_takes() {
    let (backend, stored) = (Backend::new(), Stored::default());
    let api = Api::scripted(storing(&stored, |_| None));
    let slow = Proxy::to(&api.url(), Some(Fault::Slow(6_000_000)));
    let timings = Timings { attempt: Duration::from_millis(500), ..quick() };
    let builder = recorded(&backend, &api).api_url(format!("http://{}", slow.address()));
    let handle = builder.timings(timings).build().unwrap();
    call(&handle, LENGTH);
    settle("slow", &handle, &stored, true);
    assert_eq!(api.requests().len(), 1, "it was sent once: {:?}", api.requests());
}

#[test]
fn row_43_a_disk_that_takes_no_sound_costs_the_call_log_nothing() {
    for (is_spool, option) in [(false, "rw"), (false, "ro"), (true, "rw"), (true, "ro")] {
        let spool = Spool::new(env!("CARGO_TARGET_TMPDIR"), &format!("row-43-{is_spool}-{option}"));
        let Some(mount) = Mount::new(&spool.0) else { return };
        let (backend, stored) = (Backend::new(), Stored::default());
        let api = Api::scripted(storing(&stored, |_| None));
        let builder = recorded(&backend, &api);
        let builder = if is_spool { builder.spool(&spool.0) } else { in_directory(builder, &spool.0) };
        let handle = builder.build().unwrap();
        mount.again(option);
        // It is more than the memory takes. Without the spool's disk there is that of temporary files.
        call(&handle, LENGTH);
        settle(&format!("disk {option}, spool {is_spool}"), &handle, &stored, true);
        let metadata = &stored.lock().unwrap()[0].body["metadata"];
        assert!(is_spool || metadata["recording_truncated"] == true, "{metadata}");
    }
}

fn in_directory(builder: Builder, directory: &Path) -> Builder {
    let directory = directory.to_str().unwrap().to_owned();
    builder.variables(move |name| (name == "TMPDIR").then(|| directory.clone()))
}
