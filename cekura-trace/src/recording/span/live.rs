//! An open span: what is set on it, through the OpenTelemetry API or by its function. Invariant: one record is
//! made of it, at its end.

use super::twin::Twin;
use crate::call::Call;
use crate::destination::Destination;
use crate::finished::{self, Head, seal, write};
use crate::policy::{CONTENT_LIMIT, CaptureContent};
use crate::recording::attributes::Attributes;
use crate::recording::callsite::{Callsite, View};
use crate::recording::home::Home;
use crate::recording::recorded::Recorded;
use crate::recording::told::Told;
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanId, Status, TraceId};
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub(super) mod closing;
pub(in crate::recording) mod handle;
mod parts;

use closing::{Closed, Wait};
use parts::Parts;

/// An open span, shared by the function that it belongs to and the contexts made from it.
pub(crate) struct Live {
    context: SpanContext,
    /// `SpanId::INVALID` for a root.
    parent_id: SpanId,
    view: View,
    /// That of the spans inside it; `None` before its begin.
    home: Option<Arc<Home>>,
    is_remade: bool,
    /// Whether anything was told of its answer.
    has_parts: AtomicBool,
    state: Mutex<State>,
}

struct State {
    start: Instant,
    /// What is said of it so far, behind the begin of its record. While the span ends, only what is set during its end.
    said: Attributes,
    status: Status,
    is_renamed: bool,
    /// Whether the program said when it began.
    keeps_start: bool,
    stage: Stage,
    twin: Option<Box<Twin>>,
    parts: Option<Box<Parts>>,
}

/// Room for the span attributes of most functions.
const NEW_BYTES: usize = 512;
/// The most bytes of a record's buffer that are kept for the next span.
const KEPT_BYTES: usize = 16 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// Its record is taken, to add what is known at the end.
    Ending,
    Over,
}

/// Shows ids only, never what was recorded.
impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Live").field(&self.trace_id()).field(&self.span_id()).finish()
    }
}

impl Live {
    /// A span that stands nowhere yet.
    pub(super) fn idle() -> Arc<Self> {
        let entries = Vec::with_capacity(NEW_BYTES);
        let state = State {
            start: Instant::now(),
            said: Attributes::new(View::Span, CaptureContent::default(), CONTENT_LIMIT, entries),
            status: Status::Unset,
            is_renamed: false,
            keeps_start: false,
            stage: Stage::Open,
            twin: None,
            parts: None,
        };
        Arc::new(Self {
            context: SpanContext::NONE,
            parent_id: SpanId::INVALID,
            view: View::Span,
            home: None,
            is_remade: false,
            has_parts: AtomicBool::new(false),
            state: Mutex::new(state),
        })
    }

    /// Begins its record, before it is known where it stands.
    #[inline]
    pub(super) fn draft(&mut self, callsite: &Callsite, (capture, limit): (CaptureContent, usize)) {
        self.view = callsite.view;
        let said = self.said();
        callsite.begin(&mut said.entries);
        (said.view, said.capture, said.limit) = (callsite.view, capture, limit);
    }

    /// What is said of it before its begin.
    #[inline]
    pub(in crate::recording) fn said(&mut self) -> &mut Attributes {
        &mut self.state_mut().said
    }

    /// Gives it its start and its ids.
    #[inline]
    pub(in crate::recording) fn born(&mut self, start: Instant, context: SpanContext) {
        self.state_mut().start = start;
        self.context = context;
    }

    /// Gives it its twin.
    pub(in crate::recording) fn pair(&mut self, twin: Twin) {
        self.state_mut().twin = Some(Box::new(twin));
    }

    /// Puts it where it stands, before its begin.
    #[inline]
    pub(in crate::recording) fn stand(&mut self, home: Arc<Home>, parent_id: SpanId) {
        let said = self.said();
        (said.capture, said.limit) = (home.capture, home.destination.content_limit);
        self.home = Some(home);
        self.parent_id = parent_id;
    }

    /// Gives it another name than the one its record began with.
    #[inline(never)]
    pub(in crate::recording) fn rename(&mut self, name: &str) {
        let state = self.state_mut();
        write::name(&mut state.said.entries, name);
        state.is_renamed = true;
    }

    /// Says, before its begin, whether its context is made from the current one, and whether its start is given.
    #[inline]
    pub(super) fn settle(&mut self, is_made_here: bool, keeps_start: bool) {
        self.is_remade = is_made_here && matches!(self.view, View::Llm | View::Span | View::ToolCall);
        self.state_mut().keeps_start = keeps_start;
    }

    /// Begins it where it stands.
    #[inline]
    pub(super) fn begin(live: &Arc<Self>, callsite: &Callsite) {
        let Some(Home { destination, call, turn, .. }) = live.home.as_deref() else { return };
        destination.begin(live.span_id(), call.is_some(), || callsite.site());
        if let Some(call) = call {
            destination.calls.begin(call, live.span_id(), live);
        }
        match callsite.view {
            View::Conversation => live.begin_conversation(),
            View::Turn => {
                if let Some((call, turn)) = call.as_ref().zip(turn.as_ref()) {
                    call.open_turns.begin(turn.clone());
                }
            }
            _ => {}
        }
    }

    /// Says that a conversation begins, to its call and to who wants to know.
    #[cold]
    #[inline(never)]
    fn begin_conversation(self: &Arc<Self>) {
        let (Some(call), Some(home)) = (self.own_call(), self.home()) else { return };
        let span = Arc::downgrade(self);
        call.begin(span);
        home.destination.announce(|| {
            let state = self.state();
            let mut record = state.said.entries.clone();
            let start = self.at(state.start);
            seal(&mut record, &self.head(start, start, finished::Status::Unset), state.is_renamed);
            record
        });
    }

    /// Whether it is one in which the stages of a turn may begin, rather than such a stage.
    #[inline]
    pub(in crate::recording) fn holds_stages(&self) -> bool {
        matches!(self.view, View::Conversation | View::Span | View::Turn)
    }

    /// Makes it one that stands nowhere again.
    pub(super) fn rest(&mut self) {
        self.home = None;
        *self.has_parts.get_mut() = false;
        let state = self.state_mut();
        state.said.entries.clear();
        state.said.entries.shrink_to(KEPT_BYTES);
        state.status = Status::Unset;
        state.stage = Stage::Open;
        state.is_renamed = false;
    }

    pub(crate) fn span_context(&self) -> &SpanContext {
        &self.context
    }

    pub(crate) fn trace_id(&self) -> TraceId {
        self.context.trace_id()
    }

    pub(in crate::recording) fn home(&self) -> Option<&Arc<Home>> {
        self.home.as_ref()
    }

    /// The most bytes of one content value.
    pub(super) fn content_limit(&self) -> usize {
        self.home().map_or(CONTENT_LIMIT, |home| home.destination.content_limit)
    }

    fn capture(&self) -> CaptureContent {
        self.home().map(|home| home.capture).unwrap_or_default()
    }

    /// Whether its context can be made from the current one again, and nothing at its end asks for it.
    #[inline]
    pub(super) fn is_remade(&self) -> bool {
        self.is_remade
    }

    /// The return value says that somebody was heard, or that audio is there.
    pub(super) fn tell(&self, at: Instant, told: Told) {
        if let Some(home) = self.home() {
            home.tell(self.view, at, told);
        }
    }

    /// For what is said beside what its record holds.
    fn aside(&self) -> Attributes {
        Attributes::new(self.view, self.capture(), self.content_limit(), Vec::new())
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

    /// What speaks or is spoken in the turn was cut off.
    pub(super) fn interrupt_turn(&self) {
        if let View::Llm | View::S2s | View::Tts | View::Turn = self.view
            && let Some(turn) = self.home().and_then(|home| home.turn.as_ref())
        {
            turn.interrupt();
        }
    }

    /// The call whose conversation this is.
    #[inline]
    fn own_call(&self) -> Option<&Arc<Call>> {
        if self.parent_id != SpanId::INVALID {
            return None;
        }
        self.home()?.call.as_ref().filter(|call| call.root.span_id() == self.span_id())
    }

    fn span_id(&self) -> SpanId {
        self.context.span_id()
    }

    #[inline]
    fn head(&self, start: u64, end: u64, status: finished::Status) -> Head {
        let (trace_id, span_id, kind) = (self.trace_id(), self.span_id(), self.view.kind());
        Head { trace_id, span_id, parent_id: self.parent_id, kind, start, end, status }
    }

    /// Sets a span attribute of the program's own.
    pub(in crate::recording) fn set_recorded(&self, key: &str, value: &impl Recorded) {
        self.while_open(|state| value.write(&mut state.said, key));
    }

    /// Sets what `record` sets, which may run code of the program's.
    pub(in crate::recording) fn set(&self, record: impl FnOnce(&mut Attributes)) {
        let mut set = self.aside();
        set.guarded(record);
        self.while_open(|state| state.said.entries.extend_from_slice(&set.entries));
    }

    /// Whether the content policy lets its content pass.
    fn keeps_content(&self) -> bool {
        self.capture() == CaptureContent::Full
    }

    /// Sets what a program sets through the OpenTelemetry API: its texts are content.
    fn set_foreign(&self, attribute: &KeyValue) {
        if self.keeps_content() || !write::is_foreign_content(attribute) {
            self.while_open(|state| write::foreign(&mut state.said.entries, attribute));
        }
    }

    /// Its twin has begun already, and both are one span.
    pub(super) fn restart(&self) {
        self.while_open(|state| {
            if state.twin.is_none() && !state.keeps_start {
                state.start = Instant::now();
            }
        });
    }

    pub(super) fn forget(&self) {
        let mut state = self.state();
        if state.end() {
            let twin = state.twin.take();
            drop(state);
            if let Some(twin) = twin {
                twin.forget();
            }
            if let Some(home) = self.home() {
                let was_announced = self.own_call().is_some();
                home.destination.forget(self.trace_id(), self.span_id(), was_announced);
            }
            self.let_go();
            self.leave();
        }
    }

    /// Hands its record over, sealed, and gives back the buffer.
    #[inline]
    fn hand_over(&self, at: Instant, closed: Closed, wait: Wait) -> Vec<u8> {
        let Closed { mut record, start, status, is_renamed, twin } = closed;
        if self.view == View::Turn && wait != Wait::Nobody {
            self.write_turn(at.saturating_duration_since(start), &mut record);
        }
        seal(&mut record, &self.head(self.at(start), self.at(at.max(start)), status), is_renamed);
        if let Some(Home { destination, .. }) = self.home.as_deref() {
            self.close_call(destination);
            destination.accept(self.trace_id(), &record);
        }
        if let Some(twin) = twin {
            twin.end(&record);
        }
        self.leave();
        record
    }

    /// Hands over what was noted of the call whose conversation this is.
    #[inline]
    fn close_call(&self, destination: &Destination) {
        if let Some(call) = self.own_call()
            && let Some(noted) = call.notes.close()
        {
            destination.note(call, noted);
        }
    }

    /// From now on nobody else ends it in its function's stead.
    #[inline]
    pub(super) fn let_go(&self) {
        if let Some(call) = self.home().and_then(|home| home.call.as_ref()) {
            call.let_go(self.span_id());
        }
    }

    /// Its end is put off: somebody may still end it in its function's stead.
    #[cold]
    pub(super) fn keep(live: &Arc<Self>) {
        if let Some(call) = live.home().and_then(|home| home.call.as_ref()) {
            call.keep(live.span_id(), live);
        }
    }

    #[inline]
    fn leave(&self) {
        if let Some(Home { destination, call: Some(call), .. }) = self.home.as_deref() {
            if self.view == View::Turn {
                call.open_turns.end(self.span_id());
            }
            destination.calls.end(call);
        }
    }

    /// Nanoseconds since the Unix epoch.
    #[inline]
    fn at(&self, instant: Instant) -> u64 {
        self.home().map_or(0, |home| home.clock.at(instant))
    }

    fn state_mut(&mut self) -> &mut State {
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn while_open(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        if state.stage != Stage::Over {
            change(&mut state);
        }
    }
}
