//! Sound as the realtime protocol carries it ↔ samples: 24 kHz, 16 bits, one channel, base64.

use base64::{DecodeError, Engine, prelude::BASE64_STANDARD};
use serde::de::{Deserialize, Deserializer, Error};
use std::time::Duration;

/// What is sent and played at a time.
pub(crate) const FRAME: Duration = Duration::from_millis(20);
pub(crate) const FRAME_SAMPLES: usize = 20 * SAMPLES_PER_MS;
pub(crate) const SAMPLES_PER_MS: usize = 24;

pub(crate) fn encode(samples: &[i16]) -> String {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    BASE64_STANDARD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Result<Vec<i16>, DecodeError> {
    let bytes = BASE64_STANDARD.decode(text)?;
    Ok(bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}

/// For a field of an event.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i16>, D::Error> {
    decode(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// A voice that cannot speak: one tone a word, higher for longer words, for as long as a hasty person needs.
pub(crate) fn hum(text: &str) -> Vec<i16> {
    const RATE: i32 = 24_000;
    const CHARACTER: i32 = RATE * 30 / 1000;
    const FADE: i32 = 240;
    let word = |word: &str| {
        let characters = (1..=40).zip(word.chars()).map(|(count, _)| count).last().unwrap_or(0);
        let (length, pitch) = (characters * CHARACTER, 120 + 8 * characters);
        let sample = move |at: i32| {
            let triangle = (2 * (at * pitch % RATE) - RATE).abs() - RATE / 2;
            i16::try_from(triangle * at.min(length - at).min(FADE) / FADE).unwrap_or(i16::MAX)
        };
        (0..length).map(sample).chain((0..CHARACTER).map(|_| 0)).collect::<Vec<i16>>()
    };
    text.split_whitespace().flat_map(word).collect()
}
