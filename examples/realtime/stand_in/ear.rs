//! The caller's sound, as it arrives → when speech starts and stops, by loudness.

use crate::audio::{FRAME_SAMPLES, SAMPLES_PER_MS};

/// Louder than this is speech.
const SPEECH: u16 = 300;

#[derive(Clone, Copy)]
pub(super) struct Sensitivity {
    pub(super) prefix_padding_ms: usize,
    pub(super) silence_duration_ms: usize,
}

/// Times count from the first sound of the session.
#[derive(Debug, PartialEq)]
pub(super) enum Noticed {
    /// The padding before the speech included.
    Started { start_ms: usize },
    /// The silence that ended the speech included.
    Stopped { end_ms: usize, heard_ms: usize },
}

#[derive(Default)]
pub(super) struct Ear {
    samples: usize,
    started_ms: Option<usize>,
    silent_ms: usize,
}

impl Ear {
    pub(super) fn hear(&mut self, samples: &[i16], sensitivity: Sensitivity) -> Vec<Noticed> {
        samples.chunks(FRAME_SAMPLES).filter_map(|frame| self.hear_frame(frame, sensitivity)).collect()
    }

    fn hear_frame(&mut self, frame: &[i16], sensitivity: Sensitivity) -> Option<Noticed> {
        let before_ms = self.samples / SAMPLES_PER_MS;
        self.samples += frame.len();
        let end_ms = self.samples / SAMPLES_PER_MS;
        let loud = frame.iter().any(|sample| sample.unsigned_abs() > SPEECH);
        self.silent_ms = if loud { 0 } else { self.silent_ms + end_ms - before_ms };
        match self.started_ms {
            None if loud => {
                let start_ms = before_ms.saturating_sub(sensitivity.prefix_padding_ms);
                self.started_ms = Some(start_ms);
                Some(Noticed::Started { start_ms })
            }
            Some(start_ms) if self.silent_ms >= sensitivity.silence_duration_ms => {
                self.started_ms = None;
                Some(Noticed::Stopped { end_ms, heard_ms: end_ms - start_ms })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_is_what_is_between_silences() {
        let sensitivity = Sensitivity { prefix_padding_ms: 100, silence_duration_ms: 200 };
        let sound = |level: i16, ms: usize| vec![level; ms * SAMPLES_PER_MS];
        let call = [sound(0, 500), sound(9000, 300), sound(0, 100), sound(9000, 100), sound(0, 600)].concat();
        let mut ear = Ear::default();
        let noticed: Vec<Noticed> =
            call.chunks(FRAME_SAMPLES).flat_map(|frame| ear.hear(frame, sensitivity)).collect();
        let stopped = Noticed::Stopped { end_ms: 1200, heard_ms: 800 };
        assert_eq!(noticed, [Noticed::Started { start_ms: 400 }, stopped]);
    }
}
