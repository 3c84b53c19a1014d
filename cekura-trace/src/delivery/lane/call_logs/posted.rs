//! What is posted of one call log. Invariant: a recording that costs the call log its post is left out.

use super::{Payload, PendingCallLog, counted};
#[cfg(feature = "audio")]
use super::{Response, form};

impl PendingCallLog {
    #[cfg(feature = "audio")]
    pub(super) fn payload(&self) -> Payload {
        let form = self.sound.as_ref().and_then(|sound| form(&self.log.id, &self.log.body, sound).ok());
        form.map_or_else(|| Payload::Json(self.log.body.clone()), Payload::Form)
    }

    #[cfg(not(feature = "audio"))]
    pub(super) fn payload(&self) -> Payload {
        Payload::Json(self.log.body.clone())
    }

    /// Whether its recording is why it was not taken, or could not be sent.
    #[cfg(feature = "audio")]
    pub(super) fn is_sound_refused(&self, answer: &Response) -> bool {
        self.sound.as_ref().is_some_and(|sound| match answer {
            Response::Whole { status, body, .. } => {
                matches!(status, 413 | 415) || matches!(status, 400 | 422) && body.contains("voice_recording")
            }
            Response::None { .. } => sound.is_broken(),
        })
    }

    pub(super) fn is_simulated(&self) -> bool {
        self.log.until.is_some()
    }

    /// Writes it with what spans have said since their conversation ended; whether that changes it.
    pub(super) fn write_again(&mut self) -> bool {
        let shown = std::mem::take(&mut self.shown);
        let Some(Ok(log)) = self.rewrite.take().map(|rewrite| (rewrite.write)(shown)) else { return false };
        let changes = log.body != self.log.body;
        self.reservation.resize_anyway(counted(&log));
        self.log.body = log.body;
        changes
    }
}
