//! Calls that have ended: their call logs are sealed and handed on, with their recordings. Invariant: a call whose caller did
//! not agree leaves nothing here.

use super::decided::is_erased;
use super::{Instant, Worker};
#[cfg(feature = "audio")]
use crate::delivery::audio::place::Heard;
#[cfg(feature = "audio")]
use crate::delivery::audio::recorder::Prepared;
#[cfg(feature = "audio")]
use crate::delivery::audio::sound::Sound;
use crate::delivery::call_log::ended::EndedCall;
#[cfg(feature = "audio")]
use crate::delivery::call_log::ended::Shown;
use crate::delivery::call_log::error::ObserveError;
use crate::delivery::lane::call_logs::{Rewrite, counted};
use crate::delivery::spool::Recorded;
use crate::delivery::timings::later;
#[cfg(feature = "audio")]
use crate::delivery::warnings::{tell_silent_agent, tell_silent_caller};
use crate::room::{Room, Use};
use opentelemetry::trace::SpanId;
use std::sync::Arc;

/// Why a call has no recording.
#[cfg(all(feature = "audio", feature = "local"))]
const LOST: &str = "the recording cannot be read";
#[cfg(all(feature = "audio", feature = "local"))]
const NOTHING: &str = "neither side was handed over, or the recording was erased";

impl Worker {
    /// Posts what was noted of a call that has ended.
    pub(super) fn observe_ended(&mut self, mut ended: EndedCall, mut reservation: Room) {
        if is_erased(ended.call()) {
            return;
        }
        let held_for = ended.held_for();
        if held_for.is_none() {
            // A hold may have come and gone by now.
            ended.hear_late();
        }
        let call_id = ended.id().to_owned();
        if let (Some(sampler), Some(wait)) = (&mut self.sampler, ended.held_for()) {
            sampler.wait(ended.call().root.trace_id(), later(Instant::now(), wait));
        }
        self.doubt(&ended);
        let sealed = ended.seal(&self.account).and_then(|log| {
            // Escapes may make it longer than what was noted.
            let more = counted(&log).saturating_sub(reservation.bytes());
            reservation
                .join(Room::take(self.queue.clone(), Use::CallLog, more).ok_or_else(ObserveError::full)?);
            Ok(log)
        });
        match sealed {
            Ok(log) => {
                if log.until.is_some()
                    && !self.taps.is_empty()
                    && let Ok(shown) = ended.log().seal(&self.account)
                    && let shown = shown.redacted(&self.account)
                {
                    self.taps.iter_mut().for_each(|tap| tap.call_log(&shown, false));
                }
                let (account, root) = (self.account.clone(), ended.root());
                let recording = self.prepare(root, &ended);
                let ended = Arc::new(ended);
                #[cfg(all(feature = "audio", feature = "local"))]
                if recording.is_some() && !self.taps.is_empty() {
                    self.unheard.insert(root, ended.clone());
                }
                let write = Box::new(move |shown| ended.seal_last(&account, shown));
                let rewrite = Rewrite { write, root, held_for, recording };
                self.observe(log, Some(rewrite), reservation, Box::new(drop));
            }
            Err(error) => {
                self.drafts.iter_mut().for_each(|drafts| drafts.remove(ended.root()));
                self.call_logs.count_failure(&error);
                self.events.emit(move || tracing::error!(target: "cekura", call_id, "{error}"));
            }
        }
    }

    /// Has the recording of a call prepared, if it has one.
    #[cfg(feature = "audio")]
    fn prepare(&self, root: SpanId, ended: &EndedCall) -> Option<Recorded> {
        Some(self.recorder.as_ref()?.end(root, ended.sound()?))
    }

    #[cfg(not(feature = "audio"))]
    #[expect(clippy::unused_self, reason = "there is nothing to prepare without the feature")]
    fn prepare(&self, _root: SpanId, _ended: &EndedCall) -> Option<Recorded> {
        None
    }

    /// The recording of a call is prepared.
    #[cfg(feature = "audio")]
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
    #[cfg(all(feature = "audio", feature = "local"))]
    fn show(&mut self, root: SpanId, shown: &Shown, sound: Result<&Sound, bool>) -> bool {
        let Some(ended) = self.unheard.remove(&root) else { return false };
        self.taps.iter_mut().fold(false, |is_taken, tap| {
            let log = ended.seal_shown(&self.account, shown.clone()).ok();
            let sound = sound.map(Sound::for_page).map_err(|is_lost| if is_lost { LOST } else { NOTHING });
            tap.recorded(ended.trace(), log, sound) || is_taken
        })
    }

    /// Says once what may not be meant.
    fn doubt(&mut self, ended: &EndedCall) {
        if let Some(doubt) = ended.doubt(&self.account).filter(|_| !self.has_doubted) {
            self.has_doubted = true;
            self.events.emit(move || tracing::warn!(target: "cekura", "{doubt}"));
        }
    }
}
