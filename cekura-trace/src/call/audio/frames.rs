//! Sound as a program has it → the bytes of a block. Invariant: µ-law stays one byte a sample, all else becomes two.

use super::block::Form;

/// Sound of a telephone line: G.711 µ-law, one byte a sample.
#[derive(Clone, Copy, Debug)]
pub struct Mulaw<'a>(pub &'a [u8]);

/// What is taken for sound of one channel: `&[i16]`, `&[f32]` between -1 and 1, or [`Mulaw`].
pub trait Frames<'a> {
    #[doc(hidden)]
    fn samples(self) -> Samples<'a>;
}

/// Samples, in the form that they came in.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Samples<'a> {
    Float(&'a [f32]),
    Linear(&'a [i16]),
    Mulaw(&'a [u8]),
}

macro_rules! frames {
    ($($sample:ty => $form:ident),*) => {$(
        impl<'a> Frames<'a> for &'a [$sample] {
            fn samples(self) -> Samples<'a> {
                Samples::$form(self)
            }
        }

        impl<'a> Frames<'a> for &'a Vec<$sample> {
            fn samples(self) -> Samples<'a> {
                Samples::$form(self)
            }
        }

        impl<'a, const N: usize> Frames<'a> for &'a [$sample; N] {
            fn samples(self) -> Samples<'a> {
                Samples::$form(self)
            }
        }
    )*};
}

frames!(f32 => Float, i16 => Linear);

impl<'a> Frames<'a> for Mulaw<'a> {
    fn samples(self) -> Samples<'a> {
        Samples::Mulaw(self.0)
    }
}

impl Samples<'_> {
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Float(samples) => samples.len(),
            Self::Linear(samples) => samples.len(),
            Self::Mulaw(samples) => samples.len(),
        }
    }

    /// How they are stored; of silence only its length is.
    pub(super) fn form(&self) -> Form {
        let is_silent = match self {
            Self::Float(samples) => samples.iter().all(|sample| linear(*sample) == 0),
            Self::Linear(samples) => samples.iter().all(|sample| *sample == 0),
            // It has two zeros.
            Self::Mulaw(samples) => samples.iter().all(|sample| sample | 0x80 == 0xFF),
        };
        match self {
            _ if is_silent => Form::Silence,
            Self::Float(_) | Self::Linear(_) => Form::Linear,
            Self::Mulaw(_) => Form::Mulaw,
        }
    }

    /// Appends them to the bytes of blocks.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Float(samples) => append(bytes, samples, |sample| linear(*sample)),
            Self::Linear(samples) => append(bytes, samples, |sample| *sample),
            Self::Mulaw(samples) => bytes.extend_from_slice(samples),
        }
    }
}

fn append<S>(bytes: &mut Vec<u8>, samples: &[S], linear: impl Fn(&S) -> i16) {
    let at = bytes.len();
    bytes.resize(at + 2 * samples.len(), 0);
    // In this form it becomes one copy.
    for (to, sample) in bytes[at..].as_chunks_mut().0.iter_mut().zip(samples) {
        *to = linear(sample).to_le_bytes();
    }
}

/// A sample between -1 and 1 with 16 bits; what is beyond is clipped, and NaN is silence.
#[expect(clippy::cast_possible_truncation, reason = "the low bits are the number")]
fn linear(sample: f32) -> i16 {
    // 1.5 · 2²³: the last bit of a number of this size is worth one, so that the sum is rounded, and its low bits are the rounded
    // sample in two's complement. `as i16` says the same, but the compiler makes no vector instructions of it: it takes three times
    // as long.
    const WHOLE: f32 = 12_582_912.0;
    let scaled = sample * 32_768.0;
    let scaled = if scaled > 32_767.0 { 32_767.0 } else { scaled };
    let scaled = if scaled < -32_768.0 { -32_768.0 } else { scaled };
    let scaled = if scaled.is_nan() { 0.0 } else { scaled };
    (scaled + WHOLE).to_bits() as i16
}

/// A byte of µ-law with 16 bits (ITU-T G.711).
pub(crate) fn expand(byte: u8) -> i16 {
    const BIAS: i16 = 0x84;
    let (step, exponent) = (i16::from(!byte & 0x0F), (!byte & 0x70) >> 4);
    let size = (((step << 3) + BIAS) << exponent) - BIAS;
    if byte & 0x80 == 0 { -size } else { size }
}
