//! An open span: what is set on it, through the OpenTelemetry API or by its function. Invariant: one record is
//! made of it, at its end.

use super::twin::Twin;
use crate::call::consent::ConsentFate;
use crate::destination::Begin;
use crate::finished::{self, seal, write};
use crate::policy::{CONTENT_LIMIT, CaptureContent};
use crate::recording::attributes::Attributes;
use crate::recording::callsite::{Callsite, View};
use crate::recording::home::Home;
use crate::recording::recorded::Recorded;
use opentelemetry::trace::{SpanContext, SpanId, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub(super) mod closing;
pub(super) mod growth;
pub(in crate::recording) mod handle;
#[cfg(feature = "tracing")]
mod logged;
mod parts;
mod stand;

use parts::Parts;
use stand::Stand;

/// An open span, shared by the function that it belongs to and the contexts made from it.
pub(crate) struct Live {
    stand: Stand,
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

impl Deref for Live {
    type Target = Stand;

    #[inline]
    fn deref(&self) -> &Stand {
        &self.stand
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
        let (stand, has_parts) = (Stand::NOWHERE, AtomicBool::new(false));
        Arc::new(Self { stand, has_parts, state: Mutex::new(state) })
    }

    /// Begins its record, before it is known where it stands.
    #[inline]
    pub(super) fn draft(&mut self, callsite: &Callsite, (capture, limit): (CaptureContent, usize)) {
        self.stand.view = callsite.view;
        let said = self.said();
        callsite.begin(&mut said.entries);
        (said.view, said.capture, said.limit) = (callsite.view, capture, limit);
    }

    /// What is said of it before its begin.
    #[inline]
    pub(in crate::recording) fn said(&mut self) -> &mut Attributes {
        &mut self.state_mut().said
    }

    /// Gives it another name than the one its record began with.
    #[inline(never)]
    pub(in crate::recording) fn rename(&mut self, name: &str) {
        let state = self.state_mut();
        write::name(&mut state.said.entries, name);
        state.is_renamed = true;
    }

    /// Says when it began, and whether the program said so.
    #[inline]
    pub(in crate::recording) fn start_at(&mut self, start: Instant, is_given: bool) {
        let state = self.state_mut();
        (state.start, state.keeps_start) = (start, is_given);
    }

    /// Gives it its ids.
    #[inline]
    pub(in crate::recording) fn identify(&mut self, trace_id: TraceId, span_id: SpanId) {
        self.stand.context =
            SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, false, TraceState::NONE);
    }

    /// Gives it a twin and the ids of that, unless the host's tracer provider makes no spans.
    #[cold]
    pub(in crate::recording) fn pair(&mut self, home: &Home, parent: &Context) -> bool {
        let kind = self.view.kind();
        let state = self.state_mut();
        let start = home.clock.at(state.start);
        let twin = Twin::start(&home.destination, kind, &state.said.entries, start, parent);
        let context = twin.as_ref().map(Twin::span_context);
        state.twin = twin.map(Box::new);
        context.map(|context| self.stand.context = context).is_some()
    }

    /// Puts it where it stands, before its begin; `is_made_here` says that its context is made from the current one.
    #[inline]
    pub(in crate::recording) fn stand(&mut self, home: Arc<Home>, parent_id: SpanId, is_made_here: bool) {
        let stand = &mut self.stand;
        stand.is_remade = is_made_here && matches!(stand.view, View::Llm | View::Span | View::ToolCall);
        stand.parent_id = parent_id;
        stand.home = Some(home);
    }

    /// Begins it where it stands.
    #[inline]
    pub(super) fn begin(live: &Arc<Self>, callsite: &Callsite) {
        let Some(Home { destination, call, turn, .. }) = live.home.as_deref() else { return };
        if destination.is_watched() {
            live.tell_watcher(callsite);
        }
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

    /// Says that it begins to who hears of every span.
    #[cold]
    #[inline(never)]
    fn tell_watcher(&self, callsite: &Callsite) {
        let Some(Home { destination, call, .. }) = self.home().map(|home| &**home) else { return };
        let may_leave = call.as_ref().is_some_and(|call| call.fate() == ConsentFate::Leaves);
        destination.begin(Begin {
            id: self.span_id(),
            is_in_conversation: call.is_some(),
            site: callsite.site(),
            record: &|| self.record_so_far().filter(|_| may_leave),
        });
    }

    /// Says that a conversation begins, to its call and to who wants to know.
    #[cold]
    #[inline(never)]
    fn begin_conversation(self: &Arc<Self>) {
        let (Some(call), Some(home)) = (self.own_call(), self.home()) else { return };
        let span = Arc::downgrade(self);
        call.begin(span);
        if call.fate() == ConsentFate::Leaves {
            self.say_begin(home);
        }
    }

    /// Says that its conversation has begun, with what its record holds so far, unless it is over.
    fn say_begin(&self, home: &Home) {
        home.destination.announce(|| self.record_so_far());
    }

    /// Its record as it is so far, which ends where it begins; `None` where it is over.
    fn record_so_far(&self) -> Option<Vec<u8>> {
        let state = self.state();
        if state.stage != Stage::Open {
            return None;
        }
        let mut record = state.said.entries.clone();
        let start = self.at(state.start);
        seal(&mut record, &self.head(start, start, finished::Status::Unset), state.is_renamed);
        Some(record)
    }

    /// Makes it one that stands nowhere again.
    #[inline]
    pub(super) fn rest(&mut self) {
        self.stand.home = None;
        *self.has_parts.get_mut() = false;
        let state = self.state_mut();
        if state.said.entries.capacity() > KEPT_BYTES {
            state.said.entries = Vec::with_capacity(NEW_BYTES);
        }
        state.status = Status::Unset;
        state.stage = Stage::Open;
        state.is_renamed = false;
    }

    /// For what is said beside what its record holds.
    fn aside(&self) -> Attributes {
        Attributes::new(self.view, self.capture(), self.content_limit(), Vec::new())
    }

    /// Sets a span attribute of the program's own.
    pub(in crate::recording) fn set_recorded(&self, key: &str, value: &impl Recorded) {
        self.add(|said| value.write(said, key));
    }

    /// Sets what `record` sets, which may run code of the program's.
    pub(in crate::recording) fn set(&self, record: impl FnOnce(&mut Attributes)) {
        let mut set = self.aside();
        set.guarded(record);
        self.add(|said| said.entries.extend_from_slice(&set.entries));
    }

    /// Sets what a program sets through the OpenTelemetry API: its texts are content.
    fn set_foreign(&self, attribute: &KeyValue) {
        if self.keeps_content() || !write::is_foreign_content(attribute) {
            self.add(|said| write::foreign(&mut said.entries, attribute));
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

    /// Says of a turn whether spans may join it from now on: not any more before the moment of its end is taken.
    #[inline]
    pub(super) fn close_turn(&self, is_closed: bool) {
        if self.view == View::Turn
            && let Some(turn) = self.home().and_then(|home| home.turn.as_ref())
        {
            turn.ends(is_closed);
        }
    }

    /// Its end is put off: somebody may still end it in its function's stead, unless it is over by now.
    #[cold]
    pub(super) fn keep(live: &Arc<Self>) {
        let state = live.state();
        if state.stage != Stage::Over
            && let Some(call) = live.home().and_then(|home| home.call.as_ref())
        {
            call.keep(live.span_id(), live);
        }
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
