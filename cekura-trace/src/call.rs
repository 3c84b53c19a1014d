//! One call while it runs: its ids, its clock, its turns, its open spans. Invariant: nothing here does I/O.

#[cfg(feature = "audio")]
pub(crate) mod audio;
mod clock;
pub(crate) mod consent;
mod id;
mod latency;
#[cfg(feature = "logs")]
mod logs;
mod notes;
mod run;
mod said;
mod transcript;
mod turn;

pub(crate) use clock::{Clock, nanoseconds};
use consent::{CallConsent, Consent, ConsentEvent, ConsentFate, ConsentState};
use id::Id;
pub(crate) use latency::{Work, Worked};
#[cfg(feature = "logs")]
pub(crate) use logs::{Line, Logs, used};
pub(crate) use notes::{Noted, Notes};
pub(crate) use run::NamesRun;
pub use run::Run;
pub(crate) use said::{Said, Stage};
pub(crate) use transcript::{Heard, Note, Played};
use turn::{OpenTurns, Unanswered};
pub(crate) use turn::{Source, Turn};

use crate::lock::locked;
use crate::policy::CaptureContent;
use crate::room::Room;
use crate::transcript::Entry;
use opentelemetry::trace::{SpanContext, SpanId, TraceId};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, Weak};
use std::time::{Duration, Instant};

/// Whether the program has asked for the id of a trace.
static IS_TRACE_KNOWN: AtomicBool = AtomicBool::new(false);

/// The program asks for the id of a trace, or names one.
pub(crate) fn know_trace() {
    IS_TRACE_KNOWN.store(true, Ordering::Relaxed);
}

pub(crate) fn is_trace_known() -> bool {
    IS_TRACE_KNOWN.load(Ordering::Relaxed)
}

/// One call: the trace of one conversation.
#[derive(Debug)]
pub(crate) struct Call {
    /// The caller's own id of the call, else the trace id in hex.
    id: Id,
    pub(crate) capture: CaptureContent,
    pub(crate) clock: Clock,
    pub(crate) notes: Notes,
    consent: CallConsent,
    /// Whether somebody looks at its spans when they end: its transcript, or who keeps them back.
    looks: AtomicBool,
    /// Where it is recorded.
    #[cfg(feature = "audio")]
    pub(crate) audio: OnceLock<Arc<audio::Journal>>,
    /// Where its call log is to have lines of the program's log.
    #[cfg(feature = "logs")]
    pub(crate) logs: OnceLock<Logs>,
    /// The span of the conversation.
    pub(crate) root: SpanContext,
    pub(crate) unanswered: Arc<Unanswered>,
    turns: AtomicI64,
    pub(crate) open_turns: OpenTurns,
    /// The conversation's span while it is open.
    span: OnceLock<Weak<dyn Unfinished>>,
    /// How many spans are open.
    open: AtomicUsize,
    /// Those of them that are ours, in the order of their begin, since someone may end them all at once.
    ours: OnceLock<Mutex<Vec<Kept>>>,
    /// Those of them that are a host's and reach the same destination.
    of_host: Mutex<HashSet<SpanId>>,
}

/// Differs from an earlier one of the same call where there is something new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    notes: u64,
    lines: u64,
    consent: ConsentState,
}

type Kept = (SpanId, Arc<dyn Unfinished>);

/// A span of ours while it is open.
pub(crate) trait Unfinished: fmt::Debug + Send + Sync {
    /// Ends it in its function's stead, unless that is ending it.
    fn cut_off(&self, at: Instant);

    /// Says to who wants to know that its conversation has begun.
    fn announce(&self) {}

    /// Says under which id its call is stored.
    fn rename_call(&self, _id: &str) {}

    /// Says what its call was worth. False where it is over.
    fn score(&self, _name: &str, _value: f64) -> bool {
        false
    }

    /// Keeps it open although its function returns, until it is released as often: for a message that nobody reads yet,
    /// or a stream. False where it is over.
    fn hold(&self, _is_unread: bool) -> bool {
        false
    }

    /// A message that holds it is being read, or gone.
    fn read(&self) {}

    /// What held it brings no more from now on. `was_cut` says that there would have been more.
    fn release(&self, _was_cut: bool) {}

    /// Whether its function returned so long ago, and it stays open for what nobody reads; true once.
    fn is_unread(&self, _since: Duration) -> bool {
        false
    }
}

impl Call {
    pub(crate) fn new(root: SpanContext, id: Option<String>, capture: CaptureContent, clock: Clock) -> Self {
        Self {
            id: Id::new(id.unwrap_or_else(|| root.trace_id().to_string())),
            capture,
            clock,
            notes: Notes::default(),
            consent: CallConsent::new(Consent::Given),
            looks: AtomicBool::new(false),
            #[cfg(feature = "audio")]
            audio: OnceLock::new(),
            #[cfg(feature = "logs")]
            logs: OnceLock::new(),
            root,
            unanswered: Arc::default(),
            turns: AtomicI64::new(0),
            open_turns: OpenTurns::default(),
            span: OnceLock::new(),
            open: AtomicUsize::new(0),
            ours: OnceLock::new(),
            of_host: Mutex::default(),
        }
    }

    /// The same, of which something waits for consent.
    pub(crate) fn asking(self, consent: Consent) -> Self {
        Self {
            consent: CallConsent::new(consent),
            looks: AtomicBool::new(consent == Consent::Everything),
            ..self
        }
    }

    /// A call of which nothing is recorded.
    pub(crate) fn nowhere() -> Self {
        Self::new(SpanContext::NONE, None, CaptureContent::Metadata, Clock::read())
    }

    /// The caller's own id of the call, else the trace id in hex.
    pub(crate) fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Gives it another id, which its span says too while that is open.
    pub(crate) fn set_id(&self, id: String) {
        if let Some(span) = self.span() {
            span.rename_call(&id);
        }
        self.id.set(id);
    }

    /// The conversation's span, unless it is over and gone.
    pub(crate) fn span(&self) -> Option<Arc<dyn Unfinished>> {
        self.span.get()?.upgrade()
    }

    /// Whether this is an open span of a host's, and reaches the same destination.
    pub(crate) fn is_of_host(&self, span: SpanId) -> bool {
        locked(&self.of_host).contains(&span)
    }

    /// Says that it is to have a call log, what that may take of the memory limit, and whether spans write the transcript.
    pub(crate) fn want(&self, room: Room, reads_spans: bool) {
        self.notes.want(room, reads_spans);
        if reads_spans {
            self.looks.store(true, Ordering::Relaxed);
        }
    }

    /// Whether somebody looks at its spans when they end.
    #[inline]
    pub(crate) fn looks_at_spans(&self) -> bool {
        self.looks.load(Ordering::Relaxed)
    }

    /// What becomes of its spans, notes and log lines.
    pub(crate) fn fate(&self) -> ConsentFate {
        self.consent.state().fate()
    }

    /// Whether its recording is kept.
    pub(crate) fn keeps_audio(&self) -> bool {
        self.consent.state().keeps_audio()
    }

    /// Whether its caller has agreed to the recording, where that was asked.
    pub(crate) fn agrees_to_audio(&self) -> Option<bool> {
        self.consent.to_audio()
    }

    /// Its caller or the program decides something, or it ends; whether that changes what becomes of it.
    pub(crate) fn decide(&self, event: ConsentEvent) -> bool {
        let [before, now] = self.consent.happens(event);
        let (was, is) = (before.fate(), now.fate());
        #[cfg(feature = "audio")]
        self.decide_audio();
        match is {
            ConsentFate::Aborted | ConsentFate::NoConsent => {
                // Spans of ours come by from now on, to be counted.
                self.looks.store(true, Ordering::Relaxed);
                self.notes.erase();
                #[cfg(feature = "logs")]
                drop(self.logs.get().map(Logs::close));
            }
            ConsentFate::Leaves if was == ConsentFate::Waits => {
                if let Some(span) = self.span() {
                    span.announce();
                }
            }
            ConsentFate::Leaves | ConsentFate::Waits => {}
        }
        before != now
    }

    /// Has its recording kept, or erased, as was decided.
    #[cfg(feature = "audio")]
    fn decide_audio(&self) {
        let Some(journal) = self.audio.get() else { return };
        match self.consent.state() {
            ConsentState::Open => journal.grant(),
            state if !state.keeps_audio() => journal.erase(),
            _ => {}
        }
    }

    /// Has it recorded from now on, once; false where it is already.
    #[cfg(feature = "audio")]
    pub(crate) fn record(&self, journal: Arc<audio::Journal>) -> bool {
        let is_first = self.audio.set(journal).is_ok();
        // The decision may have come before.
        self.decide_audio();
        is_first
    }

    /// Tells what is known of it from what was known before.
    pub(crate) fn version(&self) -> Version {
        #[cfg(feature = "logs")]
        let lines = self.logs.get().map_or(0, Logs::added);
        #[cfg(not(feature = "logs"))]
        let lines = 0;
        Version { notes: self.notes.changes(), lines, consent: self.consent.state() }
    }

    /// What was noted until now, while it runs, if it is to have a call log.
    pub(crate) fn noted_so_far(&self) -> Option<Noted> {
        let noted = self.notes.so_far(self.clock.at(Instant::now()))?;
        #[cfg(feature = "logs")]
        let noted = Noted { logs: self.logs.get().map(Logs::lines).unwrap_or_default(), ..noted };
        Some(noted)
    }

    /// Whether nothing is noted any more.
    pub(crate) fn is_over(&self) -> bool {
        self.notes.is_over()
    }

    /// All that was noted, if the call is to have a call log; nothing is noted after that. Its conversation has ended at `end`,
    /// in nanoseconds since the Unix epoch.
    pub(crate) fn close(&self, end: u64) -> Option<Noted> {
        self.decide(ConsentEvent::End);
        let noted = self.notes.close(end)?;
        #[cfg(feature = "logs")]
        if let Some((logs, bytes)) = self.logs.get().map(Logs::close) {
            return Some(Noted { bytes: noted.bytes.max(noted.room.bytes()) + bytes, logs, ..noted });
        }
        Some(noted)
    }

    /// Its transcript, from these notes and what spans have said until now. Its conversation has ended at `end`, in nanoseconds
    /// since the Unix epoch.
    pub(crate) fn transcript(&self, notes: Vec<Note>, end: u64) -> Vec<Entry> {
        self.notes.transcript(notes, nanoseconds(self.clock.start()), end)
    }

    /// Its conversation begins.
    pub(crate) fn begin(&self, span: Weak<dyn Unfinished>) {
        // It begins once.
        let _ = self.span.set(span);
    }

    /// Keeps the spans of ours that begin from now on, so that they can be ended all at once.
    pub(crate) fn keep_spans(&self) {
        self.ours.get_or_init(Mutex::default);
    }

    /// Keeps a span of ours that is open, where such are kept.
    #[inline]
    pub(crate) fn keep<S: Unfinished + 'static>(&self, span: SpanId, open: &Arc<S>) {
        if let Some(ours) = self.ours.get() {
            keep_in(ours, (span, open.clone()));
        }
    }

    /// Ends every span of ours that is open and was kept, the innermost first, but not the conversation's; gives the moment.
    pub(crate) fn cut_off(&self) -> Instant {
        self.open_turns.close();
        let at = Instant::now();
        let ours = self.ours.get().map(|ours| locked(ours).clone()).unwrap_or_default();
        let inner = ours.into_iter().rev().filter(|(span, _)| *span != self.root.span_id());
        inner.for_each(|(_, open)| open.cut_off(at));
        at
    }

    /// The number of the turn that begins: one more than the last, or the one given.
    pub(crate) fn next_turn(&self, number: Option<i64>) -> i64 {
        match number {
            None => self.turns.fetch_add(1, Ordering::Relaxed).wrapping_add(1),
            Some(number) => {
                self.turns.store(number, Ordering::Relaxed);
                number
            }
        }
    }

    /// Nobody is to end a span of ours any more.
    #[inline]
    pub(crate) fn let_go(&self, span: SpanId) {
        if let Some(ours) = self.ours.get() {
            take_out(ours, span);
        }
    }
}

// Out of line, for only a call that was begun by hand keeps its spans.
#[inline(never)]
fn keep_in(ours: &Mutex<Vec<Kept>>, span: Kept) {
    locked(ours).push(span);
}

#[inline(never)]
fn take_out(ours: &Mutex<Vec<Kept>>, span: SpanId) {
    let mut ours = locked(ours);
    // Those that began last end first.
    let place = ours.iter().rposition(|(open, _)| *open == span);
    let over = place.map(|place| ours.remove(place));
    drop(ours);
    drop(over);
}

/// The calls of one destination that are not over: their conversation, or a span of it, is open. Several have the same
/// trace id where `trace_id_from` gives it to them.
#[derive(Debug, Default)]
pub(crate) struct OpenCalls(RwLock<HashMap<TraceId, Vec<Arc<Call>>>>);

impl OpenCalls {
    /// Whether anything of this trace is still open.
    pub(crate) fn is_open(&self, trace: TraceId) -> bool {
        self.known().contains_key(&trace)
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<Call>> {
        self.known().values().flatten().cloned().collect()
    }

    /// The ids of those whose function returned so long ago, and which stay open for what nobody reads; each once.
    pub(crate) fn unread(&self, since: Duration) -> Vec<String> {
        let is_unread = |call: &Arc<Call>| call.span().is_some_and(|span| span.is_unread(since));
        self.all().into_iter().filter(is_unread).map(|call| call.id().to_owned()).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.known().values().map(Vec::len).sum()
    }

    /// Whether nothing is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.known().is_empty()
    }

    /// A span of ours begins.
    #[inline]
    pub(crate) fn begin<S: Unfinished + 'static>(&self, call: &Arc<Call>, span: SpanId, open: &Arc<S>) {
        call.keep(span, open);
        self.enter(call);
    }

    /// A span of a host's begins, which counts where its trace is that of an open call.
    pub(crate) fn begin_of_host(&self, trace: TraceId, span: SpanId) {
        // Of several, nobody knows which it belongs to: the one that keeps least.
        let keeps_least = |same: &Vec<Arc<Call>>| {
            let least = same.iter().rfind(|call| call.capture == CaptureContent::Metadata);
            least.or(same.last()).cloned()
        };
        let call = self.known().get(&trace).and_then(keeps_least);
        if let Some(call) = call {
            // A program may have two processors of one handle.
            let is_new = locked(&call.of_host).insert(span);
            if is_new {
                self.enter(&call);
            }
        }
    }

    /// A span of a host's is over: hands it over if it had begun in a call.
    pub(crate) fn end_of_host(&self, trace: TraceId, span: SpanId, hand_over: impl FnOnce(&Arc<Call>)) {
        let has_begun = |call: &&Arc<Call>| locked(&call.of_host).remove(&span);
        let call = self.known().get(&trace).and_then(|same| same.iter().find(has_begun).cloned());
        if let Some(call) = call {
            hand_over(&call);
            self.end(&call);
        }
    }

    #[inline]
    fn enter(&self, call: &Arc<Call>) {
        if call.open.fetch_add(1, Ordering::AcqRel) == 0 {
            self.add(call);
        }
    }

    /// A span that began is over, and handed over.
    #[inline]
    pub(crate) fn end(&self, call: &Call) {
        if call.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.remove(call);
        }
    }

    #[cold]
    fn add(&self, call: &Arc<Call>) {
        let mut calls = self.0.write().unwrap_or_else(PoisonError::into_inner);
        calls.entry(call.root.trace_id()).or_default().push(call.clone());
    }

    #[cold]
    fn remove(&self, call: &Call) {
        let mut calls = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(same) = calls.get_mut(&call.root.trace_id()) else { return };
        // Another span may have begun meanwhile, and may have ended too.
        same.retain(|known| !std::ptr::eq(Arc::as_ptr(known), call) || call.open.load(Ordering::Acquire) > 0);
        if same.is_empty() {
            calls.remove(&call.root.trace_id());
        }
    }

    fn known(&self) -> RwLockReadGuard<'_, HashMap<TraceId, Vec<Arc<Call>>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, Call, Clock, Instant, OpenCalls, SpanContext, SpanId, TraceId, Unfinished};
    use opentelemetry::trace::{TraceFlags, TraceState};

    const TRACE: TraceId = TraceId::from_bytes([7; 16]);

    impl Unfinished for SpanId {
        fn cut_off(&self, _: Instant) {}
    }

    /// A span of this number begins.
    fn begin(calls: &OpenCalls, call: &Arc<Call>, number: u64) {
        let span = SpanId::from(number);
        calls.begin(call, span, &Arc::new(span));
    }

    fn call() -> Arc<Call> {
        let (span, flags) = (SpanId::from(1), TraceFlags::SAMPLED);
        let root = SpanContext::new(TRACE, span, flags, false, TraceState::NONE);
        Arc::new(Call::new(root, None, super::CaptureContent::Full, Clock::read()))
    }

    #[test]
    fn a_call_is_open_until_its_last_span_is_over() {
        let (calls, call) = (OpenCalls::default(), call());
        begin(&calls, &call, 2);
        begin(&calls, &call, 3);
        calls.end(&call);
        assert!(calls.is_open(TRACE));
        calls.end(&call);
        assert!(!calls.is_open(TRACE));
        begin(&calls, &call, 4);
        assert!(calls.is_open(TRACE), "a span that came late opens it again");
    }

    #[test]
    fn two_calls_may_have_one_trace_id() {
        let (calls, first, second) = (OpenCalls::default(), call(), call());
        begin(&calls, &first, 2);
        begin(&calls, &second, 3);
        calls.end(&second);
        assert!(calls.is_open(TRACE));
        calls.end(&first);
        assert!(!calls.is_open(TRACE));
    }

    #[test]
    fn a_hosts_span_is_handed_over_once_and_only_if_it_began_in_the_call() {
        let (calls, call) = (OpenCalls::default(), call());
        let (early, inside) = (SpanId::from(2), SpanId::from(3));
        calls.begin_of_host(TRACE, early);
        begin(&calls, &call, 4);
        calls.begin_of_host(TRACE, inside);
        assert!(call.is_of_host(inside) && !call.is_of_host(early));
        calls.end(&call);
        let mut handed_over = Vec::new();
        for span in [early, inside, inside] {
            calls.end_of_host(TRACE, span, |_| handed_over.push(span));
        }
        assert_eq!(handed_over, [inside]);
        assert!(!calls.is_open(TRACE));
    }

    #[test]
    fn a_hosts_span_of_several_calls_belongs_to_the_one_that_keeps_least() {
        let (calls, full) = (OpenCalls::default(), call());
        let (root, clock) = (full.root.clone(), Clock::read());
        let least = Arc::new(Call::new(root, None, super::CaptureContent::Metadata, clock));
        let span = SpanId::from(2);
        begin(&calls, &least, 3);
        begin(&calls, &full, 4);
        calls.begin_of_host(TRACE, span);
        assert!(least.is_of_host(span) && !full.is_of_host(span));
    }

    #[test]
    fn two_processors_of_one_handle_count_a_hosts_span_once() {
        let (calls, call) = (OpenCalls::default(), call());
        begin(&calls, &call, 3);
        let span = SpanId::from(2);
        calls.begin_of_host(TRACE, span);
        calls.begin_of_host(TRACE, span);
        calls.end(&call);
        calls.end_of_host(TRACE, span, |_| {});
        calls.end_of_host(TRACE, span, |_| panic!("handed over twice"));
        assert!(!calls.is_open(TRACE));
    }
}
