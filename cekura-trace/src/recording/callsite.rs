//! One place in the user's code where spans begin: its span name, its kind, and its warnings.
//! Invariant: it is plain data and never changes.

use crate::destination::{self, Place, Site};
use crate::finished::{Entry, Value, begin, draft};
use crate::lock::locked;
use crate::say::say;
use crate::semconv::{self, span as names};
use opentelemetry::trace::SpanKind;
use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::{Mutex, PoisonError, RwLock};

/// How a backend shows a span: one view per attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    Conversation,
    Llm,
    S2s,
    Span,
    Stt,
    ToolCall,
    Tts,
    Turn,
}

impl View {
    const fn span_name(self, function: &'static str) -> &'static str {
        match self {
            Self::Conversation => names::CONVERSATION,
            Self::Llm => names::LLM,
            Self::S2s => names::S2S,
            Self::Span => function,
            Self::Stt => names::STT,
            Self::ToolCall => names::TOOL_CALL,
            Self::Tts => names::TTS,
            Self::Turn => names::TURN,
        }
    }

    pub(super) fn kind(self) -> SpanKind {
        match self {
            Self::Llm | Self::S2s | Self::Stt | Self::Tts => SpanKind::Client,
            Self::Conversation | Self::Span | Self::ToolCall | Self::Turn => SpanKind::Internal,
        }
    }
}

/// One annotated function; a `static` in its body. Generated code has a reference to it, and method look-up finds methods
/// of a reference's target before those of any trait that the program has for all types.
#[derive(Clone, Copy, Debug)]
pub struct Callsite {
    pub(crate) view: View,
    /// The span's name where the attribute gives none.
    pub(crate) span_name: &'static str,
    /// The function's name.
    pub(crate) function: &'static str,
    /// Its path, `crate::module::function`; empty where there is no function.
    path: &'static str,
    pub(crate) at: Place,
}

macro_rules! constructors {
    ($($name:ident => $view:ident),*) => {
        $(#[track_caller]
        pub const fn $name(function: &'static str, path: &'static str) -> Self {
            let view = View::$view;
            Self { view, span_name: view.span_name(function), function, path, at: Place::At(Location::caller()) }
        })*
    };
}

impl Callsite {
    constructors!(conversation => Conversation, llm => Llm, s2s => S2s, span => Span, stt => Stt, tool_call => ToolCall, tts => Tts, turn => Turn);

    /// Where a `tracing` span begins. Its name says which view it has.
    #[cfg(feature = "tracing")]
    pub(super) fn of_tracing(metadata: &'static tracing::Metadata<'static>) -> Self {
        const VIEWS: [View; 6] = [View::Llm, View::S2s, View::Stt, View::ToolCall, View::Tts, View::Turn];
        let name = metadata.name();
        let view = VIEWS.into_iter().find(|view| view.span_name("") == name).unwrap_or(View::Span);
        let (file, line) = (metadata.file().unwrap_or_default(), metadata.line().unwrap_or_default());
        Self { view, span_name: name, function: name, path: "", at: Place::In { file, line } }
    }

    /// Begins the record of a span of this function.
    #[inline]
    pub(super) fn begin(&self, record: &mut Vec<u8>) {
        begin(record, self.span_name, self.path);
    }

    /// The place, as a message names it.
    pub(super) fn site(&self) -> Site {
        let (function, at) = (self.function, self.at);
        let span = if self.view == View::Span { "span" } else { self.span_name };
        Site { span, seeks_conversation: self.view != View::Span, function, at }
    }

    /// Says once why nothing records here.
    #[cold]
    #[inline(never)]
    pub(super) fn tell_absence(&self) {
        destination::tell_absence(self.site());
    }

    /// Says once per place that a span stands alone because no conversation is open.
    pub(crate) fn warn_outside_conversation(&self) {
        if self.view != View::Span && self.is_first() {
            say(|| {
                tracing::warn!(
                    target: "cekura",
                    function = self.function,
                    at = %self.at,
                    "this `{}` span is in no conversation, so it becomes a trace of its own. If a call is open, its task, \
                     thread or message was started without the call: replace the runtime's spawn by cekura::spawn (also \
                     spawn_local, spawn_blocking), and wrap what you give to a JoinSet, a channel or a thread in \
                     cekura::context::carry(…). If no call is open, annotate the function that handles the call with \
                     #[cekura::conversation]. This warning appears once for each place in the code",
                    self.span_name,
                );
            });
        }
    }

    /// Says once per place that a host's id generator makes the trace ids.
    pub(crate) fn refuse_trace_id(&self) {
        if self.is_first() {
            say(|| {
                tracing::error!(
                    target: "cekura",
                    function = self.function,
                    at = %self.at,
                    "`trace_id_from` has no effect: the tracer provider given to `attach` makes the trace ids. Remove the \
                     argument, or do not call `attach`",
                );
            });
        }
    }

    /// Whether this was never asked of the place before.
    fn is_first(&self) -> bool {
        // With the function's name, for those that one macro makes have one location.
        is_first(self.function, self.at)
    }
}

/// Says once per place that a function returns its answer in a form that is not followed by itself, and whether it does.
pub(super) fn warn_unfollowed(view: View, type_name: &'static str, at: Place) -> bool {
    let may_be_read_later = ["Receiver<", "Stream", "::Receiver"];
    let is_unfollowed = may_be_read_later.iter().any(|word| type_name.contains(word));
    if is_unfollowed && is_first(type_name, at) {
        let name = view.span_name("");
        say(|| {
            tracing::warn!(
                target: "cekura",
                returns = type_name,
                at = %at,
                "this `{name}` span ends before its answer is read: the function returns a stream or a channel in a form \
                 that cannot be followed automatically. Wrap the stream in cekura::follow(…), or give each item to \
                 cekura::current().item(&item) where it is read. This warning appears once for each place in the code",
            );
        });
    }
    is_unfollowed
}

/// Says once per function that no words were found in what it returns, where its record has them from nowhere else.
#[cold]
#[inline(never)]
pub(super) fn warn_unread(view: View, record: &[u8]) {
    static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let (key, what, example) = match view {
        View::Stt => (semconv::STT_TRANSCRIPT, "transcript", "transcript = |heard| &heard.text"),
        _ => (semconv::OUTPUT, "output", "output = |answer| &answer.text"),
    };
    let mut has_words = false;
    let Some(record) = draft(record) else { return };
    record.pick(|it| (it == key.as_bytes()).then_some(()), |(), _, _| has_words = true);
    if has_words {
        return;
    }
    let path = |entry| match entry {
        Entry::Attribute { key: semconv::CODE_FUNCTION_NAME, value: Value::Str(path), .. } => Some(path),
        _ => None,
    };
    let Some(function) = record.entries().find_map(path) else { return };
    if locked(&KNOWN).insert(function.to_owned()) {
        let name = view.span_name("");
        say(|| {
            tracing::warn!(
                target: "cekura",
                function,
                "this `{name}` span has no {what}: none was found in what the function returns. Strings are read, and types with \
                 serde::Serialize that have the form of a known provider's response. Of any other type, name it in the \
                 attribute: {example}. Of a stream, the closure runs for each item; a stream of a type of your own is \
                 followed if it is boxed (BoxStream) or wrapped in cekura::follow(…). This warning appears once for each \
                 function",
            );
        });
    }
}

/// Whether this was never asked of the name at the place before.
fn is_first(name: &'static str, at: Place) -> bool {
    static KNOWN: RwLock<BTreeSet<(&str, Place)>> = RwLock::new(BTreeSet::new());
    let is_known = KNOWN.read().unwrap_or_else(PoisonError::into_inner).contains(&(name, at));
    !is_known && KNOWN.write().unwrap_or_else(PoisonError::into_inner).insert((name, at))
}
