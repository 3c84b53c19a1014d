//! A canary that is sound: a tone, and a search for it in bytes of any kind. Invariant: it is found as it is stored, posted or
//! shown (PCM of 16 bits and µ-law, mono or stereo, WAV, FLAC, base64), and other sound and text is not taken for it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flac_codec::decode::FlacSampleReader;
use std::f64::consts::TAU;

/// The tone that must be found nowhere, in hertz. It is no multiple of what other tests play.
pub const CANARY: f64 = 1_900.0;

/// The rates at which it is looked for.
const RATES: [u32; 4] = [8_000, 16_000, 24_000, 48_000];
/// Samples that are looked at together: less than a frame of 20 ms at 8 kHz has, for those have heads between them.
const WINDOW: usize = 128;
/// A tone has almost all of a window's power, and that of some windows: a vowel has it for a moment.
const MOST: f64 = 0.95;
const SOME: usize = 4;
/// The mean square of what is too quiet to be looked at.
const QUIET: f64 = 2_500.0;

/// A tone at half of full scale.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lengths and samples are small numbers"
)]
pub fn tone(hertz: f64, seconds: f64, rate: u32) -> Vec<i16> {
    let sample = |at: u32| 16_000.0 * (TAU * hertz * f64::from(at) / f64::from(rate)).sin();
    (0..(seconds * f64::from(rate)).round() as u32).map(|at| sample(at).round() as i16).collect()
}

/// The same as µ-law.
pub fn mulaw(samples: &[i16]) -> Vec<u8> {
    let values: Vec<(f64, u8)> = (0..=u8::MAX).map(|byte| (expand(byte), byte)).collect();
    let nearest = |sample: &i16| {
        let distance = |(value, _): &&(f64, u8)| (value - f64::from(*sample)).abs();
        values
            .iter()
            .min_by(|one, other| distance(one).total_cmp(&distance(other)))
            .map_or(0xFF, |found| found.1)
    };
    samples.iter().map(nearest).collect()
}

/// How loud sound is at one frequency, in decibels: 0 for what [`tone`] gives.
#[expect(clippy::cast_precision_loss, reason = "lengths are small numbers")]
pub fn level(samples: &[i16], hertz: f64, rate: u32) -> f64 {
    let samples: Vec<f64> = samples.iter().map(|sample| f64::from(*sample)).collect();
    let amplitude = 2.0 * power(&samples, &wave(hertz, rate, samples.len())).sqrt() / samples.len() as f64;
    20.0 * (amplitude / 16_000.0 + 1e-9).log10()
}

/// Whether there is such a tone in bytes, whatever they are: a file, a body, a page.
pub fn has_tone(bytes: &[u8], hertz: f64) -> bool {
    let waves = RATES.map(|rate| wave(hertz, rate, WINDOW));
    let has = |bytes: &[u8]| {
        [1, 2, 4].into_iter().any(|step| (0..step).any(|skip| is_heard(&samples(bytes, skip, step), &waves)))
    };
    has(bytes) || flac(bytes).iter().chain(&encoded(bytes)).any(|bytes| has(bytes)) || {
        encoded(bytes).iter().filter_map(|inner| flac(inner)).any(|bytes| has(&bytes))
    }
}

/// Bytes as samples of 16 bits that stand so many bytes apart, or as µ-law where that is one.
fn samples(bytes: &[u8], skip: usize, step: usize) -> Vec<f64> {
    let bytes = bytes.get(skip..).unwrap_or_default();
    if step == 1 {
        return bytes.iter().map(|byte| expand(*byte)).collect();
    }
    bytes.chunks_exact(step).map(|sample| f64::from(i16::from_le_bytes([sample[0], sample[1]]))).collect()
}

/// A byte of µ-law (ITU-T G.711).
fn expand(byte: u8) -> f64 {
    let step = f64::from((u32::from(!byte & 0x0F) * 8 + 0x84) << ((!byte & 0x70) >> 4)) - 132.0;
    if byte & 0x80 == 0 { -step } else { step }
}

type Wave = Vec<(f64, f64)>;

fn wave(hertz: f64, rate: u32, count: usize) -> Wave {
    let turn = TAU * hertz / f64::from(rate);
    (0..count).scan(0.0_f64, |angle, _| Some((std::mem::replace(angle, *angle + turn)).sin_cos())).collect()
}

/// How much of samples goes along with a wave.
fn power(samples: &[f64], wave: &[(f64, f64)]) -> f64 {
    let (sin, cos) = samples
        .iter()
        .zip(wave)
        .fold((0.0, 0.0), |(s, c), (sample, (sin, cos))| (s + sample * sin, c + sample * cos));
    sin * sin + cos * cos
}

#[expect(clippy::cast_precision_loss, reason = "a window is small")]
fn is_heard(samples: &[f64], waves: &[Wave]) -> bool {
    let mut heard = [0; RATES.len()];
    for window in samples.windows(WINDOW).step_by(WINDOW / 4) {
        let count = WINDOW as f64;
        let mean = window.iter().sum::<f64>() / count;
        let window: Vec<f64> = window.iter().map(|sample| sample - mean).collect();
        let all: f64 = window.iter().map(|sample| sample * sample).sum();
        if all / count > QUIET {
            // A wave alone has half of the window's length times all of its power.
            let is_in = |wave: &Wave| power(&window, wave) > MOST * all * count / 2.0;
            waves.iter().zip(&mut heard).for_each(|(wave, heard)| *heard += usize::from(is_in(wave)));
        }
    }
    heard.iter().any(|windows| *windows >= SOME)
}

/// The samples of a FLAC file that begins somewhere, as bytes.
fn flac(bytes: &[u8]) -> Option<Vec<u8>> {
    let at = bytes.windows(4).position(|part| part == b"fLaC")?;
    let mut reader = FlacSampleReader::new(&bytes[at..]).ok()?;
    let mut samples = Vec::new();
    // What came before an error counts too.
    let _ = reader.read_to_end(&mut samples);
    Some(samples.iter().filter_map(|sample| i16::try_from(*sample).ok()).flat_map(i16::to_le_bytes).collect())
}

/// What stands in base64 between other bytes.
fn encoded(bytes: &[u8]) -> Vec<Vec<u8>> {
    const LONG: usize = 4 * WINDOW;
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    let runs = bytes.chunk_by(|one, next| is_base64(one) == is_base64(next));
    let long = runs.filter(|run| run.len() >= LONG && is_base64(&run[0]));
    long.filter_map(|run| STANDARD.decode(&run[..run.len() / 4 * 4]).ok()).collect()
}
