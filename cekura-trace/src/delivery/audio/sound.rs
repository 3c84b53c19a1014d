//! The sound of one call as a file that can be sent, as often as needed. Invariant: its length is known before its first byte.

use super::place::Placed;
use super::recording::Recording;
use super::render::flac::Flac;
use super::render::{Stereo, Wav};
use crate::call::audio::Journal;
use crate::call::audio::form::Audio;
#[cfg(feature = "local")]
use crate::local::SoundFile;
use prost::bytes::Bytes;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The bytes of a WAV file that a page takes as it is. FLAC has a third of them, and takes a while to make.
#[cfg(feature = "local")]
const SMALL: u64 = 4 << 20;
/// The most bytes of a file in a page.
#[cfg(feature = "local")]
const MOST: usize = 16 << 20;

/// A file of two channels.
#[derive(Clone, Debug)]
pub(crate) struct Sound {
    recording: Arc<Recording>,
    placed: Arc<Placed>,
    audio: Audio,
    journal: Arc<Journal>,
    /// The bytes of its file.
    pub(crate) length: u64,
    /// It could not be read.
    is_broken: Arc<AtomicBool>,
}

impl Sound {
    /// # Errors
    ///
    /// When it cannot be read.
    pub(super) fn new(
        recording: Arc<Recording>,
        placed: Arc<Placed>,
        audio: Audio,
        journal: Arc<Journal>,
    ) -> io::Result<Self> {
        let sound = Self { recording, placed, audio, journal, length: 0, is_broken: Arc::default() };
        let length = if audio.is_flac {
            Flac::new(sound.stereo()).length()?
        } else {
            Wav::new(sound.stereo()).length()
        };
        Ok(Self { length, ..sound })
    }

    /// Whether it could not be read when it was to be sent.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    fn stereo(&self) -> Stereo {
        Stereo::new(&self.recording, &self.placed, self.audio.rate)
    }

    /// Whether it was cut off, or frames were left out.
    pub(crate) fn is_truncated(&self) -> bool {
        self.journal.is_truncated() || self.journal.lost() > 0
    }

    /// Whether the caller is never heard, and whether the agent is.
    pub(crate) fn silent_sides(&self) -> [bool; 2] {
        [&self.placed.user, &self.placed.agent].map(Vec::is_empty)
    }

    /// The ending of its name, and its media type.
    pub(crate) fn kind(&self) -> (&'static str, &'static str) {
        kind(self.audio.is_flac)
    }

    /// Its bytes in parts, which take a while to make. An error where it cannot be read, or was erased.
    pub(crate) fn file(&self) -> impl Iterator<Item = io::Result<Bytes>> + Send + use<> {
        let is_broken = self.is_broken.clone();
        self.parts(self.audio.is_flac).inspect(move |part| is_broken.store(part.is_err(), Ordering::Relaxed))
    }

    /// The same for a page, in the form that suits its size. Above [`MOST`] bytes comes an error.
    #[cfg(feature = "local")]
    pub(crate) fn for_page(&self) -> SoundFile {
        let is_flac = Wav::new(self.stereo()).length() > SMALL;
        let mut bytes = 0;
        let parts = self.parts(is_flac).map(move |part| {
            let part = part?;
            bytes += part.len();
            if bytes > MOST {
                return Err(io::Error::other("it is larger than 16 MiB, even as FLAC"));
            }
            Ok(part)
        });
        SoundFile { media_type: kind(is_flac).1, parts: Box::new(parts) }
    }

    fn parts(&self, is_flac: bool) -> Box<dyn Iterator<Item = io::Result<Bytes>> + Send> {
        if is_flac { Box::new(Flac::new(self.stereo())) } else { Box::new(Wav::new(self.stereo())) }
    }
}

fn kind(is_flac: bool) -> (&'static str, &'static str) {
    if is_flac { ("flac", "audio/flac") } else { ("wav", "audio/wav") }
}
