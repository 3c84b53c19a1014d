//! A recording of the caller's side of a call → utterances, divided where the caller is silent.

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use std::io::Cursor;
use std::time::Duration;

const FRAME: Duration = Duration::from_millis(20);
/// Speech is what is louder than this share of the loudest frame.
const SPEECH: f64 = 0.02;
/// A silence this long ends an utterance.
const END_OF_UTTERANCE: Duration = Duration::from_millis(600);
/// After a shorter silence than this the caller did not wait for the end of the answer.
const HEARD_OUT: Duration = Duration::from_millis(1300);
/// How much of the silence around it an utterance keeps, in frames.
const MARGIN: usize = 8;

/// What the caller says in one go.
pub(crate) struct Utterance {
    pub(crate) samples: Vec<i16>,
    /// Samples a second.
    pub(crate) rate: u32,
    /// The same as a file.
    pub(crate) wav: Vec<u8>,
    /// How far into the agent's answer the caller speaks again, if the caller does not hear it out.
    pub(crate) cuts_in: Option<Duration>,
}

/// Reads a WAV file (one channel, 16 bits) and divides it.
pub(crate) fn utterances(recording: &[u8]) -> Result<Vec<Utterance>, hound::Error> {
    let mut reader = WavReader::new(Cursor::new(recording))?;
    let spec = reader.spec();
    if (spec.channels, spec.bits_per_sample, spec.sample_format) != (1, 16, SampleFormat::Int) {
        return Err(hound::Error::Unsupported);
    }
    let samples: Vec<i16> = reader.samples().collect::<Result<_, _>>()?;
    let frame = samples_in(FRAME, spec.sample_rate);
    let spoken = spoken(&samples, frame);
    let mut utterances = Vec::new();
    for (index, &(start, end)) in spoken.iter().enumerate() {
        let silence = spoken.get(index + 1).map(|(next, _)| frames(next - end));
        let from = start.saturating_sub(MARGIN) * frame;
        let to = samples.len().min((end + MARGIN) * frame);
        utterances.push(Utterance {
            samples: samples[from..to].to_vec(),
            rate: spec.sample_rate,
            wav: wav(&samples[from..to], spec)?,
            cuts_in: silence.filter(|silence| *silence < HEARD_OUT),
        });
    }
    Ok(utterances)
}

/// The first and the last frame, exclusive, of each utterance.
fn spoken(samples: &[i16], frame: usize) -> Vec<(usize, usize)> {
    let loudness: Vec<f64> = samples.chunks(frame).map(loudness).collect();
    let threshold = SPEECH * loudness.iter().copied().fold(0.0, f64::max);
    let mut spoken: Vec<(usize, usize)> = Vec::new();
    for (index, _) in loudness.iter().enumerate().filter(|(_, loudness)| **loudness > threshold) {
        match spoken.last_mut() {
            Some((_, end)) if frames(index - *end) < END_OF_UTTERANCE => *end = index + 1,
            _ => spoken.push((index, index + 1)),
        }
    }
    spoken
}

/// Root mean square.
fn loudness(samples: &[i16]) -> f64 {
    let squares: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (squares / f64::from(u32::try_from(samples.len()).unwrap_or(u32::MAX))).sqrt()
}

fn frames(count: usize) -> Duration {
    FRAME * u32::try_from(count).unwrap_or(u32::MAX)
}

fn samples_in(time: Duration, rate: u32) -> usize {
    usize::try_from(time.as_millis() * u128::from(rate) / 1000).unwrap_or(usize::MAX).max(1)
}

fn wav(samples: &[i16], spec: WavSpec) -> Result<Vec<u8>, hound::Error> {
    let mut file = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut file, spec)?;
    for sample in samples {
        writer.write_sample(*sample)?;
    }
    writer.finalize()?;
    Ok(file.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: WavSpec =
        WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: SampleFormat::Int };

    /// Speech and silence in turn, in milliseconds, beginning with silence.
    fn recording(parts: &[u64]) -> Vec<u8> {
        let part = |(index, length): (usize, &u64)| {
            let level = if index % 2 == 0 { 0 } else { 9000 };
            vec![level; samples_in(Duration::from_millis(*length), SPEC.sample_rate)]
        };
        let samples: Vec<i16> = parts.iter().enumerate().flat_map(part).collect();
        wav(&samples, SPEC).unwrap()
    }

    fn divided(recording: &[u8]) -> Vec<(u32, Option<Duration>)> {
        let length = |utterance: &Utterance| WavReader::new(Cursor::new(&utterance.wav)).unwrap().duration();
        utterances(recording).unwrap().iter().map(|u| (length(u), u.cuts_in)).collect()
    }

    #[test]
    fn a_long_silence_divides_and_a_short_pause_does_not() {
        let heard = divided(&recording(&[200, 400, 300, 400, 2000, 500, 1000]));
        assert_eq!(heard, [(8 * (160 + 1100 + 160), None), (8 * (160 + 500 + 160), None)]);
    }

    #[test]
    fn a_caller_who_does_not_wait_cuts_in() {
        let heard = divided(&recording(&[200, 400, 1000, 400, 200]));
        assert_eq!(heard[0].1, Some(Duration::from_secs(1)));
        assert_eq!(heard[1].1, None);
    }

    #[test]
    fn silence_and_an_empty_file_have_no_utterances() {
        assert!(utterances(&recording(&[3000])).unwrap().is_empty());
        assert!(utterances(&recording(&[])).unwrap().is_empty());
    }

    #[test]
    fn what_is_not_a_wav_file_is_an_error() {
        assert!(utterances(b"MP3").is_err());
    }
}
