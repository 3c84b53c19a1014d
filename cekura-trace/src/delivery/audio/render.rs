//! The sound of a call → one file of two channels, the caller left and the agent right, 16 bits a sample. Invariant: it gives
//! the same bytes each time, and keeps no more than a window of them in memory.

pub(crate) mod flac;
mod resample;

use super::place::{Piece, Placed, Placing, samples};
use super::recording::{Blocks, Recording};
use crate::call::audio::block::{Form, Track};
use prost::bytes::Bytes;
use resample::Resampler;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Frames that are made at once; a frame is a sample of each channel.
const WINDOW: usize = 4_096;
const CHANNELS: usize = 2;
/// What a call of a telephone has, and what recognisers use.
const RATES: [u32; 2] = [8_000, 16_000];
/// Nobody says anything above half of it.
const HIGHEST: u32 = 48_000;

/// When each sound of a recording was heard, and what was heard of speeches. The call ends at `end`.
///
/// # Errors
///
/// When it cannot be read.
pub(crate) fn place(
    recording: &Arc<Recording>,
    speeches: impl IntoIterator<Item = Range<i64>>,
    end: Option<i64>,
) -> io::Result<Placed> {
    let (mut placing, mut blocks, mut at) = (Placing::new(speeches), Blocks::of(recording.clone()), 0);
    while let Some(head) = blocks.head(at)? {
        placing.push(at, &head);
        at = Blocks::after(at, &head);
    }
    Ok(placing.finish(end))
}

/// The samples of both channels, in turn.
#[derive(Debug)]
pub(crate) struct Stereo {
    pub(crate) rate: u32,
    /// How many frames there are.
    pub(crate) frames: u64,
    at: u64,
    channels: [Channel; CHANNELS],
}

impl Stereo {
    /// At this rate, or at a usual one; never at more than what came in, but for the usual ones.
    pub(crate) fn new(recording: &Arc<Recording>, placed: &Arc<Placed>, rate: Option<u32>) -> Self {
        let highest = placed.user.iter().chain(&placed.agent).map(|piece| piece.rate).max().unwrap_or(0);
        let usual = RATES[usize::from(highest > RATES[0])];
        let rate = rate.map_or(usual, |rate| rate.clamp(RATES[0], highest.clamp(RATES[0], HIGHEST)));
        let frames = samples(placed.length, rate);
        let channel = |track| Channel::new(Blocks::of(recording.clone()), placed.clone(), track, rate);
        Self { rate, frames, at: 0, channels: [channel(Track::User), channel(Track::Agent)] }
    }

    /// The next samples; none at the end.
    fn window(&mut self) -> io::Result<Vec<i16>> {
        let left = usize::try_from(self.frames - self.at).unwrap_or(WINDOW);
        let mut samples = vec![0; CHANNELS * left.min(WINDOW)];
        for (number, channel) in self.channels.iter_mut().enumerate() {
            channel.fill(self.at, &mut samples, number)?;
        }
        self.at += (samples.len() / CHANNELS) as u64;
        Ok(samples)
    }
}

/// A WAV file in parts.
#[derive(Debug)]
pub(crate) struct Wav {
    stereo: Stereo,
    is_begun: bool,
}

impl Wav {
    const HEAD: usize = 44;

    pub(crate) fn new(stereo: Stereo) -> Self {
        Self { stereo, is_begun: false }
    }

    /// The bytes of the whole file.
    pub(crate) fn length(&self) -> u64 {
        Self::HEAD as u64 + self.data()
    }

    fn data(&self) -> u64 {
        self.stereo.frames * 2 * CHANNELS as u64
    }

    fn head(&self) -> Bytes {
        // A longer one than 4 GiB does not come about, for calls are bounded.
        let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
        let (rate, frame) = (self.stereo.rate, 2 * CHANNELS as u64);
        let head = [
            *b"RIFF",
            number(self.length() - 8),
            *b"WAVE",
            *b"fmt ",
            number(16),
            // PCM, two channels.
            [1, 0, 2, 0],
            number(rate.into()),
            number(u64::from(rate) * frame),
            // Bytes of a frame, bits of a sample.
            [4, 0, 16, 0],
            *b"data",
            number(self.data()),
        ];
        Bytes::copy_from_slice(head.as_flattened())
    }
}

impl Iterator for Wav {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        if !std::mem::replace(&mut self.is_begun, true) {
            return Some(Ok(self.head()));
        }
        let window = self.stereo.window();
        if window.as_ref().is_ok_and(Vec::is_empty) {
            return None;
        }
        Some(window.map(|samples| {
            let mut bytes = vec![0; 2 * samples.len()];
            for (to, sample) in bytes.as_chunks_mut().0.iter_mut().zip(samples) {
                *to = sample.to_le_bytes();
            }
            bytes.into()
        }))
    }
}

/// One channel: the pieces of a track, each where it belongs.
#[derive(Debug)]
struct Channel {
    speech: Speech,
    placed: Arc<Placed>,
    track: Track,
    rate: u32,
    /// The piece that is heard, or the next one.
    piece: usize,
    resampler: Option<Resampler>,
    /// Frames of it that are there already; `None` before its begin.
    heard: Option<u64>,
}

impl Channel {
    fn new(blocks: Blocks, placed: Arc<Placed>, track: Track, rate: u32) -> Self {
        let speech = Speech { blocks, track, piece: None };
        Self { speech, placed, track, rate, piece: 0, resampler: None, heard: None }
    }

    fn pieces(&self) -> &[Piece] {
        match self.track {
            Track::Agent => &self.placed.agent,
            Track::User => &self.placed.user,
        }
    }

    /// The frames of a piece in the file.
    fn place(&self, piece: &Piece) -> Range<u64> {
        // To the nearest frame.
        let half = i64::from(500_000_000 / self.rate);
        let start = samples(piece.start.saturating_add(half), self.rate);
        let exact = u128::from(piece.count) * u128::from(self.rate) / u128::from(piece.rate.max(1));
        start..start.saturating_add(u64::try_from(exact).unwrap_or(u64::MAX))
    }

    /// Fills a window that begins at a frame.
    fn fill(&mut self, at: u64, window: &mut [i16], number: usize) -> io::Result<()> {
        let end = at + (window.len() / CHANNELS) as u64;
        while let Some(piece) = self.pieces().get(self.piece).copied() {
            let mut place = self.place(&piece);
            if let Some(next) = self.pieces().get(self.piece + 1) {
                place.end = place.end.min(self.place(next).start);
            }
            let start = place.start + self.heard.unwrap_or(0);
            if start >= end {
                break;
            }
            if self.heard.is_none() {
                self.begin(piece)?;
            }
            let stop = place.end.min(end).max(start);
            let [from, to] = [start, stop].map(|frame| usize::try_from(frame - at).unwrap_or(0) * CHANNELS);
            let frames = window[from..to].iter_mut().skip(number).step_by(CHANNELS);
            if let Some(resampler) = &mut self.resampler {
                resampler.give(&mut self.speech, frames)?;
            }
            self.heard = Some(stop - place.start);
            if stop < place.end {
                break;
            }
            (self.piece, self.heard) = (self.piece + 1, None);
        }
        Ok(())
    }

    fn begin(&mut self, piece: Piece) -> io::Result<()> {
        self.speech.begin(piece);
        match &mut self.resampler {
            Some(resampler) if resampler.from == piece.rate => resampler.reset(),
            resampler => *resampler = Some(Resampler::new(piece.rate, self.rate)?),
        }
        Ok(())
    }
}

/// The samples of one piece, as they came.
#[derive(Debug)]
struct Speech {
    blocks: Blocks,
    track: Track,
    piece: Option<Piece>,
}

impl Speech {
    fn begin(&mut self, piece: Piece) {
        self.piece = Some(piece);
    }

    /// Appends the next samples; fewer only at the end.
    fn read(&mut self, mut count: usize, to: &mut Vec<f32>) -> io::Result<()> {
        let Some(piece) = &mut self.piece else { return Ok(()) };
        while piece.count > 0 && count > 0 {
            let Some(head) = self.blocks.head(piece.at)? else { break };
            let is_sound = matches!(head.form, Form::Linear | Form::Mulaw | Form::Silence);
            let is_of_it = is_sound && head.track == self.track && head.is_fixed == piece.is_fixed;
            let size = if is_of_it { u64::from(head.count) } else { 0 };
            if piece.skip >= size {
                piece.skip -= size;
                piece.at = Blocks::after(piece.at, &head);
                continue;
            }
            let most = count.min(usize::try_from(piece.count).unwrap_or(count)).min(WINDOW);
            let before = to.len();
            let from = u32::try_from(piece.skip).unwrap_or(u32::MAX);
            self.blocks.samples(piece.at, &head, from, most, to)?;
            let read = to.len() - before;
            if read == 0 {
                break;
            }
            (piece.skip, piece.count) = (piece.skip + read as u64, piece.count - read as u64);
            count -= read;
        }
        Ok(())
    }
}
