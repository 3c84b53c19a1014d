//! The sound of calls whose blocks came at times that a test says, as another process has left them.

#[cfg(unix)]
mod hour;
mod place;
mod render;
mod speech;
#[cfg(unix)]
mod store;

use super::place::Placed;
use super::recording::{FIRST, Recording};
use super::render::{Stereo, Wav, place};
use super::store::Store;
use crate::call::audio::Journal;
use crate::call::audio::block::{Form, Head, Track};
use crate::call::audio::frames::{Frames, Samples};
use crate::call::audio::tests::block;
use crate::room::Room;
use std::env;
use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

const SECOND: i64 = 1_000_000_000;

/// A directory for one test; removed when dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/sound").join(test);
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn seconds(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}

fn journal() -> Arc<Journal> {
    Arc::new(Journal::new(Instant::now(), Arc::default(), Room::default()))
}

/// The blocks of a call.
#[derive(Default)]
struct Line(Vec<u8>);

impl Line {
    fn block(&mut self, track: Track, form: Form, at: f64, samples: Samples<'_>, rate: u32, is_fixed: bool) {
        let head = Head { track, form, is_fixed, rate, count: 0, at: seconds(at) };
        self.0.extend(block(head, samples));
    }

    /// What the caller says comes at a time in seconds.
    fn user<'a>(&mut self, at: f64, frames: impl Frames<'a>, rate: u32) {
        self.block(Track::User, Form::Linear, at, frames.samples(), rate, false);
    }

    fn user_at<'a>(&mut self, began: f64, frames: impl Frames<'a>, rate: u32) {
        self.block(Track::User, Form::Linear, began, frames.samples(), rate, true);
    }

    fn agent<'a>(&mut self, at: f64, frames: impl Frames<'a>, rate: u32) {
        self.block(Track::Agent, Form::Linear, at, frames.samples(), rate, false);
    }

    fn clear(&mut self, at: f64) {
        self.block(Track::Agent, Form::Clear, at, Samples::Linear(&[]), 0, false);
    }

    fn delay(&mut self, delay: f64) {
        self.block(Track::Agent, Form::Delay, delay, Samples::Linear(&[]), 0, false);
    }

    fn recording(&self, test: &str) -> Arc<Recording> {
        let folder = Folder::new(test);
        let path = folder.0.join("call");
        fs::write(&path, [FIRST.as_slice(), &self.0].concat()).unwrap();
        Arc::new(Store::left(journal(), path).unwrap().finish())
    }

    /// Its file: the rate, and the samples of caller and agent.
    fn heard(&self, test: &str, rate: Option<u32>, end: Option<f64>) -> (u32, Vec<i16>, Vec<i16>) {
        let recording = self.recording(test);
        let placed = Arc::new(place(&recording, [], end.map(seconds)).unwrap());
        read(&wav(&recording, &placed, rate))
    }
}

fn wav(recording: &Arc<Recording>, placed: &Arc<Placed>, rate: Option<u32>) -> Vec<u8> {
    let wav = Wav::new(Stereo::new(recording, placed, rate));
    let length = wav.length();
    let bytes = wav.map(Result::unwrap).collect::<Vec<_>>().concat();
    assert_eq!(bytes.len() as u64, length, "as it was said before");
    bytes
}

/// Reads a file of two channels as others do, from its chunks.
fn read(wav: &[u8]) -> (u32, Vec<i16>, Vec<i16>) {
    let number = |at: usize| u32::from_le_bytes(*wav[at..].first_chunk().unwrap());
    let half = |at: usize| u16::from_le_bytes(*wav[at..].first_chunk().unwrap());
    assert_eq!((&wav[..4], &wav[8..16], &wav[36..40]), (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..]));
    assert_eq!((number(4) as usize, number(16), number(40) as usize), (wav.len() - 8, 16, wav.len() - 44));
    assert_eq!((half(20), half(22), half(32), half(34)), (1, 2, 4, 16));
    let rate = number(24);
    assert_eq!(number(28), 4 * rate);
    let sample = |bytes: &[u8]| i16::from_le_bytes([bytes[0], bytes[1]]);
    let (frames, rest) = wav[44..].as_chunks::<4>();
    assert!(rest.is_empty());
    let [user, agent] = [0, 2].map(|side| frames.iter().map(|frame| sample(&frame[side..])).collect());
    (rate, user, agent)
}

/// When it is loud, in seconds: parts that a silence of at least `gap` seconds divides.
fn loud(samples: &[i16], rate: u32, gap: f64) -> Vec<(f64, f64)> {
    const LOUD: u16 = 400;
    let mut parts: Vec<(f64, f64)> = Vec::new();
    for (at, _) in samples.iter().enumerate().filter(|(_, sample)| sample.unsigned_abs() > LOUD) {
        let at = at as f64 / f64::from(rate);
        match parts.last_mut() {
            Some(last) if at - last.1 < gap => last.1 = at,
            _ => parts.push((at, at)),
        }
    }
    parts
}

/// A tone at half of full scale.
fn tone(hertz: f64, length: f64, rate: u32) -> Vec<i16> {
    let sample = |at: u32| 16_000.0 * (std::f64::consts::TAU * hertz * f64::from(at) / f64::from(rate)).sin();
    (0..(length * f64::from(rate)).round() as u32).map(|at| sample(at).round() as i16).collect()
}

/// Says that a test is skipped for something that is missing. With `CEKURA_TESTS=all` nothing may be.
fn needs(what: &str, is_there: bool) -> Option<()> {
    assert!(is_there || env::var("CEKURA_TESTS").as_deref() != Ok("all"), "{what} is missing");
    if !is_there {
        drop(writeln!(stderr(), "skipped: {what} is missing"));
    }
    is_there.then_some(())
}

/// Numbers that look like chance, the same each time.
struct Chance(u64);

impl Chance {
    /// Between 0 and 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1_u64 << 31) as f64
    }
}
