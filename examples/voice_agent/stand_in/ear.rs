//! A WAV file → the words in it, if it is a piece of the recording that this file knows by heart.
//! It recognises the samples, not the speech, and hears nothing in any other audio.

use hound::WavReader;
use std::sync::LazyLock;
use std::time::Duration;

static RECORDING: LazyLock<Vec<i16>> = LazyLock::new(|| {
    samples(include_bytes!("../caller.wav")).map(|(samples, _)| samples).unwrap_or_default()
});
/// Start and end in seconds, and the words in between.
const WORDS: &str = include_str!("../caller.tsv");
/// So many samples from the middle of a piece are searched for before the whole of it is compared.
const PROBE: usize = 64;

pub(super) struct Heard {
    pub(super) text: String,
    pub(super) length: Duration,
}

pub(super) fn listen(wav: &[u8]) -> Result<Heard, hound::Error> {
    let (piece, rate) = samples(wav)?;
    let text = position(&RECORDING, &piece).map_or_else(String::new, |at| {
        words(time(at, rate).as_secs_f64(), time(at + piece.len(), rate).as_secs_f64())
    });
    Ok(Heard { text, length: time(piece.len(), rate) })
}

fn samples(wav: &[u8]) -> Result<(Vec<i16>, u32), hound::Error> {
    let mut reader = WavReader::new(wav)?;
    let rate = reader.spec().sample_rate;
    Ok((reader.samples().collect::<Result<_, _>>()?, rate))
}

fn time(samples: usize, rate: u32) -> Duration {
    Duration::from_secs(samples as u64) / rate
}

/// Where in the recording the piece begins.
fn position(recording: &[i16], piece: &[i16]) -> Option<usize> {
    let middle = piece.len() / 2;
    let probe = piece.get(middle..middle + PROBE)?;
    let found = recording.windows(PROBE).enumerate().filter(|(_, window)| *window == probe);
    found.filter_map(|(at, _)| at.checked_sub(middle)).find(|at| recording[*at..].starts_with(piece))
}

/// What is said in full between two moments of the recording.
fn words(from: f64, to: f64) -> String {
    let line = |line: &'static str| {
        let mut fields = line.split('\t');
        let start: f64 = fields.next()?.parse().ok()?;
        let end: f64 = fields.next()?.parse().ok()?;
        let said = fields.next()?;
        (from <= start && end <= to).then_some(said)
    };
    WORDS.lines().filter_map(line).collect::<Vec<_>>().join(" ")
}
