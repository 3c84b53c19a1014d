//! Samples of one rate → samples of another. Invariant: what is above half of the new rate is not folded back, and the first
//! sample stays the first.

use super::Speech;
use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{
    Async, FixedAsync, Indexing, Resampler as _, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};
use std::fmt;
use std::io;

/// Samples that are made at once.
const WINDOW: usize = 1_024;

pub(super) struct Resampler {
    /// The rate of what it takes.
    pub(super) from: u32,
    /// `None` where both rates are the same.
    inner: Option<Async<f32>>,
    input: Vec<f32>,
    output: Vec<f32>,
    /// Samples of the output that were given.
    given: usize,
    /// Samples that come before the first.
    delay: usize,
}

impl Resampler {
    pub(super) fn new(from: u32, to: u32) -> io::Result<Self> {
        let inner = if from == to { None } else { Some(sinc(from, to)?) };
        let mut new =
            Self { from, inner, input: Vec::new(), output: vec![0.0; WINDOW], given: WINDOW, delay: 0 };
        new.reset();
        Ok(new)
    }

    /// Begins anew.
    pub(super) fn reset(&mut self) {
        self.given = WINDOW;
        if let Some(inner) = &mut self.inner {
            inner.reset();
            self.delay = inner.output_delay();
        }
    }

    /// Fills samples with what comes next, and with silence after the end.
    pub(super) fn give<'a>(
        &mut self,
        speech: &mut Speech,
        to: impl Iterator<Item = &'a mut i16>,
    ) -> io::Result<()> {
        for sample in to {
            while self.given == WINDOW {
                self.make(speech)?;
            }
            *sample = linear(self.output[self.given]);
            self.given += 1;
        }
        Ok(())
    }

    fn make(&mut self, speech: &mut Speech) -> io::Result<()> {
        self.input.clear();
        let Some(inner) = &mut self.inner else {
            speech.read(WINDOW, &mut self.input)?;
            self.input.resize(WINDOW, 0.0);
            std::mem::swap(&mut self.input, &mut self.output);
            self.given = 0;
            return Ok(());
        };
        let needed = inner.input_frames_next();
        speech.read(needed, &mut self.input)?;
        let there = self.input.len();
        self.input.resize(needed, 0.0);
        let input = SequentialSlice::new(&self.input, 1, needed).map_err(io::Error::other)?;
        let mut output = SequentialSlice::new_mut(&mut self.output, 1, WINDOW).map_err(io::Error::other)?;
        let indexing = Indexing::new().partial_len(there);
        inner.process_into_buffer(&input, &mut output, Some(&indexing)).map_err(io::Error::other)?;
        self.given = self.delay.min(WINDOW);
        self.delay -= self.given;
        Ok(())
    }
}

impl fmt::Debug for Resampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resampler").field("from", &self.from).finish_non_exhaustive()
    }
}

fn sinc(from: u32, to: u32) -> io::Result<Async<f32>> {
    // The lower it cuts off, the longer the filter is, and the fewer points between two samples it needs.
    let stretch = from.div_ceil(to) as usize;
    let parameters = SincInterpolationParameters::new(128 * stretch, WindowFunction::BlackmanHarris2)
        .oversampling_factor((256 / stretch).max(16))
        .interpolation(SincInterpolationType::Linear);
    let ratio = f64::from(to) / f64::from(from);
    Async::new_sinc(ratio, 1.0, &parameters, WINDOW, 1, FixedAsync::Output).map_err(io::Error::other)
}

#[expect(clippy::cast_possible_truncation, reason = "the conversion clips")]
fn linear(sample: f32) -> i16 {
    (sample * 32_768.0).round() as i16
}
