//! A text → a WAV file as long as the text takes to say: one tone a word, higher for longer words. It cannot speak.

use hound::{SampleFormat, WavSpec, WavWriter};
use std::f32::consts::TAU;
use std::io::Cursor;

const RATE: u32 = 16_000;
/// One character takes 65 ms.
const CHARACTER: u32 = RATE * 65 / 1000;

pub(super) fn speak(text: &str) -> Result<Vec<u8>, hound::Error> {
    let spec =
        WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut file = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut file, spec)?;
    for word in text.split_whitespace() {
        let characters = u32::try_from(word.chars().count()).unwrap_or(u32::MAX).min(40);
        let pitch = 120.0 + 8.0 * characters as f32;
        let length = characters * CHARACTER;
        for at in 0..length {
            let fade = (at as f32 / length as f32 * TAU / 2.0).sin();
            let tone = (at as f32 / RATE as f32 * pitch * TAU).sin();
            writer.write_sample((8000.0 * fade * tone) as i16)?;
        }
        for _ in 0..CHARACTER {
            writer.write_sample(0_i16)?;
        }
    }
    writer.finalize()?;
    Ok(file.into_inner())
}
