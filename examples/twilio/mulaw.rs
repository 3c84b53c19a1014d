//! G.711 µ-law, as telephone lines have it: one byte a sample, 8,000 a second.

/// A sample as one byte (ITU-T G.711, 3.2).
pub(crate) fn encoded(sample: i16) -> u8 {
    const BIAS: u16 = 132;
    let magnitude = sample.unsigned_abs().min(32_635) + BIAS;
    // The highest bit is one of the upper eight below the sign's.
    let exponent = 8 - magnitude.leading_zeros();
    let mantissa = (magnitude >> (exponent + 3)) & 15;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | u8::try_from((exponent << 4) | u32::from(mantissa)).unwrap_or(0x7f))
}

/// How loud a byte is: the sample without its sign.
pub(crate) fn loudness(byte: u8) -> u16 {
    let (exponent, mantissa) = ((!byte >> 4) & 7, u16::from(!byte & 15));
    (((mantissa << 3) + 132) << exponent) - 132
}

/// A voice that cannot speak: one tone a word, higher for longer words.
pub(crate) fn hum(text: &str) -> Vec<u8> {
    let word = |word: &str| {
        let letters = i32::try_from(word.len().min(20)).unwrap_or(20);
        let (length, pitch) = (letters * 400, 120 + 8 * letters);
        let sample = move |at: i32| {
            let triangle = (2 * (at * pitch % 8_000) - 8_000).abs() - 4_000;
            encoded(i16::try_from(triangle * 2).unwrap_or(0))
        };
        (0..length).map(sample).chain((0..400).map(|_| encoded(0))).collect::<Vec<_>>()
    };
    text.split_whitespace().flat_map(word).collect()
}
