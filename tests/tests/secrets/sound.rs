//! Sound that must be nowhere: a tone is handed over where a call may not be recorded, and every server, file, page and event
//! is searched for it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cekura::spans::{self, Guard};
use cekura::{Audio, Builder, CaptureContent, Cekura, Conversation, Timings};
use cekura_trace_tests::api::{Api, Reply};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::events::{heard, listen};
use cekura_trace_tests::handles::{LONG, observing, quick};
use cekura_trace_tests::spools::Spool;
use cekura_trace_tests::tone::{CANARY, has_tone, level, mulaw, tone};
use serde_json::json;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Frames of 20 ms, each behind a head.
fn blocks(samples: &[i16], rate: u32) -> Vec<u8> {
    let frames = samples.chunks(rate as usize / 50);
    frames.flat_map(|frame| [vec![7; 20], pcm(frame)].concat()).collect()
}

fn pcm(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// The tone beside another sound on the other channel, which is the left one or the right one.
fn beside(samples: &[i16], is_left: bool) -> Vec<u8> {
    let other = (0..).map(|at: i64| i16::try_from(at * at * 7_919 % 20_011).unwrap());
    let frames = samples.iter().zip(other);
    pcm(&frames
        .flat_map(|(one, other)| if is_left { [*one, other] } else { [other, *one] })
        .collect::<Vec<_>>())
}

#[test]
fn a_tone_is_found_in_every_form() {
    for rate in [8_000, 16_000, 24_000, 48_000] {
        let samples = tone(CANARY, 0.1, rate);
        let page =
            format!("<audio src=\"data:audio/wav;base64,{}\">", STANDARD.encode(beside(&samples, false)));
        let forms = [
            ("blocks", blocks(&samples, rate)),
            ("the left channel", beside(&samples, true)),
            ("the right channel", beside(&samples, false)),
            ("an odd place", [b"odd".to_vec(), beside(&samples, false)].concat()),
            ("µ-law", mulaw(&samples)),
            ("a page", page.into_bytes()),
        ];
        for (form, bytes) in forms {
            assert!(has_tone(&bytes, CANARY), "{form} at {rate}");
        }
        assert!(level(&samples, CANARY, rate).abs() < 0.1 && level(&samples, 440.0, rate) < -20.0);
    }
}

#[test]
fn nothing_else_is_taken_for_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in ["README.md", "Cargo.lock", "docs/performance.svg", "examples/voice_agent/caller.wav"] {
        assert!(!has_tone(&fs::read(root.join(file)).unwrap(), CANARY), "{file}");
    }
    for rate in [8_000, 16_000, 24_000, 48_000] {
        for hertz in [300.0, 440.0, 1_000.0, 3_000.0] {
            let samples = tone(hertz, 0.1, rate);
            for bytes in [blocks(&samples, rate), beside(&samples, true), mulaw(&samples)] {
                assert!(!has_tone(&bytes, CANARY), "{hertz} Hz at {rate}");
            }
        }
    }
    assert!(!has_tone(&[0; 10_000], CANARY) && !has_tone(&[], CANARY));
}

/// Where a test's files are: temporary ones, and the spool.
struct Disk(Spool);

impl Disk {
    fn new(test: &str) -> Self {
        let disk = Self(Spool::new(env!("CARGO_TARGET_TMPDIR"), &format!("sound-{test}")));
        fs::create_dir_all(disk.0.0.join("temporary")).unwrap();
        disk
    }

    /// A handle that has its temporary files here, and a spool if it is to.
    fn handle(&self, builder: Builder, has_spool: bool) -> Cekura {
        let temporary = self.0.0.join("temporary").to_str().unwrap().to_owned();
        let builder = builder.variables(move |name| (name == "TMPDIR").then(|| temporary.clone()));
        let builder = if has_spool { builder.spool(self.0.0.join("spool")) } else { builder };
        builder.timings(Timings { give_up: Duration::from_secs(2), ..quick() }).build().unwrap()
    }

    /// Whether any file here has the tone, also one without a name.
    fn has_tone(&self) -> bool {
        let open = fs::read_dir("/proc/self/fd").unwrap().flatten().map(|entry| entry.path());
        let is_here = |path: &PathBuf| fs::read_link(path).is_ok_and(|to| to.starts_with(&self.0.0));
        let mut files = open.filter(is_here).chain(self.0.files(""));
        files.any(|file| has_tone(&begin_of(&file), CANARY))
    }

    fn await_tone(&self, is_there: bool) {
        let limit = Instant::now() + LONG;
        while self.has_tone() != is_there {
            assert!(Instant::now() < limit, "the tone is there: {}", !is_there);
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// As much of a file as tells.
fn begin_of(file: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    // It may be gone meanwhile.
    drop(File::open(file).and_then(|file| file.take(200_000).read_to_end(&mut bytes)));
    bytes
}

/// A call that is given more of the tone than stays in memory.
fn begin(handle: &Cekura) -> Guard<spans::Conversation> {
    let call = spans::conversation().call_id("call 1").observe().client(handle).start();
    hand_over(&call);
    call
}

fn hand_over(call: &Conversation) {
    let (began, line, tone) = (Instant::now(), call.audio(), tone(CANARY, 1.0, 16_000));
    for second in 0..80 {
        line.agent(&tone, 16_000);
        line.user_at(began + Duration::from_secs(second), &tone, 16_000);
    }
}

/// Whether the tone was sent to any server, or said in an event.
fn is_sent(backend: &Backend, api: &Api) -> bool {
    let recordings = api.seen().into_iter().filter_map(|seen| seen.recording);
    let is_recorded =
        recordings.map(|it| it.bytes[..it.bytes.len().min(200_000)].to_vec()).any(|it| has_tone(&it, CANARY));
    let said = format!("{:?} {:?}", backend.seen(), heard(""));
    is_recorded || has_tone(said.as_bytes(), CANARY)
}

#[test]
fn sound_is_on_disk_and_on_the_server_where_it_may_be() {
    for (audio, has_spool) in [(Audio::stereo(), false), (Audio::stereo().flac(), true)] {
        let (backend, api, disk) = (Backend::new(), Api::new(), Disk::new(&format!("all-{has_spool}")));
        let handle = disk.handle(observing(&backend, &api).audio(audio), has_spool);
        let call = begin(&handle);
        disk.await_tone(true);
        thread::sleep(Duration::from_secs(1));
        call.end();
        handle.shutdown_blocking(LONG);
        assert!(is_sent(&backend, &api));
        drop(handle);
        disk.await_tone(false);
    }
}

type Set = fn(Builder) -> Builder;

#[test]
fn sound_that_may_not_be_kept_is_nowhere() {
    listen();
    let cases: [(&str, Set); 2] = [
        ("policy", |builder| builder.audio(Audio::stereo()).capture(CaptureContent::Metadata)),
        ("off", |builder| builder),
    ];
    for (case, set) in cases {
        let (backend, api, disk) = (Backend::new(), Api::new(), Disk::new(case));
        let handle = disk.handle(set(observing(&backend, &api)), true);
        let call = begin(&handle);
        // Longer than it takes to write it.
        thread::sleep(Duration::from_millis(1_500));
        assert!(!disk.has_tone(), "{case}");
        call.end();
        let report = handle.shutdown_blocking(LONG);
        assert!(!disk.has_tone() && !is_sent(&backend, &api), "{case}");
        assert_eq!(report.recordings.recorded, 0, "{case}: {report}");
    }
}

#[test]
fn sound_of_a_caller_who_refuses_is_gone_and_nothing_more_is_kept() {
    for has_spool in [false, true] {
        let (backend, api, disk) = (Backend::new(), Api::new(), Disk::new(&format!("refused-{has_spool}")));
        let handle = disk.handle(observing(&backend, &api).audio(Audio::stereo()), has_spool);
        let call = begin(&handle);
        disk.await_tone(true);
        call.refuse_audio();
        hand_over(&call);
        disk.await_tone(false);
        thread::sleep(Duration::from_millis(1_500));
        assert!(!disk.has_tone());
        call.end();
        handle.shutdown_blocking(LONG);
        assert!(!disk.has_tone() && !is_sent(&backend, &api));
        assert_eq!(api.posted()["call_id"], "call 1");
    }
}

#[test]
fn sound_that_is_not_taken_is_not_left_behind() {
    for (case, has_spool) in [("too large", true), ("wrong", true), ("away", false)] {
        let api = Api::scripted(move |seen, _| match (case, seen.recording.is_some()) {
            ("too large", true) => Reply::Body(413, String::new()),
            ("wrong", _) => Reply::json(400, &json!({ "transcript_json": ["is empty"] })),
            ("away", _) => Reply::Body(503, String::new()),
            _ => Reply::stored(7),
        });
        let (backend, disk) = (Backend::new(), Disk::new(&case.replace(' ', "-")));
        let handle = disk.handle(observing(&backend, &api).audio(Audio::stereo()), has_spool);
        let call = begin(&handle);
        disk.await_tone(true);
        thread::sleep(Duration::from_millis(500));
        call.end();
        let report = handle.shutdown_blocking(LONG);
        drop(handle);
        disk.await_tone(false);
        assert_eq!((report.recordings.recorded, report.recordings.dropped), (1, 1), "{case}: {report}");
    }
}
