//! How calls are recorded, as code says it. Invariant: it is plain data.

/// How calls with a call log are recorded: [`Builder::audio`](crate::Builder::audio).
///
/// Both sides of a call become one file of two channels, the caller left and the agent right, 16 bits a sample. Its first sample
/// is the start of the conversation. It has 16,000 samples a second, or 8,000 where nothing above came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "nothing is recorded until it is given to a builder"]
pub struct Audio {
    pub(crate) rate: Option<u32>,
    pub(crate) is_flac: bool,
}

impl Audio {
    /// A WAV file of two channels.
    pub fn stereo() -> Self {
        Self { rate: None, is_flac: false }
    }

    /// So many samples a second, between 8,000 and 48,000, but no more than came in.
    pub fn rate(self, rate: u32) -> Self {
        Self { rate: Some(rate), ..self }
    }

    /// As a FLAC file, which takes about half of the bytes and loses nothing. It is encoded twice for each upload, for its length
    /// must be known before.
    pub fn flac(self) -> Self {
        Self { is_flac: true, ..self }
    }
}
