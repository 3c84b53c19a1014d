//! Two channels → a FLAC file in parts. Invariant: its length is known before its first byte is sent, because it is encoded
//! twice.

use super::{CHANNELS, Stereo};
use crate::lock::locked;
use flac_codec::encode::{FlacStreamWriter, Options};
use prost::bytes::Bytes;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// A FLAC file in parts.
pub(crate) struct Flac {
    stereo: Stereo,
    encoder: FlacStreamWriter<Encoded>,
    bytes: Encoded,
    is_begun: bool,
}

/// What the encoder has written.
#[derive(Clone, Default)]
struct Encoded(Arc<Mutex<Vec<u8>>>);

impl Write for Encoded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        locked(&self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Flac {
    pub(crate) fn new(stereo: Stereo) -> Self {
        let bytes = Encoded::default();
        // What two people say has nothing in common that would be worth looking for.
        let options = Options::default().mid_side(false).fast_channel_correlation(true);
        let encoder = FlacStreamWriter::new(bytes.clone(), options);
        Self { stereo, encoder, bytes, is_begun: false }
    }

    /// The bytes of the whole file; it is used up.
    ///
    /// # Errors
    ///
    /// When the recording cannot be read.
    pub(crate) fn length(mut self) -> io::Result<u64> {
        self.try_fold(0, |length, part| Ok(length + part?.len() as u64))
    }

    /// The mark of the format, and its one block of metadata (RFC 9639, section 8).
    fn head(&self) -> Bytes {
        const BITS: u64 = 16;
        let frames = u16::try_from(super::WINDOW).unwrap_or(u16::MAX).to_be_bytes();
        let mut head = b"fLaC\x80\0\0\x22".to_vec();
        // Frames of a block, at least and at most; the bytes of one are not said.
        head.extend_from_slice(frames.as_slice());
        head.extend_from_slice(frames.as_slice());
        head.extend_from_slice(&[0; 6]);
        let form = u64::from(self.stereo.rate) << 44 | (CHANNELS as u64 - 1) << 41 | (BITS - 1) << 36;
        head.extend_from_slice(&(form | self.stereo.frames).to_be_bytes());
        // No sum of all samples.
        head.extend_from_slice(&[0; 16]);
        head.into()
    }

    fn block(&mut self) -> io::Result<Bytes> {
        let samples: Vec<i32> = self.stereo.window()?.into_iter().map(i32::from).collect();
        if !samples.is_empty() {
            let channels = u8::try_from(CHANNELS).unwrap_or_default();
            self.encoder.write(self.stereo.rate, channels, 16, &samples).map_err(io::Error::other)?;
        }
        Ok(std::mem::take(&mut *locked(&self.bytes.0)).into())
    }
}

impl Iterator for Flac {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        if !std::mem::replace(&mut self.is_begun, true) {
            return Some(Ok(self.head()));
        }
        let block = self.block();
        if block.as_ref().is_ok_and(Bytes::is_empty) { None } else { Some(block) }
    }
}

impl fmt::Debug for Flac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flac").field("stereo", &self.stereo).finish_non_exhaustive()
    }
}
