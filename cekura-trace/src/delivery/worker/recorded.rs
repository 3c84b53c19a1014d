//! The recording of an ended call goes to its call log, and to where the call is drawn. Invariant: what nobody takes is counted.

use super::Worker;
use crate::delivery::audio::place::Heard;
use crate::delivery::audio::recorder::Prepared;
use crate::delivery::audio::sound::Sound;
use crate::delivery::call_log::ended::Shown;
use crate::delivery::warnings::{tell_silent_agent, tell_silent_caller};
use opentelemetry::trace::SpanId;

/// Why a call has no recording.
#[cfg(feature = "local")]
const LOST: &str = "the recording cannot be read";
#[cfg(feature = "local")]
const NOTHING: &str = "neither side was handed over, or the recording was erased";

impl Worker {
    /// The recording of a call is prepared.
    pub(super) fn recorded(&mut self, root: SpanId, prepared: Prepared) {
        let Prepared { sound, is_lost, is_silent, heard } = prepared;
        let has_sound = sound.is_some();
        if has_sound || is_lost {
            self.ledger.count_recording(|count| {
                count.recorded += 1;
                count.dropped += u64::from(is_lost);
            });
        }
        let silent = sound.as_ref().map_or([is_silent; 2], Sound::silent_sides);
        let tells: [fn(); 2] = [tell_silent_caller, tell_silent_agent];
        for ((is_silent, is_told), tell) in silent.into_iter().zip(&mut self.told_silent).zip(tells) {
            if is_silent && !std::mem::replace(is_told, true) {
                self.events.emit(tell);
            }
        }
        let played = heard.iter().map(Heard::played).collect();
        let is_truncated = is_lost || sound.as_ref().is_some_and(Sound::is_truncated);
        let shown = Shown { played, is_recorded: has_sound, is_truncated };
        #[cfg(feature = "local")]
        let is_shown = self.show(root, &shown, sound.as_ref().ok_or(is_lost)) && self.account.is_local;
        #[cfg(not(feature = "local"))]
        let is_shown = false;
        let is_taken = self.call_logs.recorded(root, shown, sound) || is_shown;
        if has_sound && !is_taken {
            self.ledger.count_recording(|count| count.dropped += 1);
        }
    }

    /// Shows the recording of a call, or why there is none, where the call is drawn. Whether that waits for it.
    #[cfg(feature = "local")]
    fn show(&mut self, root: SpanId, shown: &Shown, sound: Result<&Sound, bool>) -> bool {
        let Some(ended) = self.unheard.remove(&root) else { return false };
        self.taps.iter_mut().fold(false, |is_taken, tap| {
            let log = ended.seal_shown(&self.account, shown.clone()).ok();
            let sound = sound.map(Sound::for_page).map_err(|is_lost| if is_lost { LOST } else { NOTHING });
            tap.recorded(ended.trace(), log, sound) || is_taken
        })
    }
}
