//! A text → samples (24 kHz, one channel, 16 bits) for as long as the text takes to say: one tone a word, higher for
//! longer words. It cannot speak.

const RATE: i32 = 24_000;
/// One character takes 65 ms.
const CHARACTER: i32 = RATE * 65 / 1000;
/// A word swells and fades within this many samples.
const FADE: i32 = 1200;

pub(super) fn speak(text: &str) -> Vec<u8> {
    text.split_whitespace().flat_map(word).flat_map(i16::to_le_bytes).collect()
}

fn word(word: &str) -> impl Iterator<Item = i16> + use<> {
    let characters = (1..=40).zip(word.chars()).map(|(count, _)| count).last().unwrap_or(0);
    let pitch = 120 + 8 * characters;
    let length = characters * CHARACTER;
    let tone = (0..length).map(move |at| {
        let triangle = (2 * (at * pitch % RATE) - RATE).abs() - RATE / 2;
        i16::try_from(triangle * at.min(length - at).min(FADE) / FADE).unwrap_or(i16::MAX)
    });
    tone.chain((0..CHARACTER).map(|_| 0))
}
