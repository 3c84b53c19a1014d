//! Where an open span stands: its ids, its kind, its home, and what it tells them. Invariant: none of it changes while the
//! span is open.

#![expect(clippy::inline_always, reason = "each span passes here, and benches/gates.sh counts what it costs")]

use super::Twin;
use super::closing::{Closed, Wait};
use crate::call::consent::ConsentFate;
use crate::call::{Call, Said, Stage, Work, Worked};
use crate::finished::{self, Head, seal, write};
use crate::policy::{CONTENT_LIMIT, CaptureContent};
use crate::recording::callsite::{View, warn_unread};
use crate::recording::home::Home;
use crate::recording::sentences::{Ready, Sentence};
use crate::recording::told::Told;
#[cfg(feature = "audio")]
use crate::say::say_once;
use crate::semconv;
use opentelemetry::trace::{SpanContext, SpanId, TraceId};
use std::sync::Arc;
#[cfg(feature = "audio")]
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Where a span stands.
pub(crate) struct Stand {
    pub(super) context: SpanContext,
    /// `SpanId::INVALID` for a root.
    pub(super) parent_id: SpanId,
    pub(super) view: View,
    /// That of the spans inside it; `None` before its begin.
    pub(super) home: Option<Arc<Home>>,
    pub(super) is_remade: bool,
}

impl Stand {
    pub(super) const NOWHERE: Self = Self {
        context: SpanContext::NONE,
        parent_id: SpanId::INVALID,
        view: View::Span,
        home: None,
        is_remade: false,
    };

    pub(crate) fn span_context(&self) -> &SpanContext {
        &self.context
    }

    pub(crate) fn trace_id(&self) -> TraceId {
        self.context.trace_id()
    }

    pub(super) fn span_id(&self) -> SpanId {
        self.context.span_id()
    }

    pub(in crate::recording) fn home(&self) -> Option<&Arc<Home>> {
        self.home.as_ref()
    }

    /// The most bytes of one content value.
    pub(super) fn content_limit(&self) -> usize {
        self.home().map_or(CONTENT_LIMIT, |home| home.destination.content_limit)
    }

    pub(super) fn capture(&self) -> CaptureContent {
        self.home().map(|home| home.capture).unwrap_or_default()
    }

    /// Whether the content policy lets its content pass.
    pub(in crate::recording) fn keeps_content(&self) -> bool {
        self.capture() == CaptureContent::Full
    }

    /// Whether it is one in which the stages of a turn may begin, rather than such a stage.
    #[inline]
    pub(in crate::recording) fn holds_stages(&self) -> bool {
        matches!(self.view, View::Conversation | View::Span | View::Turn)
    }

    /// Whether its context can be made from the current one again, and nothing at its end asks for it.
    #[inline]
    pub(in crate::recording::span) fn is_remade(&self) -> bool {
        self.is_remade
    }

    /// The return value says that somebody was heard, or that audio is there.
    pub(super) fn tell(&self, at: Instant, told: Told) {
        if let Some(home) = self.home() {
            home.tell(self.view, at, told);
        }
    }

    /// An `stt` has understood something, or audio of the agent is there.
    pub(super) fn tell_turn(&self, at: Instant) {
        if let Some(home) = self.home() {
            match self.view {
                View::Stt => home.heard(at),
                View::S2s | View::Tts => home.spoke(at),
                _ => {}
            }
        }
    }

    /// Tells its turn what it did from `start` to `until`.
    #[cold]
    #[inline(never)]
    pub(super) fn tell_work(&self, start: Instant, until: Instant) {
        let work = match self.view {
            View::Llm => Work::Model,
            View::S2s | View::Tts => Work::Voice,
            View::ToolCall => Work::Tool,
            View::Conversation | View::Span | View::Stt | View::Turn => return,
        };
        if let Some(turn) = self.home().and_then(|home| home.turn.as_ref()) {
            turn.work(Worked { span: self.span_id(), work, start, until });
        }
    }

    /// A part of the text that it speaks is here.
    pub(in crate::recording) fn tell_asked(&self, at: Instant) {
        if let View::Tts = self.view
            && let Some(turn) = self.home().and_then(|home| home.turn.as_ref())
        {
            turn.asked(self.span_id(), at);
        }
    }

    /// What speaks or is spoken in the turn was cut off.
    pub(in crate::recording::span) fn interrupt_turn(&self) {
        if let View::Llm | View::S2s | View::Tts | View::Turn = self.view
            && let Some(turn) = self.home().and_then(|home| home.turn.as_ref())
        {
            turn.interrupt();
        }
    }

    /// The call whose conversation this is.
    pub(super) fn own_call(&self) -> Option<&Arc<Call>> {
        let call = self.home()?.call.as_ref();
        call.filter(|call| self.parent_id == SpanId::INVALID && call.root.span_id() == self.span_id())
    }

    #[inline]
    pub(super) fn head(&self, start: u64, end: u64, status: finished::Status) -> Head {
        let (trace_id, span_id, kind) = (self.trace_id(), self.span_id(), self.view.kind());
        Head { trace_id, span_id, parent_id: self.parent_id, kind, start, end, status }
    }

    /// Hands its record over, sealed.
    #[inline(always)]
    pub(super) fn hand_over(&self, at: Instant, record: &mut Vec<u8>, closed: Closed, wait: Wait) {
        let Some(home) = self.home.as_deref() else { return };
        let Closed { start, first, status, is_renamed, is_unread, twin } = closed;
        if is_unread {
            warn_unread(self.view, record);
        }
        if home.turn.is_some() && wait != Wait::Nobody {
            if self.view == View::Turn {
                self.write_turn(at.saturating_duration_since(start), record);
            } else {
                self.tell_work(start, first.unwrap_or(at));
            }
        }
        let head = self.head(home.clock.at(start), home.clock.at(at.max(start)), status);
        seal(record, &head, is_renamed);
        let looking = home.call.as_ref().filter(|call| call.looks_at_spans());
        if let Some(call) = looking {
            self.write_transcript(call, record);
        }
        if self.parent_id == SpanId::INVALID {
            self.close_call(head.end);
        }
        match looking {
            None => home.destination.accept(self.trace_id(), record),
            Some(call) => home.destination.accept_of(call, record),
        }
        if let Some(twin) = twin {
            end_twin(*twin, record);
        }
        self.leave();
    }

    /// Writes how its turn went. It ends `length` after its start.
    #[cold]
    #[inline(never)]
    fn write_turn(&self, length: Duration, record: &mut Vec<u8>) {
        let Some(turn) = self.home().and_then(|home| home.turn.as_ref()) else { return };
        if let Some((latency, parts)) = turn.latency() {
            write::float(record, semconv::TURN_USER_BOT_LATENCY_SECONDS, latency.as_secs_f64());
            let measured = semconv::TURN_LATENCY_PARTS.iter().zip(parts).filter(|(_, part)| !part.is_zero());
            measured.for_each(|(key, part)| write::float(record, key, part.as_secs_f64()));
        }
        write::float(record, semconv::TURN_DURATION_SECONDS, length.as_secs_f64());
        write::flag(record, semconv::TURN_WAS_INTERRUPTED, turn.was_interrupted());
        #[cfg(feature = "audio")]
        if let Some(call) = self.home().and_then(|home| home.call.as_ref())
            && turn.was_interrupted()
            && let Some(journal) = call.audio.get()
            && journal.clear()
        {
            tell_late(record);
        }
    }

    /// Whether what its stream says is wanted for a transcript.
    pub(super) fn writes_transcript(&self) -> bool {
        let is_wanted = |home: &Arc<Home>| home.call.as_ref().is_some_and(|call| call.notes.reads_spans());
        matches!(self.view, View::S2s | View::Stt) && self.home().is_some_and(is_wanted)
    }

    /// Adds sentences of its stream to the transcript.
    pub(super) fn write_sentences(&self, ready: Ready) {
        let Some(Home { call: Some(call), clock, turn, .. }) = self.home().map(|home| &**home) else {
            return;
        };
        let turn = turn.as_ref().map(|turn| turn.key());
        for Sentence { is_of_agent, text, start, end } in ready.sentences {
            call.notes.say(Said::sentence(turn, clock.at(start)..clock.at(end), is_of_agent, text));
        }
        let since = ready.since.map(|since| clock.at(since));
        call.notes.go_on(self.span_id(), ready.told, since);
    }

    /// Adds to the transcript what its record says.
    #[cold]
    #[inline(never)]
    fn write_transcript(&self, call: &Call, record: &[u8]) {
        if !call.notes.reads_spans() {
            return;
        }
        let stage = match self.view {
            View::Stt => Stage::Hears,
            View::S2s | View::Tts => Stage::Speaks,
            View::ToolCall => Stage::RunsTool,
            View::Turn => Stage::Turn,
            View::Conversation | View::Llm | View::Span => return,
        };
        let turn = self.home().and_then(|home| home.turn.as_ref()).map(|turn| turn.key());
        call.notes.read(stage, turn, record);
    }

    /// Hands over what was noted of the call whose conversation this is.
    #[cold]
    #[inline(never)]
    fn close_call(&self, end: u64) {
        let (Some(call), Some(home)) = (self.own_call(), self.home()) else { return };
        match call.close(end) {
            Some(noted) => home.destination.note(call, noted),
            None if call.notes.is_wanted() => {}
            None => home.destination.end_without_log(),
        }
        if let (Some(call), Some(home)) = (self.own_call(), self.home())
            && call.fate() != ConsentFate::Leaves
        {
            home.destination.decided(call);
        }
    }

    /// From now on nobody else ends it in its function's stead.
    #[inline]
    pub(in crate::recording::span) fn let_go(&self) {
        if let Some(call) = self.home().and_then(|home| home.call.as_ref()) {
            call.let_go(self.span_id());
        }
    }

    /// It is over, and handed over.
    #[inline]
    pub(super) fn leave(&self) {
        if let Some(Home { destination, call: Some(call), .. }) = self.home.as_deref() {
            if self.view == View::Turn {
                call.open_turns.end(self.span_id());
            }
            destination.calls.end(call);
        }
    }

    /// Nanoseconds since the Unix epoch.
    pub(super) fn at(&self, instant: Instant) -> u64 {
        self.home().map_or(0, |home| home.clock.at(instant))
    }
}

/// Says once that the agent's speech was not cleared where the caller cut in, but only at the end of the turn; unless the caller
/// did so by ending that.
#[cfg(feature = "audio")]
fn tell_late(record: &[u8]) {
    static IS_SAID: AtomicBool = AtomicBool::new(false);
    let own = semconv::CEKURA_INTERRUPTED.as_bytes();
    if record.windows(own.len()).any(|part| part == own) {
        return;
    }
    say_once(&IS_SAID, || {
        tracing::warn!(
            target: "cekura",
            "the agent was interrupted in a turn that went on, and its speech was not cleared before the end of that: write \
             line.clear() where the caller cuts in, so that the recording has what was heard"
        );
    });
}

#[cold]
#[inline(never)]
fn end_twin(twin: Twin, record: &[u8]) {
    twin.end(record);
}
