//! The destination of a handle, and the one door from recording to whoever keeps its spans: a span begins, a record is
//! accepted, a call is noted. Invariant: accepting a span never waits.

use crate::absence::{self, Absence};
#[cfg(feature = "audio")]
use crate::call::audio::{Bounds, Journal};
use crate::call::consent::{Consent, ConsentFate};
use crate::call::{self, Call, Noted, OpenCalls};
use crate::policy::CaptureContent;
#[cfg(feature = "logs")]
use crate::redaction::Redaction;
use crate::room::{Budget, Room, Use};
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::{SpanId, TraceId};
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// Accepts ended spans. Accepting one is bounded work that never waits.
pub(crate) trait Sink: Budget {
    /// Takes one record (`finished`).
    fn accept(&self, trace_id: TraceId, record: &[u8]);

    /// Takes one record of a call of which it is not known yet whether anything leaves, or nothing does.
    fn keep_back(&self, call: &Arc<Call>, record: &[u8]) {
        self.accept(call.root.trace_id(), record);
    }

    /// What becomes of a call was decided.
    fn decided(&self, _call: &Arc<Call>) {}

    /// Takes the notes of a call that has ended, to post its call log.
    fn observe(&self, _call: &Arc<Call>, _noted: Noted) {}

    /// A call begins that is recorded.
    #[cfg(feature = "audio")]
    fn record(&self, _journal: Arc<Journal>) {}

    /// The call log of this call is kept back no longer.
    fn release(&self, _call: &Call) {}

    /// Counts what a call was worth whose root span is over.
    fn score(&self, _call: &Call, _name: &str, _value: f64) {}

    /// Waits until what was accepted is delivered or dropped, for a bounded time.
    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::ready(()))
    }

    /// Says something to the program's `tracing` subscriber.
    fn tell(&self, event: Box<dyn FnOnce() + Send>);

    /// Whether it wants to know of conversations that begin.
    fn wants_beginnings(&self) -> bool {
        false
    }

    /// Takes the root span of a conversation that begins, as a record that ends where it begins.
    fn begin(&self, _record: Vec<u8>) {}

    /// Says that a root span that has begun will never end.
    fn forget(&self, _trace_id: TraceId, _span_id: SpanId) {}
}

/// Hears of spans when they begin: a capture, or what tells `cekura dev` of them.
pub(crate) trait Watcher: Send + Sync {
    fn begin(self: Arc<Self>, begun: Begin<'_>);

    /// A span that began was never polled, and leaves nothing.
    fn forget(&self, span: SpanId);
}

/// A span that begins.
pub(crate) struct Begin<'a> {
    pub(crate) id: SpanId,
    pub(crate) is_in_conversation: bool,
    pub(crate) site: Site,
    /// Gives its record as it is so far, which ends where it begins. `None` where it may not leave, or is over.
    pub(crate) record: &'a dyn Fn() -> Option<Vec<u8>>,
}

/// A place in the code where spans begin, as a message names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    /// What its spans are called.
    pub(crate) span: &'static str,
    /// Whether they belong into a conversation.
    pub(crate) seeks_conversation: bool,
    /// The function's name.
    pub(crate) function: &'static str,
    pub(crate) at: Place,
}

/// A line of the program's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    At(&'static Location<'static>),
    /// As `tracing` knows it.
    #[cfg(feature = "tracing")]
    In {
        file: &'static str,
        line: u32,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => at.fmt(f),
            #[cfg(feature = "tracing")]
            Self::In { file, line } => write!(f, "{file}:{line}"),
        }
    }
}

/// Where the spans of one handle go.
pub struct Destination {
    sink: Arc<dyn Sink>,
    pub(crate) capture: CaptureContent,
    /// The most bytes of one content value.
    pub(crate) content_limit: usize,
    /// What of its calls waits for consent.
    pub(crate) consent: Consent,
    pub(crate) calls: Arc<OpenCalls>,
    /// Set where a host's tracer provider is attached.
    pub(crate) host: OnceLock<Host>,
    /// Whether the processor for the host's spans has seen one.
    pub(crate) is_heard: AtomicBool,
    /// Whether Cekura gets the spans, and shows a trace on the page of the call whose call log names it.
    shows_calls: bool,
    /// How much sound may be kept, where calls are recorded.
    #[cfg(feature = "audio")]
    pub(crate) audio: Option<Arc<Bounds>>,
    /// What is replaced in log lines.
    #[cfg(feature = "logs")]
    pub(crate) redaction: Redaction,
    /// Set where a test captures, and where `cekura dev` may listen.
    watch: Option<Arc<dyn Watcher>>,
}

/// A host's tracer provider, which makes a twin of each span for the host's own exporters.
pub(crate) struct Host(pub(crate) BoxedTracer);

/// Marks the context in which a twin starts, so that the processor for a host's spans leaves it out.
#[derive(Debug)]
pub(crate) struct Twinned;

impl Destination {
    pub(crate) fn new(sink: Arc<dyn Sink>, capture: CaptureContent, content_limit: usize) -> Self {
        let (calls, host, is_heard) = (Arc::default(), OnceLock::new(), AtomicBool::new(false));
        Self {
            sink,
            capture,
            content_limit,
            consent: Consent::Given,
            calls,
            host,
            is_heard,
            shows_calls: false,
            #[cfg(feature = "audio")]
            audio: None,
            #[cfg(feature = "logs")]
            redaction: Redaction::default(),
            watch: None,
        }
    }

    /// The same, which counts its open spans there.
    pub(crate) fn counted_in(self, calls: Arc<OpenCalls>) -> Self {
        Self { calls, ..self }
    }

    /// The same, whose calls wait for consent.
    pub(crate) fn asking(self, consent: Consent) -> Self {
        Self { consent, ..self }
    }

    /// The same, of an account at Cekura if that is so.
    pub(crate) fn of_account(self, shows_calls: bool) -> Self {
        Self { shows_calls, ..self }
    }

    /// The same, which has calls with a call log recorded.
    #[cfg(feature = "audio")]
    pub(crate) fn recording(self) -> Self {
        Self { audio: Some(Bounds::of_process()), ..self }
    }

    /// The same, in whose log lines this is replaced.
    #[cfg(feature = "logs")]
    pub(crate) fn redacting(self, redaction: Redaction) -> Self {
        Self { redaction, ..self }
    }

    /// The same, of whose spans this one hears when they begin.
    pub(crate) fn watched(self, watch: Arc<dyn Watcher>) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// Whether anybody hears of spans when they begin.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.watch.is_some()
    }

    /// A span begins.
    pub(crate) fn begin(&self, begun: Begin<'_>) {
        if let Some(watch) = &self.watch {
            watch.clone().begin(begun);
        }
    }

    /// A conversation has begun. `root` gives what its span's record holds so far, unless that is over.
    pub(crate) fn announce(&self, root: impl FnOnce() -> Option<Vec<u8>>) {
        if self.sink.wants_beginnings()
            && let Some(root) = root()
        {
            self.sink.begin(root);
        }
    }

    /// A span that has begun leaves nothing. Of the root of a conversation `was_announced` is true.
    pub(crate) fn forget(&self, trace_id: TraceId, span_id: SpanId, was_announced: bool) {
        if was_announced && self.sink.wants_beginnings() {
            self.sink.forget(trace_id, span_id);
        }
        if let Some(watch) = &self.watch {
            watch.forget(span_id);
        }
    }

    /// A span has ended: takes its record.
    #[inline]
    pub(crate) fn accept(&self, trace_id: TraceId, record: &[u8]) {
        self.sink.accept(trace_id, record);
    }

    /// The same for a span of a call that may be kept back.
    #[cold]
    #[inline(never)]
    pub(crate) fn accept_of(&self, call: &Arc<Call>, record: &[u8]) {
        if call.fate() == ConsentFate::Leaves {
            self.sink.accept(call.root.trace_id(), record);
        } else {
            self.sink.keep_back(call, record);
        }
    }

    /// What becomes of this call was decided.
    pub(crate) fn decided(&self, call: &Arc<Call>) {
        self.sink.decided(call);
    }

    /// Says something to the program's `tracing` subscriber, which holds nobody up here.
    pub(crate) fn tell(&self, event: impl FnOnce() + Send + 'static) {
        self.sink.tell(Box::new(event));
    }

    /// Room for what is open, nothing at first.
    pub(crate) fn room(&self) -> Room {
        Room::of(self.sink.clone(), Use::Open)
    }

    /// A call has ended, of which this was noted.
    pub(crate) fn note(&self, call: &Arc<Call>, noted: Noted) {
        self.sink.observe(call, noted);
    }

    /// A conversation ends that has no call log. Says so once in a process, unless the program knows the id of a trace, and
    /// so may post one by itself.
    pub(crate) fn end_without_log(&self) {
        static IS_TOLD: AtomicBool = AtomicBool::new(false);
        if self.shows_calls && !call::is_trace_known() && !IS_TOLD.swap(true, Ordering::Relaxed) {
            self.tell(|| {
                tracing::warn!(
                    target: "cekura",
                    "a conversation has no call log, and Cekura shows a trace only on the page of the call whose log names \
                     it: write #[cekura::conversation(observe)], or give cekura.observe(…) a CallLog with \
                     .trace_id(cekura::trace_id()). This warning appears once"
                );
            });
        }
    }

    /// A call begins that is recorded.
    #[cfg(feature = "audio")]
    pub(crate) fn record(&self, journal: Arc<Journal>) {
        self.sink.record(journal);
    }

    /// The call log of this call is kept back no longer.
    pub(crate) fn release(&self, call: &Call) {
        self.sink.release(call);
    }

    /// Counts what a call was worth whose root span is over.
    pub(crate) fn score(&self, call: &Call, name: &str, value: f64) {
        self.sink.score(call, name, value);
    }

    /// Waits until what was accepted is delivered or dropped, for a bounded time.
    pub(crate) fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.sink.flush()
    }
}

/// A span begins that has no destination, although one is open. A capture that runs here hears of it.
pub(crate) fn lose(site: Site) {
    if let Some(hear) = LOST.get() {
        hear(site);
    }
    miss(site);
}

/// No handle records this span. Says so once, where there is one that was not made the default.
pub(crate) fn miss(site: Site) {
    if IS_BUILT.load(Ordering::Relaxed) && default().is_none() && IS_BUILT.swap(false, Ordering::Relaxed) {
        absence::tell(site.function, site.at, Absence::NotDefault);
    }
}

/// Sets who hears of spans that begin without a destination. The first one stays.
pub(crate) fn hear_of_lost(hear: fn(Site)) {
    let _ = LOST.set(hear);
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination")
            .field("capture", &self.capture)
            .field("content_limit", &self.content_limit)
            .finish_non_exhaustive()
    }
}

/// How many destinations are open. If there are none, an annotated function costs one load of this and a
/// branch. Above [`MOST`] there is none either, and it is to be said once why.
static OPEN: AtomicUsize = AtomicUsize::new(NEVER);
const MOST: usize = usize::MAX - 2;
/// There never was a handle.
const NEVER: usize = usize::MAX;
/// The only handle is gone, and no span had begun by then.
const UNUSED: usize = usize::MAX - 1;
/// Whether there is a handle that was not to be the default one.
static IS_BUILT: AtomicBool = AtomicBool::new(false);
/// Hears of spans that begin without a destination.
static LOST: OnceLock<fn(Site)> = OnceLock::new();
static DEFAULT: RwLock<Option<Arc<Destination>>> = RwLock::new(None);

#[inline]
pub(crate) fn any_open() -> bool {
    (1..=MOST).contains(&OPEN.load(Ordering::Relaxed))
}

/// Whether a destination is open, where a span is to begin. `absent` is asked once why there is none.
#[inline]
pub(crate) fn is_open_else(absent: impl FnOnce()) -> bool {
    match OPEN.load(Ordering::Relaxed) {
        0 => false,
        1..=MOST => true,
        _ => {
            absent();
            false
        }
    }
}

/// Says why no destination is open where a span was to begin.
pub(crate) fn tell_absence(site: Site) {
    let open = OPEN.load(Ordering::Relaxed);
    // Only one of the threads that come here says it.
    if open > MOST && OPEN.compare_exchange(open, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        let absence = if open == NEVER { Absence::NoHandle } else { Absence::DroppedUnused };
        absence::tell(site.function, site.at, absence);
    }
}

/// Tracing is switched off by a setting: nobody needs to be told.
pub(crate) fn switch_off() {
    let _ = OPEN.compare_exchange(NEVER, 0, Ordering::Relaxed, Ordering::Relaxed);
}

/// There is a handle for conversations that name it.
pub(crate) fn build() {
    IS_BUILT.store(true, Ordering::Relaxed);
}

/// The process's default destination.
pub(crate) fn default() -> Option<Arc<Destination>> {
    DEFAULT.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A destination that accepts spans. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) destination: Arc<Destination>,
    is_default: bool,
    is_unused: bool,
}

impl Opened {
    pub(crate) fn new(destination: Destination) -> Self {
        let more = |open| Some(if open <= MOST { open + 1 } else { 1 });
        let _ = OPEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        Self { destination: Arc::new(destination), is_default: false, is_unused: false }
    }

    /// No span has begun that would come here.
    pub(crate) fn leave_unused(&mut self) {
        self.is_unused = true;
    }

    /// Makes this the process's default. Returns false if the process already has another one.
    pub(crate) fn install(&mut self) -> bool {
        let mut default = DEFAULT.write().unwrap_or_else(PoisonError::into_inner);
        if default.is_none() {
            *default = Some(self.destination.clone());
            self.is_default = true;
        }
        self.is_default
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if self.is_default {
            *DEFAULT.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        let is_unused = self.is_default && self.is_unused;
        let less = |open| Some(if open == 1 && is_unused { UNUSED } else { open - 1 });
        let _ = OPEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

/// A value for `client = …`: a handle, or a reference to one.
#[diagnostic::on_unimplemented(
    message = "`client` takes a `Cekura` handle, found `{Self}`",
    label = "expected a `Cekura` handle or a reference to one"
)]
pub trait Client {
    /// `None` if the handle is off.
    fn destination(&self) -> Option<Arc<Destination>>;
}

impl<T: Client + ?Sized> Client for &T {
    fn destination(&self) -> Option<Arc<Destination>> {
        (**self).destination()
    }
}

impl<T: Client + ?Sized> Client for Arc<T> {
    fn destination(&self) -> Option<Arc<Destination>> {
        (**self).destination()
    }
}
