//! What is recorded of a span's answer in parts: by its guard, its stream, or code inside. Invariant: no code
//! of the program runs under the span's lock, so that code may itself record on the span.
//!
//! The parts so far are lent to the caller that adds to them, and given back afterwards. If two callers add at
//! the same time, the second one starts with empty parts, and both are merged when they are given back. Who adds to a
//! conversation always starts with empty parts.

use super::closing::{End, Wait};
use super::{Live, Stage, State};
use crate::call::Unfinished;
use crate::finished::{Value, draft, write};
use crate::recording::attributes::Attributes;
use crate::recording::callsite::View;
use crate::recording::progress::Progress;
use crate::semconv;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// What was told of an answer, and who may tell more.
#[derive(Default)]
pub(super) struct Parts {
    /// `None` before the first part, and while it is lent.
    progress: Option<Progress>,
    /// How many tell something right now, where the span waits for them.
    tellers: usize,
    /// How many streams and messages are still to bring something.
    holders: usize,
    /// Those of them that nobody reads.
    unread: usize,
    /// Whether it was said that nobody reads them.
    is_told: bool,
    /// How the span's function ended, where the span waits for them.
    over: Option<Over>,
}

/// The end of a function whose span goes on.
pub(super) struct Over {
    pub(super) at: Instant,
    pub(super) wait: Wait,
    pub(super) failure: Option<String>,
    pub(super) was_cut: bool,
}

impl Live {
    /// An item of the answer is here, and `record` sets what it says. Gives whether the answer has failed.
    pub(in crate::recording) fn item(&self, at: Instant, record: impl FnOnce(&mut Attributes)) -> bool {
        self.progress(|progress| progress.item(at, record), Some(at))
    }

    /// A chunk of the answer is here, perhaps the first one.
    pub(in crate::recording) fn first_chunk(&self, at: Instant) {
        self.progress(|progress| progress.first_chunk(at), Some(at));
    }

    /// Sets what is known of the answer.
    pub(in crate::recording) fn say(&self, record: impl FnOnce(&mut Attributes)) {
        self.progress(|progress| progress.record(record), None);
    }

    /// The answer is a stream, although nothing may ever come.
    pub(in crate::recording) fn be_stream(&self) {
        self.progress(Progress::be_stream, None);
    }

    fn progress(&self, tell: impl FnOnce(&mut Progress), chunk: Option<Instant>) -> bool {
        let Some(mut progress) = self.lend() else { return false };
        tell(&mut progress);
        if let Some(at) = chunk
            && progress.tells_turn(self.view)
        {
            self.tell_turn(at);
            self.tell_work(progress.start(), at);
        }
        if chunk.is_some()
            && progress.is_cut_off()
            && let Some(home) = self.home()
        {
            home.cut_off();
        }
        if chunk.is_some()
            && let Some(ready) = progress.take_sentences()
        {
            self.write_sentences(ready);
        }
        let has_failed = progress.has_failed();
        self.give_back(progress);
        has_failed
    }

    /// What was told so far; `None` where the span is over.
    fn lend(&self) -> Option<Progress> {
        let mut state = self.state();
        if state.stage == Stage::Over {
            return None;
        }
        self.has_parts.store(true, Ordering::Relaxed);
        let start = state.start;
        let parts = state.parts.get_or_insert_default();
        let told = if self.waits_for_tellers() {
            parts.tellers += 1;
            parts.progress.take()
        } else {
            None
        };
        drop(state);
        let items = || self.aside().gathering();
        Some(told.unwrap_or_else(|| Progress::new(items(), start, self.writes_transcript())))
    }

    fn give_back(&self, progress: Progress) {
        self.leave_parts(|parts| {
            if self.waits_for_tellers() {
                parts.tellers -= 1;
            }
            parts.progress = Some(match parts.progress.take() {
                None => progress,
                Some(before) => before.with(progress),
            });
        });
    }

    /// Ends the span if its function has ended and nobody is left that it waits for.
    fn leave_parts(&self, leave: impl FnOnce(&mut Parts)) {
        let mut state = self.state();
        // Without them, it was cut off meanwhile.
        let Some(parts) = &mut state.parts else { return };
        leave(parts);
        let over = if parts.is_awaited(parts.over.as_ref().map_or(Wait::Holders, |over| over.wait)) {
            None
        } else {
            parts.over.take()
        };
        drop(state);
        if let Some(over) = over {
            self.finish_late(over);
        }
    }

    #[cold]
    fn finish_late(&self, over: Over) {
        let Over { at, mut failure, was_cut, .. } = over;
        if !was_cut {
            self.tell_at_end(at);
        }
        let mut record = |said: &mut Attributes| {
            if was_cut {
                write::flag(&mut said.entries, semconv::CEKURA_INTERRUPTED, true);
                self.interrupt_turn();
            }
            said.set_failure(failure.take());
        };
        self.end_shared(End { at, wait: Wait::Tellers, tells: false, record: &mut record });
    }

    /// When the answer was over, if that was said.
    pub(in crate::recording) fn answer_over(&self) -> Option<Instant> {
        self.has_parts().then(|| self.state().parts.as_ref()?.progress.as_ref()?.over()).flatten()
    }

    /// Tells the turn that somebody spoke, where the parts say so, but none by itself. False where they said or may
    /// still say it.
    pub(in crate::recording) fn tell_at_end(&self, at: Instant) -> bool {
        if !self.has_parts() || !matches!(self.view, View::Stt | View::Tts) {
            return true;
        }
        let state = self.state();
        let Some(parts) = state.parts.as_ref() else { return true };
        let told = parts.progress.as_ref();
        let tells = told.is_some_and(|told| told.end_tells_turn(self.view));
        let is_open = parts.holders == 0 && !told.is_some_and(Progress::has_told);
        drop(state);
        if is_open && tells {
            self.tell_turn(at);
        }
        is_open && !tells
    }

    /// As [`tell_at_end`](Self::tell_at_end), where nothing is returned: a voice of whose audio nothing was told has
    /// spoken.
    pub(in crate::recording) fn tell_at_end_by_hand(&self, at: Instant) {
        let is_unknown = |state: &State| {
            let told = state.parts.as_ref().and_then(|parts| parts.progress.as_ref());
            told.is_none_or(Progress::is_without_audio)
        };
        if self.tell_at_end(at) && self.view == View::Tts && (!self.has_parts() || is_unknown(&self.state()))
        {
            self.tell_turn(at);
        }
    }

    /// Whether the return value may tell that somebody spoke: the parts did not.
    pub(in crate::recording) fn returned_tells(&self, at: Instant) -> bool {
        matches!(self.view, View::S2s | View::Stt | View::Tts) && self.tell_at_end(at)
    }

    /// Whether it is that of a voice, which is given a text.
    pub(in crate::recording) fn speaks(&self) -> bool {
        self.view == View::Tts
    }

    /// Whether anything came of a stream.
    pub(in crate::recording) fn has_items(&self) -> bool {
        let has_items = |parts: &Parts| parts.progress.as_ref().is_some_and(Progress::has_items);
        self.has_parts() && self.state().parts.as_ref().is_some_and(|parts| has_items(parts))
    }

    /// A conversation does not, for the program's code may take as long as it likes, and its call is to end. So nothing that
    /// was told of it is lent to who tells more.
    fn waits_for_tellers(&self) -> bool {
        self.view != View::Conversation
    }

    /// Asked without the lock: most spans have none.
    #[inline]
    fn has_parts(&self) -> bool {
        self.has_parts.load(Ordering::Relaxed)
    }
}

impl Unfinished for Live {
    fn cut_off(&self, at: Instant) {
        let mut record =
            |said: &mut Attributes| write::flag(&mut said.entries, semconv::CEKURA_UNFINISHED, true);
        self.end_shared(End { at, wait: Wait::Nobody, tells: false, record: &mut record });
    }

    fn announce(&self) {
        if let Some(home) = self.home() {
            self.say_begin(home);
        }
    }

    fn rename_call(&self, id: &str) {
        self.add(|said| {
            write::text(&mut said.entries, semconv::CALL_ID, id);
            write::text(&mut said.entries, semconv::CONVERSATION_ID, id);
        });
    }

    fn score(&self, name: &str, value: f64) -> bool {
        let mut is_open = false;
        self.add(|said| {
            is_open = true;
            write::float(&mut said.entries, &format!("{}{name}", semconv::SCORE_PREFIX), value);
        });
        is_open
    }

    fn hold(&self, is_unread: bool) -> bool {
        let mut state = self.state();
        let is_open = state.stage != Stage::Over;
        if is_open {
            self.has_parts.store(true, Ordering::Relaxed);
            let parts = state.parts.get_or_insert_default();
            parts.holders += 1;
            parts.unread += usize::from(is_unread);
        }
        is_open
    }

    fn read(&self) {
        if let Some(parts) = &mut self.state().parts {
            parts.unread -= 1;
        }
    }

    fn release(&self, was_cut: bool) {
        self.leave_parts(|parts| {
            parts.holders -= 1;
            let is_over = parts.progress.as_ref().is_some_and(|progress| progress.over().is_some());
            if let Some(over) = parts.over.as_mut().filter(|over| over.wait == Wait::Holders) {
                if parts.holders == 0 {
                    self.close_turn(true);
                }
                over.at = over.at.max(Instant::now());
                over.was_cut |= was_cut && !is_over;
            }
        });
    }

    fn is_unread(&self, since: Duration) -> bool {
        let mut state = self.state();
        let Some(parts) = &mut state.parts else { return false };
        let is_over = parts.over.as_ref().is_some_and(|over| over.at.elapsed() >= since);
        is_over && parts.unread > 0 && !std::mem::replace(&mut parts.is_told, true)
    }
}

impl Parts {
    fn is_awaited(&self, wait: Wait) -> bool {
        match wait {
            Wait::Nobody => false,
            Wait::Tellers => self.tellers > 0,
            Wait::Holders => self.tellers > 0 || self.holders > 0,
        }
    }
}

impl State {
    /// Puts the end off where somebody is awaited, and keeps what was recorded at it.
    pub(super) fn put_off(&mut self, at: Instant, wait: Wait) -> bool {
        let Some(parts) = &mut self.parts else { return false };
        if !parts.is_awaited(wait) {
            return false;
        }
        let was_cut = parts.over.take().is_some_and(|over| over.was_cut);
        parts.over = Some(Over { at, wait, failure: self.said.take_failure(), was_cut });
        self.stage = Stage::Open;
        true
    }

    /// Whether its function has ended, and streams and messages are still to bring something.
    pub(super) fn goes_on(&self) -> bool {
        let goes_on = |parts: &Parts| {
            parts.holders > 0 && parts.over.as_ref().is_some_and(|over| over.wait == Wait::Holders)
        };
        self.parts.as_ref().is_some_and(|parts| goes_on(parts))
    }

    /// Writes what was told of the answer behind what its function said at its end, and gives when the first of it came that
    /// says something. How that failed counts most.
    pub(super) fn write_parts(&mut self) -> Option<Instant> {
        let end = &mut self.said;
        let progress = self.parts.take().and_then(|parts| parts.progress);
        let progress = progress?;
        let first = progress.spoke();
        let Some(failure) = end.take_failure() else {
            progress.write(end);
            return first;
        };
        let error_type = draft(&end.entries).and_then(|record| {
            let of_error = |(key, value)| match value {
                Value::Str(name) if key == semconv::ERROR_TYPE => Some(name.to_owned()),
                _ => None,
            };
            record.attributes().into_iter().find_map(of_error)
        });
        progress.write(end);
        if let Some(error_type) = error_type {
            write::text(&mut end.entries, semconv::ERROR_TYPE, &error_type);
        }
        end.set_failure(Some(failure));
        first
    }
}
