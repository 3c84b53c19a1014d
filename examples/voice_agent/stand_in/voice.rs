//! A text → a WAV file as long as the text takes to say: one tone a word, higher for longer words. It cannot speak.

use hound::{SampleFormat, WavSpec, WavWriter};
use std::io::Cursor;

const RATE: i32 = 16_000;
/// One character takes 65 ms.
const CHARACTER: i32 = RATE * 65 / 1000;
/// A word swells and fades within this many samples.
const FADE: i32 = 800;
const SPEC: WavSpec =
    WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample: 16, sample_format: SampleFormat::Int };

pub(super) fn speak(text: &str) -> Result<Vec<u8>, hound::Error> {
    let mut file = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut file, SPEC)?;
    for word in text.split_whitespace() {
        let characters = (1..=40).zip(word.chars()).map(|(count, _)| count).last().unwrap_or(0);
        let pitch = 120 + 8 * characters;
        let length = characters * CHARACTER;
        for at in 0..length {
            let triangle = (2 * (at * pitch % RATE) - RATE).abs() - RATE / 2;
            writer.write_sample(triangle * at.min(length - at).min(FADE) / FADE)?;
        }
        for _ in 0..CHARACTER {
            writer.write_sample(0)?;
        }
    }
    writer.finalize()?;
    Ok(file.into_inner())
}
