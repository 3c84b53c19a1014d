//! Recordings of calls: both sides on one axis, posted with the call log, which never depends on them.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "times, lengths and samples of tests are small numbers"
)]

use cekura::{Audio, CaptureContent, Cekura, Line, Mulaw, current_conversation, current_turn, spans};
use cekura_trace_tests::api::{Api, Recording, Reply, Seen};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::events;
use cekura_trace_tests::handles::{LONG, observing};
use cekura_trace_tests::tone;
use futures::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use std::f32::consts::TAU;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// What a test hands over at once: 20 ms.
const FRAME: Duration = Duration::from_millis(20);
/// How much an edge may be off.
const NEAR: f64 = 0.05;

fn recorded(backend: &Backend, api: &Api) -> Cekura {
    observing(backend, api).audio(Audio::stereo()).build().unwrap()
}

/// A tone of 440 Hz.
fn tone(seconds: f64, rate: u32) -> Vec<i16> {
    let count = (seconds * f64::from(rate)) as u32;
    let sample = |at: u32| (TAU * 440.0 * at as f32 / rate as f32).sin() * 12_000.0;
    (0..count).map(|at| sample(at) as i16).collect()
}

/// Says something in real time, and gives when, in seconds since `start`.
fn say_live(line: &Line, seconds: f64, rate: u32, start: Instant) -> Range<f64> {
    let speech = tone(seconds, rate);
    let began = Instant::now();
    for (frame, number) in speech.chunks(rate as usize / 50).zip(1..) {
        // A frame is there when its last sample was said.
        thread::sleep((began + FRAME * number).saturating_duration_since(Instant::now()));
        line.user(frame, rate);
    }
    let from = began.duration_since(start).as_secs_f64();
    from..from + seconds
}

/// When a channel is not silent, in seconds; gaps below 60 ms are none.
fn heard(samples: &[i16], rate: u32) -> Vec<Range<f64>> {
    let mut found: Vec<Range<f64>> = Vec::new();
    for (window, number) in samples.chunks(rate as usize / 200).zip(0..) {
        if window.iter().any(|sample| sample.unsigned_abs() > 1_500) {
            let at = f64::from(number) / 200.0;
            match found.last_mut() {
                Some(last) if at - last.end < 0.06 => last.end = at + 0.005,
                _ => found.push(at..at + 0.005),
            }
        }
    }
    found
}

#[track_caller]
fn assert_near(found: &[Range<f64>], expected: &[Range<f64>]) {
    let is_near = |one: &Range<f64>, other: &Range<f64>| {
        (one.start - other.start).abs() < NEAR && (one.end - other.end).abs() < NEAR
    };
    let all =
        found.len() == expected.len() && found.iter().zip(expected).all(|(one, other)| is_near(one, other));
    assert!(all, "heard {found:?} instead of {expected:?}");
}

fn posts(api: &Api) -> Vec<Seen> {
    api.seen().into_iter().filter(|seen| seen.method == "POST").collect()
}

fn only(api: &Api) -> (Value, Recording) {
    let posts = posts(api);
    let [post] = posts.as_slice() else { panic!("{} posts", posts.len()) };
    (post.body.clone(), post.recording.clone().expect("a recording"))
}

#[cekura::conversation(client = handle, call_id = "call/1", observe, skip_all)]
fn call(handle: &Cekura, body: impl FnOnce(&Line, Instant)) {
    let start = Instant::now();
    body(&current_conversation().unwrap().audio(), start);
}

#[test]
fn both_sides_are_posted_with_the_call_log_each_where_it_was_heard() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = recorded(&backend, &api);
    let mut expected = [Vec::new(), Vec::new()];
    call(&handle, |line, start| {
        thread::sleep(Duration::from_millis(200));
        expected[0].push(say_live(line, 0.4, 8_000, start));
        // The service gives a second of speech at once, and it plays in real time.
        let at = start.elapsed().as_secs_f64();
        line.agent(&tone(0.6, 24_000), 24_000);
        line.agent(&tone(0.4, 24_000), 24_000);
        expected[1].push(at..at + 1.0);
        thread::sleep(Duration::from_millis(1_200));
        expected[0].push(say_live(line, 0.3, 8_000, start));
    });
    let report = handle.shutdown_blocking(LONG);
    let (body, recording) = only(&api);
    assert_eq!((&*recording.file_name, &*recording.media_type), ("call_1.wav", "audio/wav"));
    assert_eq!((&body["call_id"], &body["main_agent_channel_index"]), (&json!("call/1"), &json!(1)));
    assert!(body["trace_id"].is_string() && body["timestamp"].is_string(), "{body}");
    let (rate, [user, agent]) = recording.wav();
    assert_eq!(rate, 16_000);
    assert_near(&heard(&user, rate), &expected[0]);
    assert_near(&heard(&agent, rate), &expected[1]);
    assert_eq!(
        (report.recordings.recorded, report.recordings.delivered, report.recordings.dropped),
        (1, 1, 0)
    );
    assert!(report.to_string().ends_with("; recordings: 1 recorded, 1 delivered"), "{report}");
}

#[test]
fn a_variable_turns_recordings_on_and_code_has_the_last_word() {
    let of = |value: Option<&'static str>, code: Option<Audio>| {
        let (backend, api) = (Backend::new(), Api::new());
        let builder = observing(&backend, &api);
        let builder =
            builder.variables(move |name| value.filter(|_| name == "CEKURA_AUDIO").map(str::to_owned));
        let handle = code.into_iter().fold(builder, cekura::Builder::audio).build().unwrap();
        call(&handle, |line, _| line.user(&tone(0.1, 8_000), 8_000));
        handle.shutdown_blocking(LONG);
        let posts = posts(&api);
        assert_eq!(posts.len(), 1);
        posts[0].recording.is_some()
    };
    assert!(of(Some("true"), None) && of(Some("ON"), None));
    assert!(!of(None, None) && !of(Some("false"), None));
    assert!(of(Some("false"), Some(Audio::stereo())) && of(Some("canary"), Some(Audio::stereo())));
}

#[test]
fn a_barge_in_ends_what_is_heard_of_the_agent() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = recorded(&backend, &api);
    let mut expected = Vec::new();
    call(&handle, |line, start| {
        let at = start.elapsed().as_secs_f64();
        line.agent(&tone(5.0, 16_000), 16_000);
        thread::sleep(Duration::from_millis(500));
        line.clear();
        expected.push(at..start.elapsed().as_secs_f64());
        thread::sleep(Duration::from_millis(300));
        let at = start.elapsed().as_secs_f64();
        line.agent(&tone(0.3, 16_000), 16_000);
        expected.push(at..at + 0.3);
        thread::sleep(Duration::from_millis(500));
    });
    handle.shutdown_blocking(LONG);
    let (rate, [user, agent]) = only(&api).1.wav();
    assert_near(&heard(&agent, rate), &expected);
    assert!(heard(&user, rate).is_empty());
}

#[test]
fn a_telephone_line_has_8_khz_and_a_stalled_one_its_own_times() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = recorded(&backend, &api);
    let mut expected = Vec::new();
    call(&handle, |line, start| {
        expected.push(say_live(line, 0.3, 8_000, start));
        thread::sleep(Duration::from_millis(300));
        // Half a second comes in one burst at its end, with the second half in time.
        let began = start.elapsed().as_secs_f64();
        thread::sleep(Duration::from_millis(500));
        tone_of_mulaw(0.5).chunks(160).for_each(|packet| line.user(Mulaw(packet), 8_000));
        say_live(line, 0.5, 8_000, start);
        expected.push(began..began + 1.0);
        thread::sleep(Duration::from_millis(200));
    });
    handle.shutdown_blocking(LONG);
    let (rate, [user, _]) = only(&api).1.wav();
    assert_eq!(rate, 8_000);
    assert_near(&heard(&user, rate), &expected);
}

#[test]
fn a_call_with_all_of_it_is_heard_where_it_was_said() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = recorded(&backend, &api);
    let mut expected = [Vec::new(), Vec::new()];
    call(&handle, |line, start| {
        let now = || start.elapsed().as_secs_f64();
        let pause = |seconds| thread::sleep(Duration::from_secs_f64(seconds));
        expected[0].push(say_live(line, 0.5, 8_000, start));
        // Speech at five times its pace, in two forms; the caller is mute meanwhile.
        let began = now();
        for part in tone(1.0, 24_000).chunks(4_800) {
            line.agent(part, 24_000);
            pause(0.04);
        }
        tone_of_mulaw(0.5).chunks(800).for_each(|part| line.agent(Mulaw(part), 8_000));
        pause(1.6);
        expected[1].push(began..began + 1.5);
        // The line stalls for a second and a half, gives it all at once, and goes on.
        let began = now();
        pause(1.5);
        tone_of_mulaw(1.5).chunks(160).for_each(|part| line.user(Mulaw(part), 8_000));
        say_live(line, 0.5, 8_000, start);
        expected[0].push(began..began + 2.0);
        // The caller cuts in.
        let began = now();
        line.agent(&tone(5.0, 24_000), 24_000);
        pause(0.4);
        line.clear();
        expected[1].push(began..now());
        expected[0].push(say_live(line, 0.3, 8_000, start));
        pause(0.2);
    });
    handle.shutdown_blocking(LONG);
    let (rate, [user, agent]) = only(&api).1.wav();
    assert_near(&heard(&user, rate), &expected[0]);
    assert_near(&heard(&agent, rate), &expected[1]);
}

/// Of 500 Hz.
fn tone_of_mulaw(seconds: f64) -> Vec<u8> {
    (0..(seconds * 8_000.0) as u32).map(|at| if at / 8 % 2 == 0 { 0x10 } else { 0x90 }).collect()
}

/// The samples of both sides in a file, after a call of two seconds in which both were given the same.
fn both_sides(audio: Audio, samples: &[i16], rate: u32) -> (u32, [Vec<i16>; 2]) {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).audio(audio).build().unwrap();
    let began = Instant::now();
    let call = spans::conversation().observe().client(&handle).start();
    let floats: Vec<f32> = samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    call.audio().user_at(began, &floats, rate);
    call.audio().agent(samples, rate);
    call.end_at(began + Duration::from_secs(2));
    handle.shutdown_blocking(LONG);
    only(&api).1.samples()
}

/// How loud a second of it is, in decibels below what [`tone::tone`] gives.
fn loudness(samples: &[i16], rate: u32) -> f64 {
    let second = &samples[rate as usize / 4..][..rate as usize];
    let power: f64 = second.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    10.0 * (power / second.len() as f64 / (16_000.0_f64.powi(2) / 2.0) + 1e-12).log10()
}

#[test]
fn what_is_too_high_for_a_file_is_not_heard_in_it() {
    for (hertz, rate, audio, is_heard) in [
        (10_000.0, 48_000, Audio::stereo(), false),
        (10_000.0, 48_000, Audio::stereo().flac(), false),
        (9_000.0, 24_000, Audio::stereo(), false),
        (20_000.0, 44_100, Audio::stereo().rate(24_000), false),
        (5_000.0, 16_000, Audio::stereo().rate(8_000), false),
        (10_000.0, 48_000, Audio::stereo().rate(24_000), true),
        (3_000.0, 48_000, Audio::stereo().flac(), true),
        (3_000.0, 24_000, Audio::stereo().rate(8_000), true),
    ] {
        let (into, sides) = both_sides(audio, &tone::tone(hertz, 2.0, rate), rate);
        for side in sides {
            let level = loudness(&side, into);
            let is_right = if is_heard { level.abs() < 0.5 } else { level < -60.0 };
            assert!(is_right, "{hertz} Hz at {rate} into {into}: {level:.1} dB");
        }
    }
}

/// An API that answers its posts one after the other, and lists nothing as stored; 0 resets the connection.
fn answering(posts: &'static [(u16, &'static str)]) -> Api {
    let asked = AtomicUsize::new(0);
    Api::scripted(move |seen, _| {
        if seen.method == "GET" {
            return Reply::json(200, &json!({ "count": 0, "next": null, "results": [] }));
        }
        match posts.get(asked.fetch_add(1, Ordering::Relaxed)) {
            Some((0, _)) => Reply::Reset,
            Some((status @ (429 | 503), wait)) => Reply::Wait(*status, wait),
            Some((status, body)) => Reply::Body(*status, (*body).to_owned()),
            None => Reply::stored(7),
        }
    })
}

/// A call in which both say something.
fn short_call(handle: &Cekura) {
    call(handle, |line, start| {
        say_live(line, 0.1, 16_000, start);
        line.agent(&tone(0.1, 16_000), 16_000);
        thread::sleep(Duration::from_millis(120));
    });
}

#[test]
fn a_post_that_fails_is_repeated_with_the_same_recording() {
    let backend = Backend::new();
    let api = answering(&[(429, "1"), (503, "0"), (0, ""), (502, "")]);
    let handle = recorded(&backend, &api);
    short_call(&handle);
    let report = handle.shutdown_blocking(Duration::from_secs(60));
    let posts = posts(&api);
    assert_eq!(posts.len(), 5);
    let first = &posts[0].recording.as_ref().unwrap().bytes;
    assert!(posts.iter().all(|post| post.recording.as_ref().unwrap().bytes == *first));
    assert!(posts.iter().all(|post| post.body == posts[0].body));
    assert_eq!((report.recordings.delivered, report.recordings.dropped), (1, 0));
}

#[test]
fn a_recording_that_is_not_taken_costs_the_call_log_nothing() {
    for refusal in [(413, "too large"), (400, r#"{"voice_recording":["Upload a valid file."]}"#)] {
        let backend = Backend::new();
        let refusals: &'static [_] = Box::leak(Box::new([refusal]));
        let api = answering(refusals);
        let handle = recorded(&backend, &api);
        short_call(&handle);
        let report = handle.shutdown_blocking(LONG);
        let posts = posts(&api);
        let [with, without] = posts.as_slice() else { panic!("{} posts", posts.len()) };
        assert!(with.recording.is_some() && without.recording.is_none());
        assert_eq!(with.body, without.body);
        let recordings = report.recordings;
        assert_eq!((recordings.recorded, recordings.delivered, recordings.dropped), (1, 0, 1));
        assert!(report.to_string().contains("1 dropped"), "{report}");
    }
}

#[cekura::tts(text = text)]
fn speak(text: &str, seconds: f64) -> impl Stream<Item = Vec<i16>> + use<> {
    stream::iter(tone(seconds, 16_000).chunks(3_200).map(<[i16]>::to_vec).collect::<Vec<_>>())
}

#[cekura::turn]
async fn turn() {
    let line = current_conversation().unwrap().audio();
    current_turn().unwrap().user_stopped();
    // All of it is made in a moment; then it plays for four seconds.
    for (text, seconds) in
        [("We have soup.", 0.4), ("We have fish and chips and peas.", 1.6), ("We have cake.", 2.0)]
    {
        let mut audio = Box::pin(speak(text, seconds));
        while let Some(samples) = audio.next().await {
            line.agent(&samples, 16_000);
        }
        sleep(Duration::from_millis(5)).await;
    }
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn the_transcript_has_what_was_played_before_the_caller_cut_in() {
    #[cekura::conversation(client = handle, observe, skip_all)]
    async fn answer(handle: &Cekura) {
        drop(tokio::time::timeout(Duration::from_millis(1_200), turn()).await);
        sleep(Duration::from_millis(300)).await;
    }
    let (backend, api) = (Backend::new(), Api::new());
    let handle = recorded(&backend, &api);
    answer(&handle).await;
    handle.shutdown(LONG).await;
    let (body, recording) = only(&api);
    let entries = body["transcript_json"].as_array().unwrap();
    let said: Vec<_> = entries.iter().map(|entry| entry["content"].as_str().unwrap()).collect();
    // Half of the second sentence was played, and nothing of the third.
    assert_eq!(said, ["We have soup.", "We have fish and"]);
    let (start, end) = (entries[1]["start_time"].as_f64().unwrap(), entries[1]["end_time"].as_f64().unwrap());
    assert!((start - 0.4).abs() < 0.1 && (end - 1.2).abs() < 0.1, "{entries:?}");
    let (rate, [_, agent]) = recording.wav();
    assert_near(&heard(&agent, rate), &[0.0..1.2]);
}

#[test]
fn nothing_is_recorded_where_nobody_asked_for_it_or_the_policy_forbids_it() {
    #[cekura::conversation(client = handle, observe, capture = CaptureContent::Metadata, skip_all)]
    fn private(handle: &Cekura) {
        current_conversation().unwrap().audio().user(&tone(0.2, 8_000), 8_000);
    }
    let (backend, api) = (Backend::new(), Api::new());
    let handle = recorded(&backend, &api);
    private(&handle);
    call(&handle, |_, _| {});
    let report = handle.shutdown_blocking(LONG);
    assert_eq!(posts(&api).len(), 2);
    assert!(
        posts(&api).iter().all(|post| post.recording.is_none() && !post.body.to_string().contains("channel"))
    );
    assert_eq!(report.recordings.recorded, 0);
    let handle = observing(&backend, &api).build().unwrap();
    call(&handle, |line, _| line.user(&tone(0.2, 8_000), 8_000));
    handle.shutdown_blocking(LONG);
    assert!(posts(&api)[2].recording.is_none());
}

#[test]
fn a_directory_that_cannot_be_written_costs_a_short_call_nothing() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = recorded_in("/proc/nowhere", &backend, &api);
    short_call(&handle);
    handle.shutdown_blocking(LONG);
    assert!(!heard(&only(&api).1.wav().1[0], 16_000).is_empty());
}

fn recorded_in(directory: &'static str, backend: &Backend, api: &Api) -> Cekura {
    let variable = move |name: &str| (name == "TMPDIR").then(|| directory.into());
    observing(backend, api).variables(variable).audio(Audio::stereo()).build().unwrap()
}

#[test]
fn a_call_that_needs_the_disk_is_whole() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = recorded(&backend, &api);
    let speech = tone(10.0, 48_000);
    call(&handle, |line, start| {
        // 9.6 MB of the agent's speech.
        for _ in 0..10 {
            line.agent(&speech, 48_000);
            thread::sleep(Duration::from_millis(50));
        }
        line.clear();
        say_live(line, 0.2, 16_000, start);
    });
    let report = handle.shutdown_blocking(LONG);
    let (_, recording) = only(&api);
    let (rate, [user, agent]) = recording.wav();
    assert!(!heard(&user, rate).is_empty() && heard(&agent, rate)[0].start < NEAR);
    assert_eq!(report.recordings.delivered, 1);
}

#[test]
fn a_recording_of_which_nothing_finds_room_is_counted_as_lost() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = recorded(&backend, &api);
    // More than half of the memory limit in one piece.
    call(&handle, |line, _| line.agent(&vec![9_000_i16; 20_000_000], 48_000));
    let report = handle.shutdown_blocking(LONG);
    let posts = posts(&api);
    assert!(posts.len() == 1 && posts[0].recording.is_none());
    assert_eq!(posts[0].body["metadata"]["recording_truncated"], true, "{}", posts[0].body);
    assert_eq!((report.recordings.recorded, report.recordings.dropped), (1, 1), "{report}");
}

#[test]
fn a_flac_file_is_smaller_and_says_what_it_is() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).audio(Audio::stereo().flac().rate(8_000)).build().unwrap();
    short_call(&handle);
    handle.shutdown_blocking(LONG);
    let (_, recording) = only(&api);
    assert_eq!((&*recording.file_name, &*recording.media_type), ("call_1.flac", "audio/flac"));
    assert!(recording.bytes.starts_with(b"fLaC"));
}

#[test]
fn a_caller_who_refuses_is_not_recorded_and_what_was_recorded_is_erased() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = recorded(&backend, &api);
    call(&handle, |line, start| {
        say_live(line, 0.1, 16_000, start);
        current_conversation().unwrap().refuse_audio();
        say_live(line, 0.1, 16_000, start);
        current_conversation().unwrap().refuse_audio();
    });
    let report = handle.shutdown_blocking(LONG);
    let posts = posts(&api);
    let [post] = posts.as_slice() else { panic!("{} posts", posts.len()) };
    assert!(post.recording.is_none() && post.body["call_id"] == "call/1", "{}", post.body);
    assert_eq!((report.recordings.recorded, report.recordings.dropped), (0, 0));
}

#[test]
fn a_side_that_is_never_heard_is_named_with_the_line_to_write() {
    let (backend, api) = (Backend::new(), Api::new());
    events::listen();
    let handle = recorded(&backend, &api);
    call(&handle, |line, start| _ = say_live(line, 0.1, 16_000, start));
    handle.shutdown_blocking(LONG);
    assert!(!events::heard("line.agent(&speech, rate)").is_empty());
}
